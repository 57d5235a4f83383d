"""Sizes and times as people write them: `512 MiB`, `1GB`, `30d`; a plain number is bytes, seconds, or days."""

import re
from typing import Final

from pydantic import BeforeValidator

_SIZES: Final = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}  # fmt: skip
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_WRITTEN: Final = re.compile(r"\s*([-+]?(?:\d+(?:[_,]\d{3})*(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?)\s*([A-Za-z]*)\s*")


def bytes_of(written: object) -> object:
    """The bytes of `1GB` (10⁹), `1GiB` or `1G` (2³⁰), `1048576`; what is no text stays as it is.

    Raises ValueError for what is no size.
    """
    if not isinstance(written, str):
        return written
    amount, unit = _parts(written)
    if amount is None or unit not in _SIZES:
        raise ValueError("must be a number of bytes, or a size such as `512 MiB`, `1GB` or `1.5 GiB`")
    return round(amount * _SIZES[unit])


def seconds_of(written: object) -> object:
    """The seconds of `90`, `90s`, `15min`, `12h`, `30d`, `2w`; what is no text stays. Raises ValueError."""
    return _time_of(written, plain=1, said="seconds")


def days_of(written: object) -> object:
    """The days of `7`, `12h`, `30d`, `2w`; what is no text stays. Raises ValueError."""
    return _time_of(written, plain=86400, said="days")


BYTES: Final = BeforeValidator(bytes_of)
"""For a setting in bytes."""
SECONDS: Final = BeforeValidator(seconds_of)
"""For a setting in seconds."""
DAYS: Final = BeforeValidator(days_of)
"""For a setting in days."""


def _time_of(written: object, *, plain: float, said: str) -> object:
    if not isinstance(written, str):
        return written
    amount, unit = _parts(written)
    if amount is None or (unit and unit not in _SECONDS):
        raise ValueError(f"must be a number of {said}, or a time such as `90s`, `15min`, `12h` or `30d`")
    return amount * (_SECONDS[unit] if unit else plain) / plain


def _parts(written: str) -> tuple[float | None, str]:
    match = _WRITTEN.fullmatch(written)
    if match is None:
        return None, ""
    return float(re.sub("[_,]", "", match[1])), match[2].lower()
