"""Numbers that belong together: sizes (210 × 297 mm, 1920x1080), powers (10^6, m^2), fractions (1 1/2)."""

from typing import Final

from search.domain.quantities import plain_number
from shared.patterns import pattern

_NUMBER: Final = r"\d{1,6}(?:,\d{3})*(?:\.\d+)?"
_UNIT: Final = "(?:mm|cm|m|km|inch|in|ft|px|kg|g)"
SIZE: Final = rf"{_NUMBER}(?: ?{_UNIT}? ?[xX×✕✖*] ?{_NUMBER})+(?!\d|[.,]\d|\^)(?={_UNIT}?"
"""To be closed by what may not follow."""
POWER: Final = r"(?:\d+(?:\.\d+)?|[A-Za-z]{1,3})\^[+-]?\d{1,4}"
_PARTS: Final = pattern(_NUMBER)
_FRACTION: Final = pattern(r"(?<!\d )(?<![\d.,/])(\d{1,4}) (\d)/(\d{1,2})\Z")
_LONGEST_WITH_FRACTION: Final = 9
_EXACT: Final = frozenset((2, 4, 5, 8, 16))
"""Denominators whose fractions have an end when they are written as decimals."""


def size(written: str) -> tuple[str, list[str]]:
    """One writing for all, and its numbers."""
    numbers = [plain_number(one) for one in _PARTS.findall(written)]
    return "x".join(numbers), numbers


def power(written: str) -> tuple[str, tuple[str, ...]]:
    """A number's is a term of its own, beside its base; m^2 is m2, as m² is."""
    base, _, exponent = written.lower().partition("^")
    if base.isalpha():
        return base + exponent.lstrip("+"), ()
    return f"{base}^{exponent.lstrip('+')}", (base,)


def with_fraction(text: str, end: int) -> str | None:
    """1.5, where 1 1/2 ends."""
    match = _FRACTION.search(text, max(0, end - _LONGEST_WITH_FRACTION), end)
    if match is None:
        return None
    above, below = int(match[2]), int(match[3])
    if below not in _EXACT or above >= below:
        return None
    return f"{int(match[1]) + above / below}"
