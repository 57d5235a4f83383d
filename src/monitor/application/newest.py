"""The newest values of other processes, from the cache that all share: the store has them half a minute later."""

import json
from collections.abc import Collection, Mapping
from typing import Final

from monitor.application.board import Board
from monitor.domain.metric import Labels, Point, SeriesKey
from shared.ports.storage import Cache

INSTANCE: Final = "instance"
"""The label that says which process measured a series."""
_KEPT_SECONDS: Final = 60.0
"""Of a process that is gone, or whose word does not get through: by then the store has what it measured."""


class Newest:
    """Every value carries the second of which it is, and one that the store has overtaken is not taken.

    So nothing that comes from here is older than what is there without it. A cache that is away, or that holds
    something else, is the same as none.
    """

    def __init__(self, board: Board, cache: Cache) -> None:
        self._board = board
        self._cache = cache
        self._own = dict(board.labels).get(INSTANCE)

    @property
    def is_shared(self) -> bool:
        """Whether there are others to tell, and a cache to tell them through."""
        return self._own is not None and self._cache.is_shared

    async def tell(self) -> None:
        """Others can have the values of this process as they are now."""
        if self._own is not None:
            values = [(name, labels, second, value) for (name, labels), second, value in self._board.newest_of_all()]
            await self._cache.put(_key(self._own), json.dumps(values).encode(), ttl_seconds=_KEPT_SECONDS)

    async def of_others(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, Point]:
        """Of those series that other processes measure, as far as they told."""
        if not self.is_shared:
            return {}
        others = {value for one in series for name, value in one.labels if name == INSTANCE} - {self._own}
        found = dict[SeriesKey, Point]()
        for other in sorted(others):
            found |= _values(await self._cache.get(_key(other)))
        return {one: found[one] for one in series if one in found}


def _key(instance: str) -> str:
    return f"monitor.newest:{instance}"


def _values(raw: bytes | None) -> dict[SeriesKey, Point]:
    if raw is None:
        return {}
    try:
        return {
            SeriesKey(str(name), _labels(labels)): Point(int(second), 1, float(value), float(value), float(value))
            for name, labels, second, value in json.loads(raw)
        }
    except (ValueError, TypeError, OverflowError):
        return {}


def _labels(given: list[tuple[str, str]]) -> Labels:
    return tuple((str(name), str(value)) for name, value in given)
