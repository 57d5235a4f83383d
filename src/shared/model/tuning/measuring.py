"""One engine loaded and measured in a process of its own: speed, memory, and its vectors of the fixed sample.

Run as `python -m shared.model.tuning.measuring` it is that process (comparing.py is its parent).
"""

import contextlib
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from shared.model.engine import Engine, EngineChoice, PreparedText
from shared.model.engines.opening import load_engine
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import Architecture, ModelConfig
from shared.model.files.tokens import ModelTokenizer
from shared.model.tuning.sample import LENGTHS, checked_texts, sample_texts
from shared.ports.model import Vectors
from shared.runtime.child import serve_parent
from shared.telemetry import configure_logs

# Measuring gives way to whoever answers on the same machine.
_NICENESS: Final = 5
_NICENESS_IN_BACKGROUND: Final = 19
_ROUNDS: Final = 3
_BATCHES_OF_A_STREAM: Final = 2
_QUERY_RUNS: Final = 15
_LEAST_SHARE: Final = 0.1


def encode_in_bulk(engine: Engine, texts: Sequence[str]) -> Vectors:
    """Shape (n, dimension), in order. One loop: sorted by length, in the engine's batches, on its streams.

    Nothing can be faster with this engine: it is what the manager's own cost is measured against.
    """
    prepared = engine.prepare(texts)
    order = sorted(range(len(prepared)), key=lambda number: len(prepared[number].ids), reverse=True)
    batches: list[list[PreparedText]] = []
    for number in order:
        if not batches or len(batches[-1][0].ids) * (len(batches[-1]) + 1) > engine.batch_tokens:
            batches.append([])
        batches[-1].append(prepared[number])
    with ThreadPoolExecutor(engine.streams) as pool:
        sorted_vectors = np.concatenate(list(pool.map(engine.run, batches)))
    vectors = np.empty_like(sorted_vectors)
    vectors[order] = sorted_vectors
    return vectors


def measure(
    config: Mapping[str, Any],
    engine: str,
    precision: str,
    cache: str,
    cache_bytes: int,
    speed: bool,
    in_background: bool = False,
    *,
    long_seconds: float = 3.0,
) -> dict[str, Any]:
    """In the child: what comparing.py makes a measure of; without `speed` only the vectors. Raises Unavailable.

    Of a model as slow as `long_seconds` no further round is begun: with 0.5 billion parameters one takes seconds.
    """
    if in_background:
        _give_way()
    said = unpacked_config(config)
    process = psutil.Process()
    before = process.memory_info().rss
    tokenizer = ModelTokenizer(said)
    artefacts = ArtefactCache(Path(cache), most_bytes=cache_bytes)
    choice = EngineChoice(engine, precision)  # type: ignore[arg-type]  # the parent's own choice, come over a pipe
    loaded = load_engine(said, choice, artefacts, lambda: tokenizer).engine
    # The whole sample is the warm-up as well: every length, on every stream.
    vectors = encode_in_bulk(loaded, checked_texts())
    speeds = {words: _texts_per_second(loaded, words, long_seconds) for words in LENGTHS} if speed else {}
    memory = process.memory_info().rss - before
    return {
        "texts_per_second": speeds,
        "query_ms": _query_ms(loaded, long_seconds) if speed else 0.0,
        "memory_bytes": max(0, memory),
        "vectors": np.ascontiguousarray(vectors, dtype=np.float32).tobytes(),
        "shape": list(vectors.shape),
    }


def _give_way() -> None:
    """From now on this thread, and those it starts, run only where nobody else wants the processor."""
    os.nice(_NICENESS_IN_BACKGROUND)
    # A container may forbid it: the niceness is there.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _texts_per_second(engine: Engine, words: int, long_seconds: float) -> float:
    """The median of short rounds; each keeps every stream busy with the same number of batches."""
    (one,) = engine.prepare(sample_texts("en", words, 1))
    # Texts of as many words differ by some tokens; a tenth more room makes the batches come out even.
    in_a_batch = max(1, int(engine.batch_tokens / (1.1 * len(one.ids))))
    texts = sample_texts("en", words, in_a_batch * engine.streams * _BATCHES_OF_A_STREAM)
    rates: list[float] = []
    begun, before = time.perf_counter(), _processor_seconds()
    while len(rates) < _ROUNDS and (not rates or time.perf_counter() - begun < long_seconds):
        started = time.perf_counter()
        encode_in_bulk(engine, texts)
        rates.append(len(texts) / (time.perf_counter() - started))
    return statistics.median(rates) / _share(before, _processor_seconds(), time.perf_counter() - begun)


def _processor_seconds() -> tuple[float, float, float]:
    """Of all cores since the start: idle, computing for this process, and for all else (and stolen by the host)."""
    cores, mine = psutil.cpu_times(), psutil.Process().cpu_times()
    own = mine.user + mine.system
    busy = sum(getattr(cores, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))
    return cores.idle + getattr(cores, "iowait", 0.0), own, busy - own


def _share(before: tuple[float, float, float], after: tuple[float, float, float], seconds: float) -> float:
    """Of the processor, what others left to this process: what they could not have done on idle cores, they took.

    The server itself may be at work while engines are compared: with eight busy threads on two cores the plain rates
    of an engine were down to a quarter and the order changed from run to run; divided by this they were those of the
    idle machine within 15 %, and so was the order.
    """
    idle, _, others = (later - sooner for sooner, later in zip(before, after, strict=True))
    taken = max(0.0, others - idle) / (psutil.cpu_count() or 1)
    return max(_LEAST_SHARE, 1 - taken / seconds)


def _query_ms(engine: Engine, long_seconds: float) -> float:
    """The median time of one question alone."""
    (query,) = sample_texts("en", 10, 1)
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < _QUERY_RUNS and (not taken or time.perf_counter() - begun < long_seconds):
        started = time.perf_counter()
        engine.run(engine.prepare([query]))
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def packed_config(config: ModelConfig) -> dict[str, Any]:
    """As it goes to the child."""
    said: dict[str, Any] = {}
    for name, value in asdict(config).items():
        if isinstance(value, Path):
            said[name] = str(value.absolute())
        else:
            said[name] = sorted(value) if isinstance(value, frozenset) else value
    return said


def unpacked_config(said: Mapping[str, Any]) -> ModelConfig:
    """As it came from the parent."""
    values = dict(said)
    for field in fields(ModelConfig):
        value = values[field.name]
        if field.type is Path:
            values[field.name] = Path(value)
        elif field.name == "architecture":
            values[field.name] = Architecture(**value)
        elif field.name == "languages":
            values[field.name] = frozenset(value)
        elif isinstance(value, list):
            values[field.name] = tuple(value)
    return ModelConfig(**values)


if __name__ == "__main__":
    os.nice(_NICENESS)
    configure_logs(level="warning", format="text")
    serve_parent({"measure": measure})
