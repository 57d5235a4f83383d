"""What an HS code is: digits of a chapter, heading, subheading or national line, and the ways they are written."""

import re
from typing import Final, Literal

Level = Literal[2, 4, 6, 8, 10]
LEVELS: Final = (2, 4, 6, 8, 10)
"""Digits: chapter, heading, subheading (the same in all countries), and what a country adds."""
Standing = Literal["current", "superseded", "unknown"]
"""In the nomenclature; in an older edition of it, with known successors; in neither."""

_FULL_WIDTH: Final = {0xFF10 + digit: 0x30 + digit for digit in range(10)}
_DOTS: Final = dict.fromkeys(map(ord, "．․"), ".")
_HYPHENS: Final = dict.fromkeys(map(ord, "－‐‑‒–—−﹣"), "-")
_PLAIN: Final[dict[int, str | int]] = {**_FULL_WIDTH, **_DOTS, **_HYPHENS, 0xA0: " ", 0x3000: " "}
# What may stand around the digits of a code that is asked for by itself.
_ASKED: Final = re.compile(
    r"(?:hs[ck]?|세번|품목번호)?\s*(?:code|코드|부호)?\s*[:#]?\s*제?\s*([\d.\- ]+?)\s*호?", re.IGNORECASE
)


def plain_signs(text: str) -> str:
    """The text with full-width digits and every kind of dot and hyphen as plain ones; of the same length."""
    return text.translate(_PLAIN)


def digits_of(written: str) -> str | None:
    """The digits of a code written alone, such as `8471.30`, `제8471.30-0000호`, `HS 847130`; None: it is none."""
    asked = _ASKED.fullmatch(plain_signs(written).strip())
    if asked is None:
        return None
    digits = re.sub(r"\D", "", asked[1])
    return digits if is_code(digits) else None


def is_code(digits: str) -> bool:
    """Whether so many digits are a code, of a chapter that a nomenclature may have."""
    return len(digits) in LEVELS and digits.isascii() and digits.isdigit() and digits[:2] != "00"


def display(code: str) -> str:
    """`84`, `8471`, `8471.30`, `8471.30-00`, `8471.30-0000`: as the Korean tariff writes it."""
    if len(code) <= 4:
        return code
    return f"{code[:4]}.{code[4:6]}" + (f"-{code[6:]}" if len(code) > 6 else "")


def ancestors(code: str) -> tuple[str, ...]:
    """What it belongs to, the chapter first; without itself."""
    return tuple(code[:level] for level in (2, 4, 6) if level < len(code))
