"""The best engine that works: the chosen one, else the next, down to a model built for this process alone."""

import tempfile
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from typing_extensions import override

from shared.kernel import DomainError, Unavailable
from shared.model.engine import Engine, EngineChoice, EngineName, Precision, PreparedText
from shared.model.engines.opening import LoadedEngine, Tokenizers, load_engine, runnable_choices
from shared.model.files.artefact_cache import ArtefactCache, Origin
from shared.model.files.config import ModelConfig
from shared.model.files.durable import remove_folder
from shared.model.tuning.table import CheckLimits, EngineTable, read_table
from shared.ports.model import Vectors
from shared.telemetry import get_log

_REFERENCE: Final = EngineChoice("sentence-transformers", "fp32")
_LAST_RESORTS: Final = (EngineChoice("onnx", "fp32"), EngineChoice("openvino", "fp32"), _REFERENCE)
_log = get_log("model")


@dataclass(frozen=True, slots=True)
class FallbackStep:
    """A choice that failed, so that the next one was tried."""

    choice: EngineChoice
    reason: str
    individual: bool = False
    """It was built for this process alone, past the cache on disk."""


@dataclass(frozen=True, slots=True)
class BestEngine:
    """The first engine of the chain that loaded and passed its trial."""

    engine: Engine
    artefact: Origin | None
    steps: tuple[FallbackStep, ...]
    """What failed before it, in order."""
    individual: bool = False
    """Built for this process alone, in a folder that goes when the engine is closed."""


def load_best(
    config: ModelConfig,
    artefacts: ArtefactCache,
    tokenizer: Tokenizers,
    *,
    avoid: Collection[EngineChoice] = (),
    limits: CheckLimits | None = None,
    report: Callable[[FallbackStep], None],
) -> BestEngine:
    """Loads the first of `chain(...)` that is not in `avoid` and works. Blocks; no event loop in this thread.

    `report` is told of each step that failed as it fails; `limits` judge the table, see read_table. After
    everything else the fp32 graph is built in a private temporary folder, past cache and table, also where `avoid`
    names it: what failed may have been its file.

    Raises Unavailable with every step's reason; at once where there is no model to load (no folder, no tokenizer).
    """
    if not config.folder.is_dir():
        raise Unavailable(f"There is no model: '{config.folder}' is not a folder.")
    tokenizer()
    steps: list[FallbackStep] = []

    def failed(choice: EngineChoice, reason: str, *, individual: bool = False) -> None:
        step = FallbackStep(choice, reason, individual)
        steps.append(step)
        _log.warning(
            "engine not usable, trying the next",
            action="model.fallback",
            engine=choice.engine,
            precision=choice.precision,
            individual=individual,
            reason=reason,
        )
        report(step)

    table = _table(config, artefacts, limits)
    for choice in chain(config, table):
        if choice in avoid:
            continue
        try:
            loaded = load_engine(_on_a_device_it_has(config, choice), choice, artefacts, tokenizer)
        except Exception as error:
            failed(choice, _reason(error))
        else:
            return BestEngine(loaded.engine, loaded.artefact, tuple(steps))
    private = _individual_choice(config)
    if private is not None:
        try:
            loaded = _load_individually(_on_a_device_it_has(config, private), private, tokenizer)
        except Exception as error:
            failed(private, _reason(error), individual=True)
        else:
            return BestEngine(loaded.engine, loaded.artefact, tuple(steps), individual=True)
    raise Unavailable(_all_failed(config, steps), code="model_failed", retry_after_seconds=10)


def chain(config: ModelConfig, table: EngineTable | None) -> tuple[EngineChoice, ...]:
    """What to try, in order: as asked, then by the table, then the exact engines.

    An engine or a precision that was asked for comes first even where it cannot run here: then that is said.
    Without a table nothing inexact is tried unless it was asked for, since nobody has compared its vectors yet.
    The default comes last where it cannot run, so that its failing tells why.
    """
    runnable = _runnable(config)
    ranked = [choice for choice in (table.ranked() if table else ()) if choice in runnable]
    exact = sorted((choice for choice in runnable if choice.precision == "fp32"), key=_LAST_RESORTS.index)
    return tuple(dict.fromkeys([*_asked(config, ranked), *ranked, *exact, _LAST_RESORTS[0]]))


def _asked(config: ModelConfig, ranked: Sequence[EngineChoice]) -> Iterator[EngineChoice]:
    """What the settings name, by the table's order; nothing where they leave everything open."""
    engine: EngineName | None = None if config.engine == "auto" or config.engine == "remote" else config.engine
    if engine is None and config.device == "cuda":
        engine = _REFERENCE.engine  # no other computes there
    precision: Precision | None = None if config.precision == "auto" else config.precision
    if engine is None and precision is None:
        return
    measured = [
        choice for choice in ranked if engine in (None, choice.engine) and precision in (None, choice.precision)
    ]
    yield from measured
    if engine is not None and precision is not None:
        yield EngineChoice(engine, precision)
    elif engine is not None:
        yield EngineChoice(engine, "fp32")
    elif precision is not None:
        matching = [choice for choice in runnable_choices(config) if choice.precision == precision]
        # Nothing here computes so: its failing tells why the setting is not followed.
        yield from matching or [EngineChoice("openvino" if precision == "bf16" else "onnx", precision)]


def _table(config: ModelConfig, artefacts: ArtefactCache, limits: CheckLimits | None) -> EngineTable | None:
    """A model whose weights cannot be read has none; the engines say what is wrong with them."""
    try:
        return read_table(config, artefacts, limits=limits)
    except Unavailable:
        return None


def _runnable(config: ModelConfig) -> tuple[EngineChoice, ...]:
    """Whatever the settings ask for."""
    return runnable_choices(replace(config, engine="auto", precision="auto", device="auto"))


def _on_a_device_it_has(config: ModelConfig, choice: EngineChoice) -> ModelConfig:
    """Where the GPU that was asked for has failed, the engines without one answer from the processor."""
    return config if choice == _REFERENCE or config.device != "cuda" else replace(config, device="auto")


def _individual_choice(config: ModelConfig) -> EngineChoice | None:
    """sentence-transformers uses no cache: it would fail as it did before."""
    runnable = _runnable(config)
    return next((choice for choice in _LAST_RESORTS if choice in runnable and choice != _REFERENCE), None)


def _load_individually(config: ModelConfig, choice: EngineChoice, tokenizer: Tokenizers) -> LoadedEngine:
    folder = Path(tempfile.mkdtemp(prefix="seoga-model-"))
    try:
        loaded = load_engine(config, choice, ArtefactCache(folder), tokenizer)
    except BaseException:
        remove_folder(folder)
        raise
    return replace(loaded, engine=IndividualEngine(loaded.engine, folder))


class IndividualEngine(Engine):
    """Engine (engine.py) over another one whose files are this process's own; they go with it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        # Also at the end of a process that never closes it.
        self._remove = weakref.finalize(self, remove_folder, folder)

    @property
    @override
    def choice(self) -> EngineChoice:
        return self._engine.choice

    @property
    @override
    def device(self) -> str:
        return self._engine.device

    @property
    @override
    def streams(self) -> int:
        return self._engine.streams

    @property
    @override
    def batch_tokens(self) -> int:
        return self._engine.batch_tokens

    @override
    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        return self._engine.prepare(texts)

    @override
    def run(self, batch: Sequence[PreparedText]) -> Vectors:
        return self._engine.run(batch)

    @override
    def close(self) -> None:
        try:
            self._engine.close()
        finally:
            self._remove()


def _reason(error: Exception) -> str:
    if isinstance(error, DomainError):
        return error.detail
    if isinstance(error, MemoryError):
        return "There is not enough memory for it."
    return f"{type(error).__name__}: {error}"


def _all_failed(config: ModelConfig, steps: Sequence[FallbackStep]) -> str:
    said = " ".join(
        f"({number}) {step.choice}{', built apart' if step.individual else ''}: {step.reason}"
        for number, step in enumerate(steps, 1)
    )
    return f"No engine can run the model '{config.name}'. {said}"
