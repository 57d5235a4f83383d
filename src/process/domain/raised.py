"""Numbers that stand above their line (10⁶, m², the mark of a note): read as any other, 10⁶ would be 106."""

from typing import Final

_RAISED: Final = dict(zip("0123456789+-\u2212\u2013\u2010", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁻", strict=True))
RAISABLE: Final = frozenset(_RAISED)
"""Signs that Unicode has a raised one for."""
LONGEST: Final = 4
"""Signs of an exponent, or of a note's mark."""
SIGNS: Final = frozenset(_RAISED.values())
"""The raised ones."""


def raised(text: str) -> str:
    """In the signs that Unicode has for it; as it is where it lacks one of them (`st` of 1st, `TM`, `1)`)."""
    inner = text.strip()
    if not 0 < len(inner) <= LONGEST or not all(map(_RAISED.__contains__, inner)):
        return text
    return "".join(map(_RAISED.__getitem__, inner))
