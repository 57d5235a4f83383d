"""The engine `auto`: an answer at once, then the best of this machine, without a gap and in the same vector space."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from model_builders import tiny_settings

from builders import eventually
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.embedding.model import EmbeddingModel


@pytest.mark.slow
async def test_the_best_engine_takes_over_while_callers_are_answered(
    tmp_path: Path, metrics: PrometheusMetrics
) -> None:
    model = EmbeddingModel(tiny_settings(tmp_path, model_engine="auto"), metrics, compare_after_seconds=0)
    try:
        fingerprint = model.describe().fingerprint
        first = await model.embed(["tariff duty", "import"], kind="passage")
        assert (model.status().engine, model.status().precision) == ("onnx", "fp32")

        async def is_compared() -> bool:
            again = await model.embed(["tariff duty", "import"], kind="passage")
            assert (again * first).sum(axis=1).min() > 0.9
            status = model.status()
            return status.table is not None and not status.is_measuring

        await eventually(is_compared, timeout_seconds=90)
        status = model.status()
        assert status.table is not None
        assert f"{status.engine} {status.precision}" == str(status.table.ranked()[0])
        assert model.describe().fingerprint == fingerprint, "a change of engine embeds nothing again"
        assert len(status.table.measures) > 1
    finally:
        await asyncio.to_thread(model.close)


async def test_a_later_start_takes_the_best_at_once(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    settings = tiny_settings(tmp_path, model_engine="auto")
    model = EmbeddingModel(settings, metrics, compare_after_seconds=0)
    table = await asyncio.to_thread(model.measure)
    await asyncio.to_thread(model.close)
    later = EmbeddingModel(settings, metrics, compare_after_seconds=0)
    try:
        await later.embed(["tariff"], kind="query")
        status = later.status()
        assert f"{status.engine} {status.precision}" == str(table.ranked()[0])
        assert (status.slot.loads, status.is_measuring) == (1, False)
    finally:
        await asyncio.to_thread(later.close)


async def test_a_process_that_ends_soon_compares_nothing(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    model = EmbeddingModel(tiny_settings(tmp_path, model_engine="auto"), metrics)
    await model.embed(["tariff"], kind="query")
    await asyncio.wait_for(asyncio.to_thread(model.close), 5)
    assert not list((tmp_path / "data" / "models").glob("engines-*.json"))


async def test_an_engine_that_begins_to_fail_is_replaced(
    tmp_path: Path, metrics: PrometheusMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tiny_settings(tmp_path, model_engine="openvino", model_precision="fp32")
    model = EmbeddingModel(settings, metrics)
    try:
        first = await model.embed(["tariff"], kind="query")
        loaded = model.slot.loaded
        assert loaded is not None
        assert loaded.engine.choice.engine == "openvino"
        # As when the library's memory is corrupted: every pass gives what is no number.
        monkeypatch.setattr(loaded.engine, "run", lambda batch: np.full((len(batch), 32), np.nan, dtype=np.float32))

        async def is_answered() -> bool:
            answers = await asyncio.gather(model.embed(["tariff"], kind="query"), return_exceptions=True)
            return isinstance(answers[0], np.ndarray) and bool(np.allclose(answers[0], first, atol=1e-4))

        await eventually(is_answered, timeout_seconds=30)
        assert model.status().engine == "onnx"
    finally:
        await asyncio.to_thread(model.close)
