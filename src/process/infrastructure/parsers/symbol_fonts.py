"""Signs of the fonts Symbol and Wingdings, which have numbers of their own, as Unicode's (Adobe's Symbol encoding)."""

from typing import Final

_GREEK: Final = dict(
    zip(
        "ABCDEFGHIKLMNOPQRSTUWXYZabcdefghijklmnopqrstuwxyz",
        "ΑΒΧΔΕΦΓΗΙΚΛΜΝΟΠΘΡΣΤΥΩΞΨΖαβχδεφγηιϕκλμνοπθρστυωξψζ",
        strict=True,
    )
)
_SYMBOL: Final = _GREEK | dict(
    zip(
        map(chr, (0xA3, 0xA5, 0xAC, 0xAD, 0xAE, 0xAF, 0xAB, 0xB0, 0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB7, 0xB8, 0xB9)),
        "≤∞←↑→↓↔°±″≥×∝•÷≠",
        strict=True,
    )
) | dict(
    zip(
        map(chr, (0xBA, 0xBB, 0xBC, 0xC5, 0xC6, 0xC7, 0xC8, 0xCE, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xE5)),
        "≡≈…⊕∅∩∪∈∠∇®©™∏√∑",
        strict=True,
    )
)  # fmt: skip
_WINGDINGS: Final = {
    "(": "☎", "*": "✉", "l": "●", "m": "○", "n": "■", "o": "□", "q": "❑", "v": "❖", "\x9f": "•", "\xa7": "▪",
    "\xa8": "☐", "\xd8": "➢", "\xdf": "←", "\xe0": "→", "\xe1": "↑", "\xe2": "↓", "\xe8": "➔", "\xf0": "⇨",
    "\xfb": "✗", "\xfc": "✓", "\xfd": "☒", "\xfe": "☑",
}  # fmt: skip
_FONTS: Final = {"symbol": _SYMBOL, "wingdings": _WINGDINGS}
_PRIVATE: Final = 0xF000
"""Where Windows has the signs of such fonts in Unicode's private use area."""


def symbol_of(font: str, code: int) -> str:
    """The sign at that place of the font; empty for a font or a sign that is not known."""
    place = code - _PRIVATE if _PRIVATE <= code < _PRIVATE + 0x100 else code
    return _FONTS.get(font.strip().casefold(), {}).get(chr(place), "") if 0 <= place < 0x100 else ""
