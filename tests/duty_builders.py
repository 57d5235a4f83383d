"""Duties for tests: `some_duties()`, a store that is `Cut` off, a process that was `killed` while it held one."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.duties import SqliteDuties
from shared.kernel import Unavailable
from shared.ports.duties import DutyStore


@asynccontextmanager
async def some_duties() -> AsyncIterator[DutyStore]:
    """A store of its own, for any number of processes."""
    with TemporaryDirectory() as folder:
        async with SqliteDatabase(Path(folder) / "duties.sqlite", SqliteDuties.SCHEMA) as database:
            yield SqliteDuties(database)


async def killed(duties: DutyStore, name: str, *, lease_seconds: float) -> float:
    """A process holds the duty and says nothing any more; from when on (by `time.time`) another may."""
    ends_at = time.time() + lease_seconds
    assert await duties.take(name, owner="killed", lease_seconds=lease_seconds)
    return ends_at


class Cut(DutyStore):
    """A store that cannot be asked while it is away; `is_late`: what was asked is done, and no answer comes."""

    def __init__(self, duties: DutyStore) -> None:
        self._duties = duties
        self.is_away = False
        self.is_late = False
        self.granted: set[str] = set()
        """The names of duties that were held through this."""
        self.asked = 0

    async def take(self, name: str, *, owner: str, lease_seconds: float) -> bool:
        self.asked += 1
        if self.is_away:
            raise Unavailable("The store is away.")
        taken = await self._duties.take(name, owner=owner, lease_seconds=lease_seconds)
        if self.is_late:
            raise Unavailable("The store answered too late.")
        if taken:
            self.granted.add(name)
        return taken

    async def give_back(self, name: str, *, owner: str) -> None:
        if self.is_away:
            raise Unavailable("The store is away.")
        await self._duties.give_back(name, owner=owner)
