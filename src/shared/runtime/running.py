"""A process of Seoga at work: what the plugs bring is opened, fed with events, worked off, and drained at the end."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from shared.kernel import Unavailable
from shared.ports.event_bus import EventBus
from shared.runtime.belonging import Belonging
from shared.runtime.claiming import DatabaseClaim
from shared.runtime.consumer import Consumer
from shared.runtime.module import Module
from shared.runtime.outbox_relay import OutboxRelay
from shared.runtime.supervisor import Supervisor
from shared.runtime.waiting import Waiting
from shared.runtime.worker import Worker
from shared.telemetry import Metrics


@asynccontextmanager
async def running(
    plugs: Sequence[Module],
    *,
    bus: EventBus,
    metrics: Metrics,
    owner: str,
    claim: DatabaseClaim | None,
    waiting: Waiting,
    belonging: Belonging,
) -> AsyncIterator[None]:
    """Resources open in the plugs' order, relays, consumers and workers at work; on leaving all drain, then close.

    `owner` claims the jobs of this process. Without a `claim` the state is this process's alone: its lock on the data
    directory is proof that whoever claimed jobs before is gone. What cannot go on meanwhile says so to `waiting`.
    """
    async with AsyncExitStack() as stack:
        for plug in plugs:
            for resource in plug.resources:
                await stack.enter_async_context(resource)
        supervisor = Supervisor(metrics)
        stack.push_async_callback(supervisor.stop)
        if claim is not None and not await claim.make():
            supervisor.start("installation", claim.keep_trying)
        parts = [part for plug in plugs for part in plug.parts]
        try:
            await belonging.settle(parts)
        except Unavailable:
            supervisor.start("belonging", lambda: belonging.keep_trying(parts))
        for plug in plugs:
            if plug.outbox is not None:
                supervisor.start(f"{plug.name}.relay", OutboxRelay(plug.outbox, bus, metrics=metrics).run)
            if plug.subscriptions:
                consumer = Consumer(bus, plug.name, plug.subscriptions, metrics=metrics, waiting=waiting)
                supervisor.start(f"{plug.name}.consumer", consumer.run)
            if plug.job_store is None:
                continue
            if claim is None:
                await plug.job_store.void_leases(except_owner=owner)
            for handler in plug.jobs:
                worker = Worker(plug.job_store, handler, group=plug.name, owner=owner, metrics=metrics, waiting=waiting)
                supervisor.start(f"{plug.name}.{handler.kind}", worker.run)
        yield
