"""R9: fifty concurrent first calls, one load; a hundred load, reload and unload cycles, flat memory."""

import asyncio
import gc
import statistics
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from benchmarks.texts import abstracts, queries
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.manager import ModelManager
from shared.model.memory import resident_bytes, return_free_memory
from shared.settings import Settings, load_settings

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


def measure() -> list[Figure]:
    """Both halves of R9, with the engine of the settings and with each that can run here by itself."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as folder:
        for engine, precision in (("onnx", "fp32"), ("openvino", "int8")):
            settings = load_settings(data_dir=Path(folder), model_engine=engine, model_precision=precision)
            before, used, left = asyncio.run(_given_back(settings))
            share = 100 * (used - left) / (used - before)
            note = (
                f"{before >> 20} MiB before, {used >> 20} after bulk work, {left >> 20} once idle; {engine} {precision}"
            )
            what = f"memory given back by idle unloading, {engine}"
            figures.append(Figure("bench-model", what, share, "% of the growth", None, "reported", None, note))
            loads, memory = asyncio.run(_cycles(settings))
            early, late = (statistics.median(part) for part in (memory[_WARM_UP : _WARM_UP + 20], memory[-20:]))
            drift = 100 * (late / early - 1)
            note = (
                f"{early / 2**20:.0f} MiB in the first rounds, {late / 2**20:.0f} MiB in the last; {engine} {precision}"
            )
            figures += [
                Figure("R9", f"loads after {_CALLERS} first calls, {engine}", loads, "", None, "1", loads == 1),
                Figure("R9", f"memory drift, {_CYCLES} loads, {engine}", drift, "%", None, "≤ 5 %", drift <= 5, note),
            ]
    return figures
