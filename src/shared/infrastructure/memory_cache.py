"""The Cache in this process's memory: least recently used goes first, bounded by bytes."""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Final, NamedTuple

from typing_extensions import override

from shared.ports.storage import Cache

_ENTRY_BYTES: Final = 300
"""What an entry costs beside its key and value (measured: dictionary slots, the tuple, object headers)."""


class _Entry(NamedTuple):
    value: bytes
    expires_at: float
    tag: str
    size: int


class MemoryCache(Cache):
    """Cache; for one event loop."""

    def __init__(self, max_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._tagged: defaultdict[str, set[str]] = defaultdict(set)
        self._bytes = 0

    @property
    @override
    def is_shared(self) -> bool:
        return False

    @override
    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires_at <= self._clock():
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    @override
    async def put(self, key: str, value: bytes, *, ttl_seconds: float, tag: str = "") -> None:
        self._remove(key)
        size = len(key) + len(value) + _ENTRY_BYTES
        if size > self._max_bytes:
            return
        self._entries[key] = _Entry(value, self._clock() + ttl_seconds, tag, size)
        self._tagged[tag].add(key)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._remove(next(iter(self._entries)))

    @override
    async def drop(self, tag: str) -> None:
        for key in list(self._tagged.get(tag, ())):
            self._remove(key)

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= entry.size
        tagged = self._tagged[entry.tag]
        tagged.discard(key)
        if not tagged:
            del self._tagged[entry.tag]
