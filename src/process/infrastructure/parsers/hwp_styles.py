"""What HWP 5 says of paragraphs in its document information: outline levels, bullets, automatic numbers."""

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from process.domain.raised import raised
from process.infrastructure.parsers.hancom import Counters, Numbering, Paragraph, outline_of
from process.infrastructure.parsers.hwp_records import records_of

_CHAR_SHAPE: Final = 21
_NUMBERING: Final = 23
_PARA_SHAPE: Final = 25
_STYLE: Final = 26
_LEVELS: Final = 7
_CHAR_FLAGS: Final = 46
"""Where in the record of a shape of signs its flags are."""
_IS_RAISED: Final = 1 << 15
_OUTLINE, _NUMBER, _BULLET = 1, 2, 3
_FORMATS: Final = (
    "DIGIT", "CIRCLED_DIGIT", "ROMAN_CAPITAL", "ROMAN_SMALL", "LATIN_CAPITAL", "LATIN_SMALL", "CIRCLED_LATIN_CAPITAL",
    "CIRCLED_LATIN_SMALL", "HANGUL_SYLLABLE", "CIRCLED_HANGUL_SYLLABLE", "HANGUL_JAMO", "CIRCLED_HANGUL_JAMO",
    "HANGUL_PHONETIC", "IDEOGRAPH", "CIRCLED_IDEOGRAPH",
)  # fmt: skip


@dataclass(slots=True)
class Styles:
    """By their places in the file."""

    are_raised: list[bool] = field(default_factory=list)
    """Of each shape of signs, whether they stand above their line."""
    outlines: list[int] = field(default_factory=list)
    """Of each style, the outline level that its name says."""
    shapes: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each paragraph shape: kind of head, level from 0, numbering from 1."""
    numberings: list[Numbering] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)

    def with_raised(self, text: bytes, shapes: bytes) -> bytes:
        """The text of a paragraph, its raised numbers in the signs for such; as long as it is.

        `shapes`: from which unit of the text on signs have which shape.
        """
        if not any(self.are_raised):
            return text
        parts: list[bytes] = []
        found = [*struct.iter_unpack("<II", shapes[: len(shapes) & ~7]), (len(text) // 2, 0)]
        for (begin, shape), (end, _) in pairwise(found):
            part = text[2 * begin : 2 * end]
            if shape < len(self.are_raised) and self.are_raised[shape]:
                said = part.decode("utf-16-le", "surrogatepass")
                number = said.strip()  # the end of the paragraph may stand behind it
                part = said.replace(number, raised(number), 1).encode("utf-16-le", "surrogatepass")
            parts.append(part)
        whole = b"".join(parts)
        return whole if len(whole) == len(text) & ~1 else text

    def number(self, paragraph: Paragraph, shape: int, style: int, outline_numbering: int) -> None:
        """Gives it its level and its label."""
        if not paragraph.text.strip():
            return
        paragraph.outline = self.outlines[style] if style < len(self.outlines) else 0
        kind, level, numbering_id = self.shapes[shape] if shape < len(self.shapes) else (0, 0, 0)
        paragraph.is_item = kind == _BULLET
        if kind == _OUTLINE:
            paragraph.outline = paragraph.outline or level + 1
            numbering_id = outline_numbering
        if kind in (_OUTLINE, _NUMBER) and 1 <= numbering_id <= len(self.numberings):
            numbering = self.numberings[numbering_id - 1]
            paragraph.label = self.counters.label((kind, numbering_id), numbering, level)


def read(raw: bytes) -> Styles:
    """From the unpacked stream DocInfo; what is damaged in it has no effect."""
    styles = Styles()
    for record in records_of(raw):
        data = record.data
        try:
            if record.tag == _CHAR_SHAPE:
                flags = struct.unpack_from("<I", data, _CHAR_FLAGS)[0] if len(data) >= _CHAR_FLAGS + 4 else 0
                styles.are_raised.append(bool(flags & _IS_RAISED))
            elif record.tag == _STYLE:
                length = struct.unpack_from("<H", data)[0]
                styles.outlines.append(outline_of(data[2 : 2 + 2 * length].decode("utf-16-le", "replace")))
            elif record.tag == _PARA_SHAPE:
                flags = struct.unpack_from("<I", data)[0]
                numbering_id = struct.unpack_from("<H", data, 30)[0] if len(data) >= 32 else 0
                styles.shapes.append((flags >> 23 & 3, flags >> 25 & 7, numbering_id))
            elif record.tag == _NUMBERING:
                styles.numberings.append(_numbering(data))
        except struct.error:
            continue
    return styles


def _numbering(data: bytes) -> Numbering:
    numbering = Numbering()
    at = 0
    for _ in range(_LEVELS):
        flags = struct.unpack_from("<I", data, at)[0]
        length = struct.unpack_from("<H", data, at + 12)[0]
        numbering.patterns.append(data[at + 14 : at + 14 + 2 * length].decode("utf-16-le", "replace"))
        at += 14 + 2 * length
        form = flags >> 5 & 15
        numbering.formats.append(_FORMATS[form] if form < len(_FORMATS) else _FORMATS[0])
    first = struct.unpack_from("<H", data, at)[0] if at + 2 <= len(data) else 1
    at += 2
    starts = struct.unpack_from(f"<{_LEVELS}I", data, at) if at + 4 * _LEVELS <= len(data) else (first,)
    numbering.starts = [start if 0 < start < 10_000 else 1 for start in starts]
    return numbering
