"""Whether another process waits for the disk: it can do nothing else meanwhile, and does not hang."""

from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import Final

_WAITS: Final = "voluntary_ctxt_switches"
_DISK_SLEEP: Final = "D"
"""The kernel's letter for a wait that no signal but a kill interrupts: written pages, a journal, a page to be read."""
_STOPPED: Final = ("T", "t")


class Seen(Enum):
    """What it was seen to do."""

    AT_DISK = auto()
    STOPPED = auto()
    OTHERWISE = auto()


class DiskWatch:
    """Looks at a process again and again. Linux only: elsewhere, and when it is gone, it is seen to do otherwise."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._waits: str | None = None

    def look(self) -> Seen:
        """At the disk is also whose main thread waited for something, and got it, since the last look.

        On a busy machine one that writes a hundred files to disk is seen in the wait itself at a third of all looks;
        the rest of its time it waits for a processor.
        """
        status: dict[str, str] = {}
        with suppress(OSError):
            lines = (self._folder / "status").read_text(errors="replace").splitlines()
            status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        former, self._waits = self._waits, status.get(_WAITS)
        state = status.get("State", "")[:1]
        if state in _STOPPED:
            return Seen.STOPPED
        return Seen.AT_DISK if state == _DISK_SLEEP or former not in (None, self._waits) else Seen.OTHERWISE
