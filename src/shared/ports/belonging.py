"""Marks: each part of an installation that keeps something says which installation it is a part of."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mark:
    """What a part says of itself."""

    installation: str
    """A UUID, made once for all parts."""
    collections: int = 0
    """How often one went through the part to find what nobody refers to. Two parts count together, so that one which
    was put back from a copy is known by its lower number."""
    is_settled: bool = True
    """False while the parts are being marked for the first time."""


class Marked(Protocol):
    """Keeps the mark of one part, beside what it marks: it comes and goes with that."""

    async def read(self) -> Mark | None:
        """None when there is none. Raises Unavailable."""
        ...

    async def write(self, mark: Mark) -> None:
        """Replaces what is there; durable on return. Raises Unavailable, StorageFull."""
        ...

    async def claim(self, mark: Mark) -> Mark:
        """Writes it if there is none; the one that is there then. Raises Unavailable, StorageFull."""
        ...

    async def is_empty(self) -> bool:
        """Whether the part holds nothing yet, so that nothing in it can be another's. Raises Unavailable."""
        ...
