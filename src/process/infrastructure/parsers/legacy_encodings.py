"""Which encoding older than UTF-8 some bytes are in, told by what they say when read in it."""

import re
from typing import Final

_LETTERS: Final = re.compile(r"[^\W\d_]")
_HANGUL: Final = re.compile("[가-힣]")
_KANA: Final = re.compile("[ぁ-んァ-ヶー]")
_HALF_KANA: Final = re.compile("[\uff66-\uff9d]")
_HAN: Final = re.compile("[\u4e00-\u9fff]")
_CYRILLIC: Final = re.compile("[Ѐ-ӿ]")
_HIGH_RUN: Final = re.compile(rb"[\x80-\xff]+")
_BESIDE_LATIN: Final = re.compile(rb"[A-Za-z][\x80-\xff]+|[\x80-\xff]+(?=[A-Za-z])")
_COMMON_CYRILLIC: Final = frozenset("оеаинті")
"""About half of the letters of any Russian, Ukrainian or Bulgarian text; a third of the letters of no other."""
WESTERN_SIGNS: Final = frozenset("‘’“”–—…€•™\u00a0°§£©®½·«»¿¡²³±µ×÷¼¾¹ºª¢¥¶†‡‰")
"""Of Windows-1252, those that stand in running text."""
# The characters that make up about half of any Chinese text (frequency lists of modern Chinese).
_SIMPLIFIED: Final = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然"
    "家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本前开但因只从想实日者意无力与长把机十民第"
    "公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应向文体政相见利什二等产或新制加月合回特代内信表化"
    "位次度门任常先海通原提立及比员解水名论处各入几口条平系更别总何电数安少报结反受量建务接必场件计管期市直资金指"
)
_TRADITIONAL: Final = frozenset(
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然"
    "家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心本前開但因只從想實日者意無力與長把機十民第"
    "公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應向文體政相見利什二等產或新制加月合回特代內信表化"
)


def strictly(raw: bytes, encoding: str) -> str | None:
    """The text, or None where a single byte does not fit or the encoding is unknown."""
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError, ValueError):
        return None


def likely_encoding(sample: bytes, hint: str | None = None, beside: str = "") -> str | None:
    """The encoding in which the bytes say something, or None.

    `hint` is what the file itself says; `beside` is text that stands in the same file and was read already:
    its script is what the rest of the file is likely in.
    """
    if hint is not None and _says_something(sample, hint):
        return hint
    if _KANA.search(beside) and (found := _japanese(sample)):
        return found
    if _HAN.search(beside) and not _HANGUL.search(beside) and not _KANA.search(beside) and (found := _chinese(sample)):
        return found
    if (
        is_korean(sample)
        or is_korean(sample[1:])
        or (
            _HANGUL.search(beside)
            and _share_in(sample, "cp949", _HANGUL) >= 0.6
            and not _is_punctuation(sample)
            and not (_has_few_common_syllables(sample) and _japanese(sample))
        )
    ):
        return "cp949"
    if found := _japanese(sample) or _chinese(sample) or _cyrillic(sample):
        return found
    return "cp1252" if is_western(sample) else None


def is_korean(sample: bytes) -> bool:
    """Whether the bytes, read as CP949, are Hangul in everyday syllables."""
    text = _lenient(sample, "cp949")
    if text is None:
        # Some bad bytes among much Korean do not make it something else.
        text = sample.decode("cp949", errors="replace")
        lost = text.count("\ufffd")
        if lost * 100 > len(text) and lost * 8 > len(_HANGUL.findall(text)):
            return False
    return share(_HANGUL, text) >= 0.8 and _are_common_syllables(text)


def is_utf_16_korean(sample: bytes, encoding: str) -> bool:
    """Whether nearly every pair of bytes is an everyday Hangul syllable."""
    trial = strictly(sample[: len(sample) // 2 * 2], encoding)
    return bool(trial and share(_HANGUL, trial) > 0.9 and _are_common_syllables(trial))


def is_western(sample: bytes) -> bool:
    """Mostly ASCII with single accented letters inside words, as in Western European text."""
    high = sum(byte >= 0x80 for byte in sample)
    if not high or high > 0.3 * len(sample):
        return False
    text = sample.decode("cp1252", errors="replace")
    if text.count("\ufffd") > max(1, high // 20):
        return False
    in_runs = sum(map(len, re.findall(r"[^\x00-\x7f]{3,}", text)))
    known = sum(sign.isalpha() or sign in WESTERN_SIGNS for sign in text if not sign.isascii())
    return bool(in_runs * 4 <= high and known >= 0.5 * high)


def _is_punctuation(sample: bytes) -> bool:
    """Quotes and dashes of Windows-1252 around Latin letters, which make rare syllables of CP949."""
    hangul = _HANGUL.findall(sample.decode("cp949", errors="replace"))
    return is_western(sample) and not any(map(_is_common_syllable, hangul))


def _has_few_common_syllables(sample: bytes) -> bool:
    hangul = _HANGUL.findall(sample.decode("cp949", errors="replace"))
    return sum(map(_is_common_syllable, hangul)) * 2 < len(hangul)


def is_plausible_unicode(text: str) -> bool:
    """Whether UTF-16 read this way gives text of few scripts rather than noise."""
    known = sum(
        sign.isascii() or "가" <= sign <= "힣" or "\u3000" <= sign <= "\u30ff" or "\u4e00" <= sign <= "\u9fff"
        or "\u00a0" <= sign <= "\u06ff" or "\u2000" <= sign <= "\u206f" or "\uff00" <= sign <= "\uffef"
        for sign in text
    )  # fmt: skip
    ascii_or_hangul = sum(sign.isascii() or "가" <= sign <= "힣" for sign in text)
    return known >= 0.95 * len(text) and (ascii_or_hangul >= 0.3 * len(text) or bool(_KANA.search(text)))


def share(pattern: re.Pattern[str], text: str) -> float:
    """Share of the letters beyond ASCII that match."""
    letters = [sign for sign in _LETTERS.findall(text) if not sign.isascii()]
    return len(pattern.findall(text)) / len(letters) if letters else 0.0


def _share_in(sample: bytes, encoding: str, pattern: re.Pattern[str]) -> float:
    text = _lenient(sample, encoding) or sample.decode(encoding, errors="replace")
    return share(pattern, text) if text.count("\ufffd") * 20 <= len(text) else 0.0


def _says_something(sample: bytes, encoding: str) -> bool:
    """Whether hardly a byte does not fit."""
    try:
        text = sample.decode(encoding, errors="replace")
    except (LookupError, ValueError):
        return False
    high = sum(byte >= 0x80 for byte in sample)
    return encoding != "utf-8" and text.count("\ufffd") <= max(1, high // 20)


def _japanese(sample: bytes) -> str | None:
    for encoding in ("cp932", "euc_jp"):
        trial = _lenient(sample, encoding)
        if trial and share(_KANA, trial) >= 0.2 and not _HALF_KANA.search(trial[:2_000]):
            return encoding
    return None


def _chinese(sample: bytes) -> str | None:
    for encoding, everyday in (("gb18030", _SIMPLIFIED), ("big5", _TRADITIONAL)):
        trial = _lenient(sample, encoding)
        letters = [sign for sign in trial if not sign.isascii() and sign.isalpha()] if trial else []
        if letters and sum(sign in everyday for sign in letters) >= 0.3 * len(letters):
            return encoding
    return None


def _cyrillic(sample: bytes) -> str | None:
    """Words of small letters, the common ones among them the usual third or more."""
    high = _HIGH_RUN.findall(sample)
    if sum(map(len, high)) < 8 or len(_BESIDE_LATIN.findall(sample)) * 4 > len(high):
        return None  # too little, or accented letters inside Latin words
    best, found = 0.3, None
    for encoding in ("cp1251", "koi8-r"):
        text = sample.decode(encoding, errors="replace")
        letters = [sign for sign in text if not sign.isascii() and sign.isalpha()]
        if len(letters) < 8 or share(_CYRILLIC, text) < 0.95 or text.count("\ufffd") * 20 > len(letters):
            continue
        common, rare = (sum(sign in few for sign in letters) / len(letters) for few in (_COMMON_CYRILLIC, "йщъ"))
        if common > best and rare < 0.12 and sum(map(str.islower, letters)) * 3 >= len(letters) * 2:
            best, found = common, encoding
    return found


def everyday_share(text: str) -> float:
    """How much of the text is Hangul of the 2,350 syllables of KS X 1001, Kana or everyday Chinese."""
    everyday = sum(
        _is_common_syllable(sign) or sign in _SIMPLIFIED or sign in _TRADITIONAL or bool(_KANA.match(sign))
        for sign in text
    )
    return everyday / len(text) if text else 0.0


def _is_common_syllable(sign: str) -> bool:
    return bool(_HANGUL.match(sign)) and min(sign.encode("cp949")) >= 0xA1


def _are_common_syllables(text: str) -> bool:
    """Whether nearly all are among those of KS X 1001; other bytes read as CP949 are not."""
    hangul = _HANGUL.findall(text)
    if not hangul:
        return False
    usual = {sign for sign in set(hangul) if _is_common_syllable(sign)}
    return bool(sum(sign in usual for sign in hangul) >= 0.95 * len(hangul))


def _lenient(sample: bytes, encoding: str) -> str | None:
    """Decoded, allowing one character cut off at the end."""
    for cut in range(4):
        text = strictly(sample[: len(sample) - cut], encoding)
        if text is not None:
            return text
    return None
