"""The plug: what one module hands to main.py, which loops over modules and knows nothing more of them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from fastapi import APIRouter

from shared.ports.handlers import JobHandler, Subscriptions, TogetherHandler
from shared.ports.health import Probe
from shared.ports.jobs import JobStore
from shared.ports.outbox import Outbox
from shared.runtime.belonging import Part
from shared.runtime.page import Page

Resource = AbstractAsyncContextManager[object]
"""Open while the module runs."""


@dataclass(frozen=True, slots=True)
class Module:
    """Everything a module offers to the application."""

    name: str
    """Also its consumer group and the producer of its events."""
    resources: Sequence[Resource] = ()
    """Entered in order before anything else of the module runs, left in reverse."""
    router: APIRouter | None = None
    subscriptions: Subscriptions = field(default_factory=dict)
    events_in_order: bool = True
    """Whether events of one document wait for one another. Where their order changes nothing they need not, and while
    there are many they come together, a second later at most."""
    events_together: TogetherHandler | None = None
    """Where their order changes nothing: takes those that came together, in one call rather than one each."""
    jobs: Sequence[JobHandler] = ()
    job_store: JobStore | None = None
    outbox: Outbox | None = None
    probes: Mapping[str, Probe] = field(default_factory=dict)
    parts: Sequence[Part] = ()
    """Of the installation: what the module keeps, to be compared with what others keep."""
    pages: Sequence[Page] = ()
    """Of the web interface; they come and go with the module."""
