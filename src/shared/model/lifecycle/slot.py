"""One model of this process: loaded once however many ask, swapped without a gap, unloaded when nobody needs it."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic

from shared.free_memory import return_free_memory
from shared.kernel import Unavailable, utc_now
from shared.model.lifecycle.loading import LACKING, Entry, L, Loader, MakeRoom, copy_of, unexpected
from shared.model.lifecycle.status import ModelState, SlotStatus, Transition
from shared.model.lifecycle.telling import SlotNumbers
from shared.shortages import start_thread
from shared.telemetry import Metrics, get_log

_LOAD_ATTEMPTS: Final = 2
_REMEMBERED_TRANSITIONS: Final = 50
_log = get_log("model")

Check = Callable[[L, L], None]
"""Takes the old and the new one before a swap; raises Unavailable to keep the old."""


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """How long a load may take, how many may wait for it, and after how much idleness the model goes (0: never)."""

    load_timeout_seconds: float
    queue_limit: int
    idle_unload_seconds: float = 0


@dataclass(frozen=True, slots=True)
class SlotTimes:
    """How long after a load that failed nobody tries again, and how long closing waits."""

    first_retry_seconds: float = 0.25
    """Doubled by each further failure."""
    longest_retry_seconds: float = 10.0
    longest_close_seconds: float = 5.0
    """For a load under way, for which nobody waits any more; one that takes longer ends with the process."""


_TIMES: Final = SlotTimes()


@dataclass(frozen=True, slots=True)
class _Failure:
    """A load that failed: until `retry_at` (monotonic) callers get its cause at once."""

    error: Unavailable
    wait_seconds: float
    retry_at: float


class ModelSlot(Generic[L]):
    """Safe from any thread and event loop. Methods that block say so."""

    def __init__(
        self, name: str, load: Callable[[], L], *, limits: SlotLimits, metrics: Metrics, times: SlotTimes = _TIMES
    ) -> None:
        """`load` blocks in a thread of its own and raises Unavailable, or anything else as a bug."""
        self.name = name
        self._loader = Loader(name, load, metrics=metrics)
        self._limits = limits
        self._times = times
        self._numbers = SlotNumbers(metrics, name)
        # Guards what follows; held for moments only, never while something loads.
        self._changed = threading.Condition()
        self._entry: Entry[L] | None = None
        self._loading: Future[L] | None = None
        self._reloading = threading.Lock()
        self._unloading = 0
        self._failure: _Failure | None = None
        self._idle_timer: threading.Timer | None = None
        self._closed = False
        self._waiting = 0
        self._working = 0
        self._uses = 0
        self._loads = 0
        self._failed_loads = 0
        self._last_used: float = 0
        self._last_used_at: datetime | None = None
        self._history: deque[Transition] = deque(maxlen=_REMEMBERED_TRANSITIONS)

    def use_budget(self, make_room: MakeRoom) -> None:
        """From now on every load asks for room first."""
        self._loader.make_room = make_room

    @property
    def loaded(self) -> L | None:
        """What is loaded now, to look at; to use it, take a lease."""
        entry = self._entry
        return entry.loaded if entry else None

    @property
    def held_bytes(self) -> int:
        """What it takes now; 0 when it is not loaded."""
        entry = self._entry
        return entry.held_bytes if entry else 0

    @property
    def idle_since(self) -> float | None:
        """Monotonic time of its last use; None while it is in use, loading or not loaded."""
        with self._changed:
            return self._last_used if self._entry is not None and not self._entry.users else None

    @property
    def unused_seconds(self) -> float:
        """Since its last use, or its load; 0 while it is in use or loading. Looks at it for health are no use."""
        with self._changed:
            return 0.0 if self._working or self._loading is not None else time.monotonic() - self._last_used

    @contextlib.asynccontextmanager
    async def lease(self, *, counts: bool = True) -> AsyncIterator[L]:
        """The model, loaded first where it is not, and kept until the block ends whatever happens meanwhile.

        `counts` False is no use of it: it does not keep an idle model from being unloaded. Raises Unavailable
        with the cause while it cannot be loaded.
        """
        entry = await self._acquire()
        with self._changed:
            self._working += counts
        try:
            yield entry.loaded
        finally:
            self._release(entry, counts=counts)

    @contextlib.contextmanager
    def lease_if_loaded(self) -> Iterator[L | None]:
        """As `lease` without loading; no use of it."""
        with self._changed:
            entry = self._entry
            if entry is not None:
                entry.users += 1
        try:
            yield entry.loaded if entry else None
        finally:
            if entry is not None:
                self._release(entry, counts=False)

    async def load(self) -> None:
        """Loads if it is not loaded, or waits for who does. Raises Unavailable."""
        async with self.lease(counts=False):
            pass

    def start_loading(self) -> None:
        """Loads in the background; what goes wrong is in the status."""
        with contextlib.suppress(Unavailable):
            self._load_in_thread()

    def unload(self) -> None:
        """Gives the memory back once what was asked for is answered; the next call loads again. Blocks."""
        with self._changed:
            entry, self._entry = self._entry, None
            if entry is None:
                return
            self._unloading += 1
            self._note("unloading")
        self._retire(entry)
        with self._changed:
            self._unloading -= 1
            self._note(self._state())
        _log.info("model unloaded", action="model.unload", model=self.name)

    def reload(self, check: Check[L] | None = None) -> None:
        """Loads a new one beside the old, checks it, and swaps; calls in flight end on the old. Blocks.

        Loads where nothing is loaded. Raises Unavailable when the new one does not load or pass: the old stays.
        """
        with self._reloading:
            if self._entry is None:
                try:
                    self._load_in_thread().result(self._limits.load_timeout_seconds)
                except TimeoutError:
                    raise self._too_slow() from None
                return
            fresh = self._loader.load(attempts=1)
            with self.lease_if_loaded() as old:
                try:
                    if old is not None and check is not None:
                        check(old, fresh.loaded)
                except BaseException:
                    fresh.loaded.close()
                    raise
            with self._changed:
                replaced, self._entry = self._entry, None if self._closed else fresh
                self._loads += 1
                self._note("ready", f"reloaded: {fresh.loaded.label}")
            if self._closed:
                fresh.loaded.close()
            if replaced is not None:
                self._retire(replaced)

    def refuse_when_closed(self) -> None:
        """Raises Unavailable after `close`."""
        if self._closed:
            raise Unavailable("The server is shutting down: the model is unloaded.")

    def close(self) -> None:
        """Unloads at once; every later call raises Unavailable. Blocks until the memory is free."""
        with self._changed:
            self._closed = True
            self._loader.give_up()
            entry, self._entry = self._entry, None
            if self._idle_timer is not None:
                self._idle_timer.cancel()
            loading = self._loading
        if entry is not None:
            entry.loaded.close()
            self._numbers.loaded(None)
        if loading is not None:
            wait([loading], self._times.longest_close_seconds)

    def status(self, problem: Unavailable | None = None) -> SlotStatus:
        """One moment of it; `problem` is what already now is known to keep it from loading."""
        with self._changed:
            entry, state = self._entry, self._state()
            error = self._failure.error if self._failure else problem
            if error is not None and state in ("failed", "unloaded"):
                state = "unavailable" if error.specific_code in LACKING else "failed"
            return SlotStatus(
                state=state,
                loads=self._loads,
                failed_loads=self._failed_loads,
                load_seconds=entry.seconds if entry else None,
                loaded_at=entry.at if entry else None,
                uses=self._uses,
                last_used_at=self._last_used_at,
                in_use=entry.users if entry else 0,
                waiting=self._waiting,
                memory_before_bytes=entry.memory_before if entry else None,
                memory_after_bytes=entry.memory_after if entry else None,
                memory_bytes=entry.held_bytes if entry else None,
                last_error=error.detail if error else None,
                history=tuple(self._history),
            )

    async def _acquire(self) -> Entry[L]:
        deadline = time.monotonic() + self._limits.load_timeout_seconds
        while True:
            with self._changed:
                if self._entry is not None:
                    self._entry.users += 1
                    self._numbers.calls(self._entry.users)
                    return self._entry
            await self._wait_for(self._load_in_thread(), deadline - time.monotonic())

    async def _wait_for(self, loading: Future[L], seconds: float) -> None:
        with self._changed:
            if self._waiting >= self._limits.queue_limit:
                raise Unavailable(
                    f"The model is loading, and {self._waiting} callers wait for it already.", code="model_busy"
                )
            self._waiting += 1
            self._numbers.waiting(self._waiting)
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(loading)), max(0.0, seconds))
        except TimeoutError:
            raise self._too_slow() from None
        except Unavailable as error:
            # One of its own for each waiter: a raised exception collects the frames it passes.
            raise copy_of(error, error.retry_after_seconds) from error
        finally:
            with self._changed:
                self._waiting -= 1
                self._numbers.waiting(self._waiting)

    def _too_slow(self) -> Unavailable:
        return Unavailable(
            f"The model has been loading for {self._limits.load_timeout_seconds:g} s and is not ready yet.",
            code="model_loading",
            retry_after_seconds=5,
        )

    def _load_in_thread(self) -> Future[L]:
        """The load that is under way, or a new one: whoever comes first starts it, in a thread of its own.

        Raises the last failure's cause while it is too early to try again.
        """
        with self._changed:
            self.refuse_when_closed()
            if self._loading is not None:
                return self._loading
            future: Future[L] = Future()
            # Running, so that a waiter that is cancelled cannot cancel it for the others.
            future.set_running_or_notify_cancel()
            if self._entry is not None:
                future.set_result(self._entry.loaded)
                return future
            if self._failure is not None and (early := self._failure.retry_at - time.monotonic()) > 0:
                raise copy_of(self._failure.error, early)
            self._loading = future
            self._note("loading")
        try:
            start_thread(self._load_and_tell, future, name=f"{self.name}-load")
        except BaseException as error:
            # Whoever came meanwhile waits for this load as well.
            with self._changed:
                self._loading = None
                self._note("failed", str(error))
            future.set_exception(error)
        return future

    def _load_and_tell(self, future: Future[L]) -> None:
        try:
            entry = self._loader.load(attempts=_LOAD_ATTEMPTS)
        except BaseException as error:
            cause = error if isinstance(error, Unavailable) else unexpected(error)
            with self._changed:
                doubled = 2 * self._failure.wait_seconds if self._failure else self._times.first_retry_seconds
                pause = min(doubled, self._times.longest_retry_seconds)
                self._failure = _Failure(cause, pause, time.monotonic() + pause)
                self._failed_loads += 1
                self._loading = None
                self._note("failed", cause.detail)
            future.set_exception(copy_of(cause, pause))
            return
        with self._changed:
            self._failure = None
            self._loading = None
            self._loads += 1
            self._last_used = time.monotonic()
            if not self._closed:
                self._entry = entry
                self._note("ready", entry.loaded.label)
                self._numbers.loaded(entry)
        if self._closed:
            entry.loaded.close()
        else:
            self._watch_idleness()
        future.set_result(entry.loaded)

    def _release(self, entry: Entry[L], *, counts: bool) -> None:
        with self._changed:
            entry.users -= 1
            self._numbers.calls(entry.users)
            if counts:
                self._working -= 1
                self._uses += 1
                self._numbers.used()
                self._last_used = time.monotonic()
                self._last_used_at = utc_now()
            if not entry.users and entry is not self._entry:
                self._changed.notify_all()

    def _retire(self, entry: Entry[L]) -> None:
        """Closes an entry that is no longer the slot's, once its last user has left."""
        with self._changed:
            self._changed.wait_for(lambda: not entry.users or self._closed)
        entry.loaded.close()
        return_free_memory()
        self._numbers.loaded(self._entry)

    def _watch_idleness(self) -> None:
        """A timer that looks when the model could be idle for long enough, and again when it was used since."""
        limit = self._limits.idle_unload_seconds
        if not limit:
            return
        with self._changed:
            since = self._last_used if self._entry is not None else None
            is_used = self._entry is not None and self._entry.users > 0
            if since is None or self._closed:
                return
            left = limit if is_used else since + limit - time.monotonic()
            if left > 0:
                self._idle_timer = threading.Timer(left, self._watch_idleness)
                self._idle_timer.daemon = True
                try:
                    self._idle_timer.start()
                except RuntimeError as error:
                    # It stays loaded until the next load or call for its memory.
                    self._idle_timer = None
                    _log.warning("idleness not watched", action="model.idle.failed", model=self.name, reason=str(error))
                return
        _log.info("model idle", action="model.unload.idle", model=self.name, idle_seconds=limit)
        self.unload()

    def _state(self) -> ModelState:
        if self._entry is not None:
            return "ready"
        if self._loading is not None:
            return "loading"
        if self._unloading:
            return "unloading"
        return "failed" if self._failure is not None else "unloaded"

    def _note(self, state: ModelState, reason: str | None = None) -> None:
        self._history.append(Transition(utc_now(), state, reason))
        self._numbers.state(state)
