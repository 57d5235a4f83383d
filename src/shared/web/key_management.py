"""Keys made, listed and withdrawn while the server runs; and what of it would lock everybody out, or let anybody in."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.kernel import Clock, Conflict, NotFound, utc_now
from shared.ports.api_keys import StoredKey
from shared.ports.audit import AuditAction
from shared.web.access import Access
from shared.web.audit_trail import AuditTrail
from shared.web.key_digests import digests_of, new_key
from shared.web.key_ring import KeyRing
from shared.web.keys_file import ANONYMOUS, Principal

MOST_KEYS: Final = 1_000
"""Each request is compared with all of them."""


@dataclass(frozen=True, slots=True)
class SeenKey:
    """A key as it is listed."""

    name: str
    collections: frozenset[str] | None
    """None: all."""
    rights: frozenset[str]
    is_of_settings: bool
    """Then it is withdrawn where it stands: in the file of SEOGA_API_KEYS_FILE."""
    created_at: datetime | None = None
    """None for those of the settings, which nobody made here."""
    last_used_at: datetime | None = None
    """About a minute behind; None: never, and for those of the settings, of which it is not kept."""


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key: told once, kept by nobody but who asked for it."""

    seen: SeenKey
    key: str
    closes_server: bool
    """Until now no key was needed; from now on every request needs one."""


class KeyManagement:
    """Over one ring; who may call it was asked before."""

    def __init__(self, ring: KeyRing, access: Access, trail: AuditTrail, *, clock: Clock = utc_now) -> None:
        self._ring = ring
        self._access = access
        self._trail = trail
        self._clock = clock
        # What is looked at before a change must hold when it is made.
        self._one_by_one = asyncio.Lock()

    async def all(self) -> Sequence[SeenKey]:
        """Those of the settings, then those made since by name; as every process knows them. Raises Unavailable."""
        await self._ring.look()
        return [*map(_of_settings, self._access.of_settings), *map(_made, self._ring.keys)]

    async def make(
        self, by: Principal, name: str, *, collections: Collection[str] | None, rights: Collection[str]
    ) -> MadeKey:
        """Raises Conflict where the name is taken, and for a first key that nobody could make another with."""
        async with self._one_by_one:
            await self._ring.look()
            key, was_open = new_key(), not self._access.needs_keys
            stored = StoredKey(
                name=name,
                digests=digests_of(key),
                collections=None if collections is None else frozenset(collections),
                rights=frozenset(rights),
                created_at=self._clock(),
            )
            if name == ANONYMOUS or any(name == principal.name for principal in self._access.of_settings):
                raise Conflict(f"The name {name!r} is taken. Choose another.", code="key_name_taken")
            if was_open and not _manages(stored):
                raise Conflict(
                    "The first key closes the server: from then on every request needs one. So it must be one that "
                    "can make others: with the right 'admin', for every collection.",
                    code="first_key_must_manage",
                )
            if len(self._ring.keys) >= MOST_KEYS:
                raise Conflict(f"There are {MOST_KEYS} keys already. Withdraw some first.", code="too_many_keys")
            if not await self._ring.add(stored):
                raise Conflict(f"The name {name!r} is taken. Choose another.", code="key_name_taken")
        await self._trail.record(by, AuditAction.KEY_MADE, name, detail=_told(stored))
        return MadeKey(_made(stored), key, closes_server=was_open)

    async def withdraw(self, by: Principal, name: str, *, open_server: bool) -> None:
        """`open_server`: also where it is the last key of all, so that afterwards none is needed.

        Raises NotFound; Conflict for a key of the settings, and for the last one that can manage keys.
        """
        async with self._one_by_one:
            await self._ring.look()
            key = next((key for key in self._ring.keys if key.name == name), None)
            if key is None:
                if any(name == principal.name for principal in self._access.of_settings):
                    raise Conflict(
                        f"The key {name!r} stands in the file of SEOGA_API_KEYS_FILE. Remove its line there: that "
                        "counts within a second.",
                        code="key_of_settings",
                    )
                raise NotFound(f"There is no API key named {name!r}.", code="key_not_found")
            self._must_leave_a_keeper(key, open_server)
            # Another process may have been faster, and that is as good.
            await self._ring.remove(name)
        await self._trail.record(by, AuditAction.KEY_WITHDRAWN, name, detail=_told(key))

    def _must_leave_a_keeper(self, key: StoredKey, open_server: bool) -> None:
        others = [*map(_made, self._ring.keys), *map(_of_settings, self._access.of_settings)]
        others = [other for other in others if other.is_of_settings or other.name != key.name]
        if not _manages(key) or any(_manages(other) for other in others):
            return
        if others:
            raise Conflict(
                f"{key.name!r} is the last key that can manage keys. Make another first, or withdraw the others.",
                code="last_managing_key",
            )
        if not open_server:
            raise Conflict(
                f"{key.name!r} is the last key: without it the server is open to everybody on this machine. If that is "
                "wanted, say so (`open_server=true`, `--open-server`).",
                code="last_managing_key",
            )


def _manages(key: StoredKey | SeenKey) -> bool:
    return "admin" in key.rights and key.collections is None


def _made(key: StoredKey) -> SeenKey:
    return SeenKey(key.name, key.collections, key.rights, False, key.created_at, key.last_used_at)


def _of_settings(principal: Principal) -> SeenKey:
    return SeenKey(principal.name, principal.visible, principal.rights, True)


def _told(key: StoredKey) -> str:
    """For the audit log."""
    collections = "*" if key.collections is None else ",".join(sorted(key.collections))
    return f"{collections} {','.join(sorted(key.rights))}"
