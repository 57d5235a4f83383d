"""How journeys are written down in any store."""

from datetime import UTC, datetime, timedelta
from typing import Final

from monitor.domain.journey import StepKind

KINDS: Final = {kind.value: kind for kind in StepKind}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    """Since 1970: exact, and ordered as numbers."""
    return (instant - EPOCH) // _MICROSECOND


def instant(number: int | None) -> datetime | None:
    """The inverse of `microseconds`, where there is one."""
    return None if number is None else EPOCH + timedelta(microseconds=number)


def place_of(instant: datetime) -> tuple[str, str]:
    """Of lists of journeys: their start and their document, both falling; no document is before the empty id."""
    return str(microseconds(instant)), ""
