"""An engine that fails is followed by the next: each step is broken, and the one after it answers."""

import gc
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from model_builders import a_tiny_model
from safetensors.numpy import load_file, save_file

from shared.kernel import Unavailable
from shared.model.embedding.fallback import BestEngine, FallbackStep, chain, load_best
from shared.model.engine import Engine, EngineChoice
from shared.model.engines.opening import artefact_key, load_engine, runnable_choices
from shared.model.engines.runnable import this_machine
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig, read_model_config
from shared.model.files.tokens import ModelTokenizer
from shared.model.tuning.table import CheckLimits, EngineMeasure, EngineTable, table_key, write_table

pytestmark = pytest.mark.slow  # engines break and are built again

EXACT = EngineChoice("onnx", "fp32")
QUICK = EngineChoice("onnx", "int8")
needs_int8 = pytest.mark.skipif(
    not this_machine().flags & {"avx512_vnni", "avx_vnni", "amx_int8"},
    reason="this processor has no instructions for products of 8-bit integers",
)
OTHER_EXACT = EngineChoice("openvino", "fp32")
REFERENCE = EngineChoice("sentence-transformers", "fp32")


@dataclass
class Loading:
    """A tiny model with its cache, and what was told while it was loaded."""

    config: ModelConfig
    artefacts: ArtefactCache
    told: list[FallbackStep] = field(default_factory=list)

    def best(self, *avoid: EngineChoice, tokenizer: Callable[[], ModelTokenizer] | None = None) -> BestEngine:
        """Without sentence-transformers, which takes seconds to import, unless a test is about it."""
        return load_best(
            self.config,
            self.artefacts,
            tokenizer or (lambda: ModelTokenizer(self.config)),
            avoid={REFERENCE, *avoid},
            report=self.told.append,
        )

    def load(self, choice: EngineChoice) -> Engine:
        return load_engine(self.config, choice, self.artefacts, lambda: ModelTokenizer(self.config)).engine

    def measured(self, *choices: EngineChoice) -> None:
        """As if they had been compared, the fastest first."""
        measures = tuple(a_measure(choice, 1000.0 - 100 * place) for place, choice in enumerate(choices))
        key = table_key(self.config, self.artefacts)
        write_table(EngineTable(key, "this machine", datetime.now(UTC), measures), self.artefacts)

    def artefact(self, choice: EngineChoice) -> Path:
        key = artefact_key(self.config, choice, self.artefacts.content_sha256(self.config.weights))
        return self.artefacts.folder / key


@pytest.fixture
def loading(tmp_path: Path) -> Loading:
    config = read_model_config(a_tiny_model(tmp_path / "model"), name="tiny")
    return Loading(replace(config, engine="auto"), ArtefactCache(tmp_path / "models"))


@pytest.fixture
def without_openvino(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where it is not installed."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    this_machine.cache_clear()
    yield
    this_machine.cache_clear()


def test_before_anything_was_measured_the_exact_default_answers(loading: Loading) -> None:
    best = loading.best()
    assert (best.engine.choice, best.artefact, best.steps, best.individual) == (EXACT, "built", (), False)
    assert answers(best.engine)
    best.engine.close()


@needs_int8
def test_the_fastest_of_the_table_answers(loading: Loading) -> None:
    loading.measured(QUICK, EXACT)
    best = loading.best()
    assert (best.engine.choice, best.steps) == (QUICK, ())
    assert answers(best.engine)
    best.engine.close()


def test_limits_that_were_tightened_since_drop_what_was_measured_before(loading: Loading) -> None:
    loading.measured(QUICK, EXACT)
    best = load_best(
        loading.config,
        loading.artefacts,
        lambda: ModelTokenizer(loading.config),
        limits=CheckLimits(mean=0.9, worst=0.9, memory_bytes=11 << 20),
        report=loading.told.append,
    )
    assert (best.engine.choice, best.steps) == (EXACT, ())
    best.engine.close()


@needs_int8
def test_a_damaged_artefact_that_cannot_be_built_again_gives_way_to_the_next_of_the_table(loading: Loading) -> None:
    for choice in (QUICK, EXACT):
        loading.load(choice).close()
    loading.measured(QUICK, EXACT)
    damage(loading.artefact(QUICK))
    make_unbuildable(loading.config)
    best = loading.best()
    assert best.engine.choice == EXACT
    assert [step.choice for step in best.steps] == [QUICK]
    assert "could not be" in best.steps[0].reason
    assert loading.told == list(best.steps)
    assert answers(best.engine)
    best.engine.close()


@needs_int8
def test_an_engine_that_gives_no_numbers_gives_way_to_the_next(loading: Loading) -> None:
    loading.load(EXACT).close()
    loading.measured(EXACT, QUICK)
    replace_weights_by_nan(loading.artefact(EXACT))
    best = loading.best()
    assert best.engine.choice == QUICK
    assert [step.choice for step in best.steps] == [EXACT]
    assert "not numbers" in best.steps[0].reason
    best.engine.close()


@needs_int8
def test_a_load_that_runs_out_of_memory_gives_way_to_the_next(loading: Loading) -> None:
    loading.measured(QUICK, EXACT)
    asked: list[int] = []

    def tokenizer() -> ModelTokenizer:
        asked.append(1)
        if len(asked) == 2:  # the first is before any engine
            raise MemoryError
        return ModelTokenizer(loading.config)

    best = loading.best(tokenizer=tokenizer)
    assert best.engine.choice == EXACT
    assert best.steps == (FallbackStep(QUICK, "There is not enough memory for it."),)
    best.engine.close()


def test_when_the_default_cannot_load_the_next_exact_engine_answers(loading: Loading) -> None:
    best = loading.best(EXACT)
    assert best.engine.choice == OTHER_EXACT
    assert answers(best.engine)
    best.engine.close()


def test_a_cache_that_cannot_be_used_still_serves_from_a_private_folder(
    loading: Loading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "temporary"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    loading.artefacts.folder.write_text("a file stands here")
    best = loading.best()
    assert (best.engine.choice, best.individual, best.artefact) == (EXACT, True, "built")
    assert [step.choice for step in best.steps] == [EXACT, OTHER_EXACT]
    assert all("models' cannot be used" in step.reason for step in best.steps)
    assert best.engine.streams > 0 and best.engine.batch_tokens > 0 and best.engine.device == "cpu"
    assert answers(best.engine)
    assert len(list(private.iterdir())) == 1
    best.engine.close()
    assert list(private.iterdir()) == []


def test_a_private_folder_goes_also_when_nobody_closes_the_engine(
    loading: Loading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "temporary"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    best = loading.best(EXACT, OTHER_EXACT)  # both began to fail at work
    assert best.individual and list(private.iterdir())
    del best
    gc.collect()
    assert list(private.iterdir()) == []


def test_when_everything_fails_every_reason_is_told(loading: Loading) -> None:
    weights = load_file(loading.config.weights)
    weights["encoder.layer.1.output.dense.weight"][:] = np.nan
    save_file(weights, loading.config.weights)
    with pytest.raises(Unavailable, match="No engine can run the model 'tiny'") as raised:
        loading.best()
    assert [(step.choice, step.individual) for step in loading.told] == [
        (EXACT, False),
        (OTHER_EXACT, False),
        (EXACT, True),
    ]
    for number, step in enumerate(loading.told, 1):
        assert f"({number}) {step.choice}" in raised.value.detail and step.reason in raised.value.detail
    assert raised.value.specific_code == "model_failed"


def test_a_missing_weights_file_is_told(loading: Loading) -> None:
    loading.config.weights.unlink()
    with pytest.raises(Unavailable, match=r"model\.safetensors"):
        loading.best()
    assert loading.told[0].choice == EXACT


@pytest.mark.parametrize("missing", ["tokenizer.json", "everything"])
def test_a_model_that_is_not_there_is_no_matter_of_engines(loading: Loading, missing: str) -> None:
    if missing == "everything":
        loading.config = replace(loading.config, folder=loading.config.folder / "elsewhere")
    else:
        loading.config.tokenizer.unlink()
    with pytest.raises(Unavailable, match="There is no model" if missing == "everything" else "has no '"):
        loading.best()
    assert loading.told == []


@pytest.mark.usefixtures("without_openvino")
def test_an_engine_that_was_asked_for_and_is_not_installed_is_told(loading: Loading) -> None:
    loading.config = replace(loading.config, engine="openvino")
    best = loading.best()
    assert best.engine.choice == EXACT
    assert [step.choice for step in best.steps] == [OTHER_EXACT]
    assert "not installed" in best.steps[0].reason
    best.engine.close()


@pytest.mark.usefixtures("without_openvino")
def test_what_is_not_installed_and_was_not_asked_for_is_no_step(loading: Loading) -> None:
    best = loading.best(EXACT)
    assert best.steps == () and best.individual  # nothing else was left
    best.engine.close()


def test_a_table_that_cannot_be_read_leaves_the_default(loading: Loading) -> None:
    loading.measured(QUICK, EXACT)
    (table,) = loading.artefacts.folder.glob("engines-*.json")
    table.write_text("{damaged")
    best = loading.best()
    assert (best.engine.choice, best.steps) == (EXACT, ())
    best.engine.close()


@pytest.mark.reference
def test_when_no_other_engine_loads_sentence_transformers_answers(loading: Loading) -> None:
    loading.artefacts.folder.write_text("a file stands here")
    best = load_best(
        loading.config, loading.artefacts, lambda: ModelTokenizer(loading.config), report=loading.told.append
    )
    assert (best.engine.choice, best.artefact) == (REFERENCE, None)
    assert [step.choice for step in best.steps] == [EXACT, OTHER_EXACT]
    assert answers(best.engine)
    best.engine.close()


@needs_int8
def test_the_chain_goes_by_the_table_then_to_the_exact_engines(loading: Loading) -> None:
    assert chain(loading.config, None)[0] == EXACT
    assert {choice.precision for choice in chain(loading.config, None)} == {"fp32"}
    ranked = chain(loading.config, a_table(QUICK, OTHER_EXACT))
    assert ranked[:3] == (QUICK, OTHER_EXACT, EXACT)
    assert len(set(ranked)) == len(ranked)


def test_what_the_table_dropped_is_not_in_the_chain(loading: Loading) -> None:
    table = a_table(QUICK, EXACT)
    dropped = replace(table, measures=(replace(table.measures[0], failure="too far from fp32"), table.measures[1]))
    assert QUICK not in chain(loading.config, dropped)


@needs_int8
def test_what_was_asked_for_comes_first_and_the_rest_follows(loading: Loading) -> None:
    asked = replace(loading.config, engine="onnx", precision="int8")
    assert chain(asked, None)[:2] == (QUICK, EXACT)
    by_engine = replace(loading.config, engine="onnx")
    assert chain(by_engine, None)[0] == EXACT  # nobody has compared the others yet
    assert chain(by_engine, a_table(QUICK, EXACT))[:2] == (QUICK, EXACT)
    by_precision = replace(loading.config, precision="int8")
    assert chain(by_precision, None)[0] == runnable_choices(by_precision)[0]
    assert chain(by_precision, a_table(QUICK))[0] == QUICK
    reference = replace(loading.config, engine="sentence-transformers")
    assert chain(reference, a_table(QUICK, EXACT))[:2] == (REFERENCE, QUICK)


def test_where_the_gpu_fails_the_processor_answers(loading: Loading) -> None:
    loading.config = replace(loading.config, device="cuda")
    assert chain(loading.config, None)[:2] == (REFERENCE, EXACT)
    best = loading.best()
    assert (best.engine.choice, best.engine.device) == (EXACT, "cpu")
    best.engine.close()


def a_measure(choice: EngineChoice, rate: float) -> EngineMeasure:
    return EngineMeasure(
        choice, {20: rate, 100: rate, 180: rate}, 1.0, 1.0, 1.0, (12 if choice == QUICK else 10) << 20, None
    )


def a_table(*choices: EngineChoice) -> EngineTable:
    measures = tuple(a_measure(choice, 1000.0 - 100 * place) for place, choice in enumerate(choices))
    return EngineTable("k" * 32, "a machine", datetime.now(UTC), measures)


def answers(engine: Engine) -> bool:
    vectors = engine.run(engine.prepare(["tariff duty", "관세"]))
    return vectors.shape == (2, 32) and bool(np.isfinite(vectors).all())


def damage(artefact: Path) -> None:
    for path in artefact.iterdir():
        if path.name != "manifest.json":
            path.write_bytes(bytes(path.stat().st_size))


def make_unbuildable(config: ModelConfig) -> None:
    """Half the weights are gone, and the file's size and time are what they were: so is its remembered hash."""
    stat = config.weights.stat()
    config.weights.write_bytes(bytes(stat.st_size))
    os.utime(config.weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def replace_weights_by_nan(artefact: Path) -> None:
    """Whole by its manifest, and yet of no use: a builder's mistake."""
    manifest, weights = artefact / "manifest.json", artefact / "model.bin"
    said = json.loads(manifest.read_bytes())
    weights.write_bytes(np.full(weights.stat().st_size // 4, np.nan, dtype=np.float32).tobytes())
    said["files"][weights.name] = [weights.stat().st_size, hashlib.sha256(weights.read_bytes()).hexdigest()]
    manifest.write_text(json.dumps(said))
