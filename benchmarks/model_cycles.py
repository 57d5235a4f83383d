"""R9: fifty concurrent first calls, one load; a hundred load, reload and unload cycles, flat memory."""

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure
from benchmarks.texts import abstracts, queries
from shared.free_memory import return_free_memory
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.lifecycle.memory import resident_bytes
from shared.model.manager import ModelManager
from shared.settings import Settings, load_settings
from shared.telemetry import configure_logs

_CALLERS: Final = 50
_CYCLES: Final = 100
# Libraries keep pools that fill in the first rounds.
_WARM_UP: Final = 10
_IDLE_SECONDS: Final = 3.0


async def _given_back(settings: Settings) -> tuple[int, int, int]:
    """Resident bytes before the load, after bulk work, and once the idle model was unloaded by itself."""
    texts = [content.decode() for _, content in abstracts(300)]
    settings = settings.model_copy(update={"model_idle_unload_seconds": 0.5})
    async with ModelManager(settings, PrometheusMetrics()) as manager:
        await manager.count_tokens(texts[:1])
        before = resident_bytes()
        await manager.embed(texts, kind="passage")
        used = resident_bytes()
        await asyncio.sleep(_IDLE_SECONDS)
        if manager.is_loaded:
            raise RuntimeError("an idle model was not unloaded")
        return before, used, resident_bytes()


async def _cycles(settings: Settings) -> tuple[int, list[int]]:
    """Loads after the first calls, and resident bytes after each cycle."""
    texts = queries()[:20]
    async with ModelManager(settings, PrometheusMetrics()) as manager:
        await asyncio.gather(*(manager.embed([text], kind="query") for text in (texts * 3)[:_CALLERS]))
        loads = manager.status().embedding.slot.loads
        memory = []
        for cycle in range(_CYCLES):
            if cycle % 2:
                await manager.reload()
            else:
                await manager.unload()
                await manager.load()
            await manager.embed(texts, kind="passage")
            gc.collect()
            return_free_memory()
            memory.append(resident_bytes())
        return loads, memory


def _in_fresh_process(engine: str, precision: str) -> dict[str, Any]:
    """Memory is told as it is without what the other measurements hold."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.model_cycles", engine, precision],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    told: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return told


def measure() -> list[Figure]:
    """Both halves of R9 and idle unloading, with the exact engine and with the fastest here."""
    figures = []
    for engine, precision in (("onnx", "fp32"), ("openvino", "int8")):
        seen = _in_fresh_process(engine, precision)
        before, used, left = (seen[name] for name in ("before", "used", "left"))
        note = f"{before >> 20} MiB before, {used >> 20} after bulk work, {left >> 20} once idle"
        what, share = (
            f"memory given back by idle unloading, {engine} {precision}",
            100 * (used - left) / (used - before),
        )
        figures.append(Figure("bench-model", what, share, "% of the growth", None, "reported", None, note))
        what, loads = f"loads after {_CALLERS} first calls, {engine} {precision}", seen["loads"]
        figures.append(Figure("R9", what, loads, "", None, "1", loads == 1))
        memory = seen["memory"]
        early, late = (statistics.median(part) for part in (memory[_WARM_UP : _WARM_UP + 20], memory[-20:]))
        drift = 100 * (late / early - 1)
        note = f"{early / 2**20:.0f} MiB in the first rounds, {late / 2**20:.0f} MiB in the last"
        what = f"memory drift, {_CYCLES} loads, {engine} {precision}"
        figures.append(Figure("R9", what, drift, "%", None, "≤ 5 %", drift <= 5, note))
    return figures


def _tell(engine: str, precision: str) -> None:
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as folder:
        settings = load_settings(data_dir=Path(folder), model_engine=engine, model_precision=precision)
        before, used, left = asyncio.run(_given_back(settings))
        loads, memory = asyncio.run(_cycles(settings))
    print(json.dumps({"before": before, "used": used, "left": left, "loads": loads, "memory": memory}))


if __name__ == "__main__":
    configure_logs(level="error", format="text")
    _tell(sys.argv[1], sys.argv[2])
