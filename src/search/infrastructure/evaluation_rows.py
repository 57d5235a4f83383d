"""What of an evaluation is stored, alike in every store."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """Since 1970: sorts as the instants do."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def instant(number: int) -> datetime:
    """The inverse."""
    return _EPOCH + timedelta(microseconds=number)
