"""Files that mix encodings (logs of several programs, files glued together): each line is read in its own."""

import re
from dataclasses import dataclass, field
from typing import Final

from process.infrastructure.parsers.legacy_encodings import (
    WESTERN_SIGNS,
    everyday_share,
    likely_encoding,
    strictly,
)

MULTI_BYTE: Final = frozenset(("cp949", "cp932", "euc_jp", "gb18030", "big5"))
"""Encodings in which no byte below 0x40 is a part of a character."""
_WORD: Final = re.compile(rb"[\x40-\xff]*[\x80-\xff][\x40-\xff]*")
"""What stands between signs that are ASCII in every encoding here; only words with a byte beyond ASCII."""
_SEQUENCE: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
"""A character of UTF-8 beyond ASCII (RFC 3629, section 4)."""
_STRAY: Final = re.compile(rb"([\x00-\x7f]?)([\x80-\xff]+)([\x00-\x7f]?)")
_TWO_BYTE_WORD: Final = re.compile(rb"(?:[\xd0\xd1][\x80-\xbf]){4}|(?:[\xce\xcf][\x80-\xbf]){4}")
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_ASCII: Final = bytes(range(0x80))
_SAMPLE: Final = 64 << 10
_LEAST_EVERYDAY: Final = 0.75
_NAMES: Final = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp949": "CP949 (Korean)",
    "cp932": "Shift_JIS (Japanese)",
    "euc_jp": "EUC-JP (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "cp1252": "Windows-1252",
    "cp1251": "Windows-1251 (Cyrillic)",
    "koi8-r": "KOI8-R (Cyrillic)",
}


@dataclass(slots=True)
class Parts:
    """What of a file's bytes beyond ASCII is valid UTF-8, and what is not."""

    sequences: int
    """Characters of UTF-8."""
    long_sequences: int
    """Those of three or four bytes, which hardly come about by chance."""
    stray_bytes: int
    """Bytes in no such character."""
    valid: bytes
    """Words that are UTF-8 with long sequences, up to 64 KiB."""
    foreign: bytes
    """Words that are not UTF-8, up to 64 KiB."""
    are_western_signs: bool = False
    """Each stray byte is a sign or a letter of Windows-1252 between signs of ASCII."""
    _found: dict[str | None, str | None] = field(default_factory=dict)

    @property
    def is_mixed(self) -> bool:
        """Whether some of it is surely UTF-8 and some is not."""
        return self.stray_bytes > 0 and (bool(self.valid) or self.mostly_utf_8)

    @property
    def mostly_utf_8(self) -> bool:
        """Whether characters of UTF-8 outnumber the bytes that are none."""
        sure = self.sequences if self.long_sequences * 2 >= self.sequences else self.long_sequences
        return max(sure, self.sequences if self._is_two_byte_text() else 0) > self.stray_bytes

    def _is_two_byte_text(self) -> bool:
        # Greek, Cyrillic or accented text: no long sequences, and nearly no byte that fits nowhere.
        return self.sequences >= 4 * max(1, self.stray_bytes)

    def foreign_encoding(self, hint: str | None) -> str | None:
        """What the words that are not UTF-8 are in, None when nothing reads them."""
        if hint not in self._found:
            beside = self.valid.decode("utf-8", errors="replace")
            self._found[hint] = (
                "cp1252"
                if hint is None and self.are_western_signs
                else likely_encoding(self.foreign, hint, beside) or _by_words(self.foreign)
            )
        return self._found[hint]


def parted(raw: bytes) -> Parts:
    """Counts; the work is the interpreter's own decoder's, and one look at each line."""
    high = raw.translate(None, _ASCII)
    if not high:
        return Parts(0, 0, 0, b"", b"")
    valid_text = raw.decode("utf-8", errors="ignore")
    sequences = len(valid_text) - (len(raw) - len(high))
    in_sequences = len(valid_text.encode()) - (len(raw) - len(high))
    of_four = len(valid_text.encode("utf-16-le")) // 2 - len(valid_text)
    of_three = in_sequences - 4 * of_four - 2 * (sequences - of_four)
    valid, foreign = bytearray(), bytearray()
    are_western_signs = sequences > 0
    for line in raw.split(b"\n"):
        if len(foreign) >= _SAMPLE:
            break
        if line.isascii():
            continue
        is_utf_8 = strictly(line, "utf-8") is not None
        if is_utf_8 and len(valid) >= _SAMPLE:
            continue
        are_western_signs = are_western_signs and (is_utf_8 or _has_western_signs(line))
        for match in _WORD.finditer(line):
            word = match[0]
            if strictly(word, "utf-8") is None:
                foreign += word + b"\n"
            elif len(valid) < _SAMPLE and _is_surely_utf_8(word):
                valid += word + b"\n"
    stray = len(high) - in_sequences
    return Parts(
        sequences, of_three + of_four, stray, bytes(valid), bytes(foreign[:_SAMPLE]), stray > 0 and are_western_signs
    )


def _has_western_signs(line: bytes) -> bool:
    """Whether no stray byte of the line is anything else than such a sign."""
    for stray in _STRAY.finditer(_SEQUENCE.sub(b"\0", line)):
        before, byte, behind = stray.groups()
        sign = byte.decode("cp1252", errors="replace")
        touches = before[-1:].isalnum() or behind[:1].isalnum()
        if len(byte) > 1 or not (sign in WESTERN_SIGNS or (sign.isalpha() and before.isalpha() and behind.isalpha())):
            return False
        if b"\0" in (before, behind) or not (touches or (before == b" " == behind)):
            return False
    return True


def decode(raw: bytes, parts: Parts, hint: str | None) -> tuple[str, tuple[str, ...]]:
    """The text, line by line: as UTF-8, else in the other encoding found, else with signs replaced; warnings."""
    other = parts.foreign_encoding(hint)
    first = "utf-8" if parts.mostly_utf_8 or other is None else other
    lines: list[str] = []
    in_the_other = lost = 0
    for raw_line in raw.split(b"\n"):
        line, encoding = _line(raw_line, other, first)
        lines.append(line)
        lost += "\ufffd" in line
        in_the_other += encoding not in (first, None)
    second = other if first == "utf-8" else "utf-8"
    return "\n".join(lines), told(first, second, in_the_other, lost)


def told(first: str, second: str | None, in_the_other: int, lost: int) -> tuple[str, ...]:
    """What a reader must know of lines in another encoding, and of lines with bytes that say nothing."""
    warnings = []
    if in_the_other:
        names = _NAMES.get(first, first), _NAMES.get(second or "", second)
        warnings.append(f"Most of the file is in {names[0]}; {_lines(in_the_other)} in {names[1]} and read as such.")
    if lost:
        warnings.append(f"{_lines(lost, 'holds', 'hold')} characters that could not be read; \ufffd stands for them.")
    return tuple(warnings)


def _lines(count: int, one: str = "is", more: str = "are") -> str:
    return f"1 line {one}" if count == 1 else f"{count:,} lines {more}"


def _line(raw: bytes, other: str | None, first: str) -> tuple[str, str | None]:
    """The line's text, and the encoding in which it or a part of it was read; None for ASCII."""
    if raw.isascii():
        return raw.decode("ascii"), None
    as_utf_8 = strictly(raw, "utf-8")
    as_other = strictly(raw, other) if other is not None else None
    sure = first == "utf-8" or as_other is None or other not in MULTI_BYTE or _has_long_sequence(raw)
    if as_utf_8 is not None and sure:
        return as_utf_8, "utf-8"
    if first == "utf-8" and other is not None and other not in MULTI_BYTE:
        return _each_sequence(raw, other), other
    if as_other is not None and other is not None:
        is_all_everyday = other in MULTI_BYTE and as_utf_8 is None and _everyday(as_other) == 1.0
        if is_all_everyday or not _has_long_sequence(raw):
            return as_other, other
    if other is not None and other not in MULTI_BYTE:
        return _each_sequence(raw, other), first
    used = {first}

    def word(match: re.Match[bytes]) -> bytes:
        text, encoding = _word(match[0], other, first)
        used.add(encoding)
        return text.encode()

    text = _WORD.sub(word, raw).decode("utf-8", errors="replace")
    return text, next((name for name in used if name != first), first)


def _is_surely_utf_8(word: bytes) -> bool:
    """Whether characters of it come about hardly by chance: long ones, or a word of Cyrillic or Greek."""
    return _has_long_sequence(word) or _TWO_BYTE_WORD.search(word) is not None


def _has_long_sequence(raw: bytes) -> bool:
    return any(len(found) > 2 for found in _SEQUENCE.findall(raw))


def _word(raw: bytes, other: str | None, first: str) -> tuple[str, str]:
    """A word in one of the two; one that is in neither loses the bytes that do not fit."""
    text = strictly(raw, "utf-8")
    if text is not None and (first == "utf-8" or _has_long_sequence(raw)):
        return text, "utf-8"
    # The bytes of 홍길동 in CP949 hold two characters of UTF-8; UTF-8 with a byte lost is hardly ever everyday Korean.
    as_other = strictly(raw, other) if other in MULTI_BYTE else None
    if other is not None and as_other is not None and _everyday(as_other) >= _LEAST_EVERYDAY:
        return as_other, other
    if text is not None:
        return text, "utf-8"
    found = _SEQUENCE.findall(raw)
    # Read by chance: one short sequence among many bytes.
    is_utf_8 = sum(len(sequence) > 2 for sequence in found) * 3 >= len(_HIGH.findall(raw)) / 2
    if other is None or is_utf_8:
        return _one_sign(raw.decode("utf-8", errors="replace")), "utf-8"
    text = strictly(raw, other)
    if text is not None:
        return text, other
    # A byte lost at either end shifts all others: what is whole without it was meant.
    ends = ((strictly(raw[1:], other), "\ufffd", ""), (strictly(raw[:-1], other), "", "\ufffd"))
    whole = [before + text + after for text, before, after in ends if text is not None]
    if whole:
        return max(whole, key=everyday_share), other
    return _glued(raw, other), other


def _everyday(text: str) -> float:
    return everyday_share("".join(sign for sign in text if not sign.isascii()))


def _glued(raw: bytes, other: str) -> str:
    """A word of which one end is UTF-8 and the other is not."""
    best = _one_sign(raw.decode(other, errors="replace"))
    runs = re.split(b"((?:" + _SEQUENCE.pattern + b"){2,})", raw)
    if len(runs) > 1:
        texts = [strictly(run, "utf-8") or strictly(run, other) for run in runs if run]
        if all(text is not None for text in texts):
            return "".join(text or "" for text in texts)
    return best


def _each_sequence(raw: bytes, other: str) -> str:
    """UTF-8 where it is; single bytes in an encoding of single bytes elsewhere."""
    parts = []
    position = 0
    for match in _SEQUENCE.finditer(raw):
        parts.append(raw[position : match.start()].decode(other, errors="replace"))
        parts.append(match[0].decode("utf-8"))
        position = match.end()
    parts.append(raw[position:].decode(other, errors="replace"))
    return "".join(parts)


def _one_sign(text: str) -> str:
    return re.sub("\ufffd{2,}", "\ufffd", text)


def _by_words(foreign: bytes) -> str | None:
    """CP949 where most of the words taken alone are Korean: broken ones beside them spoil the whole."""
    words = foreign.split(b"\n")[:2_000]
    good = b"\n".join(word for word in words if word and strictly(word, "cp949") is not None)
    if not good or good.count(b"\n") + 1 < len(words) / 3:
        return None
    return likely_encoding(good)
