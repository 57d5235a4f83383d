"""Which engine is fastest here: each that can run is measured once, in a child process, on the same texts.

The table that comes of it (table.py) holds for one processor, one set of weights and one set of libraries.
"""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import numpy as np

from shared.kernel import Unavailable, utc_now
from shared.model.engine import EngineChoice
from shared.model.engines.opening import runnable_choices
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig
from shared.model.files.durable import StillLocked, locked
from shared.model.tuning.measuring import packed_config
from shared.model.tuning.table import (
    CheckLimits,
    EngineMeasure,
    EngineTable,
    machine_name,
    measurable,
    read_table,
    table_key,
    write_table,
)
from shared.ports.model import Vectors
from shared.runtime.children import ChildEnded, ChildError, ChildLate, ChildProcess
from shared.telemetry import get_log

__all__ = [
    "CheckLimits",
    "EngineMeasure",
    "EngineTable",
    "Kept",
    "MeasuringStopped",
    "Stop",
    "measure_engines",
    "read_table",
]

_REFERENCES: Final = (EngineChoice("onnx", "fp32"), EngineChoice("sentence-transformers", "fp32"))
# On a busy machine two runs of one engine may differ by as much; those so near the fastest are run once more.
_NEAR: Final = 1.6
_MOST_RIVALS: Final = 3
_log = get_log("model")


class Stop(Protocol):
    """Says when to stop; a threading.Event is one."""

    def is_set(self) -> bool:
        """Whether to stop. Asked from any thread, often."""
        ...


class MeasuringStopped(Unavailable):
    """Stopped before every engine was measured; no table was stored."""


def measure_engines(
    config: ModelConfig,
    artefacts: ArtefactCache,
    *,
    limits: CheckLimits,
    cancelled: Stop,
    kept: "Kept | None" = None,
    in_background: bool = False,
    measure_seconds: float = 300.0,
) -> EngineTable:
    """Measures every engine that can run here, one after the other, and stores the table.

    Blocks for 10–15 s with a small model and two idle cores, a minute on busy ones; the calling thread must not be
    one with an event loop. When another process measures the same, its table is waited for and used. An engine that
    fails is in the table with its reason. Raises MeasuringStopped within a second of `cancelled`, and Unavailable
    where the folder cannot be used.

    What was measured before a stop is in `kept`: given again, only the rest is measured. `in_background` leaves the
    processor to whoever wants it.

    One engine may take `measure_seconds` beyond loading: a model of 0.5 billion parameters takes a minute for the
    sample on two cores.
    """
    key = table_key(config, artefacts)
    before = read_table(config, artefacts)
    if in_background and before is not None:
        return before.judged(limits)  # another data directory's server was first
    limit_seconds = config.load_timeout_seconds + measure_seconds
    most = len(runnable_choices(config)) * limit_seconds
    try:
        artefacts.machine_folder.mkdir(parents=True, exist_ok=True)
        lock = artefacts.machine_folder / f"engines-{key}.lock"
        with locked(lock, timeout_seconds=most, given_up=cancelled.is_set):
            theirs = read_table(config, artefacts)
            if theirs is not None and (before is None or theirs.measured_at > before.measured_at):
                return theirs.judged(limits)
            measuring = _Measuring(config, artefacts, cancelled, limit_seconds, in_background)
            measures = asyncio.run(_measure_all(measuring, limits, Kept() if kept is None else kept))
            table = EngineTable(key, machine_name(), utc_now(), measures)
            write_table(table, artefacts)
    except StillLocked:
        if cancelled.is_set():
            raise MeasuringStopped("The comparison of engines was stopped.") from None
        raise Unavailable("Another process has been comparing the engines for too long.") from None
    except OSError as error:
        where = artefacts.machine_folder
        raise Unavailable(
            f"The engines could not be compared: '{where}' cannot be used: {error.strerror or error}."
        ) from error
    _log.info("engines compared", action="model.measured", best=str(next(iter(table.ranked()), None)))
    return table


@dataclass(frozen=True, slots=True)
class Run:
    """What a child answered."""

    measure: EngineMeasure
    vectors: Vectors | None


@dataclass(slots=True)
class Kept:
    """The runs of a comparison that was stopped, to go on from."""

    first: dict[EngineChoice, Run] = field(default_factory=dict)
    again: dict[EngineChoice, Run] = field(default_factory=dict)
    """Of those near the fastest."""


@dataclass(frozen=True, slots=True)
class _Measuring:
    """What all runs of a comparison share."""

    config: ModelConfig
    artefacts: ArtefactCache
    cancelled: Stop
    limit_seconds: float
    in_background: bool


async def _measure_all(measuring: _Measuring, limits: CheckLimits, kept: Kept) -> tuple[EngineMeasure, ...]:
    candidates = measurable(measuring.config)
    reference: Vectors | None = None
    for choice in _in_order(candidates, runnable_choices(measuring.config)):
        # One that is no candidate is there only to compare the others with.
        if choice in candidates or reference is None:
            if choice not in kept.first:
                kept.first[choice] = await _run(measuring, choice, speed=choice in candidates)
            if reference is None and choice.precision == "fp32":
                reference = kept.first[choice].vectors
    measures = {choice: _compared(kept.first[choice], reference, limits) for choice in candidates}
    for choice in _rivals(measures.values()):
        if choice not in kept.again:
            kept.again[choice] = await _run(measuring, choice, speed=True)
        measures[choice] = _better(measures[choice], _compared(kept.again[choice], reference, limits))
    return tuple(measures.values())


def _in_order(candidates: Collection[EngineChoice], runnable: Collection[EngineChoice]) -> list[EngineChoice]:
    """The fp32 ones first, since the others are compared with them; the reference also where it was not asked for."""
    exact = [choice for choice in candidates if choice.precision == "fp32" and choice not in _REFERENCES]
    rest = [choice for choice in candidates if choice.precision != "fp32"]
    last = [_REFERENCES[-1]] if _REFERENCES[-1] in runnable else []
    return [_REFERENCES[0], *exact, *last, *rest]


def _rivals(measures: Collection[EngineMeasure]) -> list[EngineChoice]:
    """Those near the fastest, slowest first, if there are several: another program's work decides nothing then."""
    passed = sorted((item for item in measures if item.failure is None), key=lambda item: item.speed)
    near = [item.choice for item in passed if item.speed * _NEAR >= passed[-1].speed][-_MOST_RIVALS:]
    return near if len(near) > 1 else []


def _better(first: EngineMeasure, second: EngineMeasure) -> EngineMeasure:
    """Of each number the better one, as what disturbs makes all of them worse; an engine must work both times."""
    if second.failure is not None:
        return second
    speeds = {words: max(rate, second.texts_per_second[words]) for words, rate in first.texts_per_second.items()}
    return replace(first, texts_per_second=speeds, query_ms=min(first.query_ms, second.query_ms))


async def _run(measuring: _Measuring, choice: EngineChoice, *, speed: bool) -> Run:
    """Raises MeasuringStopped; whatever else goes wrong is the measure's failure."""
    started = time.monotonic()
    try:
        answer = await _ask_child(measuring, choice, speed=speed)
        vectors = np.frombuffer(answer["vectors"], dtype=np.float32).reshape(answer["shape"])
        speeds = {int(words): float(rate) for words, rate in answer["texts_per_second"].items()}
        measure = EngineMeasure(choice, speeds, answer["query_ms"], 0.0, 0.0, answer["memory_bytes"], None)
        run = Run(measure, vectors)
    except MeasuringStopped:
        raise
    except (ChildError, ChildEnded, TimeoutError, Unavailable) as error:
        reason = error.detail if isinstance(error, ChildError | Unavailable) else str(error)
        run = Run(EngineMeasure(choice, {}, 0.0, 0.0, 0.0, 0, reason or type(error).__name__), None)
    _log.debug(
        "engine measured",
        action="model.engine.measured",
        engine=choice.engine,
        precision=choice.precision,
        texts_per_second=run.measure.texts_per_second,
        failure=run.measure.failure,
        seconds=round(time.monotonic() - started, 2),
    )
    return run


async def _ask_child(
    measuring: _Measuring, choice: EngineChoice, *, speed: bool, cancel_poll_seconds: float = 0.1
) -> Any:
    config, artefacts = measuring.config, measuring.artefacts
    if not speed:
        config = replace(config, device="auto")
    child = await ChildProcess.start("shared.model.tuning.measuring")
    asked = asyncio.create_task(
        child.call(
            "measure",
            within_seconds=measuring.limit_seconds,
            config=packed_config(config),
            engine=choice.engine,
            precision=choice.precision,
            cache=str(artefacts.folder.absolute()),
            cache_bytes=artefacts.most_bytes,
            speed=speed,
            in_background=measuring.in_background,
        )
    )
    try:
        while not (await asyncio.wait({asked}, timeout=cancel_poll_seconds))[0]:
            if measuring.cancelled.is_set():
                raise MeasuringStopped("The comparison of engines was stopped.")
        return asked.result()
    except ChildLate:
        raise TimeoutError(f"it was not measured within {measuring.limit_seconds:g} s") from None
    finally:
        await child.kill()
        await asyncio.gather(asked, return_exceptions=True)


def _compared(run: Run, reference: Vectors | None, limits: CheckLimits) -> EngineMeasure:
    if run.vectors is None:
        return run.measure
    if reference is None:
        return replace(run.measure, texts_per_second={}, failure="no fp32 engine runs here to compare its vectors with")
    cosines = _cosines(run.vectors, reference)
    return replace(run.measure, cosine_mean=float(cosines.mean()), cosine_worst=float(cosines.min())).judged(limits)


def _cosines(ours: Vectors, theirs: Vectors) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Shape (n,), of each row with the other's; -1 where a vector is no number or has no length."""
    left, right = ours.astype(np.float64), theirs.astype(np.float64)
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    with np.errstate(all="ignore"):
        cosines: np.ndarray[Any, np.dtype[np.float64]] = np.nan_to_num(
            (left * right).sum(axis=1) / lengths, nan=-1.0, posinf=-1.0, neginf=-1.0
        )
    return cosines
