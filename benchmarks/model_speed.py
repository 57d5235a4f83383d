"""The model by itself: texts a second through the ModelManager, against its raw engine and the reference; one
query's time; load time and memory in a fresh process. `python -m benchmarks.model_speed` prints a table.
"""

import asyncio
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, at_least, at_most, median, percentile
from benchmarks.raw_engine import encode_raw, model_cache, raw_engine
from benchmarks.texts import abstracts, queries
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.files.config import model_config
from shared.model.manager import ModelManager
from shared.settings import Settings
from shared.telemetry import configure_logs

_TEXTS: Final = {20: 400, 100: 120, 180: 72}
_CALLERS: Final = 8
_ROUNDS: Final = 5
_QUERIES: Final = 200
_PRODUCTS: Final = 20


def texts_of(words: int, count: int) -> list[str]:
    """English texts of so many words each, cut from abstracts."""
    every = " ".join(content.decode() for _, content in abstracts(600)).split()
    return [" ".join(every[start : start + words]) for start in range(0, words * count, words)]


def _per_second(count: int, run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return count / (time.perf_counter() - started)


async def _measure_speed(settings: Settings) -> dict[str, Any]:
    engine = raw_engine()
    reference = _reference(str(model_config(settings).folder))
    result: dict[str, Any] = {"words": {}, "engine": str(engine.choice), "cosines": []}
    async with ModelManager(settings, PrometheusMetrics()) as manager:
        await manager.load()
        for words, count in _TEXTS.items():
            texts = texts_of(words, count)
            seen: dict[str, list[float]] = {"raw": [], "manager": [], "callers": []}
            for _ in range(_ROUNDS):
                seen["raw"].append(_per_second(count, lambda: encode_raw(engine, texts)))  # noqa: B023 -- run at once
                started = time.perf_counter()
                vectors = await manager.embed(texts, kind="passage")
                seen["manager"].append(count / (time.perf_counter() - started))
                started = time.perf_counter()
                await asyncio.gather(
                    *(manager.embed(texts[caller::_CALLERS], kind="passage") for caller in range(_CALLERS))
                )
                seen["callers"].append(count / (time.perf_counter() - started))
                if reference is not None:
                    seen.setdefault("reference", []).append(
                        _per_second(count, lambda: reference(texts))  # noqa: B023 -- run at once
                    )
            result["words"][words] = {name: median(values) for name, values in seen.items()}
            if reference is not None:
                result["cosines"] += (vectors * reference(texts)).sum(axis=1).tolist()
        alone, managed = [], []
        for query in queries()[:_QUERIES]:
            started = time.perf_counter()
            engine.run(engine.prepare([query]))
            alone.append(1000 * (time.perf_counter() - started))
            started = time.perf_counter()
            await manager.embed([query], kind="query")
            managed.append(1000 * (time.perf_counter() - started))
    result["query_ms"] = {
        "raw p50": median(alone),
        "manager p50": median(managed),
        "manager p95": percentile(managed, 0.95),
    }
    return result


def _reference(folder: str) -> Callable[[Sequence[str]], Any] | None:
    if importlib.util.find_spec("sentence_transformers") is None:
        return None
    library: Any = importlib.import_module("sentence_transformers")
    model = library.SentenceTransformer(folder, device="cpu", local_files_only=True)
    return lambda texts: model.encode(list(texts), show_progress_bar=False)


async def _load_and_tell(data_dir: Path) -> dict[str, Any]:
    """In a fresh process: seconds and memory of loading, of one query, and of bulk work."""

    def memory() -> int:
        return int(psutil.Process().memory_full_info().pss) >> 20

    before = memory()
    # Nobody compares engines beside it.
    settings = Settings(data_dir=data_dir, model_engine="onnx", model_precision="fp32")
    async with ModelManager(settings, PrometheusMetrics()) as manager:
        started = time.perf_counter()
        await manager.load()
        load_seconds = time.perf_counter() - started
        loaded = memory()
        await manager.embed(["tariff rate of notebooks"], kind="query")
        first = time.perf_counter() - started
        queried = memory()
        await manager.embed([text for words in _TEXTS for text in texts_of(words, 60)], kind="passage")
        return {
            "artefact": manager.status().embedding.artefact,
            "load_seconds": load_seconds,
            "first_query_seconds": first,
            "pss_mb": {"before": before, "loaded": loaded, "after one query": queried, "after bulk": memory()},
        }


def _in_fresh_process(data_dir: Path) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.model_speed", "--load", str(data_dir)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    told: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return told


def measure_model() -> dict[str, Any]:
    """Everything this file measures."""
    with tempfile.TemporaryDirectory() as folder:
        built = _in_fresh_process(Path(folder))
        cached = [_in_fresh_process(Path(folder)) for _ in range(3)]
        result = asyncio.run(_measure_speed(Settings(data_dir=Path(folder), model_cache_dir=model_cache())))
    result["load"] = {"not cached": built, "cached": min(cached, key=lambda run: float(run["load_seconds"]))}
    installed = importlib.util.find_spec("sentence_transformers") is not None
    result["torch"] = importlib.metadata.version("torch") if installed else None
    return result


def measure() -> list[Figure]:
    """For `python -m benchmarks model_speed`: speed and likeness of the engine that `auto` chooses here."""
    seen = measure_model()
    figures = []
    # AMX or AVX512-BF16 promise three times the reference (quality.md); without them it is twice.
    flags = Path("/proc/cpuinfo").read_text()
    times = 3 if "amx_bf16" in flags or "avx512_bf16" in flags else 2
    chosen = seen["engine"]
    for words, speeds in seen["words"].items():
        what = f"embedding, {words} words, through the manager"
        figures.append(at_least("model", what, speeds["manager"], "texts/s", speeds["raw"], 0.95, "raw engine"))
        what = f"embedding, {words} words, {_CALLERS} callers at once"
        figures.append(at_least("model", what, speeds["callers"], "texts/s", speeds["raw"], 0.95, "raw engine"))
        if "reference" in speeds:
            note = f"sentence-transformers, torch {seen['torch']}"
            what = f"embedding, {words} words ({chosen})"
            figures.append(at_least("S4", what, speeds["manager"], "texts/s", speeds["reference"], times, note))
    if seen["cosines"]:
        worst, mean = min(seen["cosines"]), sum(seen["cosines"]) / len(seen["cosines"])
        note = f"mean {mean:.5f}, of {len(seen['cosines'])} texts"
        what = f"worst cosine to sentence-transformers ({chosen})"
        figures.append(Figure("S4", what, worst, "", None, "≥ 0.9995", worst >= 0.9995, note))
        figures += _machine_limits(seen)
    query = seen["query_ms"]
    figures.append(at_most("model", "one query, p50", query["manager p50"], "ms", query["raw p50"], 1.5, "raw engine"))
    for name, run in seen["load"].items():
        figures.append(Figure("model", f"load, artefact {name}", run["load_seconds"], "s", None, "reported", None))
        memory = run["pss_mb"]
        figures.append(
            Figure(
                "model",
                f"memory after one query, artefact {name}",
                memory["after one query"],
                "MB",
                None,
                "reported",
                None,
                f"{memory['before']} MB before loading, {memory['after bulk']} MB after bulk work",
            )
        )
    return figures


def _machine_limits(seen: dict[str, Any]) -> list[Figure]:
    """What a plain square matrix product gives here, and how much of it the engine reaches at 100 words."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(psutil.cpu_count(logical=False) or 1)
    figures = []
    for name in ("float32", "bfloat16"):
        left = torch.randn(1024, 1024).to(getattr(torch, name))
        left @ left
        started = time.perf_counter()
        for _ in range(_PRODUCTS):
            left @ left
        rate = _PRODUCTS * 2 * 1024**3 / (time.perf_counter() - started) / 1e9
        # 22 MFLOP a token of this model, 1.3 tokens a word.
        used = seen["words"][100]["manager"] * 130 * 22e6 / 1e9
        note = f"the engine does {used:.0f} GFLOP/s at 100 words, {100 * used / rate:.0f} %"
        figures.append(Figure("S4", f"square matrix product, {name}", rate, "GFLOP/s", None, "reported", None, note))
    return figures


def _print(seen: dict[str, Any]) -> None:
    table = Table(title=f"Texts a second, median of {_ROUNDS} (reference: torch {seen['torch']})")
    for column in ("words", "raw engine", "manager", f"{_CALLERS} callers", "sentence-transformers"):
        table.add_column(column, justify="right")
    for words, speeds in seen["words"].items():
        cells = (speeds.get(name) for name in ("raw", "manager", "callers", "reference"))
        table.add_row(str(words), *("" if cell is None else f"{cell:.0f}" for cell in cells))
    Console(width=120).print(table)
    print("one query, ms:", {name: round(value, 2) for name, value in seen["query_ms"].items()})
    for name, run in seen["load"].items():
        print(f"load, artefact {name}:", run)


if __name__ == "__main__":
    configure_logs(level="error", format="text")
    if sys.argv[1:2] == ["--load"]:
        print(json.dumps(asyncio.run(_load_and_tell(Path(sys.argv[2])))))
    else:
        _print(measure_model())
