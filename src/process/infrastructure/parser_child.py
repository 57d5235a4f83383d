"""The child process in which files are parsed: `python -m process.infrastructure.parser_child`."""

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from process.infrastructure.parsers.draft import Draft, ManyPages, Unreadable, locked
from process.infrastructure.parsers.parts import Parts
from shared.infrastructure.unlocking import WrongPassword, unlocked
from shared.runtime.child import Handler, limit_cpu, serve_parent

PARSERS: Final = {
    "text/plain": "process.infrastructure.parsers.text",
    "text/markdown": "process.infrastructure.parsers.markdown",
    "text/html": "process.infrastructure.parsers.html",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "process.infrastructure.parsers.pptx",
    "application/hwp+zip": "process.infrastructure.parsers.hwpx",
    "application/x-hwp": "process.infrastructure.parsers.hwp",
    "message/rfc822": "process.infrastructure.parsers.mail",
    "multipart/related": "process.infrastructure.parsers.mhtml",
    "application/vnd.ms-outlook": "process.infrastructure.parsers.msg",
    "application/json": "process.infrastructure.parsers.json_text",
    "application/jsonl": "process.infrastructure.parsers.json_lines",
    "application/x-ipynb+json": "process.infrastructure.parsers.notebook",
    "application/xml": "process.infrastructure.parsers.xml",
    "application/zip": "process.infrastructure.parsers.archive",
    "application/vnd.oasis.opendocument.text": "process.infrastructure.parsers.opendocument",
    "application/vnd.oasis.opendocument.spreadsheet": "process.infrastructure.parsers.opendocument",
    "application/vnd.oasis.opendocument.presentation": "process.infrastructure.parsers.opendocument",
    "application/epub+zip": "process.infrastructure.parsers.epub",
    "application/rtf": "process.infrastructure.parsers.rtf",
    "application/vnd.ms-excel": "process.infrastructure.parsers.xls",
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": "process.infrastructure.parsers.xls",
    "application/msword": "process.infrastructure.parsers.doc",
    "application/vnd.ms-powerpoint": "process.infrastructure.parsers.ppt",
    "text/csv": "process.infrastructure.parsers.delimited",
    "text/tab-separated-values": "process.infrastructure.parsers.delimited",
    **dict.fromkeys(
        (f"image/{kind}" for kind in ("png", "jpeg", "tiff", "webp", "bmp", "gif")),
        "process.infrastructure.parsers.picture",
    ),
    "application/pdf": "process.infrastructure.parsers.pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "process.infrastructure.parsers.docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "process.infrastructure.parsers.xlsx",
}
"""Media type → the module whose `parse(path, draft)` reads it, imported when the first one comes."""


def read(
    path: Path,
    media_type: str,
    *,
    most_characters: int,
    parts: Parts | None = None,
    password: str | None = None,
    most_pages: int | None = None,
) -> bytes:
    """The JSON of a ParsedDocument; the files in the file go into `parts`, `password` opens it where it has one.

    Raises Unreadable; ManyPages where it has more than `most_pages`, and `read_range` reads its type; MemoryError and
    what parsers let out otherwise.
    """
    parser = _parser_of(media_type)
    draft = Draft(media_type, most_characters=most_characters, parts=parts, password=password, most_pages=most_pages)
    with _opened(path, password) as opened:
        parser.parse(opened, draft)
    return draft.to_bytes()


def read_range(
    path: Path, media_type: str, pages: range, *, most_characters: int, password: str | None = None
) -> bytes:
    """Some pages (0-based) of a document that has many, for `assemble`. Raises as `read` does."""
    read_pages: Callable[[Path, Draft, range], bytes] = _parser_of(media_type).read_pages
    with _opened(path, password) as opened:
        return read_pages(opened, Draft(media_type, most_characters=most_characters, password=password), pages)


def assemble(
    path: Path,
    media_type: str,
    ranges: Sequence[bytes],
    *,
    most_characters: int,
    parts: Parts | None = None,
    password: str | None = None,
) -> bytes:
    """What `read` gives, of what `read_range` gave of all pages in order. Raises as `read` does."""
    parser = _parser_of(media_type)
    draft = Draft(media_type, most_characters=most_characters, parts=parts, password=password)
    with _opened(path, password) as opened:
        parser.assemble_pages(opened, draft, ranges)
    return draft.to_bytes()


def _parser_of(media_type: str) -> Any:
    """The module."""
    name = PARSERS.get(media_type)
    if name is None:
        raise Unreadable("unsupported", f"This version does not read files of the type {media_type}.")
    is_new = name not in sys.modules
    module = import_module(name)
    if is_new:
        # What was imported stays: the search for garbage need not go through it again with every file.
        gc.freeze()
    return module


@contextmanager
def _opened(path: Path, password: str | None) -> Iterator[Path]:
    # A shortage of descriptors shows here; libraries would call the file damaged.
    path.open("rb").close()
    try:
        with unlocked(path, password) as opened:
            yield opened
    except WrongPassword as error:
        raise locked("The document", password) from error


def parse(
    path: str,
    media_type: str,
    most_characters: int,
    cpu_seconds: float,
    parts: dict[str, Any] | None = None,
    password: str | None = None,
    most_pages: int | None = None,
    ranges: list[bytes] | None = None,
) -> dict[str, Any]:
    """`read`, or `assemble` where there are `ranges`, within a limit of processor time.

    `{"document": …, "peak_bytes": of this process}`; `pages`, how many there are, in place of a document of many.
    """
    limit_cpu(cpu_seconds)
    found = Parts(Path(parts["folder"]), most=parts["most"], most_bytes=parts["most_bytes"]) if parts else None
    given: dict[str, Any] = {"most_characters": most_characters, "parts": found, "password": password}
    try:
        document = (
            read(Path(path), media_type, most_pages=most_pages, **given)
            if ranges is None
            else assemble(Path(path), media_type, ranges, **given)
        )
    except ManyPages as many:
        return {"pages": many.pages, "peak_bytes": _peak_bytes()}
    return {"document": document, "peak_bytes": _peak_bytes()}


def parse_pages(
    path: str,
    media_type: str,
    most_characters: int,
    cpu_seconds: float,
    first: int,
    last: int,
    password: str | None = None,
) -> dict[str, Any]:
    """`read_range` of the pages `first` to `last` (1-based), within such a limit: `{"range": …, "peak_bytes": …}`."""
    limit_cpu(cpu_seconds)
    pages = range(first - 1, last)
    some = read_range(Path(path), media_type, pages, most_characters=most_characters, password=password)
    return {"range": some, "peak_bytes": _peak_bytes()}


def _peak_bytes() -> int:
    """The most memory this program has held. `ru_maxrss` would be the parent's own: it passes through exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024


HANDLERS: Final[dict[str, Handler]] = {"parse": parse, "parse_pages": parse_pages}

if __name__ == "__main__":
    serve_parent(HANDLERS)
