"""The keys that were made at run time as this process knows them: asked for now and then, never by a request."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from typing_extensions import override

from shared.kernel import Clock, DomainError, utc_now
from shared.ports.api_keys import KeyDigests, KeyStore, StoredKey
from shared.runtime.background import Background
from shared.settings import WrongSettings
from shared.telemetry import get_log
from shared.web.keys_file import EVERYTHING, Principal

LOOK_SECONDS: Final = 0.5
"""Where other processes make and withdraw keys too: these count within a second."""
_log = get_log("access")


@dataclass(frozen=True, slots=True)
class KnownKey:
    """Whom a key lets in."""

    digests: KeyDigests
    principal: Principal


class KeyRing(Background):
    """An async context manager over a store. While that cannot be asked, the keys that were known stay known.

    Before it was asked for the first time `is_read` is false: whether a key is needed at all is not known then.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        look_seconds: float | None = None,
        write_seconds: float = 60.0,
        clock: Clock = utc_now,
    ) -> None:
        """`look_seconds`: how often it looks for what others changed; None where no other process can.

        The last use of each key is written every `write_seconds`.
        """
        self._store = store
        self._look_seconds = look_seconds
        self._write_seconds = write_seconds
        self._clock = clock
        # A look that began before a change must not undo what is known of it.
        self._changing = asyncio.Lock()
        self._stored: Sequence[StoredKey] = ()
        self._uses: dict[str, datetime] = {}
        self._is_told = False
        self.is_read = False
        self.known: tuple[KnownKey, ...] = ()

    @property
    def keys(self) -> Sequence[StoredKey]:
        """By name, each with its last use as far as this process knows."""
        return [replace(key, last_used_at=self._last_use(key)) for key in self._stored]

    @override
    async def __aenter__(self) -> Self:
        await self._look_quietly()
        return await super().__aenter__()

    @override
    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        await self._write_uses()

    async def add(self, key: StoredKey) -> bool:
        """False when the name is taken. Raises Unavailable."""
        async with self._changing:
            is_new = await self._store.add(key)
            await self._read()
        return is_new

    async def remove(self, name: str) -> bool:
        """It lets nobody in from now on. False when there is none. Raises Unavailable."""
        async with self._changing:
            was_there = await self._store.remove(name)
            self._know([key for key in self._stored if key.name != name])
        return was_there

    async def look(self) -> None:
        """Knows now what any process has changed. Raises Unavailable."""
        async with self._changing:
            await self._read()

    def used(self, key: KnownKey) -> None:
        """Costs a request nothing: written later."""
        self._uses[key.digests.key] = self._clock()

    @override
    async def run(self) -> None:
        written_at = time.monotonic()
        while True:
            await asyncio.sleep(min(self._look_seconds or self._write_seconds, self._write_seconds))
            if self._look_seconds is not None:
                await self._look_quietly()
            if time.monotonic() - written_at >= self._write_seconds:
                written_at = time.monotonic()
                await self._write_uses()

    async def _read(self) -> None:
        self._know(await self._store.keys())
        self.is_read = True

    def _know(self, keys: Sequence[StoredKey]) -> None:
        self._stored = keys
        self.known = tuple(
            KnownKey(
                key.digests,
                Principal(
                    frozenset((EVERYTHING,)) if key.collections is None else key.collections, key.rights, key.name
                ),
            )
            for key in keys
        )

    def _last_use(self, key: StoredKey) -> datetime | None:
        uses = [at for at in (key.last_used_at, self._uses.get(key.digests.key)) if at is not None]
        return max(uses, default=None)

    async def _look_quietly(self) -> None:
        try:
            await self.look()
        except Exception as error:
            # Once, until it goes well again: it looks twice a second. A wrong setting is told by what ends for it.
            is_wrong_setting = isinstance(error, DomainError) and error.specific_code == WrongSettings.code
            if not self._is_told and not is_wrong_setting:
                reason = error.detail if isinstance(error, DomainError) else repr(error)
                what = "stay as they were" if self.is_read else "are not known: nobody is let in by one"
                _log.warning(f"API keys {what}", action="keys.look", reason=reason)
            self._is_told = True
        else:
            self._is_told = False

    async def _write_uses(self) -> None:
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            await self._store.used(uses)
        except Exception as error:
            # Later ones count more.
            self._uses = {**uses, **self._uses}
            _log.debug("the last use of keys is written later", action="keys.uses", reason=str(error))
            return
        self._stored = [
            replace(key, last_used_at=max(uses[key.digests.key], key.last_used_at or uses[key.digests.key]))
            if key.digests.key in uses
            else key
            for key in self._stored
        ]
