"""Jobs: long work that a crash resumes, a lease protects and an order makes fair."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from shared.events.envelope import Event
from shared.kernel import DocumentId


@dataclass(frozen=True, slots=True)
class NewJob:
    """Work on one version of one document. There is one job per (kind, document): the newest version's."""

    kind: str
    document_id: DocumentId
    document_version: int
    payload: dict[str, Any] = field(default_factory=dict)
    priority: int = 0
    """Lower goes first: the least remaining work (bytes, chunks)."""


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. `lease` names this claim, which may hold several jobs: every later word must carry it."""

    id: str
    kind: str
    document_id: DocumentId
    document_version: int
    payload: dict[str, Any]
    priority: int
    attempts: int
    """Attempts that were refused before this one."""
    lease: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class BuriedJob:
    """A job that was given up, as dead letters show it."""

    id: str
    kind: str
    document_id: DocumentId
    document_version: int
    reason: str
    attempts: int
    buried_at: datetime
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobCounts:
    """How many jobs of a kind are in each state, and the age of the oldest that waits."""

    waiting: int
    running: int
    buried: int
    oldest_waiting_at: datetime | None


class JobStore(Protocol):
    """Keeps jobs durably in the module's own store. Versions decide: an older one changes nothing."""

    async def add(self, job: NewJob) -> bool:
        """Durable on return. False when this or a newer version (or its cancellation) is known already.

        A newer version replaces the older job, running or not: the older claim's words come to nothing.
        """
        ...

    async def claim(self, kind: str, *, owner: str, limit: int, lease_seconds: float) -> Sequence[Job]:
        """Up to `limit` waiting jobs whose time has come, lowest priority number first, then oldest.

        No two claims ever hold the same job. A job whose lease ran out is waiting again.
        """
        ...

    async def heartbeat(self, job: Job, *, lease_seconds: float) -> bool:
        """Prolongs the lease. False when the claim is lost: the work must stop."""
        ...

    async def report(self, job: Job, *facts: Event) -> bool:
        """Saves facts of a running job. False (and nothing saved) when the claim is lost."""
        ...

    async def finish(self, job: Job, *facts: Event) -> bool:
        """Done, with its facts, in one write. False (and nothing saved) when the claim is lost."""
        ...

    async def release(self, job: Job, *, delay_seconds: float) -> bool:
        """Back to waiting, no attempt counted: something it needs is unavailable."""
        ...

    async def retry(self, job: Job, *, delay_seconds: float) -> bool:
        """Back to waiting after a refused attempt, counted."""
        ...

    async def bury(self, job: Job, reason: str, *facts: Event) -> bool:
        """Given up, with its facts, in one write; stays as a dead letter until replayed."""
        ...

    async def cancel(self, document_id: DocumentId, document_version: int) -> None:
        """No job of this document at or below this version runs any more; the version stays as a tombstone."""
        ...

    async def void_leases(self, *, except_owner: str) -> int:
        """Gives back every job claimed by another owner; for who has just taken the data directory's lock."""
        ...

    async def buried(self, *, limit: int = 50) -> Sequence[BuriedJob]:
        """Newest first."""
        ...

    async def replay(self, job_id: str, *facts: Event) -> BuriedJob:
        """A buried job waits again with no attempts counted. Raises NotFound when none is buried."""
        ...

    async def counts(self, kind: str) -> JobCounts:
        """For the monitor and for estimates."""
        ...

    async def unfinished(
        self, kind: str, versions: Sequence[tuple[DocumentId, int]]
    ) -> Sequence[tuple[DocumentId, int]]:
        """Those (document, version) whose job waits or runs now, whoever holds it."""
        ...

    async def wait_for_jobs(self, kind: str, timeout_seconds: float) -> None:
        """Returns once a job may be there to claim, or after the timeout.

        That is, without delay: a job of this kind was added or given back in this process since the last claim,
        or the time of a delayed one or the end of a lease has come. What another process did is noticed within
        a second.
        """
        ...
