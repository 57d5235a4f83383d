"""What large files cost: rows and pages a second of one parser process, and the most memory that it held."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import openpyxl
from fpdf import FPDF

from benchmarks.figures import Figure
from process.infrastructure.parser_child import PARSERS
from shared.runtime.children import ChildLimits, ChildProcess

_PAGES: Final = 500
_ROWS: Final = 100_000
_MEMORY: Final = 1 << 30
_SECONDS: Final = 300.0
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SENTENCE: Final = "The importer declares the goods within thirty days of their arrival and keeps the papers. "


def measure() -> list[Figure]:
    """Each file is made here and read in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="seoga-scale-") as folder:
        return [
            *_figures(Path(folder) / "pages", "application/pdf", _write_pages, _PAGES, "pages"),
            *_figures(Path(folder) / "rows", _XLSX, _write_rows, _ROWS, "rows"),
        ]


def _figures(path: Path, media_type: str, write: Callable[[Path], None], count: int, unit: str) -> list[Figure]:
    write(path)
    seconds, peak = asyncio.run(_read(path, media_type))
    what = f"{media_type.rpartition('.')[2].rpartition('/')[2]} of {count:,} {unit}"
    note = f"{path.stat().st_size >> 10:,} KiB"
    return [
        Figure(f"reading_scale_{unit}", f"{what}, read", count / seconds, f"{unit}/s", None, "", None, note),
        Figure(f"reading_scale_{unit}_memory", f"{what}, peak", peak / (1 << 20), "MiB", None, "", None, note),
    ]


async def _read(path: Path, media_type: str) -> tuple[float, int]:
    """Seconds and bytes, what is imported included."""
    assert media_type in PARSERS
    child = await ChildProcess.start(
        "process.infrastructure.parser_child", limits=ChildLimits(memory_bytes=_MEMORY, is_sandboxed=True)
    )
    try:
        started = time.perf_counter()
        answer = await child.call(
            "parse",
            within_seconds=_SECONDS,
            path=str(path),
            media_type=media_type,
            most_characters=100_000_000,
            cpu_seconds=_SECONDS,
        )
        return time.perf_counter() - started, int(answer["peak_bytes"])
    finally:
        await child.kill()


def _write_pages(path: Path) -> None:
    pdf = FPDF()
    pdf.set_font("helvetica", size=11)
    for number in range(_PAGES):
        pdf.add_page()
        pdf.multi_cell(0, 5, f"Page {number + 1}. " + _SENTENCE * 25)
    pdf.output(str(path))


def _write_rows(path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Stock")
    sheet.append(["item", "code", "pieces", "price", "place"])
    for number in range(_ROWS):
        sheet.append([f"article {number}", f"{8000 + number % 900}.{number % 100:02}", number % 1_000, 1.5, "Incheon"])
    book.save(path)
