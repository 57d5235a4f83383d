"""Duties: what one process does for all of them, as long as it holds the duty's lease."""

from typing import Protocol


class DutyStore(Protocol):
    """Keeps who holds which duty, in the module's own store. Names are `<module>.<duty>`.

    A duty has at most one holder at a time among all processes that share the store, by the store's clock. A holder
    that is gone is replaced once its lease has ended; where one process alone can open the store, as soon as the next
    one has. Every call raises Unavailable when the store cannot be asked; what it was to do may then have been done,
    and nobody may believe to hold a duty for longer than the lease that was granted last.
    """

    async def take(self, name: str, *, owner: str, lease_seconds: float) -> bool:
        """Whether `owner` holds the duty for so long from now on: it is free, its lease has ended, or it was theirs.

        So the holder renews by taking it again before the lease ends. False changes nothing.
        """
        ...

    async def give_back(self, name: str, *, owner: str) -> None:
        """Others may take it at once. Nothing when `owner` does not hold it."""
        ...
