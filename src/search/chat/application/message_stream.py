"""Streams of messages while they run and a while after: followed from any event on, by any number, and cancelled."""

import asyncio
import json
import time
import zlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from search.chat.domain.events import Data, EventName, SSEEventGenerator, StreamEvent
from shared.kernel import DomainError, Gone, NotFound

_MOST_KEPT: Final = 2_000
_MOST_CHARACTERS: Final = 50_000_000


@dataclass(frozen=True, slots=True)
class StreamTimes:
    """How long streams wait for those who left."""

    keep_seconds: float = 300
    """After its end, a stream can be taken up again for so long."""
    abandoned_seconds: float = 5
    """A stream that nobody follows goes on for so long, since a connection may have broken; then its asker has left."""
    drain_seconds: float = 5
    """How long the end of the server waits for what runs to be stored."""


def _nothing() -> None:
    """What can be done about what is over."""


class MessageStream:
    """The events of one message, kept from the first on. One task adds; followers come and go.

    What is over and followed by nobody is kept small: minutes of a busy server are thousands of answers.
    """

    def __init__(self, message_id: str, session: str, owner: str) -> None:
        self.message_id = message_id
        self.session = session
        self.owner = owner
        self.work: asyncio.Task[None] | None = None
        self.cancel: Callable[[], None] = _nothing
        """Ends the answer; what there is of it is stored as cancelled."""
        self.leave: Callable[[], None] = _nothing
        """The same, as broken off."""
        self.is_deleted = False
        """Its session was deleted meanwhile: nothing more is stored."""
        self.ended_at: float | None = None
        self.characters = 0
        self._events: list[StreamEvent] = []
        self._packed: bytes | None = None
        self._generator = SSEEventGenerator(message_id)
        self._changed = asyncio.Event()
        self._followers = 0
        self._refusal: DomainError | None = None
        self.on_left: Callable[[], None] = _nothing

    def add(self, name: EventName, data: Data) -> None:
        """The next event."""
        event = self._generator.make(name, data)
        self._events.append(event)
        self.characters += 100 + sum(len(one) for one in data.values() if isinstance(one, str))
        self._wake()

    def refuse(self, error: DomainError) -> None:
        """Instead of a first event: the question cannot be answered, and whoever asked is told why."""
        self._refusal = error
        self._wake()

    def end(self) -> None:
        """There will be no more."""
        self.ended_at = time.monotonic()
        # They hold all that the answer was made of.
        self.cancel = self.leave = self.on_left = _nothing
        self._wake()
        if not self._followers:
            self._pack()

    @property
    def has_ended(self) -> bool:
        """Whether its last event is there."""
        return self.ended_at is not None

    @property
    def has_followers(self) -> bool:
        """Whether somebody listens."""
        return self._followers > 0

    async def begun(self) -> None:
        """Until its first event is there. Raises what it was refused for."""
        while not self._events and self._refusal is None and not self.has_ended:
            await self._changed.wait()
        if self._refusal is not None:
            raise self._refusal

    async def follow(self, after: int = 0) -> AsyncGenerator[StreamEvent, None]:
        """The events after the first `after` ones, to the end; each once and in order."""
        self._followers += 1
        self._unpack()
        try:
            place = min(after, len(self._events))
            while True:
                while place < len(self._events):
                    place += 1
                    yield self._events[place - 1]
                if self.has_ended:
                    return
                await self._changed.wait()
        finally:
            self._followers -= 1
            if not self._followers and not self.has_ended:
                self.on_left()
            elif not self._followers:
                self._pack()

    def _pack(self) -> None:
        rows = [(event.name, event.timestamp.isoformat(), event.data) for event in self._events]
        self._packed = zlib.compress(json.dumps(rows).encode(), 1)
        self.characters = len(self._packed)
        self._events = []

    def _unpack(self) -> None:
        if self._packed is not None:
            rows = json.loads(zlib.decompress(self._packed))
            self._events = [
                StreamEvent(self.message_id, number, name, datetime.fromisoformat(at), data)
                for number, (name, at, data) in enumerate(rows, 1)
            ]
            self._packed = None

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class RunningMessages:
    """An async context manager: the streams of this process. On leaving, what runs is broken off and stored."""

    def __init__(self, times: StreamTimes, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._times = times
        self._monotonic = monotonic
        self._streams: OrderedDict[str, MessageStream] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        running = [stream for stream in self._streams.values() if stream.work is not None and not stream.work.done()]
        for stream in running:
            stream.leave()
        work = [stream.work for stream in running if stream.work is not None]
        if work:
            await asyncio.wait(work, timeout=self._times.drain_seconds)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        self._streams.clear()

    @property
    def running(self) -> int:
        """How many are being answered."""
        return sum(not stream.has_ended for stream in self._streams.values())

    def add(self, stream: MessageStream) -> None:
        """From now on it can be found."""
        self._forget_old()
        self._streams[stream.message_id] = stream
        stream.on_left = lambda: self._wait_for_somebody(stream)

    def find(self, session: str, message_id: str, owner: str) -> MessageStream | None:
        """None also where it is another owner's."""
        self._forget_old()
        stream = self._streams.get(message_id)
        if stream is None or (stream.session, stream.owner) != (session, owner):
            return None
        return stream

    async def delete_session(self, session: str, owner: str, *, seconds: float) -> bool:
        """Its streams end, and nothing of them is stored any more once this returns, or `seconds` have passed.

        Whether there were any.
        """
        found = [one for one in self._streams.values() if (one.session, one.owner) == (session, owner)]
        for stream in found:
            stream.is_deleted = True
            stream.cancel()
            if stream.has_ended:
                del self._streams[stream.message_id]
        work = [stream.work for stream in found if stream.work is not None and not stream.work.done()]
        if work:
            await asyncio.wait(work, timeout=seconds)
        return bool(found)

    def _wait_for_somebody(self, stream: MessageStream) -> None:
        def look() -> None:
            if not stream.has_followers and not stream.has_ended:
                stream.leave()

        asyncio.get_running_loop().call_later(self._times.abandoned_seconds, look)

    def _forget_old(self) -> None:
        now, characters = self._monotonic(), sum(stream.characters for stream in self._streams.values())
        for stream in list(self._streams.values()):
            if stream.ended_at is None:
                continue
            is_over = now - stream.ended_at >= self._times.keep_seconds
            if is_over or len(self._streams) > _MOST_KEPT or characters > _MOST_CHARACTERS:
                del self._streams[stream.message_id]
                characters -= stream.characters


def no_stream(is_known: bool) -> DomainError:
    """What is said where a stream is not, or no longer, kept here."""
    if is_known:
        return Gone(
            "The stream of this message is over and not kept any longer; the message itself can be read.",
            code="stream_expired",
        )
    return NotFound("There is no such message in this conversation.", code="message_not_found")
