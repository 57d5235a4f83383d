"""What is known of how sound one SQLite file is: damage and troubles that were met, and looks through it."""

import asyncio
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.infrastructure.sqlite.checking import first_problem
from shared.infrastructure.sqlite.errors import translate
from shared.infrastructure.sqlite.stores import damaged
from shared.kernel import StoreDamaged
from shared.ports.health import ComponentHealth
from shared.shortages import as_unavailable
from shared.telemetry import Metrics, get_log

_log = get_log("sqlite")


@dataclass(frozen=True, slots=True)
class LookingTimes:
    """When a file that is open is looked through, and tried by writing."""

    after_seconds: float = 3.0
    """A server that starts has better things to do."""
    longest_seconds: float = 2.0
    """What lies behind is noticed when it is read."""
    largest_bytes: int = 1 << 30
    """A larger file is not looked through: a part of the look cannot be broken off."""
    again_seconds: float = 60.0
    """While somebody asks how the store is, it is looked through again after this time …"""
    again_times: float = 100.0
    """… and after so many times what the look before took: a hundredth of a core, and no more."""
    write_seconds: float = 10.0
    """Who asks more often has the word of the last write."""
    trouble_seconds: float = 60.0
    """For so long health tells of an input or output error."""


TIMES: Final = LookingTimes()


class StoreHealth:
    """Of one file that is open. What is damaged stays so until the next start: a person has to mend it."""

    def __init__(self, path: Path, metrics: Metrics | None, times: LookingTimes) -> None:
        self._path = path
        self._metrics = metrics
        self._times = times
        self._damage: StoreDamaged | None = None
        self._trouble: tuple[float, str] | None = None
        self._place: tuple[int, int] | None = None
        self._look_due_at = 0.0
        self._write_due_at = 0.0
        self._closing = threading.Event()
        self._looking: asyncio.Task[None] | None = None
        self._reading: asyncio.Future[str | None] | None = None
        for name in ("store_disk_errors_total", "store_damage_total"):
            self._count(name, 0)

    def begin(self) -> None:
        """Looks the file through in a while."""
        self._look(self._times.after_seconds)

    async def end(self) -> None:
        """No look goes on: one that still had the file open would keep its log from being folded into it."""
        self._closing.set()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)

    def look_if_due(self) -> None:
        """In the background, where the last look was long ago."""
        if (self._looking is None or self._looking.done()) and time.monotonic() >= self._look_due_at:
            self._look(0)

    def is_write_due(self) -> bool:
        """Whether a write is to prove that it can be written; asked again, not for a while."""
        now = time.monotonic()
        if now < self._write_due_at:
            return False
        self._write_due_at = now + self._times.write_seconds
        return True

    def of_the_disk(self) -> ComponentHealth:
        """Whether it made trouble lately."""
        if self._trouble is not None and time.monotonic() - self._trouble[0] < self._times.trouble_seconds:
            return ComponentHealth(ready=False, detail=self._trouble[1])
        return ComponentHealth(ready=True, detail="open")

    def must_be_undamaged(self) -> None:
        """Raises StoreDamaged."""
        if self._damage is not None:
            raise self._damage
        if self._place is not None:
            self.must_be_in_place()

    def is_in_place(self) -> None:
        """The file that is there now is the one that is used. Raises OSError."""
        self._place = self._found()

    def must_be_in_place(self) -> None:
        """Raises StoreDamaged once the file was deleted or replaced: what is written then is in no file any more."""
        try:
            place = self._found()
        except OSError:
            place = None
        if place != self._place:
            gone = damaged(self._path, "it was deleted or replaced while the server runs")
            self._keep(gone)
            raise gone

    def told(self, error: Exception) -> Exception:
        """The error as everybody else understands it; damage and troubles of the disk are counted and kept."""
        told = translate(error, self._path)
        if isinstance(told, StoreDamaged):
            self._keep(told)
        elif ((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF) == sqlite3.SQLITE_IOERR:
            self._trouble = (time.monotonic(), str(told))
            self._count("store_disk_errors_total")
        return told

    def unreadable(self, error: ValueError) -> StoreDamaged:
        """A row says what nobody wrote: a state that is none, an instant that is none."""
        damage = damaged(self._path, f"a row cannot be read: {error}")
        self._keep(damage)
        return damage

    def _look(self, after_seconds: float) -> None:
        self._looking = asyncio.create_task(self._look_through(after_seconds), name=f"look-{self._path.stem}")

    async def _look_through(self, after_seconds: float) -> None:
        """So that a damaged page is told of before somebody needs what stood there."""
        await asyncio.sleep(after_seconds)
        started = time.monotonic()
        try:
            await self._look_now()
        finally:
            took = time.monotonic() - started
            self._look_due_at = started + max(self._times.again_seconds, self._times.again_times * took)

    async def _look_now(self) -> None:
        seconds = self._times.longest_seconds
        try:
            if self._path.stat().st_size > self._times.largest_bytes:
                return
            reading = asyncio.to_thread(first_problem, self._path, seconds=seconds, stop=self._closing)
            self._reading = asyncio.ensure_future(reading)
            # A thread goes on whatever becomes of who waits for it.
            problem = await asyncio.shield(self._reading)
        except (OSError, RuntimeError, MemoryError) as error:
            # What the machine is short of says nothing of the file.
            problem = None if as_unavailable(error) else str(error)
        except sqlite3.Error as error:
            self.told(error)
            return
        if problem is not None:
            self._keep(damaged(self._path, problem))

    def _keep(self, damage: StoreDamaged) -> None:
        if self._damage is None:
            self._damage = damage
            _log.error("a store is damaged", action="store.damaged", store=self._path.stem, reason=damage.detail)
        self._count("store_damage_total")

    def _count(self, name: str, value: float = 1) -> None:
        if self._metrics is not None:
            self._metrics.count(name, value, store=self._path.stem)

    def _found(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_dev, found.st_ino
