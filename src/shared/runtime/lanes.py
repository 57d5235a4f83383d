"""What a consumer has received, by lane and in order, and up to where each lane can be committed."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from shared.runtime.received import Received


class Lanes:
    """An event is committed once it and all before it in its lane are finished."""

    def __init__(self, *, most: int) -> None:
        """So many are received and not to be committed at a time: `room` waits for one of them."""
        self._most = most
        self._received: defaultdict[str, deque[Received]] = defaultdict(deque)
        self._count = 0
        self._committable: dict[str, int] = {}
        self._room = asyncio.Event()
        self.is_committable = asyncio.Event()
        """Some of them can be committed."""

    async def room(self) -> None:
        """Returns when there is some."""
        while self._count >= self._most:
            self._room.clear()
            await self._room.wait()

    def add(self, work: Received) -> None:
        """The next of its lane."""
        self._received[work.delivery.lane].append(work)
        self._count += 1

    def finish(self, work: Received) -> None:
        """It needs no more."""
        work.is_finished = True
        if work.is_left:
            return
        lane = self._received[work.delivery.lane]
        while lane and lane[0].is_finished:
            self._committable[work.delivery.lane] = lane.popleft().delivery.position
            self._count -= 1
            self.is_committable.set()
        if self._count < self._most:
            self._room.set()

    def leave(self, lanes: Iterable[str]) -> None:
        """Of these nothing more begins."""
        for lane in lanes:
            for work in self._received.get(lane, ()):
                work.is_leaving = True

    def forget(self, lanes: Iterable[str]) -> None:
        """Nothing of these is committed any more."""
        for lane in lanes:
            for work in self._received.pop(lane, ()):
                work.is_left = True
                self._count -= 1
            self._committable.pop(lane, None)
        self._room.set()

    def take(self) -> dict[str, int]:
        """Lane → position to commit; `put_back` them when they could not be."""
        self.is_committable.clear()
        positions, self._committable = self._committable, {}
        return positions

    def put_back(self, positions: Mapping[str, int]) -> None:
        """Of lanes that are still there, unless there are newer ones by now."""
        kept = {lane: position for lane, position in positions.items() if lane in self._received}
        self._committable = {**kept, **self._committable}
        self.is_committable.set()
