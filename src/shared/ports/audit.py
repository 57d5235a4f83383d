"""The audit log: who deleted, replayed, reloaded, made or withdrew what, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = "g"
"""Behind every id, which begins with a hexadecimal digit."""


class AuditAction(StrEnum):
    """What was done; as it is written and answered."""

    DOCUMENT_DELETED = "document.deleted"
    DOCUMENT_MOVED = "document.moved"
    COLLECTION_DELETED = "collection.deleted"
    DEAD_LETTER_REPLAYED = "dead_letter.replayed"
    MODEL_RELOADED = "model.reloaded"
    KEY_MADE = "key.made"
    KEY_WITHDRAWN = "key.withdrawn"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done."""

    id: str
    """Sorts as the instants do: `audit_id` makes it."""
    at: datetime
    key_name: str
    """Of the key that did it; `anonymous` where no key was needed."""
    action: str
    """An AuditAction; a later version may have written others."""
    subject: str
    """What it was done to: a document's id, a collection, a dead letter's id, a model, a key's name."""
    detail: str
    """More in words, such as a document's name; may be empty."""
    collection: str | None
    """Where the subject was, if in one."""
    count: int
    """How many things it was done to."""
    correlation_id: str | None
    """Of the request, as in its logs and events."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are listed; all that is given must hold. None does not limit."""

    key_name: str | None = None
    action: str | None = None
    since: datetime | None = None
    """Those of this instant and later."""
    until: datetime | None = None
    """Those before this instant."""


class AuditLog(Protocol):
    """Entries are added and grow too old; nothing changes one. Every process shares it. All raise Unavailable."""

    async def append(self, entry: AuditEntry) -> None:
        """Durable on return."""
        ...

    async def entries(
        self, which: AuditFilter | None = None, *, before: str | None, limit: int
    ) -> Sequence[AuditEntry]:
        """Newest first: the newest, or those older than the entry with that id, be it there still or not."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Deletes up to `limit` entries, oldest first, that are older than that instant; how many."""
        ...


def audit_id(at: datetime, chance: str) -> str:
    """16 hexadecimal digits of microseconds since 1970, and chance, so that two of one instant have two."""
    return f"{_digits(at)}-{chance}"


def oldest_id(at: datetime) -> str:
    """No entry of that instant or later has a smaller id."""
    return f"{_digits(at)}-"


def bounds(which: AuditFilter, before: str | None) -> tuple[str, str]:
    """No listed entry has a smaller id than the first, and each has a smaller one than the second."""
    until = _LAST if which.until is None else oldest_id(which.until)
    return ("" if which.since is None else oldest_id(which.since)), min(until, before or _LAST)


def _digits(at: datetime) -> str:
    return f"{max(0, (at - _EPOCH) // timedelta(microseconds=1)):016x}"
