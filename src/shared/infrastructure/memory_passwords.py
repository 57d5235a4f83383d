"""Passwords in this process's memory: bounded in number and time."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from typing_extensions import override

from shared.kernel import DocumentId
from shared.ports.passwords import Passwords

_MOST: Final = 1_000
_SECONDS: Final = 3_600.0


class MemoryPasswords(Passwords):
    """Passwords; for one event loop. The oldest goes where there are too many."""

    def __init__(
        self, *, most: int = _MOST, seconds: float = _SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[DocumentId, tuple[str, float]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<{len(self._kept)} passwords>"

    @override
    def keep(self, document_id: DocumentId, password: str) -> None:
        self._kept.pop(document_id, None)
        now = self._clock()
        while self._kept and (len(self._kept) >= self._most or next(iter(self._kept.values()))[1] <= now):
            self._kept.popitem(last=False)
        self._kept[document_id] = (password, now + self._seconds)

    @override
    def of(self, document_id: DocumentId) -> str | None:
        password, until = self._kept.get(document_id, (None, 0.0))
        if until <= self._clock():
            self._kept.pop(document_id, None)
            return None
        return password

    @override
    def forget(self, document_id: DocumentId) -> None:
        self._kept.pop(document_id, None)
