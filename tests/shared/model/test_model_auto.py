"""The engine `auto`: an answer at once, then the best of this machine, without a gap and in the same vector space."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
from model_builders import tiny_settings

from builders import eventually
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.embedding.model import EmbeddingModel
from shared.model.engine import EngineChoice
from shared.model.tuning.comparing import EngineMeasure, Kept, MeasuringStopped, Run, Stop
from shared.model.tuning.waiting import BackgroundComparison, ComparisonTimes

AT_ONCE = ComparisonTimes(quiet_seconds=0)


@pytest.mark.slow
async def test_the_best_engine_takes_over_in_the_same_vector_space(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    model = EmbeddingModel(tiny_settings(tmp_path, model_engine="auto"), metrics, times=AT_ONCE)
    try:
        fingerprint = model.describe().fingerprint
        first = await model.embed(["tariff duty", "import"], kind="passage")
        assert (model.status().engine, model.status().precision) == ("onnx", "fp32")
        await eventually(lambda: model.status().comparison is None, timeout_seconds=90)
        again = await model.embed(["tariff duty", "import"], kind="passage")
        assert (again * first).sum(axis=1).min() > 0.9
        status = model.status()
        assert status.table is not None
        assert f"{status.engine} {status.precision}" == str(status.table.ranked()[0])
        assert model.describe().fingerprint == fingerprint, "a change of engine embeds nothing again"
        assert len(status.table.measures) > 1
    finally:
        await asyncio.to_thread(model.close)


async def test_engines_are_not_compared_while_the_model_was_used_just_now(
    tmp_path: Path, metrics: PrometheusMetrics
) -> None:
    settings = tiny_settings(tmp_path, model_engine="auto")
    model = EmbeddingModel(settings, metrics, times=ComparisonTimes(quiet_seconds=3600))
    try:
        await model.embed(["tariff"], kind="query")
        assert model.status().comparison == "waiting"
        assert not settings.machine_dir.exists()
    finally:
        # At once, though it would have waited for an hour.
        await asyncio.to_thread(model.close)
    assert model.status().comparison is None


@pytest.mark.slow
async def test_another_data_directory_of_the_machine_takes_what_was_measured(
    tmp_path: Path, metrics: PrometheusMetrics
) -> None:
    first = EmbeddingModel(tiny_settings(tmp_path, model_engine="auto", model_precision="fp32"), metrics)
    table = await asyncio.to_thread(first.measure)
    await asyncio.to_thread(first.close)
    elsewhere = tiny_settings(tmp_path, model_engine="auto", model_precision="fp32", data_dir=tmp_path / "other")
    second = EmbeddingModel(elsewhere, metrics, times=AT_ONCE)
    try:
        await second.embed(["tariff"], kind="query")
        assert second.status().table == table and second.status().comparison is None
    finally:
        await asyncio.to_thread(second.close)


class AModel:
    """What a comparison sees of the model: for how long it has been idle; and the comparison's runs."""

    def __init__(self) -> None:
        self.unused_seconds = 1e9
        self.asked: list[int] = []
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def measure(self, stop: Stop, kept: Kept) -> None:
        self.asked.append(len(kept.first))
        kept.first[EngineChoice("onnx", "fp32")] = Run(_A_MEASURE, None)
        self.begun.set()
        assert self.may_go_on.wait(10)
        if stop.is_set():
            raise MeasuringStopped("The comparison of engines was stopped.")


_A_MEASURE = EngineMeasure(EngineChoice("onnx", "fp32"), {20: 1.0}, 1.0, 1.0, 1.0, 1, None)


def test_a_comparison_stops_for_work_and_goes_on_from_what_it_kept() -> None:
    model = AModel()
    comparison = BackgroundComparison(
        model.measure, lambda: model.unused_seconds, cancelled=threading.Event(), times=AT_ONCE
    )
    comparison.start()
    assert model.begun.wait(10) and comparison.state == "running"
    model.unused_seconds = 0
    model.begun.clear()
    model.may_go_on.set()
    assert model.begun.wait(10)
    model.unused_seconds = 1e9
    comparison.join(10)
    assert model.asked[:2] == [0, 1] and comparison.state is None


def test_a_comparison_that_nobody_needs_any_more_ends() -> None:
    model, cancelled = AModel(), threading.Event()
    comparison = BackgroundComparison(model.measure, lambda: model.unused_seconds, cancelled=cancelled, times=AT_ONCE)
    comparison.start()
    assert model.begun.wait(10)
    cancelled.set()
    model.may_go_on.set()
    comparison.join(10)
    assert model.asked == [0] and comparison.state is None


@pytest.mark.slow
async def test_a_later_start_takes_the_best_at_once(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    settings = tiny_settings(tmp_path, model_engine="auto")
    model = EmbeddingModel(settings, metrics, times=AT_ONCE)
    table = await asyncio.to_thread(model.measure)
    await asyncio.to_thread(model.close)
    later = EmbeddingModel(settings, metrics, times=AT_ONCE)
    try:
        await later.embed(["tariff"], kind="query")
        status = later.status()
        assert f"{status.engine} {status.precision}" == str(table.ranked()[0])
        assert (status.slot.loads, status.comparison) == (1, None)
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
