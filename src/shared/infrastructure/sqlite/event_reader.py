"""How a reader of the SQLite event log goes forward: from memory while it keeps up, from the file while not."""

import asyncio
import heapq
import sqlite3
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from pydantic import ValidationError

from shared.events.envelope import Envelope
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.event_packs import packed_above
from shared.kernel import Unavailable
from shared.ports.event_bus import Delivery


class Published(NamedTuple):
    """An event as the log keeps it."""

    position: int
    topic: str
    raw: bytes


class RecentEvents:
    """The last events published, without a gap: every event above `start` is here."""

    def __init__(self, kept_bytes: int) -> None:
        """Beyond twice `kept_bytes` the oldest go, until so many are left."""
        self._kept_bytes = kept_bytes
        self.start_at(0)

    def start_at(self, head: int) -> None:
        """Forgets everything; `head` is the newest position in the file."""
        self.start = head
        self._events: list[Published] = []
        self._bytes = 0

    @property
    def head(self) -> int:
        """The newest position known."""
        return self.start + len(self._events)

    def add(self, published: Sequence[Published]) -> None:
        """What one write has published, in order."""
        if published[0].position != self.head + 1:  # another process wrote in between
            self.start_at(published[0].position - 1)
        self._events.extend(published)
        self._bytes += sum(len(event.raw) for event in published)
        if self._bytes > 2 * self._kept_bytes:  # half of it goes at once, so that it costs little for each event
            gone = 0
            while self._bytes > self._kept_bytes:
                self._bytes -= len(self._events[gone].raw)
                gone += 1
            del self._events[:gone]
            self.start += gone

    def above(self, position: int) -> Iterator[Published]:
        """In order; `position` must not be below `start`."""
        for index in range(position - self.start, len(self._events)):
            yield self._events[index]


class OpenedEvents:
    """The envelopes of the events that were read last: several groups read each, and it is decoded once."""

    def __init__(self, kept_bytes: int) -> None:
        """So many bytes of JSON; decoded they take some four times as many."""
        self._kept_bytes = kept_bytes
        self._opened: OrderedDict[int, tuple[Envelope, int]] = OrderedDict()
        self._bytes = 0

    def of(self, event: Published) -> Envelope | None:
        """From what is stored, as after a restart; None when that is no envelope."""
        opened = self._opened.get(event.position)
        if opened is not None:
            return opened[0]
        try:
            envelope = Envelope.from_json(event.raw)
        except ValidationError:
            return None
        self._opened[event.position] = envelope, len(event.raw)
        self._bytes += len(event.raw)
        while self._bytes > self._kept_bytes:
            _, (_, size) = self._opened.popitem(last=False)
            self._bytes -= size
        return envelope


class EventReader:
    """One reader's place in the log: above each topic's floor, in the order of positions."""

    def __init__(
        self,
        database: SqliteDatabase,
        recent: RecentEvents,
        opened: OpenedEvents,
        topics: Mapping[str, int],
        floors: Mapping[str, int],
    ) -> None:
        self._database = database
        self._recent = recent
        self._opened = opened
        self._topics = topics
        self._floors = dict(floors)
        self._wake = asyncio.Event()
        self._is_closed = False
        # Everything wanted up to here was given out.
        self._seen = min(self._floors.values(), default=recent.head)

    def wake_for(self, topics: Set[str]) -> None:
        """Something was published to these topics."""
        if not topics.isdisjoint(self._floors):
            self._wake.set()

    def close(self) -> None:
        """Whoever waits, or asks again, gets Unavailable."""
        self._is_closed = True
        self._wake.set()

    async def deliveries(self, limit: int) -> list[Delivery]:
        """As `next`, for a group."""
        found = await self.next(limit)
        return [Delivery(event.topic, event.position, event.raw, self._opened.of(event)) for event in found]

    async def envelopes(self, batch: int) -> AsyncIterator[Envelope]:
        """For a tail, for ever; the groups' consumers bury what cannot be read."""
        while True:
            for event in await self.next(batch):
                envelope = self._opened.of(event)
                if envelope is not None:
                    yield envelope

    async def next(self, limit: int) -> list[Published]:
        """At least one event and at most `limit`; waits for it. Raises Unavailable when the log is closed."""
        while True:
            # Cleared before looking: what is published after the look sets it again.
            self._wake.clear()
            if self._is_closed:
                raise Unavailable("The event log is closed.")
            found = self._from_memory(limit) if self._keeps_up else await self._from_file(limit)
            if found:
                return found
            if self._keeps_up and not self._is_closed:
                await self._wake.wait()

    @property
    def _keeps_up(self) -> bool:
        return self._seen >= self._recent.start

    def _from_memory(self, limit: int) -> list[Published]:
        found: list[Published] = []
        never = self._recent.head
        for event in self._recent.above(self._seen):
            self._seen = event.position
            if event.position > self._floors.get(event.topic, never):
                found.append(event)
                if len(found) == limit:
                    break
        return found

    async def _from_file(self, limit: int) -> list[Published]:
        head = self._recent.head  # committed, so the snapshot below has it
        wanted = [(topic, self._topics[topic], max(floor, self._seen)) for topic, floor in self._floors.items()]

        names = {topic_id: topic for topic, topic_id, _ in wanted}
        floors = {topic_id: above for _, topic_id, above in wanted}

        def find(connection: sqlite3.Connection) -> list[Published]:
            packed = [
                Published(event.position, names[event.topic], event.raw)
                for event in packed_above(connection, floors, limit)
            ]
            if len(packed) == limit:
                return packed
            lanes = [
                [
                    Published(row["position"], topic, bytes(row["envelope"]))
                    for row in connection.execute(
                        "SELECT position, envelope FROM events WHERE topic = ? AND position > ?"
                        " ORDER BY position LIMIT ?",
                        (topic_id, above, limit),
                    )
                ]
                for topic, topic_id, above in wanted
            ]
            return [*packed, *heapq.merge(*lanes)][:limit]

        found = await self._database.read(find)
        last = found[-1].position if found else 0
        self._seen = last if len(found) == limit else max(head, last)
        return found
