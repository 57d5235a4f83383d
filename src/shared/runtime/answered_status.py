"""What the status of a server's answer means for whoever asked it."""

from http import HTTPStatus
from typing import Final

from shared.kernel import DomainError, Unavailable
from shared.runtime.resilience import AskedToWait

_WORTH_ANOTHER_TRY: Final = frozenset((408, 409, 425))


class WillNotAnswer(DomainError):
    """The server is well and will not answer this: no use to ask again."""


def failure_of(server: str, status: int, retry_after: str | None) -> DomainError:
    """Of a status that is no success: AskedToWait, Unavailable, or WillNotAnswer; `retry_after` is its header."""
    said = f"{server} answered {status}."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return AskedToWait(said, retry_after_seconds=_seconds(retry_after))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _WORTH_ANOTHER_TRY:
        return Unavailable(said)
    return WillNotAnswer(said)


def _seconds(header: str | None) -> float:
    try:
        return max(0.0, float(header or 1))
    except ValueError:  # a date
        return 60.0
