"""Bytes to text, when nobody says in which encoding they are."""

import codecs
import re
from typing import Final

from process.infrastructure.parsers.draft import Unreadable

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE: Final = 64 << 10
_LETTERS: Final = re.compile(r"[^\W\d_]")
_HANGUL: Final = re.compile("[가-힣]")
_KANA: Final = re.compile("[ぁ-んァ-ヶー]")
_HALF_KANA: Final = re.compile("[\uff66-\uff9d]")
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


def decode(raw: bytes, *, declared: str | None = None) -> tuple[str, str]:
    """The text and the encoding's name. Raises Unreadable (binary) when the bytes are not text.

    A byte-order mark decides; then what fits without a single error and looks like language: UTF-8, the
    declared encoding, UTF-16 without a mark, Korean (CP949), Japanese, Western; charset-normalizer at last.
    """
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            text = raw.decode(encoding, errors="replace")
            if encoding != "utf-8-sig" and not _looks_like_text(text[:_SAMPLE]):
                raise _binary()
            return text, encoding.removesuffix("-sig")
    if b"\x00" in raw:
        return _with_nuls(raw)
    text_or_none = _strict(raw, "utf-8")
    if text_or_none is not None:
        if not _looks_like_text(text_or_none[:_SAMPLE]):
            raise _binary()
        return text_or_none, "utf-8"
    if declared:
        encoding = _ALIASES.get(declared.strip().lower(), declared.strip().lower())
        text_or_none = _strict(raw, encoding)
        if text_or_none is not None:
            return text_or_none, encoding
    return _legacy(raw)


def _strict(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError, ValueError):
        return None


def _with_nuls(raw: bytes) -> tuple[str, str]:
    sample = raw[: _SAMPLE & ~3]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    candidates = ["utf-16-le", "utf-16-be"] if odd >= even else ["utf-16-be", "utf-16-le"]
    if sample.count(0) > len(sample) / 2:
        candidates = ["utf-32-le", "utf-32-be", *candidates]
    for encoding in candidates:
        trial = _strict(sample[: len(sample) // 4 * 4 if "32" in encoding else len(sample) // 2 * 2], encoding)
        if trial is not None and _looks_like_text(trial) and _is_plausible_unicode(trial):
            return raw.decode(encoding, errors="replace"), encoding
    raise _binary()


def _legacy(raw: bytes) -> tuple[str, str]:
    sample = _sample_of(raw)
    if _is_korean(sample):
        return raw.decode("cp949", errors="replace"), "cp949"
    if len(raw) % 2 == 0:  # UTF-16 Korean without a single space or line break has no zero byte
        for encoding in ("utf-16-le", "utf-16-be"):
            trial = _strict(sample[: len(sample) // 2 * 2], encoding)
            if trial and _share(_HANGUL, trial) > 0.9 and _are_common_syllables(trial):
                return raw.decode(encoding, errors="replace"), encoding
    for encoding in ("cp932", "euc_jp"):
        trial = _lenient(sample, encoding)
        if trial and _share(_KANA, trial) >= 0.2 and not _HALF_KANA.search(trial[:2_000]):
            return raw.decode(encoding, errors="replace"), encoding
    # A few bad bytes in UTF-8 (a file cut short, two files glued) are still UTF-8.
    mended = sample.decode("utf-8", errors="replace")
    bad = mended.count("\ufffd")
    if bad * 20 < sum(not sign.isascii() for sign in mended) or (len(mended) > 2_000 and bad * 1_000 < len(mended)):
        good = sum(not sign.isascii() for sign in mended) - bad
        if good > bad:
            return raw.decode("utf-8", errors="replace"), "utf-8"
    if _is_western(sample):
        return raw.decode("cp1252", errors="replace"), "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    encoding = best.encoding if best is not None else "cp1252"
    text = raw.decode(encoding, errors="replace")
    if best is None and not _looks_like_text(text[:_SAMPLE]):
        raise _binary()
    return text, encoding


def _sample_of(raw: bytes) -> bytes:
    """The first 64 KiB, up to a line's end, where no character is cut in two."""
    if len(raw) <= _SAMPLE:
        return raw
    cut = raw.rfind(b"\n", 0, _SAMPLE)
    return raw[: cut + 1 if cut > 0 else _SAMPLE]


def _lenient(sample: bytes, encoding: str) -> str | None:
    """Decoded, allowing one character cut off at the end."""
    for cut in range(4):
        text = _strict(sample[: len(sample) - cut], encoding)
        if text is not None:
            return text
    return None


def _is_korean(sample: bytes) -> bool:
    text = _lenient(sample, "cp949")
    if text is None:
        # Some bad bytes among much Korean do not make it something else.
        text = sample.decode("cp949", errors="replace")
        if text.count("\ufffd") * 100 > len(text):
            return False
    return _share(_HANGUL, text) >= 0.8 and _are_common_syllables(text)


def _are_common_syllables(text: str) -> bool:
    """Whether nearly all are among the 2,350 syllables of KS X 1001; other bytes read as CP949 are not."""
    hangul = _HANGUL.findall(text)
    if not hangul:
        return False
    usual = {sign for sign in set(hangul) if min(sign.encode("cp949")) >= 0xA1}
    return bool(sum(sign in usual for sign in hangul) >= 0.95 * len(hangul))


def _share(pattern: re.Pattern[str], text: str) -> float:
    """Share of the letters beyond ASCII that match."""
    letters = [sign for sign in _LETTERS.findall(text) if not sign.isascii()]
    return len(pattern.findall(text)) / len(letters) if letters else 0.0


def _is_western(sample: bytes) -> bool:
    """Mostly ASCII with single accented letters inside words, as in Western European text."""
    high = sum(byte >= 0x80 for byte in sample)
    if not high or high > 0.3 * len(sample) or _strict(sample, "cp1252") is None:
        return False
    text = sample.decode("cp1252")
    in_runs = sum(map(len, re.findall(r"[^\x00-\x7f]{3,}", text)))
    letters = sum(sign.isalpha() for sign in text if not sign.isascii())
    return bool(in_runs * 4 <= high and letters >= 0.5 * high)


def _is_plausible_unicode(text: str) -> bool:
    """Whether UTF-16 read this way gives text of few scripts rather than noise."""
    known = sum(
        sign.isascii() or "가" <= sign <= "힣" or "\u3000" <= sign <= "\u30ff" or "\u4e00" <= sign <= "\u9fff"
        or "\u00a0" <= sign <= "\u06ff" or "\u2000" <= sign <= "\u206f" or "\uff00" <= sign <= "\uffef"
        for sign in text
    )  # fmt: skip
    ascii_or_hangul = sum(sign.isascii() or "가" <= sign <= "힣" for sign in text)
    return known >= 0.95 * len(text) and (ascii_or_hangul >= 0.3 * len(text) or bool(_KANA.search(text)))


def _looks_like_text(text: str) -> bool:
    """At most one control character in a hundred, or two in all."""
    odd = sum(ord(sign) < 32 and sign not in "\t\n\r\x0b\x0c\x1b" for sign in text)
    return odd <= max(2, len(text) // 100)


def _binary() -> Unreadable:
    return Unreadable(
        "binary", "The file is not text: it holds binary data. Check that it is the right file, or convert it to text."
    )
