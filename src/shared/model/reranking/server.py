"""Passages scored by a server with the rerank API of Cohere and Jina, as vLLM, llama.cpp, Infinity and others have it.

`POST {base}/rerank` with `{model, query, documents, top_n}` answers `{results: [{index, relevance_score}]}`.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx
from typing_extensions import override

from shared.kernel import Unavailable
from shared.ports.reranker import Reranker
from shared.runtime.answered_status import WillNotAnswer, failure_of
from shared.runtime.resilience import Resilient

_MOST_ANSWER_BYTES: Final = 4 << 20


class RerankServer(Reranker):
    """Reranker (ports/reranker.py), an async context manager. Its time, tries and breaker are the guard's."""

    def __init__(self, url: str, model: str | None, *, key: str | None, guard: Resilient) -> None:
        """`url` is the API's base, as `http://127.0.0.1:8080/v1`, to which `/rerank` is added, or that address whole.

        `/v1` is added to one without a path.
        """
        path = urlsplit(url).path.rstrip("/")
        base = url.rstrip("/") if path else f"{url.rstrip('/')}/v1"
        self._url = base if path.endswith("/rerank") else f"{base}/rerank"
        self._model = model
        self._guard = guard
        self._client = httpx.AsyncClient(
            # The guard is the one who counts.
            timeout=None,
            trust_env=False,
            headers={} if key is None else {"authorization": f"Bearer {key}"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    @property
    @override
    def name(self) -> str:
        return f"{self._url} {self._model or ''}"

    @override
    async def score(self, query: str, passages: Sequence[str]) -> list[float]:
        if not passages:
            return []
        body: dict[str, Any] = {
            "query": _clean(query),
            "documents": [_clean(passage) for passage in passages],
            "top_n": len(passages),
        }
        if self._model is not None:
            body["model"] = self._model
        try:
            return await self._guard.call(lambda: self._ask(body, len(passages)), idempotent=True)
        except WillNotAnswer as error:
            raise Unavailable(error.detail) from error

    async def _ask(self, body: dict[str, Any], count: int) -> list[float]:
        """Raises Unavailable, WillNotAnswer."""
        try:
            async with self._client.stream("POST", self._url, json=body) as response:
                status, headers = response.status_code, response.headers
                raw = bytearray()
                async for part in response.aiter_bytes():
                    raw += part
                    if len(raw) > _MOST_ANSWER_BYTES:
                        raise Unavailable("The reranker's answer has no end.")
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise Unavailable(f"The reranker cannot be asked: {type(error).__name__}: {error}"[:200]) from error
        if status != httpx.codes.OK:
            raise failure_of("The reranker's server", status, headers.get("retry-after"))
        return _scores(bytes(raw), count)


def _scores(raw: bytes, count: int) -> list[float]:
    """Raises Unavailable unless each passage has one number."""
    try:
        results = json.loads(raw)["results"]
        said = {one["index"]: float(one["relevance_score"]) for one in results}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unavailable(f"The reranker answered something else than results: {type(error).__name__}.") from error
    if len(results) != count or set(said) != set(range(count)) or not all(map(math.isfinite, said.values())):
        raise Unavailable("The reranker did not give every passage one score.")
    return [said[place] for place in range(count)]


def _clean(text: str) -> str:
    """Half a surrogate pair is in no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
