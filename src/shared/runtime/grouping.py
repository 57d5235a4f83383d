"""Calls of one moment in one: what comes while a call to a server is under way waits for the next and goes together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from shared.kernel import Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


LATE_SECONDS: Final = 0.1
"""What a call of a server that is well does not take."""
_AT_ONCE: Final = 4
"""Calls under way, where late ones are not waited for."""


class GroupedCalls(Generic[Item, Answer]):
    """One call at a time, unless it is late; each begins after everyone whose question it carries has asked."""

    def __init__(
        self,
        send: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        name: str,
        most: int = 500,
        size_of: Callable[[Item], int] = lambda _: 1,
        gathering_seconds: float = 0,
        late_seconds: float | None = None,
    ) -> None:
        """`send` gives one answer for each item, in their order. At most `most` go together by `size_of`, or one.

        While several come at a time, `gathering_seconds` pass from one call to the next, for more to come together.
        A call that is `late_seconds` under way is not waited for: another one begins beside it, up to four.
        """
        self._send = send
        self._name = name
        self._most = most
        self._size_of = size_of
        self._gathering_seconds = gathering_seconds
        self._late_seconds = late_seconds
        self._under_way: set[asyncio.Task[None]] = set()
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def ask(self, item: Item) -> Answer:
        """Raises what `send` does. When that is Unavailable, what waits behind fails too, unsent."""
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all(), name=self._name)
        return await done

    async def close(self) -> None:
        """Cancels the calls that are under way, and everyone who waits."""
        under_way = [*self._under_way, *([] if self._sending is None else [self._sending])]
        for call in under_way:
            call.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for _, done in self._waiting:
            done.cancel()
        self._waiting = []

    async def _send_all(self) -> None:
        clock = asyncio.get_running_loop().time
        while batch := self._next():
            began = clock()
            if self._late_seconds is None:
                await self._call(batch)
            else:
                await self._call_unless_late(batch, self._late_seconds)
            if self._gathering_seconds and (len(batch) > 1 or self._waiting):
                await asyncio.sleep(max(0.0, began + self._gathering_seconds - clock()))

    async def _call_unless_late(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]], seconds: float) -> None:
        """Returns when it is answered, or late while others may be asked beside it."""
        call = asyncio.create_task(self._call(batch), name=self._name)
        self._under_way.add(call)
        call.add_done_callback(self._under_way.discard)
        await asyncio.wait({call}, timeout=seconds)
        while len(self._under_way) >= _AT_ONCE:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def _call(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._send([item for item, _ in batch])
        except Unavailable as error:
            # Who waited as long as the call did would otherwise wait as long again.
            _fail([*batch, *self._waiting], error)
            self._waiting = []
        except BaseException as error:
            _fail(batch, error)
            if not isinstance(error, Exception):
                raise
        else:
            for (_, done), answer in zip(batch, answers, strict=True):
                if not done.done():
                    done.set_result(answer)

    def _next(self) -> list[tuple[Item, asyncio.Future[Answer]]]:
        size = 0
        for place, (item, _) in enumerate(self._waiting):
            size += self._size_of(item)
            if size > self._most and place:
                break
        else:
            place = len(self._waiting)
        batch, self._waiting = self._waiting[:place], self._waiting[place:]
        return batch


def _fail(batch: Sequence[tuple[object, asyncio.Future[Answer]]], error: BaseException) -> None:
    for _, done in batch:
        if not done.done():
            done.set_exception(error)
