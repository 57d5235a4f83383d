"""A process of Seoga at work: what the plugs bring is opened, fed with events, worked off, and drained at the end."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from shared.kernel import Unavailable
from shared.ports.event_bus import EventBus
from shared.runtime.belonging import Belonging
from shared.runtime.claiming import DatabaseClaim
from shared.runtime.consumer import Consumer
from shared.runtime.data_directory import Holder
from shared.runtime.module import Module
from shared.runtime.outbox_relay import OutboxRelay
from shared.runtime.supervisor import Supervisor
from shared.runtime.waiting import Waiting
from shared.runtime.worker import Worker
from shared.telemetry import Metrics, get_log

_MOST_FACTS: Final = 10_000
_KEYS_AT_ONCE: Final = 32
_EVENTS_AT_ONCE: Final = 512
_GATHERING_SECONDS: Final = 2.0
"""Of those that need not come in order, while there are many: they are handled at once and go into one write."""
_log = get_log("main")


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
    left_by: Holder | None = None,
) -> AsyncIterator[None]:
    """Resources open in the plugs' order, relays, consumers and workers at work; on leaving all drain, then close.

    `owner` claims the jobs of this process. Without a `claim` the state is this process's alone: its lock on the data
    directory is proof that whoever claimed jobs before is gone. What cannot go on meanwhile says so to `waiting`.
    `left_by` held it before and ended without a word: what is taken up again is told.
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
        if left_by is not None:
            # Before the leases are voided: those are the jobs that were at work.
            await _tell_resumed(plugs, left_by)
        for plug in plugs:
            if plug.outbox is not None:
                supervisor.start(f"{plug.name}.relay", OutboxRelay(plug.outbox, bus, metrics=metrics).run)
            if plug.subscriptions:
                consumer = Consumer(
                    bus,
                    plug.name,
                    plug.subscriptions,
                    in_order=plug.events_in_order,
                    together=plug.events_together,
                    concurrency=_KEYS_AT_ONCE if plug.events_in_order else _EVENTS_AT_ONCE,
                    gathering_seconds=0 if plug.events_in_order else _GATHERING_SECONDS,
                    metrics=metrics,
                    waiting=waiting,
                )
                supervisor.start(f"{plug.name}.consumer", consumer.run)
            if plug.job_store is None:
                continue
            if claim is None:
                await plug.job_store.void_leases(except_owner=owner)
            for handler in plug.jobs:
                worker = Worker(plug.job_store, handler, group=plug.name, owner=owner, metrics=metrics, waiting=waiting)
                supervisor.start(f"{plug.name}.{handler.kind}", worker.run)
        yield


async def _tell_resumed(plugs: Sequence[Module], left_by: Holder) -> None:
    running, waiting, facts = 0, 0, 0
    with contextlib.suppress(Unavailable):
        for plug in plugs:
            if plug.outbox is not None:
                facts += len(await plug.outbox.pending_facts(_MOST_FACTS))
            for handler in plug.jobs if plug.job_store is not None else ():
                assert plug.job_store is not None
                counts = await plug.job_store.counts(handler.kind)
                running, waiting = running + counts.running, waiting + counts.waiting
    _log.warning(
        "the server before ended without a word (killed, or with the machine); its work goes on",
        action="main.resumed",
        process=left_by.pid,
        since=left_by.since,
        jobs_resumed=running,
        jobs_waiting=waiting,
        facts_untold=facts,
    )
