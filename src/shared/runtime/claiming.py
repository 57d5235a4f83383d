"""Whose a shared database is: two installations must not keep their state in one, nor one beside two event logs."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from shared.kernel import Unavailable
from shared.ports.event_bus import EventBus
from shared.settings import WrongSettings
from shared.telemetry import get_log

_log = get_log("main")


class SharedDatabase(Protocol):
    """A database in which several processes keep their state."""

    async def claim(self, identity: Mapping[str, str]) -> None:
        """Says what must be the same for all its processes. Raises WrongSettings when it goes with something else."""
        ...


class DatabaseClaim:
    """It is kept in the database which installation and which event log it goes with."""

    def __init__(
        self, database: SharedDatabase, bus: EventBus, *, installation: str, ask_again_seconds: float = 2.0
    ) -> None:
        """A log that does not answer is asked again after that time."""
        self._database = database
        self._bus = bus
        self._installation = installation
        self._ask_again_seconds = ask_again_seconds

    async def make(self) -> bool:
        """False while the log cannot be asked. Raises WrongSettings when the database goes with another log."""
        try:
            events = await self._bus.identity()
        except Unavailable:
            return False
        await self._database.claim({"installation": self._installation, **({"events": events} if events else {})})
        return True

    async def keep_trying(self) -> None:
        """Until it is made, or known to be another's."""
        try:
            while True:
                await asyncio.sleep(self._ask_again_seconds)
                if await self.make():
                    return
        except WrongSettings as error:
            # From now on every call to the database says so, and health does.
            _log.error("another installation's database", action="main.claim", reason=error.detail)
