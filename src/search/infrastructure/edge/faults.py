"""Which failures of the index are the machine's, and which the index's own; free of the driver."""

import errno
import re
from pathlib import Path
from typing import Final

from shared.disk_reserve import free_bytes

LITTLE_ROOM_BYTES: Final = 16 << 20
_SHORTAGES: Final = frozenset(
    (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.ENOMEM,
        errno.EMFILE,
        errno.ENFILE,
        errno.EAGAIN,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
    )
)


class ShardDamaged(Exception):
    """What lies in the shard's folder cannot be read, today or tomorrow."""


def is_shortage(error: BaseException) -> bool:
    """Whether the engine complains of what the machine does not give now, and not of the shard."""
    return any(int(number) in _SHORTAGES for number in re.findall(r"os error (\d+)", str(error)))


def is_disk_full(error: BaseException) -> bool:
    """Whether it complains of a full disk."""
    return any(f"os error {code}" in str(error) for code in (errno.ENOSPC, errno.EDQUOT))


def is_room_short(folder: Path) -> bool:
    """Whether so little is left of the disk that a page of a file may not be had: that ends a process (SIGBUS)."""
    return free_bytes(folder) < LITTLE_ROOM_BYTES
