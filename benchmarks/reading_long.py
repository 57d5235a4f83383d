"""What a server takes for a long scan, and for thousands of small files: pages a second, and memory while it reads."""

import io
import time
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from typing import Final

import psutil
import pypdfium2
from fpdf import FPDF

from benchmarks.figures import Figure, at_most
from benchmarks.server import RunningServer, a_server

_PAGES: Final = 200
_FILES: Final = 5_000
_FIRST_FILES: Final = 1_000
"""After so many, caches are full and children have been replaced."""
_GROWTH: Final = 1.1
_NAMES: Final = {"process": "index", "parser_child": "parsers", "child": "pictures"}
"""By the last part of a child's module; the index holds what was read, and grows with it."""
_DOTS_PER_POINT: Final = 150 / 72
_SENTENCE: Final = "The importer declares the goods within thirty days of their arrival and keeps the papers. "


def measure() -> list[Figure]:
    """Through the HTTP API, of a server with an empty shelf each."""
    return [*_scan(), *_small_files()]


def _scan() -> list[Figure]:
    content = _a_scan()
    with a_server() as server:
        started = time.perf_counter()
        server.upload([("scan.pdf", content)])
        peaks: dict[str, int] = {}
        while not _is_searchable(server):
            for name, size in _memory(server).items():
                peaks[name] = max(size, peaks.get(name, 0))
            time.sleep(0.5)
        seconds = time.perf_counter() - started
        found = server.search("The importer declares the goods", mode="keyword", limit=100)["total"]
    note = f"{len(content) >> 10:,} KiB, {found} chunks with its words"
    whole = "scan of 200 pages"
    return [
        Figure("reading_scan", f"{whole}, upload to searchable", _PAGES / seconds, "pages/s", None, "", None, note),
        *(
            Figure(f"reading_scan_{name}", f"{whole}, peak of the {name}", size / (1 << 20), "MiB", None, "", None, "")
            for name, size in sorted(peaks.items())
        ),
    ]


def _small_files() -> list[Figure]:
    files = list(_mixed())
    with a_server() as server:
        server.upload(files[:_FIRST_FILES])
        server.wait_until_searchable(_FIRST_FILES)
        before = _memory(server)
        server.upload(files[_FIRST_FILES:])
        server.wait_until_searchable(_FILES)
        after = _memory(server)
    what = f"after {_FILES:,} small files, against after {_FIRST_FILES:,}"
    mib = 1 << 20
    told = "memory of the {} " + what
    index = Figure("reading_small_index", told.format("index"), after["index"] / mib, "MiB", None, "", None, "grows")
    return [index] + [
        at_most(f"reading_small_{name}", told.format(name), after[name] / mib, "MiB", before[name] / mib, _GROWTH)
        for name in ("parsers", "server")
    ]


def _is_searchable(server: RunningServer) -> bool:
    (document,) = server.client.get("/api/v1/documents").json()["items"]
    if document["status"] == "failed":
        raise RuntimeError(document["problem"])
    return bool(document["status"] == "searchable")


def _memory(server: RunningServer) -> dict[str, int]:
    """Proportional bytes by what a process does; those of one kind together."""
    found: dict[str, int] = {}
    for process in server.processes():
        with suppress(psutil.Error):
            module = process.cmdline()[-1]
            name = module.rpartition(".")[2] if process.pid != server.process.pid else "server"
            name = "OCR" if "tesseract" in " ".join(process.cmdline()) else _NAMES.get(name, name)
            found[name] = found.get(name, 0) + process.memory_full_info().pss
    return found


def _a_scan() -> bytes:
    """Pictures of pages of text, as a scanner makes them: grey, 150 dots an inch."""
    written = FPDF()
    written.set_font("helvetica", size=11)
    for number in range(_PAGES):
        written.add_page()
        written.multi_cell(0, 6, f"Page {number + 1}. " + _SENTENCE * 12)
    scan = FPDF()
    document = pypdfium2.PdfDocument(bytes(written.output()))
    try:
        for page in document:
            picture = io.BytesIO()
            page.render(scale=_DOTS_PER_POINT, grayscale=True).to_pil().save(picture, "JPEG", quality=80)
            scan.add_page()
            scan.image(picture, x=0, y=0, w=210)
    finally:
        document.close()
    return bytes(scan.output())


def _mixed() -> Iterator[tuple[str, bytes]]:
    """Of five types in turns, each with words of its own."""
    for number in range(_FILES):
        text = f"Note {number} on article {number * 7919}. {_SENTENCE}"
        match number % 5:
            case 0:
                yield f"{number}.txt", text.encode()
            case 1:
                yield f"{number}.md", f"# Note {number}\n\n{text}\n".encode()
            case 2:
                yield f"{number}.html", f"<html><body><h1>Note {number}</h1><p>{text}</p></body></html>".encode()
            case 3:
                yield f"{number}.csv", f"item,pieces\narticle {number},{number * 3}\nbox {number},7\n".encode()
            case _:
                mail = EmailMessage()
                mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", f"Note {number}"
                mail.set_content(text)
                yield f"{number}.eml", mail.as_bytes()
