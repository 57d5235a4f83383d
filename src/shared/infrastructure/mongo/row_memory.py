"""What was last read of, or written to, the rows of a server: spares a store a read before most of its writes."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Memory(Generic[T]):
    """Of one row."""

    value: T | None = None
    """May be older than what is stored now: who writes by it does so on condition."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """So that writers of one process do not spoil each other's condition. Holding it is no promise."""


class RowMemory(Generic[T]):
    """The memories of the rows that were asked for last, at most `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._memories: OrderedDict[Hashable, Memory[T]] = OrderedDict()

    def of(self, key: Hashable) -> Memory[T]:
        """Empty when nothing is known of the row."""
        memory = self._memories.get(key)
        if memory is None:
            memory = self._memories[key] = Memory()
            if len(self._memories) > self._most:
                self._memories.popitem(last=False)
        else:
            self._memories.move_to_end(key)
        return memory
