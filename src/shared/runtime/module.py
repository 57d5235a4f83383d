"""The plug: what one module hands to main.py, which loops over modules and knows nothing more of them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from fastapi import APIRouter

from shared.ports.handlers import JobHandler, Subscriptions
from shared.ports.health import Probe
from shared.ports.jobs import JobStore
from shared.ports.outbox import Outbox
from shared.runtime.belonging import Part

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
    jobs: Sequence[JobHandler] = ()
    job_store: JobStore | None = None
    outbox: Outbox | None = None
    probes: Mapping[str, Probe] = field(default_factory=dict)
    parts: Sequence[Part] = ()
    """Of the installation: what the module keeps, to be compared with what others keep."""
