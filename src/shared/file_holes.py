"""Memory that mapped files take for the holes in them.

An engine that maps a sparse file and asks for all of it at once gets a page of zeros for each page of a hole: 71 MB for
an index of one document, whose files have 300 kB on the disk.
"""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MADV_DONTNEED: Final = 4
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def give_back_holes(folder: Path) -> int:
    """Gives the system back what this process's shared mappings of files below `folder` hold for holes.

    Returns how many bytes of holes there are; 0 where the system does not tell of its mappings. Nothing is lost,
    whatever is written meanwhile: of a shared mapping the file is what counts, and a page that differs from it stays.
    What is read there later comes again.
    """
    try:
        mappings = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
        library = ctypes.CDLL(None, use_errno=True)
        library.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    except (OSError, AttributeError):
        return 0
    given, below = 0, f"{folder.resolve()}/"
    for line in mappings:
        # Address, rights, offset, device, inode, path.
        parts = line.split(maxsplit=5)
        if len(parts) < 6 or not parts[5].startswith(below) or parts[1][3] != "s":
            continue
        first, last = (int(address, 16) for address in parts[0].split("-"))
        offset = int(parts[2], 16)
        try:
            with Path(parts[5]).open("rb") as file:
                for start, end in _holes(file.fileno(), offset, offset + last - first):
                    library.madvise(first + start - offset, end - start, _MADV_DONTNEED)
                    os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)
                    given += end - start
        except OSError:
            continue  # it is gone already, or the file system knows no holes
    return given


def _holes(file: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Whole pages between `start` and `end` that are nowhere on the disk."""
    end = min(end, os.fstat(file).st_size)
    while start < end:
        hole = os.lseek(file, start, os.SEEK_HOLE)
        if hole >= end:
            return
        try:
            data = min(os.lseek(file, hole, os.SEEK_DATA), end)
        except OSError:  # there is none behind it
            data = end
        first, last = -(-hole // _PAGE) * _PAGE, data // _PAGE * _PAGE
        if first < last:
            yield first, last
        start = data
