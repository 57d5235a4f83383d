"""Who reads next: a note does not wait behind a book."""

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

_LARGE: Final = 1 << 20
"""Bytes; what is smaller is read within a second or two."""
_BYTES_A_SECOND: Final = 1 << 20
"""About what reading gets through; a file of so many bytes lets pass what comes within a second after it."""

_SHORT_SECONDS: Final = 0.5
"""A piece of a file that takes no longer may hold any place: what comes meanwhile waits no longer than that."""
_MOST_FILES: Final = 1_000


class Pace:
    """How long pieces of a file take."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Of the last piece of each, the file that was asked of longest ago first.
        self._seconds: dict[str, float] = {}

    @contextmanager
    def of(self, path: str) -> Iterator[None]:
        """Measures the block, in which one is read."""
        started = self._clock()
        yield
        self._seconds.pop(path, None)
        self._seconds[path] = self._clock() - started
        if len(self._seconds) > _MOST_FILES:
            del self._seconds[next(iter(self._seconds))]

    def is_slow(self, path: str) -> bool:
        """Whether the next one is to leave a place to others, as large files do; so too while that is not known."""
        return self._seconds.get(path, _SHORT_SECONDS) >= _SHORT_SECONDS


class Turns:
    """Places for so many at once. Where there are two or more, large files leave one of them to the others.

    Who waits comes in the order of arrival plus the time that the file will take: small ones pass large ones, and
    none waits for ever. Pieces of a file come one by one, each for itself, as small files do where it takes no longer.
    A caller that is cancelled while it waits loses its turn and nothing else.
    """

    def __init__(self, places: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = places
        self._free_for_large = max(1, places - 1)
        self._clock = clock
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, bool, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def turn(self, size: int, *, is_large: bool | None = None) -> AsyncIterator[None]:
        """Holds a place for the block, for `size` bytes of a file. `is_large` where more is known than the size."""
        is_large = size >= _LARGE if is_large is None else is_large
        come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._clock() + size / _BYTES_A_SECOND, next(self._numbers), is_large, come))
        self._let_in()
        try:
            await come
        except asyncio.CancelledError:
            if come.done() and not come.cancelled():
                self._leave(is_large)
            raise
        try:
            yield
        finally:
            self._leave(is_large)

    def _leave(self, is_large: bool) -> None:
        self._free += 1
        self._free_for_large += is_large
        self._let_in()

    def _let_in(self) -> None:
        passed = []
        while self._waiting and self._free:
            first = heapq.heappop(self._waiting)
            *_, is_large, come = first
            if come.done():
                continue
            if is_large and not self._free_for_large:
                passed.append(first)
                continue
            self._free -= 1
            self._free_for_large -= is_large
            come.set_result(None)
        for one in passed:
            heapq.heappush(self._waiting, one)
