"""The plug: what one module hands to main.py, which loops over modules and knows nothing more of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from fastapi import APIRouter

from shared.events.envelope import Event
from shared.kernel import Refused
from shared.ports.jobs import Job, JobStore
from shared.ports.outbox import Outbox

EventHandler = Callable[[Any], Awaitable[None]]
"""Takes one event of the type it is registered for. Short: long work becomes a job.

Raises Unavailable to be called again later, Refused (or anything else, after its attempts) to have the
event dead-lettered.
"""

Subscriptions = Mapping[type[Event], EventHandler]

Report = Callable[[Event], Awaitable[None]]
"""Saves a fact of the running job. Raises JobLost (runtime/worker.py) when the claim is gone."""


class JobHandler(Protocol):
    """Does one kind of job. Runs may stop anywhere and start again: effects are idempotent."""

    @property
    def kind(self) -> str:
        """Unique within the module."""
        ...

    @property
    def concurrency(self) -> int:
        """How many may run at once in this process."""
        ...

    async def run(self, job: Job, report: Report) -> Sequence[Event]:
        """The facts to save as the job finishes. Raises Unavailable, Refused; anything else is a bug."""
        ...

    def refused(self, job: Job, error: Refused) -> Sequence[Event]:
        """The facts to save when the input is refused for good; none lets it become a dead letter."""
        ...


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """How one component is, in words."""

    ready: bool
    detail: str
    required: bool = True
    """Whether the server is not ready without it."""


Resource = AbstractAsyncContextManager[object]
"""Open while the module runs."""

Probe = Callable[[], Awaitable[ComponentHealth]]


@runtime_checkable
class Checked(Protocol):
    """An adapter that can say how its server is."""

    async def check(self) -> ComponentHealth:
        """Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Module:
    """Everything a module offers to the application."""

    name: str
    """Also its consumer group and the producer of its events."""
    resources: Sequence[Resource] = ()
    """Entered in order before anything else of the module runs, left in reverse."""
    router: APIRouter | None = None
    subscriptions: Subscriptions = field(default_factory=dict)
    jobs: Sequence[JobHandler] = ()
    job_store: JobStore | None = None
    outbox: Outbox | None = None
    probes: Mapping[str, Probe] = field(default_factory=dict)
