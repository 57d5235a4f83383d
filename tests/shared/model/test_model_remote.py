"""Another process's model: the same vectors, and a clear word about everything that can be wrong with a server."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from model_builders import a_tiny_model, tiny_settings
from model_server import an_app, an_app_that_answers, noting, serving, serving_model

from builders import eventually
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Refused, Unavailable
from shared.model.manager import ModelManager
from shared.model.remote.model import RemoteModel
from shared.settings import Settings, WrongSettings
from shared.web.access import Access

pytestmark = pytest.mark.slow  # a server of its own for each

KEY = "a-key-of-sixteen-characters"


def in_base64(vector: Any) -> str:
    return base64.b64encode(vector.tobytes()).decode()


@pytest.fixture
def url(tiny: ModelManager) -> Iterator[str]:
    with serving_model(tiny) as running:
        yield running


@pytest.fixture
async def remote(url: str, metrics: PrometheusMetrics) -> AsyncIterator[RemoteModel]:
    async with RemoteModel(Settings(model_url=url), metrics) as model:
        yield model


@pytest.fixture
async def to(metrics: PrometheusMetrics) -> AsyncIterator[Callable[..., RemoteModel]]:
    """Makes models of any URL, and closes them."""
    made: list[RemoteModel] = []

    def make(url: str, **settings: Any) -> RemoteModel:
        made.append(RemoteModel(Settings(model_url=url, **settings), metrics))
        return made[-1]

    yield make
    for model in made:
        await model.__aexit__()


def test_the_engine_remote_needs_a_url(metrics: PrometheusMetrics) -> None:
    with pytest.raises(WrongSettings, match="SEOGA_MODEL_URL"):
        RemoteModel(Settings(model_engine="remote"), metrics)


async def test_gives_the_vectors_and_tokens_of_the_servers_model(remote: RemoteModel, tiny: ModelManager) -> None:
    texts = ["tariff", "", "관세 \ud800 수입", "duty " * 100, "import export"]
    for prompt, normalise in ((True, True), (False, False)):
        here = await tiny.embed_counted(texts, kind="query", prompt=prompt, normalise=normalise)
        there = await remote.embed_counted(texts, kind="query", prompt=prompt, normalise=normalise)
        assert np.allclose(here.vectors, there.vectors, atol=1e-6)
        assert here.tokens == there.tokens
    assert await remote.count_tokens(texts) == await tiny.count_tokens(texts)
    assert remote.describe() == tiny.describe()


async def test_a_long_list_goes_in_slices_and_keeps_its_order(tiny: ModelManager, to: Any) -> None:
    words = ["tariff", "duty", "import", "export", "laptop"]
    texts = [f"{words[n % 5]} {words[n // 5 % 5]} {words[n // 25 % 5]}" for n in range(1300)]
    app = an_app(tiny)
    requests = noting(app)
    with serving(app) as url:
        vectors = await to(url).embed(texts, kind="passage")
    assert requests.count("/v1/embeddings") == 3
    assert np.allclose(vectors, await tiny.embed(texts, kind="passage"), atol=1e-5)


async def test_texts_of_a_megabyte_go_one_by_one(remote: RemoteModel) -> None:
    texts = ["duty", "tariff " * 150_000]
    assert await remote.count_tokens(texts) == [1, 150_000]
    assert (await remote.embed(texts, kind="passage")).shape == (2, 32)


async def test_a_text_beyond_every_limit_is_refused(remote: RemoteModel) -> None:
    with pytest.raises(Refused, match="refuses a text"):
        await remote.count_tokens(["x" * (17 << 20)])
    assert remote.breaker == "closed"


async def test_asks_once_what_the_model_is(tiny: ModelManager, to: Any) -> None:
    app = an_app(tiny)
    requests = noting(app)
    with serving(app) as url:
        remote = to(url)
        descriptions = await asyncio.gather(*(asyncio.to_thread(remote.describe) for _ in range(20)))
        await remote.embed(["tariff"], kind="query")
    assert set(descriptions) == {tiny.describe()}
    assert requests.count("/v1/models") == 1
    assert remote.describe() == tiny.describe()


async def test_nothing_is_asked_before_it_is_needed(tiny: ModelManager, to: Any) -> None:
    app = an_app(tiny)
    requests = noting(app)
    with serving(app) as url:
        assert not to(url).is_loaded
    assert requests.paths == []


async def test_knows_whether_the_server_has_loaded_it(remote: RemoteModel) -> None:
    remote.describe()
    assert not remote.is_loaded
    await remote.embed(["tariff"], kind="query")
    assert remote.is_loaded


async def test_a_check_embeds_there_but_never_loads(remote: RemoteModel, tiny: ModelManager) -> None:
    await remote.check(5)
    assert not tiny.is_loaded
    await remote.embed(["tariff"], kind="query")
    await remote.check(5)
    assert tiny.is_loaded


async def test_a_server_that_is_not_there_is_named_with_the_remedy(free_url: str, to: Any) -> None:
    remote = to(free_url)
    for _ in range(2):
        with pytest.raises(Unavailable, match=rf"No model server answers at {free_url} .* SEOGA_MODEL_URL"):
            remote.describe()
    with pytest.raises(Unavailable, match=free_url):
        await remote.embed(["tariff"], kind="query")
    with pytest.raises(Unavailable, match=free_url):
        await remote.check(5)


@pytest.fixture
def free_url() -> str:
    """Where nothing listens any more."""
    with serving(FastAPI()) as url:
        return url


async def test_a_server_that_comes_later_is_found(free_url: str, tiny: ModelManager, to: Any) -> None:
    remote = to(free_url)
    with pytest.raises(Unavailable):
        remote.describe()
    with serving_model(tiny, port=urlsplit(free_url).port or 0):

        async def embedded() -> bool:
            try:
                return len(await remote.embed(["tariff"], kind="query")) == 1
            except Unavailable:
                return False

        await eventually(embedded)


async def test_what_is_not_a_seoga_server_is_said_so(to: Any) -> None:
    answers = [
        (404, "<html>"),
        (404, "[]"),
        (302, ""),
        (200, "<html>"),
        (200, "{}"),
        (200, '{"data": [{"id": "gpt"}]}'),
    ]
    app, asked = an_app_that_answers(lambda: answers[-1]), len(answers)
    requests = noting(app)
    with serving(app) as url:
        while answers:
            with pytest.raises(Unavailable, match=f"{url} is not a Seoga server.* SEOGA_MODEL_URL"):
                to(url).describe()
            answers.pop()
    assert len(requests.paths) == asked


@pytest.fixture
def keys(tmp_path: Path) -> Access:
    (tmp_path / "keys").write_text(f"{KEY} * read\n", encoding="utf-8")
    return Access.from_file(tmp_path / "keys")


async def test_a_wrong_key_is_said_so(keys: Access, tiny: ModelManager, to: Any) -> None:
    with serving_model(tiny, keys) as url:
        with pytest.raises(Unavailable, match="SEOGA_MODEL_KEY was not given"):
            to(url).describe()
        with pytest.raises(Unavailable, match="SEOGA_MODEL_KEY is not a key it knows"):
            await to(url, model_key="another-key-of-this-kind").embed(["tariff"], kind="query")
        right = to(url, model_key=KEY)
        assert (await right.embed(["tariff"], kind="query")).shape == (1, 32)
        await right.check(5)


async def test_a_busy_server_is_asked_again(tiny: ModelManager, to: Any) -> None:
    app, busy = an_app(tiny), [True, True]

    @app.middleware("http")
    async def refuse(request: Request, call_next: Any) -> Any:
        if request.url.path == "/v1/embeddings" and busy:
            busy.pop()
            headers = {"retry-after": "0"}
            return JSONResponse({"detail": "It is busy.", "code": "model_busy"}, 503, headers)
        return await call_next(request)

    with serving(app) as url:
        remote = to(url)
        assert (await remote.embed(["tariff"], kind="query")).shape == (1, 32)
        busy += [True] * 9
        with pytest.raises(Unavailable, match=r"says: It is busy\.") as refusal:
            await remote.embed(["tariff"], kind="query")
    assert refusal.value.specific_code == "model_busy"
    assert len(busy) == 6


async def test_no_answer_within_the_request_timeout_is_unavailable(tiny: ModelManager, to: Any) -> None:
    app = an_app(tiny)
    gone = threading.Event()

    @app.middleware("http")
    async def hang(request: Request, call_next: Any) -> Any:
        if request.url.path == "/v1/embeddings":
            await asyncio.to_thread(gone.wait)
        return await call_next(request)

    with serving(app) as url:
        remote = to(url, model_request_timeout_seconds=1)
        with pytest.raises(Unavailable, match="did not answer within 1 s"):
            await remote.embed(["tariff"], kind="query")
        gone.set()


async def test_a_server_that_stays_away_is_left_alone(tiny: ModelManager, to: Any) -> None:
    with serving_model(tiny) as url:
        remote = to(url)
        remote.describe()
    for _ in range(2):
        with pytest.raises(Unavailable, match=url):
            await remote.embed(["tariff"], kind="query")
    assert remote.breaker == "open"
    with pytest.raises(Unavailable, match=r"is left alone for a moment\. The last failure: No model server") as refusal:
        await remote.embed(["tariff"], kind="query")
    assert refusal.value.specific_code == "circuit_open"


async def test_a_server_that_was_restarted_is_met_again(tiny: ModelManager, to: Any) -> None:
    with serving_model(tiny) as url:
        remote = to(url)
        await remote.embed(["tariff"], kind="query")
    with serving_model(tiny, port=urlsplit(url).port or 0):
        assert (await remote.embed(["tariff"], kind="query")).shape == (1, 32)


async def test_a_server_that_listens_elsewhere_is_followed(tiny: ModelManager, metrics: PrometheusMetrics) -> None:
    places: list[str] = []
    with serving_model(tiny) as url:
        settings = Settings(model_url=url)
        remote = RemoteModel(settings, metrics, find_url=lambda: places[-1])
        fresh = RemoteModel(settings, metrics, find_url=lambda: places[-1])
        await remote.embed(["tariff"], kind="query")
    with serving_model(tiny) as url:
        places.append(url)
        async with remote, fresh:
            assert (await remote.embed(["tariff"], kind="query")).shape == (1, 32)
            assert fresh.describe() == tiny.describe()
            assert remote.url == fresh.url == url


async def test_another_vector_space_is_refused_until_somebody_looks(
    tiny: ModelManager, tmp_path: Path, metrics: PrometheusMetrics, to: Any
) -> None:
    a_tiny_model(tmp_path / "other" / "model", seed=8)
    with serving_model(tiny) as url:
        remote = to(url)
        old = remote.describe()
        await remote.embed(["tariff"], kind="query")
    async with ModelManager(tiny_settings(tmp_path / "other"), metrics) as other:
        with serving_model(other, port=urlsplit(url).port or 0):
            for _ in range(2):
                with pytest.raises(Unavailable, match=f"changed its vector space from {old.fingerprint}") as refusal:
                    await remote.embed(["tariff"], kind="query")
                assert refusal.value.specific_code == "model_changed"
            assert remote.describe() == other.describe()
            vectors = await remote.embed(["tariff"], kind="query")
            assert np.allclose(vectors, await other.embed(["tariff"], kind="query"), atol=1e-5)


WRONG_VECTORS: tuple[Any, ...] = (
    "nothing",
    [],
    [{"index": 0, "embedding": [0.5, 0.5]}],
    [{"index": 0, "embedding": "????"}],
    [{"index": 0, "embedding": in_base64(np.ones(3, "<f4"))}],
    [{"index": 0, "embedding": in_base64(np.full(2, np.nan, "<f4"))}],
    [{"index": 1, "embedding": in_base64(np.ones(2, "<f4"))}],
)


async def test_vectors_that_are_none_are_never_handed_on(to: Any) -> None:
    app = FastAPI()
    data: Any = None

    @app.get("/v1/models")
    async def models() -> Any:
        model = {"id": "m", "dimension": 2, "max_tokens": 9, "languages": ["en"], "fingerprint": "f", "loaded": True}
        return {"data": [model]}

    @app.post("/v1/embeddings")
    async def embeddings() -> JSONResponse:
        return JSONResponse({"data": data, "usage": {"prompt_tokens": 1}}, headers={"X-Seoga-Fingerprint": "f"})

    @app.post("/v1/tokens")
    async def tokens() -> Any:
        return data

    with serving(app) as url:
        remote = to(url)
        for data in WRONG_VECTORS:  # noqa: B007 -- the server answers with it
            with pytest.raises(Unavailable, match="is not a Seoga server"):
                await remote.embed(["tariff"], kind="query")
            with pytest.raises(Unavailable, match="is not a Seoga server"):
                await remote.count_tokens(["tariff"])


async def test_cancelling_takes_the_texts_out_of_the_servers_queue(remote: RemoteModel, tiny: ModelManager) -> None:
    await tiny.load()
    call = asyncio.ensure_future(remote.embed(["tariff duty import export " * 6] * 3000, kind="passage"))
    await eventually(lambda: tiny.status().embedding.waiting_texts > 0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await eventually(lambda: tiny.status().embedding.waiting_texts == 0)
    assert tiny.status().embedding.embedded_texts < 3000
    assert remote.breaker == "closed"
    assert (await remote.embed(["tariff"], kind="query")).shape == (1, 32)


async def test_is_used_from_several_event_loops(url: str, remote: RemoteModel, metrics: PrometheusMetrics) -> None:
    def embed_in_a_loop_of_its_own() -> int:
        async def embed() -> int:
            async with RemoteModel(Settings(model_url=url), metrics) as other:
                return len(await other.embed(["tariff", "duty"], kind="passage"))

        return asyncio.run(embed())

    with ThreadPoolExecutor(3) as threads:
        loop = asyncio.get_running_loop()
        others = [loop.run_in_executor(threads, embed_in_a_loop_of_its_own) for _ in range(3)]
        here, lengths = await asyncio.gather(remote.embed(["tariff"], kind="query"), asyncio.gather(*others))
    assert (len(here), lengths) == (1, [2, 2, 2])


async def test_closes_its_connections_of_other_loops(url: str, metrics: PrometheusMetrics) -> None:
    remote = RemoteModel(Settings(model_url=url), metrics)
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(loop.run_forever)
        there = asyncio.run_coroutine_threadsafe(remote.embed(["tariff"], kind="query"), loop)
        vectors = await asyncio.wrap_future(there)
        assert len(vectors) == len(await remote.embed(["tariff"], kind="query"))
        await remote.__aexit__()
        with pytest.raises(Unavailable, match="closed"):
            await remote.embed(["tariff"], kind="query")
        loop.call_soon_threadsafe(loop.stop)
        running.result()
    loop.close()
