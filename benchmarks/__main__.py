"""Runs the measurements, prints one table and writes benchmarks/results.json: `python -m benchmarks [NAME …]`."""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure
from shared.telemetry import configure_logs

_RESULTS: Final = Path(__file__).with_name("results.json")
_MODEL: Final = ("model_speed", "engine_quality", "model_load", "model_cycles", "embeddings_rate")
_READING: Final = ("reading_rate", "reading_snippets", "table_cells", "reading_scale")
_CHAT: Final = ("answers", "answer_times", "unanswerable", "side_by_side")
_GROUPS: Final = {
    "chat": _CHAT,
    "model": _MODEL,
    "reading": _READING,
    "monitor": ("watching", "monitor_overhead", "detection"),
}
_NAMES: Final = (
    "startup",
    *_MODEL,
    *_READING,
    "ingest_rate",
    "search_latency",
    "loop_stall",
    "event_rate",
    "watching",
    "monitor_overhead",
    "retrieval",
    "tariff_codes",
    *_CHAT,
)
_ON_SERVERS: Final = ("kafka_rate", "servers_ingest", "language_model", "detection")
"""Measured when they or their group are named: they need what `make servers` installs and starts."""
_IN_A_BROWSER: Final = ("search_page",)
"""Measured when they are named: they need Chromium and playwright."""
_LONG: Final = ("growth", "soak", "reading_long")
"""Measured when they are named: 100,000 documents, an hour, or ten minutes."""


def _machine() -> dict[str, Any]:
    """What the figures were seen on."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    flags = Path("/proc/cpuinfo").read_text()
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "amx": "amx_bf16" in flags,
        "avx512_bf16": "avx512_bf16" in flags,
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _table(figures: list[Figure]) -> Table:
    table = Table(title="Seoga, measured")
    for column in ("id", "what", "seen", "baseline", "ratio", "wanted", "holds", "note"):
        table.add_column(column)
    for figure in figures:
        table.add_row(
            figure.id,
            figure.what,
            f"{figure.seen:.4g} {figure.unit}",
            "" if figure.baseline is None else f"{figure.baseline:.4g}",
            "" if figure.ratio is None else f"{figure.ratio:.3f}",
            figure.wanted,
            "" if figure.holds is None else "yes" if figure.holds else "NO",
            figure.note,
        )
    return table


def main() -> None:
    """Measures what is named (all by default); figures of earlier runs that are not measured again stay."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*_NAMES, *_ON_SERVERS, *_IN_A_BROWSER, *_LONG, *_GROUPS, []], default=list(_NAMES)
    )
    asked = parser.parse_args().names
    names = [name for one in asked for name in _GROUPS.get(one, (one,))]
    configure_logs(level="error", format="text")
    kept = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {"figures": {}}
    figures: list[Figure] = []
    for name in names:
        measure: Callable[[], list[Figure]] = import_module(f"benchmarks.{name}").measure
        started = time.perf_counter()
        measured = measure()
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
        figures += measured
        kept["figures"][name] = {"machine": _machine(), "rows": [figure.as_row() for figure in measured]}
        _RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    Console(width=170).print(_table(figures))


if __name__ == "__main__":
    main()
