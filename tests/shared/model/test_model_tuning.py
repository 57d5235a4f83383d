"""Engines are compared once, on the same texts, each in a process of its own; the table holds for this machine."""

import json
import math
import os
import signal
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil
import pytest
from model_builders import a_tiny_model
from safetensors.numpy import load_file, save_file

from shared.kernel import Unavailable
from shared.model.engine import EngineChoice
from shared.model.engines.opening import load_engine, runnable_choices
from shared.model.engines.runnable import this_machine
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig, model_config, read_model_config
from shared.model.files.tokens import ModelTokenizer
from shared.model.tuning.comparing import (
    CheckLimits,
    EngineMeasure,
    EngineTable,
    Kept,
    MeasuringStopped,
    measure_engines,
    read_table,
)
from shared.model.tuning.measuring import encode_in_bulk, measure, packed_config, unpacked_config
from shared.model.tuning.sample import LENGTHS, checked_texts, sample_texts
from shared.model.tuning.table import write_table
from shared.settings import Settings

pytestmark = pytest.mark.slow  # engines are built and measured

LIMITS = CheckLimits(mean=0.985, worst=0.95)
EXACT = EngineChoice("onnx", "fp32")
QUICK = EngineChoice("onnx", "int8")
needs_int8 = pytest.mark.skipif(
    not this_machine().flags & {"avx512_vnni", "avx_vnni", "amx_int8"},
    reason="this processor has no instructions for products of 8-bit integers",
)
HALF = EngineChoice("openvino", "bf16")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelConfig, ArtefactCache, EngineTable]:
    """A tiny model, compared once for all tests of this file."""
    folder = tmp_path_factory.mktemp("measured")
    config, artefacts = a_config(folder), ArtefactCache(folder / "models")
    return config, artefacts, measure_engines(config, artefacts, limits=LIMITS, cancelled=threading.Event())


def test_every_engine_that_can_run_is_measured(
    measured: tuple[ModelConfig, ArtefactCache, EngineTable],
) -> None:
    config, _, table = measured
    expected = [choice for choice in runnable_choices(config) if choice.engine != "sentence-transformers"]
    assert [item.choice for item in table.measures] == expected
    exact = measure_of(table, EXACT)
    assert exact.failure is None
    assert exact.cosine_mean == pytest.approx(1) and exact.cosine_worst == pytest.approx(1)
    for item in table.measures:
        assert item.failure is None or item.choice.precision != "fp32"
        assert set(item.texts_per_second) == set(LENGTHS)
        assert item.query_ms > 0 and item.memory_bytes > 1 << 20
    assert EXACT in table.ranked() and table.machine


def test_a_table_is_found_again_for_the_same_weights_on_the_same_machine(
    measured: tuple[ModelConfig, ArtefactCache, EngineTable],
) -> None:
    config, artefacts, table = measured
    assert read_table(config, ArtefactCache(artefacts.folder)) == table
    assert read_table(replace(config, threads=3), artefacts) is None


@pytest.mark.parametrize(
    "damage", ["cut off", "a list", "another version", "another machine", "no such engine", "no numbers", "empty"]
)
def test_a_table_that_is_damaged_or_of_another_machine_is_none(
    measured: tuple[ModelConfig, ArtefactCache, EngineTable], tmp_path: Path, damage: str
) -> None:
    config, original, table = measured
    file = tmp_path / "models" / f"engines-{table.key}.json"
    said = json.loads((original.folder / file.name).read_bytes())
    if damage == "another version":
        said["format"] = 0
    elif damage == "another machine":
        said["key"] = "0" * 32
    elif damage == "no such engine":
        said["measures"][0]["choice"]["engine"] = "abacus"
    elif damage == "no numbers":
        said["measures"][0]["texts_per_second"] = {"20": "fast"}
    elif damage == "empty":
        said["measures"] = []
    content = "[1]" if damage == "a list" else json.dumps(said)
    file.parent.mkdir()
    file.write_text(content[: len(content) // 2] if damage == "cut off" else content)
    assert read_table(config, ArtefactCache(file.parent)) is None


def test_a_table_of_other_weights_is_not_used(tmp_path: Path) -> None:
    config, artefacts = a_config(tmp_path), ArtefactCache(tmp_path / "models")
    other = read_model_config(a_tiny_model(tmp_path / "other", seed=8), name="other")
    cancelled = threading.Event()
    key = measure_engines(only_exact(config), artefacts, limits=LIMITS, cancelled=cancelled).key
    assert read_table(only_exact(config), artefacts) is not None
    assert read_table(only_exact(other), artefacts) is None
    assert [path.name for path in artefacts.folder.glob("engines-*")] == [f"engines-{key}.json"]


def test_a_written_table_comes_back_as_it_was(tmp_path: Path) -> None:
    config, artefacts = a_config(tmp_path), ArtefactCache(tmp_path / "models")
    cancelled = threading.Event()
    table = measure_engines(only_exact(config), artefacts, limits=LIMITS, cancelled=cancelled)
    failed = replace(a_measure(QUICK, 0), texts_per_second={}, failure="그럴 수 없다")
    changed = replace(table, measures=(a_measure(EXACT, 100), failed))
    write_table(changed, artefacts)
    assert read_table(only_exact(config), artefacts) == changed


def test_the_fastest_that_passed_comes_first() -> None:
    slow, fast = a_measure(EXACT, 100), a_measure(QUICK, 200)
    dropped = replace(a_measure(HALF, 900), failure="too far from fp32")
    assert a_table(slow, dropped, fast).ranked() == (QUICK, EXACT)


@pytest.mark.parametrize(("gain", "first"), [(1.02, EXACT), (1.05, QUICK)])
def test_a_small_gain_is_worth_no_precision(gain: float, first: EngineChoice) -> None:
    table = a_table(a_measure(QUICK, 100 * gain), a_measure(EXACT, 100))
    assert table.ranked()[0] == first
    assert len(table.ranked()) == 2


def test_speed_is_the_geometric_mean_over_the_lengths() -> None:
    measure = replace(a_measure(EXACT, 0), texts_per_second={20: 400.0, 100: 100.0, 180: 25.0})
    assert math.isclose(measure.speed, 100)
    # As fast in sum, but not on long texts.
    lame = replace(a_measure(QUICK, 0), texts_per_second={20: 520.0, 100: 10.0, 180: 5.0})
    assert a_table(lame, measure).ranked() == (EXACT, QUICK)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (CheckLimits(mean=0.999, worst=0.5), "mean cosine to fp32 is 0.9900, and 0.999 is the least"),
        (CheckLimits(mean=0.9, worst=0.99), "worst cosine to fp32 is 0.9600, and 0.99 is the least"),
        (CheckLimits(mean=0.9, worst=0.9, memory_bytes=50 << 20), "takes 100 MiB, and 50 MiB is the most"),
    ],
)
def test_limits_drop_an_engine_and_say_why(limits: CheckLimits, reason: str) -> None:
    table = a_table(replace(a_measure(QUICK, 200), cosine_mean=0.99, cosine_worst=0.96))
    assert table.judged(LIMITS).ranked() == (QUICK,)
    (judged,) = table.judged(limits).measures
    assert judged.failure is not None and reason in judged.failure
    assert table.judged(limits).ranked() == ()
    assert table.judged(limits).judged(LIMITS).ranked() == (QUICK,)


def test_other_limits_do_not_revive_what_did_not_run() -> None:
    broken = replace(a_measure(QUICK, 0), texts_per_second={}, failure="no such file")
    assert a_table(broken).judged(CheckLimits(0, 0)).measures == (broken,)


@needs_int8
def test_an_engine_that_fails_is_in_the_table_with_its_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    config = replace(a_config(tmp_path), engine="onnx")
    weights = load_file(config.weights)
    weights["encoder.layer.1.output.dense.weight"][:] = np.nan
    save_file(weights, config.weights)
    table = measure_engines(config, ArtefactCache(tmp_path / "models"), limits=LIMITS, cancelled=threading.Event())
    assert [item.choice for item in table.measures] == list(runnable_choices(config))
    assert len(table.measures) > 1 and all(item.failure for item in table.measures)
    assert "not numbers" in str(measure_of(table, EXACT).failure)
    assert table.ranked() == ()


@needs_int8
def test_what_is_inexact_is_compared_also_where_only_it_was_asked_for(tmp_path: Path) -> None:
    config = replace(a_config(tmp_path), engine="onnx", precision="int8")
    table = measure_engines(config, ArtefactCache(tmp_path / "models"), limits=LIMITS, cancelled=threading.Event())
    (quick,) = table.measures
    assert quick.choice == QUICK
    assert 0.9 < quick.cosine_worst < quick.cosine_mean < 1


def test_an_engine_whose_process_dies_is_in_the_table_too(tmp_path: Path) -> None:
    config, artefacts = only_exact(a_config(tmp_path)), ArtefactCache(tmp_path / "models")
    tables: list[EngineTable] = []

    def compare() -> None:
        tables.append(measure_engines(config, artefacts, limits=LIMITS, cancelled=threading.Event()))

    thread = threading.Thread(target=compare)
    thread.start()
    for pid in wait_for_children(thread):
        os.kill(pid, signal.SIGKILL)  # as the system does where memory runs out
    thread.join()
    (killed,) = tables[0].measures
    assert killed.failure is not None and killed.failure.startswith("child ")
    assert read_table(config, artefacts) == tables[0]


def test_what_a_child_answers_has_a_vector_for_every_text_of_the_sample(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    said = measure(packed_config(config), "onnx", "fp32", str(tmp_path / "models"), 1 << 30, True)
    vectors = np.frombuffer(said["vectors"], dtype=np.float32).reshape(said["shape"])
    assert vectors.shape == (len(checked_texts()), config.dimension)
    assert set(said["texts_per_second"]) == set(LENGTHS) and min(said["texts_per_second"].values()) > 0
    assert said["query_ms"] > 0 and said["memory_bytes"] > 0
    only_vectors = measure(packed_config(config), "onnx", "fp32", str(tmp_path / "models"), 1 << 30, False)
    assert only_vectors["texts_per_second"] == {} and only_vectors["vectors"] == said["vectors"]


def test_cancelling_ends_it_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    config, artefacts = a_config(tmp_path), ArtefactCache(tmp_path / "models")
    cancelled, raised = threading.Event(), list[BaseException]()

    def compare() -> None:
        try:
            measure_engines(config, artefacts, limits=LIMITS, cancelled=cancelled)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=compare)
    thread.start()
    assert wait_for_children(thread)
    cancelled.set()
    asked = time.monotonic()
    thread.join(10)
    assert time.monotonic() - asked < 2.0  # it takes 0.1 s; the machine may be busy
    assert [type(error) for error in raised] == [MeasuringStopped]
    assert measuring_children() == []
    assert read_table(config, artefacts) is None
    assert not list(artefacts.folder.glob("engines-*"))


def test_a_comparison_that_was_stopped_goes_on_with_what_is_left(tmp_path: Path) -> None:
    config, artefacts = replace(a_config(tmp_path), precision="fp32"), ArtefactCache(tmp_path / "models")
    kept = Kept()

    class AfterTheFirst:
        def is_set(self) -> bool:
            return len(kept.first) == 1

    with pytest.raises(MeasuringStopped):
        measure_engines(config, artefacts, limits=LIMITS, cancelled=AfterTheFirst(), kept=kept, in_background=True)
    assert measuring_children() == [] and read_table(config, artefacts) is None
    ((choice, run),) = kept.first.items()
    table = measure_engines(
        config, artefacts, limits=LIMITS, cancelled=threading.Event(), kept=kept, in_background=True
    )
    assert kept.first[choice] is run, "it was not measured again"
    assert choice in [item.choice for item in table.measures] and len(table.measures) > 1
    assert read_table(config, artefacts) == table


def test_who_comes_while_another_measures_gets_its_table(tmp_path: Path) -> None:
    config, artefacts = only_exact(a_config(tmp_path)), ArtefactCache(tmp_path / "models")
    tables: list[EngineTable] = []

    def compare() -> None:
        tables.append(measure_engines(config, artefacts, limits=LIMITS, cancelled=threading.Event()))

    threads = [threading.Thread(target=compare) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tables) == 3 and len({table.measured_at for table in tables}) == 1
    # Asked again later, it is measured again.
    compare()
    assert tables[3].measured_at > tables[0].measured_at


def test_waiting_for_another_s_table_can_be_cancelled(tmp_path: Path) -> None:
    config, artefacts = only_exact(a_config(tmp_path)), ArtefactCache(tmp_path / "models")
    first, second = threading.Event(), threading.Event()
    raised: list[str] = []

    def compare(cancelled: threading.Event) -> None:
        try:
            measure_engines(config, artefacts, limits=LIMITS, cancelled=cancelled)
        except MeasuringStopped as error:
            raised.append(error.detail)

    second.set()
    thread = threading.Thread(target=compare, args=(first,))
    thread.start()
    while not list((tmp_path / "models").glob("engines-*.lock")) and thread.is_alive():
        thread.join(0.005)
    compare(second)
    first.set()
    thread.join()
    assert raised == ["The comparison of engines was stopped."] * 2


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file stands here")
    with pytest.raises(Unavailable, match="models' cannot be used"):
        measure_engines(
            a_config(tmp_path), ArtefactCache(tmp_path / "models"), limits=LIMITS, cancelled=threading.Event()
        )


def test_bulk_work_gives_each_text_its_own_vector(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    tokenizer = ModelTokenizer(config)
    engine = load_engine(config, EXACT, ArtefactCache(tmp_path / "models"), lambda: tokenizer).engine
    texts = ["tariff", "duty import export " * 9, "관세", "laptop notebook a b c d", *(["a b"] * 70)]
    alone = np.concatenate([engine.run(engine.prepare([text])) for text in texts])
    np.testing.assert_allclose(encode_in_bulk(engine, texts), alone, atol=1e-5)
    engine.close()


def test_a_configuration_reaches_the_child_as_it_is(tmp_path: Path) -> None:
    tiny = replace(a_config(tmp_path), threads=2, other_modules=("Dense",), languages=frozenset({"ko", "en"}))
    for config in (tiny, model_config(Settings())):
        assert unpacked_config(json.loads(json.dumps(packed_config(config)))) == config


@pytest.mark.parametrize("words", LENGTHS)
def test_the_sample_has_texts_of_exactly_so_many_words_in_both_languages(words: int) -> None:
    english, korean = sample_texts("en", words, 30), sample_texts("ko", words, 30)
    assert {len(text.split()) for text in english + korean} == {words}
    assert len(set(english)) == len(set(korean)) == 20
    checked = [text for text in checked_texts() if len(text.split()) == words]
    assert sum(text in english for text in checked) == sum(text in korean for text in checked) == len(checked) / 2 > 2


def a_config(folder: Path) -> ModelConfig:
    return replace(read_model_config(a_tiny_model(folder / "model"), name="tiny"), engine="auto")


def only_exact(config: ModelConfig) -> ModelConfig:
    return replace(config, engine="onnx", precision="fp32")


def a_measure(choice: EngineChoice, rate: float) -> EngineMeasure:
    speeds = dict.fromkeys(LENGTHS, rate)
    return EngineMeasure(choice, speeds, 3.0, 1.0, 1.0, 100 << 20, None)


def a_table(*measures: EngineMeasure) -> EngineTable:
    return EngineTable("k" * 32, "a machine", datetime(2026, 1, 1, tzinfo=UTC), measures)


def measure_of(table: EngineTable, choice: EngineChoice) -> EngineMeasure:
    return next(item for item in table.measures if item.choice == choice)


def wait_for_children(thread: threading.Thread) -> list[int]:
    while not (found := measuring_children()) and thread.is_alive():
        thread.join(0.01)
    return found


def measuring_children() -> list[int]:
    """Of this test process: others run at the same time."""
    found = []
    for child in psutil.Process().children():
        try:
            if "shared.model.tuning.measuring" in child.cmdline():
                found.append(child.pid)
        except psutil.NoSuchProcess:
            continue
    return found
