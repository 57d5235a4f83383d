"""What HWP and HWPX have in common: paragraphs, what hangs on them, their automatic numbers, and how they are told."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from process.infrastructure.parsers.draft import Draft, one_line
from process.infrastructure.parsers.grids import Span, add_grid
from process.infrastructure.parsers.pictures import described
from process.infrastructure.parsers.private_use import as_unicode

InsetKind = Literal["table", "box", "footnote", "endnote", "header", "footer", "comment"]

_DEEPEST: Final = 24
_LONGEST_HEADING: Final = 100
_MOST_COLUMNS: Final = 1_024
_SENTENCE_END: Final = re.compile(r"(?:다|요|함|음|됨|임)?[.。!?:;,]\Z")
_OUTLINE_NAME: Final = re.compile(r"(?:개요|outline) ?(\d{1,2})\Z", re.I)
_NO_TITLE: Final = re.compile(r"제목(?: ?없음)?\Z|본문 ?내용|빈 ?문서|untitled", re.I)
_BY_ITSELF: Final = re.compile(r"[^\s.]{1,12}입니다\.?(?:\s|\Z)|원본 그림의 ")
"""What Hangul says of each drawn thing by itself: "그림입니다.", and the picture's file and size."""
_PLACE: Final = re.compile(r"\^(\d{1,2}|[nN])")
_ASIDE: Final = {"footnote": "footnote", "endnote": "footnote", "comment": "comment"}
"""What stands beside the text, and the kind of block it is."""


@dataclass(slots=True)
class Cell:
    """One cell; row and column count from 0."""

    row: int
    column: int
    row_span: int
    column_span: int
    paragraphs: "list[Paragraph]"
    is_header: bool = False


@dataclass(slots=True)
class Inset:
    """What hangs on a place in a paragraph: a table, a text box, a note, a page's header."""

    kind: InsetKind
    paragraphs: "list[Paragraph]" = field(default_factory=list)
    """Of a table: its caption."""
    cells: list[Cell] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    """Of a box: the file's names of pictures and charts in it."""
    said: list[str] = field(default_factory=list)
    """Of a box: what is said instead of it to who cannot see it."""


@dataclass(slots=True)
class Paragraph:
    """Its text without its automatic number."""

    text: str = ""
    outline: int = 0
    """1–10 for a line of the outline, 0 otherwise."""
    label: str = ""
    """The automatic number or nothing."""
    is_item: bool = False
    insets: list[Inset] = field(default_factory=list)


@dataclass(slots=True)
class Numbering:
    """How the lines of up to ten levels are numbered."""

    patterns: list[str] = field(default_factory=list)
    """With `^1` where the number of the first level stands."""
    formats: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)


class Counters:
    """The numbers of a document's lines so far."""

    def __init__(self) -> None:
        self._counts: dict[object, list[int]] = {}

    def label(self, key: object, numbering: Numbering, level: int) -> str:
        """The next number of that level (from 0), as it is shown before the line."""
        if not 0 <= level < len(numbering.patterns):
            return ""
        counts = self._counts.setdefault(key, [])
        while len(counts) <= level:
            at = len(counts)
            counts.append((numbering.starts[at] if at < len(numbering.starts) else 1) - 1)
        counts[level] += 1
        del counts[level + 1 :]

        def shown(found: re.Match[str]) -> str:
            at = int(found[1]) - 1 if found[1].isdigit() else level
            if not 0 <= at < len(counts):
                return ""
            format_name = numbering.formats[at] if at < len(numbering.formats) else "DIGIT"
            return number_text(max(1, counts[at]), format_name)

        return _PLACE.sub(shown, numbering.patterns[level]).strip()


_SYLLABLES: Final = "가나다라마바사아자차카타파하"
_JAMO: Final = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
_STEMS: Final = "甲乙丙丁戊己庚辛壬癸"
_KOREAN_DIGITS: Final = "영일이삼사오육칠팔구"
_HANJA_DIGITS: Final = "〇一二三四五六七八九"


def number_text(number: int, format_name: str) -> str:
    """A number in one of the forms that Hancom names (OWPML, NumberType1)."""
    match format_name:
        case "CIRCLED_DIGIT":
            return chr(0x2460 + number - 1) if number <= 20 else f"({number})"
        case "ROMAN_CAPITAL":
            return _roman(number)
        case "ROMAN_SMALL":
            return _roman(number).lower()
        case "LATIN_CAPITAL":
            return chr(65 + (number - 1) % 26)
        case "LATIN_SMALL":
            return chr(97 + (number - 1) % 26)
        case "CIRCLED_LATIN_CAPITAL":
            return chr(0x24B6 + (number - 1) % 26)
        case "CIRCLED_LATIN_SMALL":
            return chr(0x24D0 + (number - 1) % 26)
        case "HANGUL_SYLLABLE":
            return _SYLLABLES[(number - 1) % 14]
        case "CIRCLED_HANGUL_SYLLABLE":
            return chr(0x326E + (number - 1) % 14)
        case "HANGUL_JAMO":
            return _JAMO[(number - 1) % 14]
        case "CIRCLED_HANGUL_JAMO":
            return chr(0x3260 + (number - 1) % 14)
        case "HANGUL_PHONETIC":
            return "".join(_KOREAN_DIGITS[int(digit)] for digit in str(number))
        case "IDEOGRAPH":
            return "".join(_HANJA_DIGITS[int(digit)] for digit in str(number))
        case "DECAGON_CIRCLE_HANJA":
            return _STEMS[(number - 1) % 10]
        case _:
            return str(number)


def title_of(text: str) -> str | None:
    """A document's title as its properties say it, unless it is what the word processor fills in by itself."""
    title = one_line(as_unicode(text))
    return title if len(title) > 2 and not _NO_TITLE.match(title) else None


def outline_of(style_name: str) -> int:
    """The level that a style of this name stands for, 0 for none."""
    found = _OUTLINE_NAME.match(style_name.strip())
    return min(10, int(found[1])) if found else 0


class Teller:
    """Puts paragraphs into a draft: notes behind what they belong to, page headers once at the end."""

    def __init__(self, draft: Draft, add_picture: Callable[[str], None]) -> None:
        """`add_picture` adds a picture to the draft by its name in the file."""
        self._draft = draft
        self._add_picture = add_picture
        self._edges: dict[str, str] = {}

    def tell(self, paragraphs: Iterable[Paragraph], *, depth: int = 0) -> None:
        """In their order."""
        for paragraph in paragraphs:
            self._one(paragraph)
            for inset in paragraph.insets:
                if depth < _DEEPEST:
                    self._inset(inset, depth + 1)

    def finish(self) -> None:
        """What stands above or below every page."""
        for text, kind in self._edges.items():
            self._draft.add(kind, text)

    def _one(self, paragraph: Paragraph) -> None:
        text = as_unicode(paragraph.text).strip()
        if not text:
            return
        whole = f"{paragraph.label} {text}" if paragraph.label else text
        line = one_line(whole)
        is_heading = 1 <= paragraph.outline <= 6 and len(line) <= _LONGEST_HEADING and not _SENTENCE_END.search(line)
        if is_heading:
            self._draft.add("heading", line, level=paragraph.outline)
        else:
            self._draft.add("list_item" if paragraph.is_item or paragraph.label else "paragraph", whole)

    def _inset(self, inset: Inset, depth: int) -> None:
        if inset.kind in ("header", "footer"):
            text = plain_text(inset.paragraphs)
            if text:
                self._edges.setdefault(text, inset.kind)
        elif inset.kind in _ASIDE:
            self._draft.add(_ASIDE[inset.kind], plain_text(inset.paragraphs))
        elif inset.kind == "table":
            self._table(inset, depth)
        else:
            for said in inset.said:
                if not _BY_ITSELF.match(said.strip()):
                    self._draft.add("picture", described(said))
            for name in inset.pictures:
                self._add_picture(name)
            self.tell(inset.paragraphs, depth=depth)

    def _table(self, table: Inset, depth: int) -> None:
        self._draft.add("caption", one_line(plain_text(table.paragraphs)))
        cells = [cell for cell in table.cells if cell.column < _MOST_COLUMNS]
        if len(cells) == 1:
            # A frame around text, not a table.
            self.tell(cells[0].paragraphs, depth=depth)
            return
        add_table_of(self._draft, cells)
        # Notes and pictures that hang on a cell's text.
        for cell in cells:
            for paragraph in cell.paragraphs:
                for inset in paragraph.insets:
                    if inset.kind in _ASIDE or inset.kind in ("header", "footer"):
                        self._inset(inset, depth)
                    for name in inset.pictures:
                        self._add_picture(name)


def add_table_of(draft: Draft, cells: Sequence[Cell]) -> None:
    """A grid from cells that know their places."""
    row_numbers = sorted({cell.row for cell in cells})
    place = {number: at for at, number in enumerate(row_numbers)}
    width = max((cell.column for cell in cells), default=-1) + 1
    rows = [[""] * width for _ in row_numbers]
    spans = []
    header = 0
    for cell in cells:
        at = place[cell.row]
        rows[at][cell.column] = plain_text(cell.paragraphs)
        if cell.row_span > 1 or cell.column_span > 1:
            spans.append(Span(at, cell.column, min(cell.row_span, len(rows) - at), cell.column_span))
        header = max(header, at + 1) if cell.is_header else header
    add_grid(draft, rows, spans=spans, header_rows=max(1, min(header, len(rows) - 1)))


def plain_text(paragraphs: Iterable[Paragraph], depth: int = 0) -> str:
    """Lines, with what is in tables and boxes inside."""
    lines: list[str] = []
    for paragraph in paragraphs:
        text = as_unicode(paragraph.text).strip()
        if text:
            lines.append(f"{paragraph.label} {text}" if paragraph.label else text)
        for inset in paragraph.insets:
            if depth < _DEEPEST and inset.kind in ("table", "box"):
                lines.append(plain_text(inset.paragraphs, depth + 1))
                lines += (plain_text(cell.paragraphs, depth + 1) for cell in inset.cells)
    return "\n".join(line for line in lines if line)


def _roman(number: int) -> str:
    text = ""
    for value, sign in (
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
        (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    ):  # fmt: skip
        count, number = divmod(number, value)
        text += sign * min(count, 10)
    return text
