"""Lazy, loaded once, shared by all, honest about failure."""

import asyncio
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from model_builders import a_tiny_model, tiny_settings

from builders import eventually
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable
from shared.model.lifecycle.status import SlotStatus
from shared.model.manager import ModelManager


def loads(metrics: PrometheusMetrics) -> dict[str, float]:
    """Loads so far by outcome, as `/metrics` tells them."""
    lines = [
        line
        for line in metrics.exposition().decode().splitlines()
        if line.startswith("seoga_model_loads_total") and 'model="embedding"' in line
    ]
    counts = {line.split('outcome="')[1].split('"')[0]: float(line.rpartition(" ")[2]) for line in sorted(lines)}
    return {outcome: count for outcome, count in counts.items() if count}


def slot(manager: ModelManager) -> SlotStatus:
    """How the embedding model's slot is."""
    return manager.status().embedding.slot


async def test_nothing_is_loaded_until_it_is_needed(tiny: ModelManager, tmp_path: Path) -> None:
    assert tiny.describe().dimension == 32
    assert await tiny.count_tokens(["tariff duty", ""]) == [2, 0]
    # A few words are counted at once from now on, many in a thread.
    assert await tiny.count_tokens(["tariff duty", ""]) == [2, 0]
    assert await tiny.count_tokens(["tariff duty", ""] * 100) == [2, 0] * 100
    status = tiny.status().embedding
    assert (status.slot.state, status.slot.loads, status.dimension, tiny.is_loaded) == ("unloaded", 0, 32, False)
    assert not list((tmp_path / "data" / "models").glob("*/model.onnx"))
    await tiny.embed(["tariff"], kind="query")
    assert tiny.is_loaded
    status = tiny.status().embedding
    assert (status.slot.state, status.engine, status.precision, status.device) == ("ready", "onnx", "fp32", "cpu")
    assert (status.slot.uses, status.embedded_texts, status.artefact) == (1, 1, "built")


async def test_fifty_first_calls_load_once(tiny: ModelManager, metrics: PrometheusMetrics) -> None:
    answers = await asyncio.gather(*(tiny.embed([f"tariff {n}"], kind="passage") for n in range(50)))
    assert {answer.shape for answer in answers} == {(1, 32)}
    assert slot(tiny).loads == 1
    assert tiny.status().embedding.embedded_texts == 50
    assert loads(metrics) == {"loaded": 1}


def test_first_calls_from_many_threads_and_loops_load_once(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    manager = ModelManager(tiny_settings(tmp_path), metrics)
    shapes: list[tuple[int, ...]] = []

    def ask() -> None:
        shapes.append(asyncio.run(manager.embed(["tariff", "duty"], kind="passage")).shape)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(2, 32)] * 12
    assert loads(metrics) == {"loaded": 1}
    manager.close()


async def test_every_waiter_gets_the_cause_and_a_later_call_tries_again(
    tmp_path: Path, metrics: PrometheusMetrics
) -> None:
    settings = tiny_settings(tmp_path)
    weights = tmp_path / "model" / "model.safetensors"
    kept = weights.rename(tmp_path / "kept")
    async with ModelManager(settings, metrics) as manager:
        answers = await asyncio.gather(
            *(manager.embed(["tariff"], kind="query") for _ in range(20)), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {Unavailable}
        assert len({str(answer) for answer in answers}) == 1
        assert "it has no model.safetensors" in str(answers[0])
        status = slot(manager)
        assert (status.state, status.failed_loads, status.last_error) == ("failed", 1, str(answers[0]))
        kept.rename(weights)

        async def embedded() -> bool:
            try:
                return (await manager.embed(["tariff"], kind="query")).shape == (1, 32)
            except Unavailable:
                return False

        await eventually(embedded)
        assert slot(manager).state == "ready"
        assert slot(manager).last_error is None
        assert loads(metrics)["loaded"] == 1


async def test_a_failed_load_is_not_repeated_at_once(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    settings = tiny_settings(tmp_path)
    (tmp_path / "model" / "model.safetensors").unlink()
    async with ModelManager(settings, metrics) as manager:
        for _ in range(5):
            with pytest.raises(Unavailable) as caught:
                await manager.embed(["tariff"], kind="query")
            assert caught.value.retry_after_seconds > 0
            assert caught.value.specific_code == "model_failed"
        assert slot(manager).failed_loads < 5


@pytest.mark.slow
@pytest.mark.parametrize("breakage", ["truncated", "not safetensors", "a tensor is missing"])
async def test_broken_weights_are_told_in_words(tmp_path: Path, metrics: PrometheusMetrics, breakage: str) -> None:
    settings = tiny_settings(tmp_path)
    weights = tmp_path / "model" / "model.safetensors"
    if breakage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif breakage == "not safetensors":
        weights.write_bytes(b"x" * 1000)
    else:
        a_tiny_model(tmp_path / "model", layers=1, num_hidden_layers=2)
    async with ModelManager(settings, metrics) as manager:
        with pytest.raises(Unavailable, match="could not be built"):
            await manager.embed(["tariff"], kind="query")
        assert not list((tmp_path / "data" / "models").glob("*/model.*"))


async def test_an_unsupported_kind_of_model_names_the_other_engine(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    settings = tiny_settings(tmp_path)
    a_tiny_model(tmp_path / "model", model_type="t5")
    async with ModelManager(settings, metrics) as manager:
        with pytest.raises(Unavailable, match=r"its kind is t5.*'sentence-transformers' may: `pip install"):
            await manager.embed(["tariff"], kind="query")


async def test_a_model_that_is_not_there_is_a_status_too(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    settings = tiny_settings(tmp_path)
    shutil.rmtree(tmp_path / "model")
    async with ModelManager(settings, metrics) as manager:
        with pytest.raises(Unavailable, match="SEOGA_MODEL_PATH"):
            manager.describe()
        with pytest.raises(Unavailable, match="SEOGA_MODEL_PATH"):
            await manager.embed(["tariff"], kind="query")
        with pytest.raises(Unavailable, match="SEOGA_MODEL_PATH"):
            await manager.count_tokens(["tariff"])
        status = manager.status().embedding
        assert status.slot.state == "failed"
        assert status.name is None
        assert status.slot.last_error is not None


async def test_a_slow_load_lets_its_waiters_go(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    settings = tiny_settings(tmp_path, model_load_timeout_seconds=0.01)
    async with ModelManager(settings, metrics) as manager:
        with pytest.raises(Unavailable):
            await manager.embed(["tariff"], kind="query")


async def test_a_cancelled_first_caller_takes_nobody_along(tiny: ModelManager) -> None:
    first = asyncio.create_task(tiny.embed(["tariff"], kind="query"))
    second = asyncio.create_task(tiny.embed(["duty"], kind="query"))
    await eventually(lambda: slot(tiny).state == "loading")
    first.cancel()
    assert (await second).shape == (1, 32)
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_cancelled_caller_frees_its_place(packaged: ModelManager) -> None:
    await packaged.load()
    slow = asyncio.create_task(packaged.embed(["customs duty on notebooks " * 40] * 400, kind="passage"))
    await eventually(lambda: packaged.status().embedding.waiting_texts > 0)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert packaged.status().embedding.waiting_texts == 0
    assert (await packaged.embed(["tariff"], kind="query")).shape == (1, 384)
    assert packaged.status().embedding.embedded_texts < 200


async def test_unloading_answers_what_was_asked_and_loads_again(tiny: ModelManager) -> None:
    before = await tiny.embed(["tariff"], kind="query")
    asked = [asyncio.create_task(tiny.embed(["tariff"] * 200, kind="passage")) for _ in range(5)]
    await eventually(lambda: tiny.status().embedding.waiting_texts > 0 or all(task.done() for task in asked))
    await tiny.unload()
    assert slot(tiny).state == "unloaded"
    assert {(await task).shape for task in asked} == {(200, 32)}
    assert np.allclose(await tiny.embed(["tariff"], kind="query"), before, atol=1e-6)
    assert slot(tiny).loads == 2


async def test_a_closed_manager_refuses(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    async with ModelManager(tiny_settings(tmp_path), metrics) as manager:
        waiting = asyncio.create_task(manager.embed(["tariff"], kind="query"))
        await eventually(lambda: slot(manager).state == "loading")
    with pytest.raises(Unavailable):
        await manager.embed(["tariff"], kind="query")
    with pytest.raises(Unavailable):
        await manager.count_tokens(["tariff"])
    result = (await asyncio.gather(waiting, return_exceptions=True))[0]
    assert isinstance(result, Unavailable | np.ndarray)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("model-run")]


async def test_prompts_go_before_the_texts(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    a_tiny_model(tmp_path / "prompted", prompts={"query": "import ", "document": "export "})
    settings = tiny_settings(tmp_path)
    prompted = settings.model_copy(update={"model_path": tmp_path / "prompted"})
    async with ModelManager(settings, metrics) as plain, ModelManager(prompted, metrics) as manager:
        expected = await plain.embed(["import tariff", "export tariff"], kind="passage")
        query = await manager.embed(["tariff"], kind="query")
        passage = await manager.embed(["tariff"], kind="passage")
        assert np.allclose(np.concatenate([query, passage]), expected, atol=1e-6)
        assert plain.describe().fingerprint != manager.describe().fingerprint


async def test_vectors_have_length_one_even_if_the_model_does_not_normalise(
    tmp_path: Path, metrics: PrometheusMetrics
) -> None:
    a_tiny_model(tmp_path / "model", normalise=False)
    async with ModelManager(tiny_settings(tmp_path), metrics) as manager:
        vectors = await manager.embed(["tariff", "duty import", ""], kind="passage")
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_half_a_character_is_read_as_an_unknown_one(tiny: ModelManager) -> None:
    assert (await tiny.embed(["tariff \ud800"], kind="query")).shape == (1, 32)
    assert len(await tiny.count_tokens(["tariff \ud800"])) == 1


async def test_the_reference_engine_says_what_installs_it(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    settings = tiny_settings(tmp_path, model_engine="sentence-transformers")
    async with ModelManager(settings, metrics) as manager:
        await manager.embed(["tariff"], kind="query")
        status = manager.status().embedding
        assert (status.engine, status.slot.state) == ("onnx", "ready")
        assert [str(step.choice) for step in status.fallbacks] == ["sentence-transformers fp32"]
        assert "requirements/reference.txt" in status.fallbacks[0].reason
    told = metrics.exposition().decode()
    assert 'seoga_model_fallbacks_total{engine="sentence-transformers",precision="fp32"} 1.0' in told
