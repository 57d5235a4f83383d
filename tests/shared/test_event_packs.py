"""What every group has handled is packed in the event log: found, counted and trimmed as before, in less room."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from builders import an_envelope, eventually
from shared.events.envelope import Envelope
from shared.events.ingest import DocumentReceived
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.infrastructure.sqlite.event_packs import BUCKET
from shared.kernel import StoreDamaged

TOPIC = DocumentReceived.topic
OTHER = "other.noun.v1"
MANY = 3 * BUCKET + 40
ALL = {TOPIC: MANY, OTHER: MANY}


def envelopes(count: int) -> list[Envelope]:
    """Of both topics by turns."""
    made = (an_envelope() for _ in range(count))
    return [one.model_copy(update={"topic": OTHER}) if number % 2 else one for number, one in enumerate(made)]


async def publish(log: SqliteEventLog, count: int = MANY) -> list[Envelope]:
    published = envelopes(count)
    await log.publish(*published)
    return published


async def handle(log: SqliteEventLog, group: str, positions: dict[str, int]) -> None:
    async with log.subscribe(group, list(positions)) as subscription:
        await subscription.commit(positions)


async def read(log: SqliteEventLog, group: str, count: int) -> list[str]:
    found: list[str] = []
    async with log.subscribe(group, [TOPIC, OTHER]) as subscription:
        while len(found) < count:
            found += [Envelope.from_json(one.raw).id for one in await subscription.receive(count - len(found))]
    return found


def rows(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def test_who_comes_later_gets_everything_in_order(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    async with SqliteEventLog(path) as log:
        published = await publish(log)
        await handle(log, "fast", ALL)
        assert await log.pack() == 3 * BUCKET - 1  # positions begin with 1
        assert (rows(path, "event_packs"), rows(path, "events")) == (3, 41)
        published += await publish(log, 10)
    async with SqliteEventLog(path) as log:
        assert await read(log, "late", MANY + 10) == [one.id for one in published]


async def test_who_stopped_in_the_middle_goes_on_there(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    async with SqliteEventLog(path) as log:
        published = await publish(log)
        await log.pack()
        # A topic that nobody read is handled; who begins to read holds what comes.
        await handle(log, "later", {TOPIC: 300, OTHER: 500})
    async with SqliteEventLog(path) as log:
        wanted = [
            one.id for position, one in enumerate(published, 1) if position > (300 if one.topic == TOPIC else 500)
        ]
        assert await read(log, "later", len(wanted)) == wanted


async def test_what_somebody_has_yet_to_handle_is_not_packed(tmp_path: Path) -> None:
    async with SqliteEventLog(tmp_path / "events.sqlite") as log:
        await publish(log)
        await handle(log, "fast", ALL)
        await handle(log, "slow", {TOPIC: BUCKET, OTHER: 2 * BUCKET + 5})
        assert await log.pack() == BUCKET - 1
        assert await log.pack() == 0
        await handle(log, "slow", {TOPIC: 2 * BUCKET + 1})
        assert await log.pack() == BUCKET


async def test_an_empty_log_has_nothing_to_pack(tmp_path: Path) -> None:
    async with SqliteEventLog(tmp_path / "events.sqlite") as log:
        assert await log.pack() == 0


@pytest.mark.parametrize("anew", [False, True])
async def test_lags_are_what_they_were(tmp_path: Path, anew: bool) -> None:
    path = tmp_path / "events.sqlite"
    places = (0, 1, 100, BUCKET - 1, BUCKET, BUCKET + 1, 2 * BUCKET + 30, MANY - 1, MANY)
    async with SqliteEventLog(path) as log:
        await publish(log)
        await log.pack()
        assert rows(path, "event_packs") == 3
        for place in places:
            await handle(log, f"at {place}", {TOPIC: place})
        topics = [TOPIC if position % 2 else OTHER for position in range(1, MANY + 1)]
        expected = {f"at {place}": topics[place:].count(TOPIC) for place in places}
        assert await log.lags() == expected
    if anew:  # as after somebody went back to an earlier Seoga, which published one more
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "INSERT INTO events (topic, published_at, envelope) SELECT id, 0, '' FROM topics LIMIT 1"
            )
        async with SqliteEventLog(path) as log:
            assert await log.lags() == {group: lag + 1 for group, lag in expected.items()}


async def test_packs_go_when_they_are_old_and_nobody_wants_them(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    async with SqliteEventLog(path) as log:
        await publish(log)
        await log.pack()
        await handle(log, "late", {TOPIC: BUCKET + 10, OTHER: MANY})
        assert await log.trim() == 0
    async with SqliteEventLog(path, retention_seconds=-1) as log:
        await log.trim()  # the task that trims may have been there first
        assert rows(path, "event_packs") == 2
        await handle(log, "late", {TOPIC: MANY})
        assert await log.trim() > 0
        assert (rows(path, "event_packs"), rows(path, "events")) == (0, 0)
        assert await log.lags() == {"late": 0}
        await publish(log, 1)
        assert await log.lags() == {"late": 1}


async def test_packed_events_take_a_fifth_of_their_room_at_most(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    async with SqliteEventLog(path) as log:
        published = await publish(log)
        await log.pack()
    with closing(sqlite3.connect(path)) as connection:
        (packed,) = connection.execute("SELECT sum(length(events)) FROM event_packs").fetchone()
    assert packed < 0.2 * sum(len(one.to_json()) for one in published[: 3 * BUCKET - 1])


async def test_events_are_packed_as_time_goes_by(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    async with SqliteEventLog(path, pack_every_seconds=0.01) as log:
        await publish(log)
        await eventually(lambda: rows(path, "event_packs") == 3)
        await publish(log)
        await eventually(lambda: rows(path, "event_packs") == 6)


async def test_a_damaged_pack_is_told(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    async with SqliteEventLog(path) as log:
        await publish(log)
        await log.pack()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE event_packs SET events = x'00' || substr(events, 2)")
    async with SqliteEventLog(path) as log:
        with pytest.raises(StoreDamaged):
            await read(log, "late", MANY)
