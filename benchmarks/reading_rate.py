"""How fast PDF files with text are read, against PDFium alone: pages a second of one worker, of processor time."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pypdfium2

from benchmarks.figures import Figure, at_least
from process.infrastructure.parser_child import read

_DOCUMENTS: Final = Path(__file__).parents[2] / "shared" / "data" / "documents" / "files"
_RUNS: Final = 3
_LEAST_CHARACTERS: Final = 200
"""Files with less text are scans."""


def _texts(path: Path) -> list[str]:
    """The text of every page as PDFium gives it."""
    document = pypdfium2.PdfDocument(path)
    texts = []
    for number in range(len(document)):
        page = document[number]
        text_page = page.get_textpage()
        texts.append(text_page.get_text_range())
        text_page.close()
        page.close()
    document.close()
    return texts


def _pages_with_text(path: Path) -> int:
    try:
        texts = _texts(path)
    except pypdfium2.PdfiumError:  # protected or damaged on purpose
        return 0
    return len(texts) if sum(map(len, texts)) >= _LEAST_CHARACTERS else 0


def _seconds(work: Callable[[Path], object], path: Path) -> float:
    started = time.process_time()
    work(path)
    return time.process_time() - started


def measure() -> list[Figure]:
    """The best of three of every file."""
    pages = {path: count for path in sorted(_DOCUMENTS.glob("*.pdf")) if (count := _pages_with_text(path))}
    alone = ours = 0.0
    for path in pages:
        runs = [(_seconds(_texts, path), _seconds(_read, path)) for _ in range(_RUNS)]
        alone, ours = alone + min(run[0] for run in runs), ours + min(run[1] for run in runs)
    total = sum(pages.values())
    note = f"{len(pages)} files, {total} pages; baseline: PDFium alone, text only"
    return [at_least("reading_rate", "PDF pages read by one worker", total / ours, "pages/s", total / alone, 0.5, note)]


def _read(path: Path) -> bytes:
    return read(path, "application/pdf", most_characters=50_000_000)
