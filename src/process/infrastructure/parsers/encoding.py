"""Bytes to text, when nobody says in which encoding they are."""

import codecs
import re
from typing import Final, NamedTuple

from process.infrastructure.parsers import mixed_lines
from process.infrastructure.parsers.draft import Draft, Unreadable
from process.infrastructure.parsers.legacy_encodings import (
    everyday_share,
    is_korean,
    is_plausible_unicode,
    likely_encoding,
    strictly,
)
from process.infrastructure.parsers.legacy_encodings import is_utf_16_korean as _is_utf_16_korean

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE: Final = 64 << 10
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_NULS: Final = re.compile(rb"\x00+")
_NULS_TOLD: Final = "The file holds {:,} NUL bytes, which are no text; they were left out."
_LONGEST_CHARACTER: Final = 4
"""In bytes."""
_SEVEN_BIT: Final = (
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
    (re.compile(rb"\x1b\$[@B]|\x1b\(J"), "iso2022_jp"),
)
"""Encodings of ASCII bytes that an escape sequence begins (RFC 1557, RFC 1468)."""
_NO_ASCII: Final = ["cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140"]
"""EBCDIC: any bytes are letters in them."""
_ALIASES: Final = {
    # What pages say and what they mean (https://encoding.spec.whatwg.org/#names-and-labels).
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "windows-949": "cp949",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "utf-16": "utf-8",  # a page that could be read far enough to say so is not UTF-16
    "utf-16le": "utf-8",
    "utf-16be": "utf-8",
}


class Decoded(NamedTuple):
    """A text, the encoding of most of it, and what a reader must be told of the rest."""

    text: str
    encoding: str
    warnings: tuple[str, ...] = ()


def read_text(raw: bytes, draft: Draft, *, declared: str | None = None) -> str:
    """The text; what was lost becomes warnings of the draft. Raises Unreadable (binary)."""
    decoded = decoded_text(raw, declared=declared)
    draft.warnings.extend(decoded.warnings)
    return decoded.text


def decode(raw: bytes, *, declared: str | None = None) -> tuple[str, str]:
    """The text and the encoding's name, for who has nobody to warn. Raises Unreadable (binary)."""
    return decoded_text(raw, declared=declared)[:2]


def decoded_text(raw: bytes, *, declared: str | None = None) -> Decoded:
    """The text. Raises Unreadable (binary) when the bytes are not text.

    A byte-order mark decides; then what fits without a single error and looks like language: UTF-8, the
    declared encoding, UTF-16 without a mark, Korean (CP949), Japanese, Chinese, Western; charset-normalizer at
    last. Where a file mixes encodings, each line is read in its own.
    """
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            if encoding == "utf-8-sig":
                return _without_nuls(raw[len(mark) :], declared)
            decoded = _wide(raw, encoding)
            if not _looks_like_text(decoded.text[:_SAMPLE]):
                raise _binary()
            return decoded
    if b"\x00" in raw:
        wide = _utf_16_or_32(_without_a_hole(raw))
        if wide is not None:
            return _wide(raw, wide)
        begins = _where_utf_16_begins(raw)
        if begins:
            return _with_utf_16_behind(raw, begins, declared)
    return _without_nuls(raw, declared)


def _wide(raw: bytes, encoding: str) -> Decoded:
    """Of UTF-16 or UTF-32; NULs between its characters are no text there either."""
    beyond = len(raw) % (4 if "32" in encoding else 2)
    if beyond and not raw[-beyond:].strip(b"\0"):
        raw = raw[:-beyond]  # a hole may have any length
    text = raw.decode(encoding, errors="replace")
    count = text.count("\0")
    decoded = _counted(text.replace("\0", ""), encoding)
    return decoded._replace(warnings=(_NULS_TOLD.format(count), *decoded.warnings)) if count else decoded


def _without_a_hole(raw: bytes) -> bytes:
    """Without the run of NULs at the end, but for what its last character may need of them."""
    whole = raw.rstrip(b"\0")
    return (
        whole + bytes(min(-len(whole) % 4, len(raw) - len(whole)))
        if len(raw) - len(whole) > _LONGEST_CHARACTER
        else raw
    )


def _where_utf_16_begins(raw: bytes) -> int:
    """Where UTF-16 was appended to another text, as a redirected PowerShell does; 0 where it was not."""
    first = raw.index(0)
    for begins in (raw.rfind(b"\n", 0, max(0, first - 1)) + 1, first - 1):
        tail = raw[begins : begins + _SAMPLE].removeprefix(codecs.BOM_UTF16_LE)
        zeros = tail.count(0)
        text = strictly(tail[: len(tail) & ~1], "utf-16-le") if zeros > 2 and zeros * 10 > len(tail) else None
        if begins > 0 and text and "\0" not in text and is_plausible_unicode(text) and _looks_like_text(text):
            return begins
    return 0


def _with_utf_16_behind(raw: bytes, begins: int, declared: str | None) -> Decoded:
    before = _of_bytes(raw[:begins], declared)
    text = raw[begins:].removeprefix(codecs.BOM_UTF16_LE).decode("utf-16-le", errors="replace")
    behind = _counted(text, "utf-16")
    told = mixed_lines.told(before.encoding, "utf-16", len(text.splitlines()), 0)
    return Decoded(before.text + text, before.encoding, (*told, *before.warnings, *behind.warnings))


def _without_nuls(raw: bytes, declared: str | None) -> Decoded:
    count = raw.count(0)
    if not count:
        return _of_bytes(raw, declared)
    # A run of them fills a field or a hole in the file; one alone stands in a word, unless it is what parts records.
    single = b"\n" if count > 2 and b"\n" not in raw else b""
    rest = _NULS.sub(lambda run: b"\n" if len(run[0]) > 1 else single, raw)
    if not rest.strip():
        raise _binary()
    decoded = _of_bytes(rest, declared)
    if not _looks_like_text(decoded.text[:_SAMPLE], least=0):
        raise _binary()
    return decoded._replace(warnings=(_NULS_TOLD.format(count), *decoded.warnings))


def _of_bytes(raw: bytes, declared: str | None) -> Decoded:
    if b"\x1b" in raw and raw.isascii():
        for begins, encoding in _SEVEN_BIT:
            text = strictly(raw, encoding) if begins.search(raw) else None
            if text is not None and _looks_like_text(text[:_SAMPLE]):
                return Decoded(text, encoding)
    text = strictly(raw, "utf-8")
    if text is not None:
        if not _looks_like_text(text[:_SAMPLE]):
            raise _binary()
        return Decoded(text, "utf-8")
    hint = None
    if declared:
        hint = _ALIASES.get(declared.strip().lower(), declared.strip().lower())
        text = strictly(raw, hint)
        if text is not None:
            return Decoded(text, hint)
    parts = mixed_lines.parted(raw)
    if parts.is_mixed and not _is_clean_korean(raw, parts):
        text, told = mixed_lines.decode(raw, parts, hint)
        if not _looks_like_text(text[:_SAMPLE]):
            raise _binary()
        return Decoded(text, "utf-8" if parts.mostly_utf_8 else parts.foreign_encoding(hint) or "utf-8", told)
    return _legacy(raw, hint)


def _is_clean_korean(raw: bytes, parts: mixed_lines.Parts) -> bool:
    """Bytes of Korean that happen to be valid UTF-8 too, here and there, are no other encoding."""
    if parts.mostly_utf_8 or strictly(raw, "cp949") is None or not is_korean(_sample_of(raw)):
        return False
    by_chance, meant = (parts.valid.decode(name, errors="replace") for name in ("utf-8", "cp949"))
    return everyday_share(meant) >= everyday_share(by_chance)


def _legacy(raw: bytes, hint: str | None) -> Decoded:
    sample = _sample_of(raw)
    if not is_korean(sample) and len(raw) % 2 == 0:
        # UTF-16 Korean without a single space or line break has no zero byte.
        for encoding in ("utf-16-le", "utf-16-be"):
            if _is_utf_16_korean(sample, encoding):
                return _counted(raw.decode(encoding, errors="replace"), encoding)
    known = likely_encoding(sample, hint)
    if known is None:
        from charset_normalizer import from_bytes

        best = from_bytes(sample, cp_exclusion=_NO_ASCII).best()
        known = best.encoding if best is not None else "cp1252"
        if best is None and not _looks_like_text(raw.decode(known, errors="replace")[:_SAMPLE]):
            raise _binary()
    parts = mixed_lines.parted(raw) if known == "cp1252" or known in mixed_lines.MULTI_BYTE else None
    text = strictly(raw, known)
    if text is not None and not (known == "cp1252" and parts is not None and parts.sequences):
        return Decoded(text, known)
    if parts is not None:
        text, told = mixed_lines.decode(raw, parts, known)
        return Decoded(text, known, told)
    return _counted(raw.decode(known, errors="replace"), known)


def _counted(text: str, encoding: str) -> Decoded:
    lost = sum("\ufffd" in line for line in text.splitlines()) if "\ufffd" in text else 0
    return Decoded(text, encoding.removesuffix("-sig"), mixed_lines.told(encoding, None, 0, lost))


def _utf_16_or_32(raw: bytes) -> str | None:
    """The wide encoding that the zero bytes belong to, or None when they are strays."""
    sample = raw[: _SAMPLE & ~3]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    narrow = sample.replace(b"\x00", b"")
    if not narrow or (even + odd) * 10 < 4 * len(sample):
        # Fewer zeros than Latin letters have: what is UTF-8 without them was UTF-8, with strays in it.
        if not narrow or (_HIGH.search(narrow) is None) or mixed_lines.parted(narrow).mostly_utf_8:
            return None
    elif max(even, odd) * 10 < 8 * (even + odd) and not sample.count(0) > len(sample) / 2:
        return None
    candidates = ["utf-16-le", "utf-16-be"] if odd >= even else ["utf-16-be", "utf-16-le"]
    if sample.count(0) > len(sample) / 2:
        candidates = ["utf-32-le", "utf-32-be", *candidates]
    for encoding in candidates:
        trial = strictly(sample[: len(sample) // 4 * 4 if "32" in encoding else len(sample) // 2 * 2], encoding)
        if trial is not None and _looks_like_text(trial) and is_plausible_unicode(trial):
            return encoding
    return None


def _sample_of(raw: bytes) -> bytes:
    """The first 64 KiB, up to a line's end, where no character is cut in two."""
    if len(raw) <= _SAMPLE:
        return raw
    cut = raw.rfind(b"\n", 0, _SAMPLE)
    return raw[: cut + 1 if cut > 0 else _SAMPLE]


def _looks_like_text(text: str, *, least: int = 2) -> bool:
    """At most one control character in a hundred, or `least` in all."""
    odd = sum(ord(sign) < 32 and sign not in "\x08\t\n\r\x0b\x0c\x1b" for sign in text)
    return odd <= max(least, len(text) // 100)


def _binary() -> Unreadable:
    return Unreadable(
        "binary", "The file is not text: it holds binary data. Check that it is the right file, or convert it to text."
    )
