"""What was measured of each engine on this machine, who may be used by it, and how it is kept on disk."""

import functools
import hashlib
import importlib.metadata
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

from shared.model.engine import EngineChoice, EngineName, Precision
from shared.model.engines.cores import usable_cores
from shared.model.engines.opening import artefact_key, runnable_choices
from shared.model.engines.runnable import this_machine
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig
from shared.model.files.durable import write_whole
from shared.model.files.pinned import weights_sha256

MOST_PRECISE_FIRST: Final[tuple[Precision, ...]] = ("fp32", "bf16", "int8")
_FORMAT: Final = 1
# Runs of the same engine differ by as much: so small a gain is worth no precision.
_WORTH: Final = 1.03
_LIBRARIES: Final = ("onnxruntime", "openvino")


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What an engine must keep to."""

    mean: float
    """Least mean cosine of its vectors to the fp32 ones."""
    worst: float
    """Least cosine of any one."""
    memory_bytes: int | None = None
    """Most growth of the resident memory; None is no limit."""


@dataclass(frozen=True, slots=True)
class EngineMeasure:
    """What one engine did on the fixed sample; numbers are 0 and speeds empty where it did not run."""

    choice: EngineChoice
    texts_per_second: Mapping[int, float]
    """By words of a text (English)."""
    query_ms: float
    """Median time of one short question."""
    cosine_mean: float
    """To the fp32 vectors of the same texts, Korean and English."""
    cosine_worst: float
    memory_bytes: int
    """Growth of the process's resident memory from before the load to after bulk work."""
    failure: str | None
    """Why it must not be used; None where it passed."""

    @property
    def speed(self) -> float:
        """Texts a second: the geometric mean over the lengths; 0 where it did not run."""
        rates = self.texts_per_second.values()
        return math.exp(sum(map(math.log, rates)) / len(rates)) if rates and min(rates) > 0 else 0.0

    def judged(self, limits: CheckLimits) -> "EngineMeasure":
        """With the failure that these limits make of it; what did not run stays as it is."""
        return replace(self, failure=_failure(self, limits)) if self.texts_per_second else self


@dataclass(frozen=True, slots=True)
class EngineTable:
    """Every engine that could be tried on this machine, as measured."""

    key: str
    machine: str
    """Processor and cores, for people."""
    measured_at: datetime
    measures: tuple[EngineMeasure, ...]

    def ranked(self) -> tuple[EngineChoice, ...]:
        """Those that passed, fastest first; of two within 3 % the more precise one first."""
        waiting = sorted((item for item in self.measures if item.failure is None), key=lambda item: -item.speed)
        ranked: list[EngineChoice] = []
        while waiting:
            near = [item for item in waiting if item.speed * _WORTH >= waiting[0].speed]
            # `near` is sorted by speed and min takes the first of equals.
            best = min(near, key=lambda item: MOST_PRECISE_FIRST.index(item.choice.precision))
            waiting.remove(best)
            ranked.append(best.choice)
        return tuple(ranked)

    def judged(self, limits: CheckLimits) -> "EngineTable":
        """The same numbers under other limits."""
        return replace(self, measures=tuple(item.judged(limits) for item in self.measures))


def read_table(
    config: ModelConfig, artefacts: ArtefactCache, *, limits: CheckLimits | None = None
) -> EngineTable | None:
    """What was measured for these weights on this machine with these libraries, if anything was (0.3 ms).

    Judged by these limits; without any, by those it was measured under. A table that is damaged, of another
    version or of another machine is none. Raises Unavailable for weights that cannot be read.
    """
    key = table_key(config, artefacts)
    try:
        table = _parsed(json.loads(_table_file(artefacts, key).read_bytes()), key)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return table.judged(limits) if limits else table


def write_table(table: EngineTable, artefacts: ArtefactCache) -> None:
    """Whole or not at all. Raises OSError."""
    content = json.dumps({"format": _FORMAT, **_as_json(table)}, indent=1, ensure_ascii=False)
    write_whole(_table_file(artefacts, table.key), content.encode())


def table_key(config: ModelConfig, artefacts: ArtefactCache) -> str:
    """Names what a table holds for: processor, cores, threads, libraries, and what each engine would load."""
    weights = weights_sha256(config, artefacts)
    parts = {
        "machine": [machine_name(), sorted(this_machine().flags)],
        "libraries": _library_versions(),
        "threads": config.threads,
        "batch_tokens": config.batch_tokens,
        "device": config.device,
        "max_tokens": config.max_tokens,
        "engines": [[str(choice), artefact_key(config, choice, weights)] for choice in measurable(config)],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def measurable(config: ModelConfig) -> tuple[EngineChoice, ...]:
    """What a table has a row for.

    On a processor sentence-transformers was never the fastest, and loading it takes 5 s and 0.5 GB.
    """
    return tuple(
        choice
        for choice in runnable_choices(config)
        if choice.engine != "sentence-transformers" or config.device == "cuda"
    )


def machine_name() -> str:
    """Processor and usable cores; a container or an affinity that allows fewer cores makes another machine."""
    cores = usable_cores()
    return f"{_processor()}, {cores} core{'s' if cores != 1 else ''}"


@functools.cache
def _processor() -> str:
    try:
        # Of the first core: on machines with hundreds the whole file takes a while.
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    except OSError:
        first = ""
    lines = (line.partition(":") for line in first.splitlines())
    said = {name.strip().lower(): value.strip() for name, _, value in lines}
    return said.get("model name") or said.get("cpu part") or platform.processor() or platform.machine()


@functools.cache
def _library_versions() -> tuple[str, ...]:
    return tuple(map(_version, _LIBRARIES))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _table_file(artefacts: ArtefactCache, key: str) -> Path:
    return artefacts.machine_folder / f"engines-{key}.json"


def _as_json(table: EngineTable) -> dict[str, Any]:
    return {**asdict(table), "measured_at": table.measured_at.isoformat()}


def _parsed(said: Any, key: str) -> EngineTable:
    """Raises ValueError, KeyError, TypeError or AttributeError for what is no table of this key."""
    if said["format"] != _FORMAT or said["key"] != key:
        raise ValueError("of another version or another machine")
    measured_at = datetime.fromisoformat(said["measured_at"])
    if measured_at.tzinfo is None or not said["measures"]:
        raise ValueError("not written by this program")
    return EngineTable(key, str(said["machine"]), measured_at, tuple(map(_parsed_measure, said["measures"])))


def _parsed_measure(said: Any) -> EngineMeasure:
    engine, precision = said["choice"]["engine"], said["choice"]["precision"]
    if engine not in get_args(EngineName) or precision not in get_args(Precision):
        raise ValueError("no such engine")
    failure = said["failure"]
    return EngineMeasure(
        choice=EngineChoice(engine, precision),
        texts_per_second={int(words): float(rate) for words, rate in said["texts_per_second"].items()},
        query_ms=float(said["query_ms"]),
        cosine_mean=float(said["cosine_mean"]),
        cosine_worst=float(said["cosine_worst"]),
        memory_bytes=int(said["memory_bytes"]),
        failure=None if failure is None else str(failure),
    )


def _failure(measure: EngineMeasure, limits: CheckLimits) -> str | None:
    if measure.cosine_mean < limits.mean:
        return f"its vectors' mean cosine to fp32 is {measure.cosine_mean:.4f}, and {limits.mean:g} is the least"
    if measure.cosine_worst < limits.worst:
        return f"its vectors' worst cosine to fp32 is {measure.cosine_worst:.4f}, and {limits.worst:g} is the least"
    if limits.memory_bytes and measure.memory_bytes > limits.memory_bytes:
        return f"it takes {measure.memory_bytes >> 20} MiB, and {limits.memory_bytes >> 20} MiB is the most"
    return None
