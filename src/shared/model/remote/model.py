"""Another Seoga process's model, over HTTP: the same port, and nothing of a model in this process."""

import asyncio
import base64
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Self, TypeVar

import httpx
import numpy as np
from typing_extensions import override

from shared.kernel import DomainError, Unavailable
from shared.model.remote.server import FindUrl, RemoteServer
from shared.ports.model import Embedded, Model, ModelDescription, TextKind, Vectors
from shared.runtime.resilience import BreakerState
from shared.settings import Settings
from shared.shortages import start_thread
from shared.telemetry import Metrics, get_log

_FINGERPRINT_HEADER: Final = "x-seoga-fingerprint"
_MOST_TEXTS: Final = 512
# With it a request takes the server seconds, not minutes: 230 passages of 180 words.
_MOST_CHARACTERS: Final = 256_000
# What the server takes of one text; no model reads further.
_LONGEST_TEXT: Final = 200_000
# While one slice is on its way back the next is computed.
_SLICES_AT_ONCE: Final = 2
# A longer answer is read in a thread: 64 rows take 0.3 ms.
_MOST_ROWS_AT_ONCE: Final = 64
# What the server takes as a deadline; it refuses a longer one.
_LONGEST_CHECK_SECONDS: Final = 60.0
_log = get_log("model")
T = TypeVar("T")


class RemoteModel(Model):
    """Model (ports/model.py) over the HTTP API of the Seoga server at SEOGA_MODEL_URL.

    Safe from any thread and event loop; each loop has connections of its own, which `async with` closes. The
    constructor does no I/O. A server whose vector space changes is Unavailable (code `model_changed`) until
    somebody calls `describe` again: vectors of two spaces must not be mixed unseen.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        *,
        find_url: FindUrl | None = None,
        describe_seconds: float = 3.0,
        describe_pause_seconds: float = 1.0,
    ) -> None:
        """`find_url` is asked when nothing answers any more. Raises WrongSettings without a SEOGA_MODEL_URL.

        `describe` blocks: a server that did not answer is not asked again by every caller, but after the pause.
        """
        self._server = RemoteServer(settings, metrics, find_url)
        self._describe_seconds = describe_seconds
        self._describe_pause_seconds = describe_pause_seconds
        self._metrics = metrics
        self._is_loaded = False
        # Guards the description and what is wrong with it; held for moments only.
        self._lock = threading.Lock()
        self._description: ModelDescription | None = None
        self._change: str | None = None
        # Held while `describe` asks, so that many who come at once ask once.
        self._asking = threading.Lock()
        self._no_answer: Unavailable | None = None
        self._ask_again_at = 0.0

    @property
    def url(self) -> str:
        """Where the server was looked for last."""
        return self._server.url

    @property
    def breaker(self) -> BreakerState:
        """`open` while the server is left alone after several failures."""
        return self._server.resilient.state

    async def __aenter__(self) -> Self:
        """Returns at once; meanwhile a thread asks the server what `describe` will tell."""
        # Whoever needs it asks again: nothing is lost without the thread.
        with contextlib.suppress(Unavailable):
            start_thread(self._look_ahead, name="model-describe")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @override
    def describe(self) -> ModelDescription:
        """Asks the server once (blocking, for at most `describe_seconds`) and remembers.

        Raises Unavailable naming URL and remedy when it cannot be reached.
        """
        description = self._describe()
        with self._lock:
            self._change = None
        return description

    @override
    async def embed_counted(
        self, texts: Sequence[str], *, kind: TextKind, prompt: bool = True, normalise: bool = True
    ) -> Embedded:
        """Long lists go in slices; cancelling it takes them out of the server's queue."""
        description = await self._expected()
        texts = [_sendable(text)[:_LONGEST_TEXT] for text in texts]
        vectors: Vectors = np.empty((len(texts), description.dimension), dtype=np.float32)

        async def embed_slice(start: int, end: int) -> int:
            body = {
                "input": texts[start:end],
                "input_type": kind if prompt else "text",
                "normalize": normalise,
                "encoding_format": "base64",
            }
            response = await self._server.post("/v1/embeddings", body)
            self._refuse_other_space(description, response)
            if end - start <= _MOST_ROWS_AT_ONCE:
                return self._read_vectors(response, vectors[start:end])
            return await asyncio.to_thread(self._read_vectors, response, vectors[start:end])

        try:
            tokens = sum(await _slice_by_slice(texts, embed_slice))
        except Unavailable:
            self._is_loaded = False
            raise
        if texts:
            self._is_loaded = True
            self._metrics.count("model_remote_texts", len(texts))
        return Embedded(vectors, tokens)

    @override
    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        texts = [_sendable(text) for text in texts]

        async def count_slice(start: int, end: int) -> list[int]:
            answer = self._server.json_of(await self._server.post("/v1/tokens", {"input": texts[start:end]}))
            counts = answer.get("counts") if isinstance(answer, dict) else None
            if not isinstance(counts, list) or len(counts) != end - start:
                raise self._server.not_seoga("its counts of tokens are not those of the texts")
            return counts

        return [count for counts in await _slice_by_slice(texts, count_slice) for count in counts]

    @override
    async def check(self, deadline_seconds: float) -> None:
        deadline = min(deadline_seconds, _LONGEST_CHECK_SECONDS)
        try:
            async with asyncio.timeout(deadline_seconds):
                await self._server.get_once(f"/api/v1/model/health?deadline_seconds={deadline:g}")
        except TimeoutError:
            raise Unavailable(
                f"The model server {self.url} did not embed a short text within {deadline_seconds:g} s.",
                code="model_slow",
            ) from None

    @property
    @override
    def is_loaded(self) -> bool:
        """As far as the server's last answer tells."""
        return self._is_loaded

    def _look_ahead(self) -> None:
        try:
            self._describe()
        except DomainError as error:
            _log.warning("shared model not found", action="model.remote.missing", reason=error.detail)

    def _describe(self) -> ModelDescription:
        """What the server says of its model; nobody has been told of it yet."""
        if (known := self._description) is not None:
            return known
        with self._asking:
            if (known := self._description) is not None:
                return known
            if self._no_answer is not None and time.monotonic() < self._ask_again_at:
                raise Unavailable(self._no_answer.detail, code=self._no_answer.specific_code)
            try:
                response = self._server.get_blocking("/v1/models", timeout_seconds=self._describe_seconds)
                description = self._read_description(response)
            except Unavailable as error:
                self._no_answer, self._ask_again_at = error, time.monotonic() + self._describe_pause_seconds
                raise
            self._no_answer = None
            with self._lock:
                self._description = description
        _log.info(
            "shared model found",
            action="model.remote.found",
            url=self.url,
            model=description.name,
            fingerprint=description.fingerprint,
        )
        return description

    def _read_description(self, response: httpx.Response) -> ModelDescription:
        try:
            (model,) = self._server.json_of(response)["data"]
            self._is_loaded = bool(model["loaded"])
            return ModelDescription(
                name=str(model["id"]),
                dimension=int(model["dimension"]),
                max_tokens=int(model["max_tokens"]),
                languages=frozenset(model["languages"]),
                fingerprint=str(model["fingerprint"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self._server.not_seoga("its list of models is another's") from error

    async def _expected(self) -> ModelDescription:
        """The space that the caller counts on. Raises Unavailable when it has changed and nobody looked."""
        if self._change is not None:
            raise Unavailable(self._change, code="model_changed")
        if (known := self._description) is not None:
            return known
        return await asyncio.to_thread(self._describe)

    def _refuse_other_space(self, expected: ModelDescription, response: httpx.Response) -> None:
        fingerprint = response.headers.get(_FINGERPRINT_HEADER)
        if fingerprint is None:
            raise self._server.not_seoga(f"its answer lacks the header {_FINGERPRINT_HEADER}")
        if fingerprint == expected.fingerprint:
            return
        change = (
            f"The model server {self.url} changed its vector space from {expected.fingerprint} to {fingerprint}: "
            "what was embedded before does not fit it. Embed that anew, or let SEOGA_MODEL_URL name a server with "
            "the old model."
        )
        with self._lock:
            if self._description is None or self._description.fingerprint != fingerprint:
                self._description, self._change = None, change
        _log.error("vector space changed", action="model.remote.changed", url=self.url, fingerprint=fingerprint)
        raise Unavailable(change, code="model_changed")

    def _read_vectors(self, response: httpx.Response, rows: Vectors) -> int:
        """Fills the rows and returns the tokens that were read. Raises Unavailable for anything but their vectors."""
        try:
            answer = self._server.json_of(response)
            for number, item in enumerate(answer["data"]):
                vector = np.frombuffer(base64.b64decode(item["embedding"], validate=True), dtype="<f4")
                if item["index"] != number or len(vector) != rows.shape[1]:
                    raise ValueError("another order or dimension")
                rows[number] = vector
            if len(answer["data"]) != len(rows) or not np.isfinite(rows).all():
                raise ValueError("another number of vectors, or not numbers")
            return int(answer["usage"]["prompt_tokens"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise self._server.not_seoga("its vectors are not those of the texts") from error


def _sendable(text: str) -> str:
    """Lone surrogates have no place in UTF-8; a model of this process reads `?` for them too."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _slices(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Start and end of each slice: some hundred texts, fewer of long ones, at least one."""
    start = characters = 0
    for index, text in enumerate(texts):
        if index > start and (index - start == _MOST_TEXTS or characters + len(text) > _MOST_CHARACTERS):
            yield start, index
            start, characters = index, 0
        characters += len(text)
    if texts:
        yield start, len(texts)


async def _slice_by_slice(texts: Sequence[str], send: Callable[[int, int], Awaitable[T]]) -> list[T]:
    """What `send` gives for each slice, in order. The first failure ends the others."""
    gate = asyncio.Semaphore(_SLICES_AT_ONCE)

    async def send_in_turn(start: int, end: int) -> T:
        async with gate:
            return await send(start, end)

    tasks = [asyncio.ensure_future(send_in_turn(start, end)) for start, end in _slices(texts)]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
