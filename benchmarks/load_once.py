"""Loads the model once in a fresh process and prints what it took as JSON.

`python -m benchmarks.load_once FOLDER SINCE`; SINCE is when the parent started it, in seconds since 1970.
It imports nothing before the clock starts, so that nothing of ours goes uncounted.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any


async def _load(folder: Path) -> dict[str, Any]:
    """Seconds of each step, and bytes."""
    started = time.perf_counter()
    from shared.infrastructure.prometheus_metrics import PrometheusMetrics
    from shared.model.manager import ModelManager
    from shared.settings import Settings

    imported = time.perf_counter()
    manager = ModelManager(Settings(data_dir=folder, model_engine="onnx", model_precision="fp32"), PrometheusMetrics())
    constructed = time.perf_counter()
    await manager.load()
    loaded = time.perf_counter()
    await manager.embed(["The duty on notebooks is eight per cent."], kind="query")
    embedded = time.perf_counter()
    status = manager.status().embedding
    manager.close()
    return {
        "artefact": status.artefact,
        "hits": status.cache.hits if status.cache else 0,
        "misses": status.cache.misses if status.cache else 0,
        "import": imported - started,
        "construct": constructed - imported,
        "load": loaded - constructed,
        "first text": embedded - loaded,
        "rss_before": status.slot.memory_before_bytes,
        "rss_after": status.slot.memory_after_bytes,
        "peak": _peak_bytes(),
    }


def _peak_bytes() -> int:
    """Of this program alone: getrusage's figure includes what its parent held before this one took over."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    # Wall clock: the parent says when it started this process.
    interpreter = time.time() - float(sys.argv[2])
    told = asyncio.run(_load(Path(sys.argv[1])))
    print(json.dumps({**told, "interpreter": interpreter}))
