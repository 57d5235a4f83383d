"""An operator's verbs over HTTP: what they do, what they refuse, and what stays as it was when they fail."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from model_builders import a_tiny_model, tiny_settings

from builders import eventually
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.http.operations import build_operations_router
from shared.model.http.shapes import ModelStatusView
from shared.model.manager import ModelManager
from shared.model.operations import ModelOperations
from shared.model.sharing import ModelSharing
from shared.settings import Settings
from shared.web.access import Access
from shared.web.audit_trail import AuditTrail
from shared.web.problems import install_problem_handlers


class House:
    """A manager and a client of its routes."""

    def __init__(self, settings: Settings, metrics: PrometheusMetrics) -> None:
        self.manager = ModelManager(settings, metrics)
        self.metrics = metrics
        sharing = ModelSharing("on", shared=self.manager, make_private=lambda: self.manager, metrics=metrics)
        app = FastAPI()
        install_problem_handlers(app)
        operations = ModelOperations(settings, self.manager, sharing, None)
        app.include_router(build_operations_router(operations, Access(None), AuditTrail(None)))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")

    async def status(self) -> ModelStatusView:
        return ModelStatusView.model_validate((await self.client.get("/api/v1/model/status")).json())

    async def post(self, verb: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"/api/v1/model/{verb}", json=body)

    async def embed(self) -> list[float]:
        row: list[float] = (await self.manager.embed(["tariff duty"], kind="query"))[0].tolist()
        return row


@pytest.fixture
async def house(tmp_path: Path, metrics: PrometheusMetrics, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    # What the settings say is read again at a reload, also from a `.env` in the current folder.
    monkeypatch.chdir(tmp_path)
    made = House(tiny_settings(tmp_path), metrics)
    async with made.manager, made.client:
        yield made


async def test_loading_and_unloading_show_in_the_status(house: House) -> None:
    assert (await house.status()).state == "unloaded"
    loaded = ModelStatusView.model_validate((await house.post("load")).json())
    assert (loaded.state, loaded.engine, loaded.precision, loaded.loads) == ("ready", "onnx", "fp32", 1)
    assert loaded.memory_before_bytes is not None
    assert loaded.memory_after_bytes is not None
    assert loaded.load_seconds is not None
    assert loaded.cache is not None
    assert (loaded.cache.misses, loaded.cache.entries) == (1, 1)
    unloaded = ModelStatusView.model_validate((await house.post("unload", model="embedding")).json())
    assert unloaded.state == "unloaded"
    assert [transition.state for transition in unloaded.history] == [
        "loading",
        "ready",
        "unloading",
        "unloaded",
    ]
    await house.post("load")
    assert (await house.status()).artefact == "hit"


async def test_health_is_a_real_embedding_and_loads_nothing(house: House) -> None:
    answer = await house.client.get("/api/v1/model/health")
    assert (answer.status_code, answer.json()) == (200, {"state": "unloaded", "seconds": None})
    await house.embed()
    before = house.manager.status().embedding
    answer = await house.client.get("/api/v1/model/health", params={"deadline_seconds": 5})
    assert answer.json()["state"] == "ready"
    assert answer.json()["seconds"] > 0
    after = house.manager.status().embedding
    assert after.slot.uses == before.slot.uses, "looking is no use"
    assert after.embedded_texts == before.embedded_texts + 1
    late = await house.client.get("/api/v1/model/health", params={"deadline_seconds": 1e-9})
    assert (late.status_code, late.json()["code"]) == (503, "model_slow")


async def test_a_reload_answers_all_the_time(house: House) -> None:
    before = await house.embed()
    stop = asyncio.Event()
    answers: list[list[float]] = []

    async def ask() -> None:
        while not stop.is_set():
            answers.append(await house.embed())

    asking = [asyncio.create_task(ask()) for _ in range(3)]
    for _ in range(3):
        assert (await house.post("reload")).status_code == 200
    stop.set()
    await asyncio.gather(*asking)
    assert np.allclose(answers, before, atol=1e-6)
    assert (await house.status()).loads == 4


async def test_a_reload_that_cannot_load_keeps_the_old_model_and_says_why(house: House, tmp_path: Path) -> None:
    before = await house.embed()
    (tmp_path / "model" / "tokenizer.json").rename(tmp_path / "kept")
    answer = await house.post("reload")
    assert answer.status_code in (409, 503)
    assert answer.json()["detail"]
    assert np.allclose(await house.embed(), before)
    assert (await house.status()).state == "ready"


async def test_a_reload_to_another_vector_space_is_refused(house: House, tmp_path: Path) -> None:
    before = await house.embed()
    a_tiny_model(tmp_path / "model", seed=8)
    answer = await house.post("reload")
    assert (answer.status_code, answer.json()["code"]) == (409, "other_vector_space")
    assert "Restart" in answer.json()["detail"]
    assert np.allclose(await house.embed(), before)


async def test_a_reload_reads_the_settings_again(house: House, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SEOGA_SHARED_MODEL=search\n")
    seen = ModelStatusView.model_validate((await house.post("reload")).json())
    assert seen.consumers == {"search": "shared", "process": "private", "api": "private"}
    (tmp_path / ".env").write_text("SEOGA_MODEL_CHECK_MEAN=7\n")
    answer = await house.post("reload")
    assert answer.status_code == 422
    assert "SEOGA_MODEL_CHECK_MEAN was '7'" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("verb", "body"),
    [("load", {"model": "elephant"}), ("reload", {"shared": "nobody"}), ("unload", {"modle": "embedding"})],
)
async def test_what_is_not_understood_is_refused(house: House, verb: str, body: dict[str, str]) -> None:
    assert (await house.post(verb, **body)).status_code == 422


async def test_a_picture_model_that_is_not_there_says_what_to_set(house: House) -> None:
    answer = await house.post("load", model="caption")
    assert answer.status_code == 503
    assert "SEOGA_CAPTION_MODEL" in answer.json()["detail"]
    seen = (await house.status()).pictures["caption"]
    assert seen.state == "unavailable"
    assert "SEOGA_CAPTION_MODEL" in (seen.last_error or "")


async def test_forgotten_artefacts_are_built_again(house: House) -> None:
    await house.embed()
    answer = await house.client.delete("/api/v1/model/artefacts")
    assert answer.json()["deleted"] == 1
    await house.embed()
    await house.post("reload")
    assert (await house.status()).artefact == "built"


@pytest.mark.slow
async def test_bench_shows_what_each_engine_does(house: House) -> None:
    table = (await house.client.post("/api/v1/model/bench", timeout=100)).json()
    onnx = next(row for row in table["engines"] if (row["engine"], row["precision"]) == ("onnx", "fp32"))
    assert onnx["failure"] is None
    assert onnx["cosine_worst"] == pytest.approx(1, abs=1e-4)
    assert set(onnx["texts_per_second"]) == {"20", "100", "180"}
    shown = (await house.status()).engines
    assert shown is not None
    assert len(shown.engines) == len(table["engines"])


async def test_what_is_preloaded_is_ready_without_a_call(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    settings = tiny_settings(tmp_path, model_preload=("embedding", "caption"))
    async with ModelManager(settings, metrics) as manager:
        await eventually(lambda: manager.is_loaded)
        # The one that cannot be loaded keeps nobody from starting.
        await eventually(lambda: manager.status().pictures["caption"].slot.state == "unavailable")
        assert manager.status().embedding.slot.uses == 0


async def test_an_idle_model_is_unloaded_and_comes_back(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    async with ModelManager(tiny_settings(tmp_path, model_idle_unload_seconds=0.2), metrics) as manager:
        first = await manager.embed(["tariff"], kind="query")
        await eventually(lambda: not manager.is_loaded)
        assert np.allclose(await manager.embed(["tariff"], kind="query"), first, atol=1e-6)
        assert manager.status().embedding.slot.loads == 2


async def test_what_was_measured_is_in_the_metrics(house: House) -> None:
    await house.embed()
    told = house.metrics.exposition().decode()
    for name in (
        'seoga_model_loads_total{model="embedding",outcome="loaded"} 1.0',
        'seoga_model_load_seconds_count{engine="onnx fp32",model="embedding"} 1.0',
        'seoga_model_loaded{model="embedding"} 1.0',
        'seoga_model_texts_embedded_total{engine="onnx fp32"} 1.0',
        'seoga_model_queue_seconds_count{kind="query"} 1.0',
        'seoga_model_batch_texts_count{engine="onnx fp32"} 1.0',
        'seoga_model_state{model="embedding",state="ready"} 1.0',
        'seoga_model_state{model="embedding",state="loading"} 0.0',
        'seoga_model_info{engine="onnx fp32",model="embedding"} 1.0',
        'seoga_model_uses_total{model="embedding"} 1.0',
        'seoga_model_calls_running{model="embedding"} 0.0',
        "seoga_model_texts_waiting 0.0",
        'seoga_model_loaded_timestamp_seconds{model="embedding"} 1',
        "seoga_model_tokens_embedded_total",
        "seoga_model_batch_seconds_sum",
        "seoga_model_memory_bytes",
    ):
        assert name in told, name
