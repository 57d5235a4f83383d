"""What OCR read goes among the blocks of a document, in the order of its pages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from process.domain.language import language_of
from shared.artefacts.parsed import Block, Box, InnerPicture, ParsedDocument, Table, UnreadPage
from shared.artefacts.recognised import RecognisedDocument, RecognisedPage, Word
from shared.ports.images import PictureText, TextBox

_SAMPLE: Final = 20_000
_BETWEEN: Final = "\n\n"
_LEAST_SURE: Final = 0.5
_QUOTES: Final = str.maketrans("\u201c\u201d\u2018\u2019", "\"\"''")
"""Which way a quotation mark is turned is a guess of OCR's: people type them straight."""


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """What was found in a picture of the document: at least one of the two."""

    picture: InnerPicture
    reading: PictureText | None = None
    caption: str = ""


def with_recognised(
    parsed: ParsedDocument,
    readings: Mapping[int, PictureText],
    *,
    seen: Sequence[SeenPicture] = (),
    unread: Sequence[UnreadPage],
    warnings: Sequence[str],
) -> RecognisedDocument:
    """The document with the `readings` of its pages, by their numbers; `unread` are those that could not be read.

    Where a page has text of its own the reading comes behind it, or in its place where that is garbage. What was `seen`
    in pictures stands where they do.
    """
    instead = {
        page.page
        for page in parsed.unread
        if (page.instead or page.doubtful) and readings.get(page.page, _NOTHING).text
    }
    text = _Text(parsed)
    waiting = sorted(readings)
    pictures = sorted(seen, key=lambda one: one.picture.after, reverse=True)
    for number, block in enumerate(parsed.blocks):
        while pictures and pictures[-1].picture.after <= number:
            text.add_picture(pictures.pop())
        while waiting and block.page is not None and block.page > waiting[0]:
            text.add_reading(waiting[0], readings[waiting.pop(0)])
        if block.page not in instead:
            text.add_block(block)
    for page in waiting:
        text.add_reading(page, readings[page])
    while pictures:
        text.add_picture(pictures.pop())
    whole = "".join(text.pieces)
    return RecognisedDocument(
        text=whole,
        blocks=tuple(text.blocks),
        media_type=parsed.media_type,
        language=parsed.language or language_of(whole[:_SAMPLE]),
        pages=parsed.pages,
        title=parsed.title,
        warnings=(*parsed.warnings, *warnings),
        parts=parsed.parts,
        pictures=parsed.pictures,
        tables=tuple(text.tables),
        unread=tuple(unread),
        recognised=tuple(text.recognised),
    )


_NOTHING: Final = PictureText("", (), 1, 1, "", 0.0)


class _Text:
    """The new text, piece by piece."""

    def __init__(self, parsed: ParsedDocument) -> None:
        self.pieces: list[str] = []
        self.blocks: list[Block] = []
        self.tables: list[Table] = []
        self.recognised: list[RecognisedPage] = []
        self._parsed = parsed
        self._tables = {table.start: table for table in parsed.tables}
        self._length = 0
        self._before: Block | None = None

    def add_block(self, block: Block) -> None:
        """As it was, with what stood between it and the one before it."""
        old = self._parsed.text
        between = _BETWEEN if self._before is None else old[self._before.end : block.start] or _BETWEEN
        start = self._add(old[block.start : block.end], between)
        self._before = block
        moved = start - block.start
        self.blocks.append(block.model_copy(update={"start": start, "end": block.end + moved}))
        table = self._tables.get(block.start)
        if table is not None:
            self.tables.append(table.model_copy(update={"start": start, "end": table.end + moved}))

    def add_reading(self, page: int, reading: PictureText) -> None:
        """Its paragraphs as blocks that carry their confidence."""
        self._before = None
        words: list[Word] = []
        for paragraph in _paragraphs(reading):
            text, places = _joined(paragraph)
            if not text:
                continue
            start = self._add(text, _BETWEEN)
            weight = sum(len(word.text) for word in paragraph)
            confidence = sum(len(word.text) * word.confidence for word in paragraph) / weight
            self.blocks.append(
                Block(
                    kind="paragraph",
                    start=start,
                    end=start + len(text),
                    page=page,
                    box=_fractions(_around(paragraph), reading),
                    language=language_of(text),
                    confidence=round(confidence, 3),
                )
            )
            words += (
                (start + begin, start + end, _fractions(word.box, reading))
                for word, (begin, end) in zip(paragraph, places, strict=True)
            )
        self.recognised.append(RecognisedPage(page=page, confidence=round(reading.confidence, 3), words=tuple(words)))

    def add_picture(self, seen: SeenPicture) -> None:
        """What is written in it, with the confidence of that, and what it shows."""
        self._before = None
        words = [] if seen.reading is None else sure_words(seen.reading)
        weight = sum(len(word.text) for word in words)
        if weight:
            said = "\n".join(_joined(paragraph)[0] for paragraph in _by_paragraph(words))
            confidence = sum(len(word.text) * word.confidence for word in words) / weight
            self._add_picture_block(said, seen.picture, round(confidence, 3))
        self._add_picture_block(seen.caption, seen.picture, None)

    def _add_picture_block(self, text: str, picture: InnerPicture, confidence: float | None) -> None:
        if not text:
            return
        start = self._add(text, _BETWEEN)
        self.blocks.append(
            Block(
                kind="picture",
                start=start,
                end=start + len(text),
                page=picture.page,
                box=picture.box,
                language=language_of(text),
                confidence=confidence,
            )
        )

    def _add(self, text: str, between: str) -> int:
        if self.pieces:
            self.pieces.append(between)
            self._length += len(between)
        start = self._length
        self.pieces.append(text)
        self._length += len(text)
        return start


def sure_words(reading: PictureText) -> list[TextBox]:
    """Those that are probably words: OCR finds letters in leaves and gravel too."""
    return [word for word in reading.boxes if word.text.strip() and word.confidence >= _LEAST_SURE]


def _paragraphs(reading: PictureText) -> Iterator[list[TextBox]]:
    return _by_paragraph([word for word in reading.boxes if word.text.strip()])


def _by_paragraph(words: Sequence[TextBox]) -> Iterator[list[TextBox]]:
    for _, paragraph in groupby(words, key=lambda word: (word.block, word.paragraph)):
        yield list(paragraph)


def _joined(words: Sequence[TextBox]) -> tuple[str, list[tuple[int, int]]]:
    """The paragraph's text and the place of each word in it; what a hyphen cut at a line's end is whole again."""
    text = ""
    places: list[tuple[int, int]] = []
    line: int | None = None
    for word in words:
        said = "".join(word.text.split()).translate(_QUOTES)
        if line is not None:
            if word.line != line and len(text) > 1 and text[-1] == "-" and text[-2].isalpha() and said[:1].islower():
                text = text[:-1]
                begin, _ = places[-1]
                places[-1] = (begin, len(text))
            else:
                text += " "
        places.append((len(text), len(text) + len(said)))
        text += said
        line = word.line
    return text, places


def _around(words: Sequence[TextBox]) -> tuple[int, int, int, int]:
    left, top, right, bottom = zip(*(word.box for word in words), strict=True)
    return min(left), min(top), max(right), max(bottom)


def _fractions(box: tuple[int, int, int, int], reading: PictureText) -> Box:
    left, top, right, bottom = box
    across, down = 1 / max(1, reading.width), 1 / max(1, reading.height)
    return round(left * across, 4), round(top * down, 4), round(right * across, 4), round(bottom * down, 4)
