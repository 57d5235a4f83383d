"""The relay: everything saved is published, in order, also after the bus was away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from builders import a_document_received, eventually
from shared.events.envelope import Envelope
from shared.events.ingest import DocumentReceived
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.kernel import TooLarge, new_document_id
from shared.ports.event_bus import EventBus
from shared.runtime.outbox_relay import OutboxRelay


@asynccontextmanager
async def relaying(facts: SqliteFacts, bus: EventBus) -> AsyncIterator[None]:
    running = asyncio.create_task(OutboxRelay(facts, bus, metrics=PrometheusMetrics()).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def save(database: SqliteDatabase, facts: SqliteFacts, *versions: int) -> list[Envelope]:
    document_id = new_document_id()
    envelopes = facts.wrap(a_document_received(document_id, version) for version in versions)
    await database.write(lambda connection: facts.save(connection, envelopes))
    return envelopes


async def published(log: SqliteEventLog, count: int) -> list[Envelope]:
    async with log.subscribe("reader", [DocumentReceived.topic]) as subscription, asyncio.timeout(20):
        got: list[Envelope] = []
        while len(got) < count:
            got += [Envelope.from_json(delivery.raw) for delivery in await subscription.receive(1000)]
        return got


async def nothing_is_pending(facts: SqliteFacts) -> None:
    async def is_empty() -> bool:
        return not await facts.pending_facts(1)

    await eventually(is_empty)


async def test_publishes_what_was_saved_before_and_while_it_runs(
    database: SqliteDatabase, facts: SqliteFacts, log: SqliteEventLog
) -> None:
    saved = await save(database, facts, *range(1, 301))
    async with relaying(facts, log):
        for version in range(301, 331):
            saved += await save(database, facts, version)
        await nothing_is_pending(facts)
    assert await published(log, 330) == saved


async def test_waits_while_the_bus_is_away_and_then_publishes(
    database: SqliteDatabase, facts: SqliteFacts, tmp_path: Path
) -> None:
    late = SqliteEventLog(tmp_path / "late.sqlite")
    saved = await save(database, facts, 1, 2)
    async with relaying(facts, late):
        await asyncio.wait({asyncio.create_task(facts.pending_facts(1))})
        async with late:
            assert await published(late, 2) == saved
            await nothing_is_pending(facts)


class _NarrowLog:
    """An event log that takes no event of this size, until somebody sets it right."""

    def __init__(self, log: SqliteEventLog) -> None:
        self._log = log
        self.refused = 0
        self.is_narrow = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def publish(self, *envelopes: Envelope) -> None:
        if self.is_narrow:
            self.refused += 1
            raise TooLarge("It takes no message of that size: raise its max.message.bytes.")
        await self._log.publish(*envelopes)


async def test_what_the_bus_finds_too_large_waits_until_the_bus_takes_it(
    database: SqliteDatabase, facts: SqliteFacts, log: SqliteEventLog
) -> None:
    saved = await save(database, facts, 1)
    narrow = _NarrowLog(log)
    async with relaying(facts, cast(EventBus, narrow)):
        await eventually(lambda: narrow.refused >= 2)
        narrow.is_narrow = False
        assert await published(log, 1) == saved
        await nothing_is_pending(facts)


async def test_what_was_published_but_not_forgotten_is_published_again_with_the_same_id(
    database: SqliteDatabase, facts: SqliteFacts, log: SqliteEventLog
) -> None:
    [saved] = await save(database, facts, 1)
    await log.publish(saved)
    async with relaying(facts, log):
        assert await published(log, 2) == [saved, saved]
