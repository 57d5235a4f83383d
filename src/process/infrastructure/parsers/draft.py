"""What a parser builds: normalised text and blocks, without pydantic, so that a child starts in no time."""

import io
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from process.domain.language import language_of
from process.infrastructure.parsers.parts import Parts
from process.infrastructure.parsers.tables.grid import looks_like_header_rows

# Control characters, zero-width marks, soft hyphens, lone surrogates (UTF-8 cannot hold them), non-characters.
_UNWANTED_SIGNS: Final = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff"
)
_LINE_END_SIGNS: Final = "\r\x0b\x0c\x85\u2028\u2029"
_ODD_SPACE_SIGNS: Final = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
# Letters that typesetting joined or shaped: words are searched by the letters themselves.
_SHAPED_SIGNS: Final = "\ufb00-\ufb06\ufb13-\ufb17\ufb50-\ufdcf\ufe80-\ufefc"
_UNWANTED: Final = re.compile(f"[{_UNWANTED_SIGNS}]")
_LINE_ENDS: Final = re.compile(f"\r\n|[{_LINE_END_SIGNS}]")
_ODD_SPACES: Final = re.compile(f"[{_ODD_SPACE_SIGNS}]")
_SHAPED: Final = re.compile(f"[{_SHAPED_SIGNS}]+")
_TO_BE_CHANGED: Final = re.compile(f"[{_UNWANTED_SIGNS}{_LINE_END_SIGNS}{_ODD_SPACE_SIGNS}{_SHAPED_SIGNS}]")
_MOST_BLOCKS: Final = 200_000
"""Beyond this, neighbouring paragraphs share a block: a block costs a hundred times more than a character."""
_LONGEST_TITLE: Final = 300
_LANGUAGE_SAMPLE: Final = 240
"""Characters of a block whose language is looked at."""
Box = tuple[float, float, float, float]
"""As in shared.artefacts.parsed."""
_MOST_PARTS: Final = 10_000
_MOST_PICTURES: Final = 100
"""Of one document: reading one takes as long as reading a page."""
_MOST_PART_BYTES: Final = 1 << 30


class Unreadable(Exception):
    """The document cannot be read; the text is for people, the code for programs."""

    def __init__(self, code: str, reason: str, *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.data: dict[str, Any] = {"code": code, "retryable": retryable}


class ManyPages(Exception):
    """The document has more pages than are read at once; nothing was read of it."""

    def __init__(self, pages: int) -> None:
        super().__init__(f"{pages} pages")
        self.pages = pages


def locked(what: str, password: str | None) -> Unreadable:
    """For a file with a password, where `password` did not open it: `what` is "The PDF" or the like."""
    if password is not None:
        return Unreadable("encrypted", f"{what} is protected with a password, and the one that was given is another.")
    return Unreadable(
        "encrypted",
        f"{what} is protected with a password. Reprocess it with its password, or save it without one and upload it "
        "again.",
    )


def normalised(text: str) -> str:
    """NFC with "\\n" line ends, plain spaces, ligatures undone and without control characters."""
    if text.isascii() and text.isprintable():
        return text
    if _TO_BE_CHANGED.search(text):
        text = _LINE_ENDS.sub("\n", text)
        text = _UNWANTED.sub("", text)
        text = _SHAPED.sub(lambda found: unicodedata.normalize("NFKC", found[0]), _ODD_SPACES.sub(" ", text))
    return unicodedata.normalize("NFC", text)


def one_line(text: str) -> str:
    """Without line breaks and runs of white space."""
    return " ".join(text.split())


@dataclass(slots=True)
class _Block:
    kind: str
    start: int
    end: int
    level: int
    page: int | None
    box: Box | None
    language: str | None
    confidence: float | None

    def fields(self) -> dict[str, Any]:
        """As JSON; what is as usual is left out."""
        found: dict[str, Any] = {"kind": self.kind, "start": self.start, "end": self.end}
        if self.level:
            found["level"] = self.level
        if self.page is not None:
            found["page"] = self.page
        if self.box is not None:
            found["box"] = self.box
        if self.language is not None:
            found["language"] = self.language
        if self.confidence is not None:
            found["confidence"] = self.confidence
        return found


class Draft:
    """Collects blocks in reading order; their texts joined by blank lines are the document's text."""

    def __init__(
        self,
        media_type: str,
        *,
        most_characters: int,
        parts: Parts | None = None,
        password: str | None = None,
        most_pages: int | None = None,
    ) -> None:
        self.media_type = media_type
        self.most_pages = most_pages
        """A parser that can read some of the pages alone raises ManyPages where there are more."""
        self.password = password
        """Which may open the file."""
        self.parts = parts or Parts(None, most=_MOST_PARTS, most_bytes=_MOST_PART_BYTES)
        """Files in the file."""
        self.title: str | None = None
        self.pages: int | None = None
        self.warnings: list[str] = []
        self._most_characters = most_characters
        self._text = io.StringIO()
        self._length = 0
        self._blocks: list[_Block] = []
        self._tables: list[dict[str, Any]] = []
        self._unread: list[dict[str, Any]] = []
        self._pictures: list[dict[str, Any]] = []
        self._seen_pictures: set[object] = set()
        self._unseen_pictures = 0

    def add(
        self,
        kind: str,
        text: str,
        *,
        level: int = 0,
        page: int | None = None,
        box: Box | None = None,
        confidence: float | None = None,
    ) -> None:
        """One block of a BlockKind; white space around it and empty ones are dropped.

        `box` and `confidence` (of OCR) are as in shared.artefacts.parsed.Block. Raises Unreadable (too_much_text) when
        the document is longer than allowed.
        """
        text = normalised(text).strip()
        if text:
            self._append(kind, text, level=level, page=page, box=box, confidence=confidence)

    def add_table(
        self,
        rows: Sequence[Sequence[str]],
        *,
        spans: Iterable[tuple[int, int, int, int]] = (),
        header_rows: int | None = None,
        caption: str | None = None,
        page: int | None = None,
        box: Box | None = None,
        parts: Iterable[tuple[int, int | None, Box | None]] = (),
        confidence: float | None = None,
    ) -> None:
        """A table as a grid, and the block that holds its text: one row a line, a tab between two cells.

        A cell's white space becomes single spaces. What a span (row, column, rows, columns) covers beside its first
        cell is empty in `rows`; short rows end in empty cells; rows without any text are left out. `header_rows` None:
        judged by how they look. The caption is a block of its own before the table, unless that was just added.
        `parts` (first row, page, box) are where a table goes on that began on `page`. Raises Unreadable as `add`.
        """
        # Characters are measured before they are joined: a sheet may have more than fits.
        self.require_room(self._length + sum(len(cell) for row in rows for cell in row))
        cells = [[one_line(normalised(cell)) if cell else "" for cell in row] for row in rows]
        kept = [number for number, row in enumerate(cells) if any(row)]
        if not kept:
            return
        caption = one_line(normalised(caption)) if caption else ""
        if caption and not self._ends_with("caption", caption):
            self.add("caption", caption, page=page)
        columns = max(max(index for index, cell in enumerate(cells[number]) if cell) + 1 for number in kept)
        lines = ["\t".join(cells[number]).rstrip("\t") for number in kept]
        self._append("table", "\n".join(lines), level=0, page=page, box=box, confidence=confidence)
        new_spans = _moved_spans(spans, kept, columns)
        grid = [cells[number] for number in kept]
        if header_rows is None:
            header_rows = looks_like_header_rows(grid)
        else:
            header_rows = sum(number < header_rows for number in kept)
        last = self._blocks[-1]
        table: dict[str, Any] = {"start": last.start, "end": last.end, "columns": columns}
        found: dict[str, Any] = {
            "header_rows": min(header_rows, len(kept) - 1),
            "caption": caption,
            "page": page,
            "box": box,
            "spans": new_spans,
            "parts": _moved_parts(parts, kept),
        }
        self._tables.append(table | {name: value for name, value in found.items() if value})

    def leave_unread(self, page: int, *, instead: bool = False, doubtful: bool = False) -> None:
        """The page is a picture: only OCR can tell its text, `instead` of what stands in the file.

        `doubtful`: what stands there may be right after all.
        """
        marks = {name: True for name, is_so in (("instead", instead), ("doubtful", doubtful)) if is_so}
        self._unread.append({"page": page, **marks})

    def add_picture(
        self, identity: object, source: str = "", *, page: int | None = None, box: Box | None = None
    ) -> None:
        """A picture worth reading stands here; one of the same `identity` (a logo on every page) is told once.

        `source`, `page` and `box` are as in shared.artefacts.parsed.InnerPicture.
        """
        if identity in self._seen_pictures:
            return
        self._seen_pictures.add(identity)
        if len(self._pictures) >= _MOST_PICTURES:
            self._unseen_pictures += 1
            return
        found = {"source": source, "after": len(self._blocks), "page": page, "box": box}
        self._pictures.append({name: value for name, value in found.items() if value is not None})

    def _append(
        self, kind: str, text: str, *, level: int, page: int | None, box: Box | None, confidence: float | None
    ) -> None:
        joined = bool(self._blocks) and kind == "list_item" == self._blocks[-1].kind
        separator = "" if not self._blocks else ("\n" if joined else "\n\n")
        start = self._length + len(separator)
        self._length = start + len(text)
        self.require_room(self._length)
        self._text.write(separator)
        self._text.write(text)
        last = self._blocks[-1] if len(self._blocks) >= _MOST_BLOCKS else None
        if last is not None and last.kind == kind == "paragraph" and last.page == page:
            last.end, last.box = self._length, None
        else:
            language = language_of(text[:_LANGUAGE_SAMPLE])
            self._blocks.append(_Block(kind, start, self._length, level, page, box, language, confidence))

    def _ends_with(self, kind: str, text: str) -> bool:
        return bool(self._blocks) and self._blocks[-1].kind == kind and self._text_of(self._blocks[-1]) == text

    def _text_of(self, block: _Block) -> str:
        self._text.seek(block.start)
        text = self._text.read(block.end - block.start)
        self._text.seek(0, io.SEEK_END)
        return text

    def require_room(self, characters: int) -> None:
        """Raises Unreadable (too_much_text) when a text of that length is more than allowed."""
        if characters > self._most_characters:
            raise Unreadable(
                "too_much_text",
                f"The document has more than {self._most_characters:,} characters of text, "
                "which is more than this server accepts. Split it into smaller documents.",
            )

    @property
    def text(self) -> str:
        """All of it so far."""
        return self._text.getvalue()

    @property
    def characters(self) -> int:
        """How long the text is so far."""
        return self._length

    def first(self, kind: str, level: int | None = None) -> str | None:
        """The text of the first block of that kind."""
        for block in self._blocks:
            if block.kind == kind and (level is None or block.level == level):
                return self._text_of(block)
        return None

    def to_bytes(self) -> bytes:
        """The JSON of shared.artefacts.parsed.ParsedDocument. Raises Unreadable (no_text) when nothing is in it."""
        if not self._blocks and not self._unread and not self._pictures:
            raise Unreadable("no_text", "The document has no text in it. Check that it is the right file.")
        if self._unseen_pictures:
            self.warnings.append(
                f"Only the first {_MOST_PICTURES} pictures are looked at; {self._unseen_pictures:,} more were not."
            )
        text = self._text.getvalue()
        title = one_line(normalised(self.title))[:_LONGEST_TITLE] if self.title else None
        return json.dumps(
            {
                "text": text,
                "blocks": [block.fields() for block in self._blocks],
                "tables": self._tables,
                "media_type": self.media_type,
                "language": language_of(_sample(text)),
                "pages": self.pages,
                "title": title or None,
                "warnings": self.warnings + ([self.parts.objection] if self.parts.objection else []),
                **({"unread": self._unread} if self._unread else {}),
                **({"pictures": self._pictures} if self._pictures else {}),
                **({"parts": self.parts.found} if self.parts.found else {}),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()


def _moved_spans(spans: Iterable[tuple[int, int, int, int]], kept: Sequence[int], columns: int) -> list[dict[str, int]]:
    """The spans in a grid of only the rows `kept`; those that are one cell by now are left out."""
    place = {number: index for index, number in enumerate(kept)}
    found = []
    for row, column, row_span, column_span in spans:
        rows = [place[number] for number in range(row, min(row + row_span, kept[-1] + 1)) if number in place]
        column_span = min(column_span, columns - column)
        if rows and column_span > 0 and (len(rows) > 1 or column_span > 1):
            found.append({"row": rows[0], "column": column, "row_span": len(rows), "column_span": column_span})
    return found


def _moved_parts(parts: Iterable[tuple[int, int | None, Box | None]], kept: Sequence[int]) -> list[dict[str, Any]]:
    """The parts of a grid of only the rows `kept`."""
    return [
        {"row": row, "page": page, "box": box}
        for first, page, box in parts
        if (row := sum(number < first for number in kept)) < len(kept)
    ]


def _sample(text: str) -> str:
    """Beginning, middle and end: a foreign abstract or title page must not decide alone."""
    if len(text) <= 18_000:
        return text
    middle = len(text) // 2
    return "\n".join((text[:6_000], text[middle : middle + 6_000], text[-6_000:]))
