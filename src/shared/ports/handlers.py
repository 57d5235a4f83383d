"""What a module does when an event comes, and when a job of its kind is claimed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from shared.events.envelope import Envelope, Event
from shared.kernel import Refused
from shared.ports.jobs import Job

EventHandler = Callable[[Any], Awaitable[None]]
"""Takes one event of the type it is registered for. Short: long work becomes a job.

Raises Unavailable to be called again later, Refused (or anything else, after its attempts) to have the
event dead-lettered.
"""

Subscriptions = Mapping[type[Event], EventHandler]

TogetherHandler = Callable[[Sequence[tuple[Event, Envelope]]], Awaitable[object]]
"""Takes many events at once, of whatever types there are handlers for, each with its envelope.

When it raises, whatever it is, each of them goes to the handler of its own.
"""

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
