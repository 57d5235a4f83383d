"""The index's child as its parent holds it: started, opened, asked, replaced when it is late or gone, and closed."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import psutil

from search.infrastructure.edge import PROCESS
from search.infrastructure.edge.faults import is_disk_full, is_room_short, is_shortage
from search.infrastructure.edge.times import EdgeIndexTimes
from shared.disk_reserve import DiskReserve
from shared.kernel import StorageFull, Unavailable
from shared.runtime.backoff import Backoff
from shared.runtime.children import ChildEnded, ChildError, ChildLate, ChildProcess
from shared.telemetry import Metrics, get_log

_CODE: Final = "index_unavailable"
_OF_THE_ENGINE: Final = ("Exception", "PanicException")
_MOST_CRASHES: Final = 2
"""In a row, of children that open the index: after that it is the index."""

_log = get_log("search")

Ask = Callable[..., Awaitable[Any]]
"""Asks a child that is being opened: the method and its arguments. Raises ChildEnded, ChildError."""


class IndexDamaged(Exception):
    """What the child is to serve cannot be read."""


class _NoRoom(Exception):
    """The disk has no room for what opening the index needs."""


class IndexChild:
    """Every call has an end: a child that takes too long for one is killed, and another takes its place."""

    def __init__(
        self,
        owner_file: Path,
        *,
        set_up: Callable[[Ask], Awaitable[None]],
        set_aside: Callable[[str], Awaitable[None]],
        reserve: DiskReserve,
        metrics: Metrics,
        times: EdgeIndexTimes,
        module: str = PROCESS,
    ) -> None:
        """`set_up` has a new child open what it is to serve; `owner_file` says which process it is.

        `set_aside` is called when that cannot be read; then something else is there to be opened. The `reserve` is
        given up when the disk has no room for what the index needs.
        """
        self._owner_file = owner_file
        self._set_up = set_up
        self._set_aside = set_aside
        self._reserve = reserve
        self._metrics = metrics
        self._times = times
        self._module = module
        self._child: ChildProcess | None = None
        self._opening: asyncio.Task[ChildProcess] | None = None
        self._opening_since = 0.0
        self._backoff = Backoff(times.first_pause_seconds, times.longest_pause_seconds)
        self._not_before = 0.0
        self._why_not = ""
        self._openings = 0
        # A call failed in a way that damage would explain: the next child reads everything once before it serves.
        self._is_suspect = False
        self._trusted_until = 0.0
        # How often in a row a child crashed while it opened.
        self._crashes = 0
        self._closed = True
        # How often in a row it was late for a kind of call.
        self._late: Counter[str] = Counter()

    def begin(self) -> None:
        """Starts it beside everything else."""
        self._closed = False
        self._begin_opening()

    async def close(self) -> None:
        """Flushed, as far as it answers, and ended."""
        self._closed = True
        if self._opening is not None:
            # Not cancelled at once: most children that are being opened answer in time.
            await asyncio.wait({self._opening}, timeout=self._times.close_seconds)
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        child, self._child = self._child, None
        if child is None:
            return
        try:
            await child.call("close", within_seconds=self._times.close_seconds)
            await child.stop(grace_seconds=self._times.close_seconds)
        except (ChildEnded, ChildError):
            await child.kill()
        self._owner_file.unlink(missing_ok=True)

    async def ready(self) -> None:
        """Returns once it has the index open. Raises Unavailable."""
        await self._owner()

    async def ask(self, method: str, **arguments: Any) -> Any:
        """The answer; every call may be repeated, so another child is asked when one ends under it.

        Raises Unavailable.
        """
        for last in (False, True):
            child = await self._owner()
            try:
                answer = await self._call(child, method, self._patience(method), **arguments)
            except ChildEnded as error:
                self._late[method] += isinstance(error, ChildLate)
                await self._suspect(child)
                self._metrics.count("search_index_restarts_total")
                _log.warning("the index's process ended", action="index.restart", method=method, reason=str(error))
                if last:
                    raise Unavailable("The index is being started again.", code=_CODE) from error
            except ChildError as error:
                if is_disk_full(error) and await self._release() and not last:
                    continue
                await self._doubt(child, error)
                raise Unavailable(f"The index could not do that: {error}.", code=_CODE) from error
            except Unavailable as error:
                if error.specific_code == StorageFull.code and await self._release() and not last:
                    continue
                raise
            else:
                del self._late[method]
                return answer
        raise AssertionError("unreachable")

    async def ask_soon(self, method: str, **arguments: Any) -> Any:
        """The same for somebody who waits: Unavailable after `search_seconds`, or if it has been opened for so long.

        Later while the child waits for the disk: it answers as soon as that has done its part.
        """
        loop = asyncio.get_running_loop()
        until, at_disk = loop.time() + self._times.search_at_disk_seconds, False
        asking = loop.create_task(self.ask(method, **arguments))
        try:
            while True:
                seconds = self._times.search_seconds if self._openings else self._times.first_search_seconds
                if self._is_opening:
                    seconds -= loop.time() - self._opening_since
                await asyncio.wait({asking}, timeout=max(0.0, seconds))
                if asking.done():
                    return asking.result()
                # Once more also when it has just come back from there, and has others to answer first.
                was_at_disk, child = at_disk, self._child
                at_disk = child is not None and await child.waits_for_disk()
                if loop.time() >= until or not (at_disk or was_at_disk):
                    raise Unavailable("The index does not answer now.", code=_CODE)
        finally:
            asking.cancel()

    @property
    def openings(self) -> int:
        """How many children have opened it."""
        return self._openings

    @property
    def _is_opening(self) -> bool:
        return self._opening is not None and not self._opening.done()

    async def _call(self, child: ChildProcess, method: str, within_seconds: float, **arguments: Any) -> Any:
        at_disk_seconds = self._times.at_disk_seconds
        return await child.call(method, within_seconds=within_seconds, at_disk_seconds=at_disk_seconds, **arguments)

    def _patience(self, method: str, first_seconds: float | None = None) -> float:
        seconds = self._times.call_seconds if first_seconds is None else first_seconds
        return float(min(self._times.longest_call_seconds, seconds * 2 ** min(self._late[method], 10)))

    async def _release(self) -> bool:
        """Whether there was room to be given up, and is free now."""
        released = await asyncio.to_thread(self._reserve.release)
        if released:
            _log.warning("the disk is full: the reserve is given up", action="disk.released", store="index")
        return released

    async def _suspect(self, child: ChildProcess) -> None:
        """Whether it is damage is looked at once in a while at most: a fault of the engine's would look the same."""
        await child.kill()
        if child.crashed_by is None or is_room_short(self._owner_file.parent):
            return
        if asyncio.get_running_loop().time() >= self._trusted_until:
            self._is_suspect = True

    async def _doubt(self, child: ChildProcess, error: ChildError) -> None:
        """Another child looks whether it can read everything, if it is the engine that complains."""
        if error.kind not in _OF_THE_ENGINE or is_shortage(error) or self._is_suspect:
            return
        if asyncio.get_running_loop().time() >= self._trusted_until:
            _log.warning("the index failed", action="index.failed", reason=str(error))
            self._is_suspect = True
            await child.kill()

    async def _owner(self) -> ChildProcess:
        """The child that has the shard open; one start for everyone who waits."""
        if self._child is not None and self._child.is_alive:
            return self._child
        if self._closed:
            raise Unavailable("The index is closed.", code=_CODE)
        if not self._is_opening:
            wait_seconds = self._not_before - asyncio.get_running_loop().time()
            if wait_seconds > 0:
                raise Unavailable(self._why_not, code=_CODE, retry_after_seconds=wait_seconds)
            self._begin_opening()
        assert self._opening is not None
        return await asyncio.shield(self._opening)

    def _begin_opening(self) -> None:
        self._opening_since = asyncio.get_running_loop().time()
        self._opening = asyncio.create_task(self._open(self._child), name="open-index")
        self._child = None
        # Whoever needs the index meets the error; if nobody does, it is no news.
        self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _open(self, former: ChildProcess | None) -> ChildProcess:
        if former is not None:
            await former.kill()  # also what it started; it may only have ceased to answer
        try:
            child = await self._opened_or_replaced()
        except Unavailable as error:
            loop = asyncio.get_running_loop()
            self._why_not, self._not_before = error.detail, loop.time() + self._backoff.next_seconds()
            raise
        self._backoff.reset()
        self._openings += 1
        self._child = child
        return child

    async def _opened_or_replaced(self) -> ChildProcess:
        try:
            return await self._opened()
        except IndexDamaged as error:
            self._is_suspect, self._crashes = False, 0
            await self._set_aside(str(error))
        except _NoRoom as error:
            if not await self._release():
                raise _cannot_open(error) from error
        try:
            return await self._opened()
        except (IndexDamaged, _NoRoom) as error:
            raise _cannot_open(error) from error

    async def _opened(self) -> ChildProcess:
        child = await ChildProcess.start(self._module)
        patience = self._patience("open", self._times.open_seconds)

        async def ask(method: str, **arguments: Any) -> Any:
            try:
                return await self._call(child, method, patience, **arguments)
            except ChildError as error:
                if error.kind != "ShardLocked":
                    raise
            await asyncio.to_thread(self._end_former_owner)
            return await self._call(child, method, patience, **arguments)

        try:
            await self._set_up(ask)
            if self._is_suspect:
                await child.call("check", within_seconds=self._times.check_seconds)
                self._is_suspect = False
                self._trusted_until = asyncio.get_running_loop().time() + self._times.check_again_seconds
            await asyncio.to_thread(self._record_owner, child.pid)
        except (ChildEnded, ChildError) as error:
            self._late["open"] += isinstance(error, ChildLate)
            await child.kill()
            if is_disk_full(error) or (child.crashed_by is not None and is_room_short(self._owner_file.parent)):
                raise _NoRoom(str(error)) from error
            self._crashes += child.crashed_by is not None
            if self._crashes >= _MOST_CRASHES or (isinstance(error, ChildError) and error.kind == "ShardDamaged"):
                raise IndexDamaged(str(error)) from error
            raise Unavailable(f"The index cannot be opened: {error}.", code=_CODE) from error
        except Unavailable as error:
            await child.kill()
            if error.specific_code == StorageFull.code:
                raise _NoRoom(error.detail) from error
            raise
        except BaseException:
            await child.kill()
            raise
        del self._late["open"]
        self._crashes = 0
        return child

    def _record_owner(self, pid: int) -> None:
        with contextlib.suppress(psutil.Error, OSError):
            record = {"pid": pid, "started": psutil.Process(pid).create_time()}
            self._owner_file.write_text(json.dumps(record), encoding="utf-8")

    def _end_former_owner(self) -> None:
        """A child whose parent was killed and that did not end: only the very process on record is ended."""
        with contextlib.suppress(psutil.Error, OSError, ValueError, KeyError, TypeError):
            record = json.loads(self._owner_file.read_text(encoding="utf-8"))
            former = psutil.Process(int(record["pid"]))
            if abs(former.create_time() - float(record["started"])) < 0.01:
                _log.warning("ending the index's former process", action="index.end_former", pid=former.pid)
                former.kill()
                former.wait(5)


def _cannot_open(error: Exception) -> Unavailable:
    return Unavailable(f"The index cannot be opened: {error}.", code=_CODE)
