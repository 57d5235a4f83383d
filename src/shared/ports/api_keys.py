"""API keys that were made at run time: what is kept of one, and the store that keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeyDigests:
    """What is kept instead of a key. None of them lets anybody in, and none leads back to a key of 256 random bits."""

    key: str
    """SHA-256 of the key: what a request shows is compared with it."""
    session: str
    """SHA-256 of what a session's cookie shows of the key."""
    owner: str
    """What belongs to the key (its conversations) is kept under this name."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key without itself."""

    name: str
    digests: KeyDigests
    collections: frozenset[str] | None
    """Which it may touch; None: all."""
    rights: frozenset[str]
    created_at: datetime
    last_used_at: datetime | None = None
    """About a minute behind; None: never."""


class KeyStore(Protocol):
    """Keeps keys by their names; every process of an installation shares it. All raise Unavailable."""

    async def add(self, key: StoredKey) -> bool:
        """Durable on return. False, and nothing is changed, when a key of that name is there, also at the same time."""
        ...

    async def keys(self) -> Sequence[StoredKey]:
        """All of them, by name: what any process has added or removed before is told."""
        ...

    async def remove(self, name: str) -> bool:
        """Durable on return: it is in no later `keys`. False when there is none of that name."""
        ...

    async def used(self, uses: Mapping[str, datetime]) -> None:
        """By the digest of the key, when each was used last. The latest instant counts; removed keys stay removed."""
        ...
