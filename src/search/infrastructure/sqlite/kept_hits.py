"""What is shown of hits, as it was read last: popular documents are in many answers."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from search.application.ports.live_store import HitRecord
from shared.kernel import DocumentId

_MOST: Final = 2_000
"""Some 2.5 kB each."""
_LONGEST: Final = 8_000
"""Characters of a chunk; hardly any is longer."""
_MOST_TOGETHER: Final = 50
"""Who asks for more looks through a shelf, and would leave nothing of what others find."""

Place = tuple[DocumentId, int, int]
"""Document, version, chunk ordinal."""


class KeptHits:
    """For one event loop. They hold for the state that the store is in now: whatever changes what is shown of any
    document has `forget` called, once it can be read and before anybody hears of it.
    """

    def __init__(self, *, most: int = _MOST) -> None:
        self._most = most
        self._kept: OrderedDict[Place, HitRecord] = OrderedDict()
        self._changes = 0

    def forget(self) -> None:
        """Something has changed."""
        self._kept.clear()
        # What is being read at this moment may be what was there before.
        self._changes += 1

    async def get(
        self,
        places: Sequence[Place],
        read: Callable[[Sequence[Place]], Awaitable[Sequence[HitRecord | None]]],
    ) -> Sequence[HitRecord | None]:
        """Those that are not kept are read, together; what is not live is None, and is not kept."""
        if len(places) > _MOST_TOGETHER:
            return await read(places)
        found = {place: kept for place in places if (kept := self._kept.get(place)) is not None}
        missing = [place for place in places if place not in found]
        if missing:
            changes = self._changes
            records = await read(missing)
            new = {place: one for place, one in zip(missing, records, strict=True) if one is not None}
            found |= new
            if changes == self._changes:
                self._keep(new)
        for place in found:
            if place in self._kept:
                self._kept.move_to_end(place)
        return [found.get(place) for place in places]

    def _keep(self, new: dict[Place, HitRecord]) -> None:
        self._kept |= {place: one for place, one in new.items() if len(one.chunk.text) <= _LONGEST}
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
