"""Memory that mapped files take and that nobody needs: for the holes in them, and for what was read once.

An engine that maps a sparse file and asks for all of it at once gets a page of zeros for each page of a hole: 71 MB for
an index of one document, whose files have 300 kB on the disk. One that makes weights of its own from those in a file
keeps what it read: 86 MB, of which the vectors of words are looked up again.
"""

import ctypes
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_MADV_DONTNEED: Final = 4
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class _Mapping(NamedTuple):
    """Of a part of a file into this process's memory."""

    first: int
    last: int
    offset: int
    path: str
    is_writable: bool
    is_shared: bool
    """What is written goes into the file; else it stays in this process's memory alone."""


def give_back_holes(folder: Path) -> int:
    """Gives the system back what this process's shared mappings of files below `folder` hold for holes.

    Returns how many bytes of holes there are; 0 where the system does not tell of its mappings. Nothing is lost,
    whatever is written meanwhile: of a shared mapping the file is what counts, and a page that differs from it stays.
    What is read there later comes again.
    """
    given = 0
    for mapping in _mappings_below(folder):
        if not mapping.is_shared:
            continue
        try:
            with Path(mapping.path).open("rb") as file:
                for start, end in _holes(file.fileno(), mapping.offset, mapping.offset + mapping.last - mapping.first):
                    _give_back(mapping.first + start - mapping.offset, end - start)
                    os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)
                    given += end - start
        except OSError:
            continue  # it is gone already, or the file system knows no holes
    return given


def give_back_read(folder: Path) -> int:
    """Gives the system back what this process has read of files below `folder` that are mapped to be read only.

    Returns how many bytes are mapped so; 0 where the system does not tell. The files stay in the system's cache for as
    long as that has room, and what is read again comes from there, a page at a time.
    """
    given = 0
    for mapping in _mappings_below(folder):
        if not mapping.is_writable:
            _give_back(mapping.first, mapping.last - mapping.first)
            given += mapping.last - mapping.first
    return given


def _give_back(first: int, length: int) -> None:
    library = _library()
    if library is not None:
        library.madvise(first, length, _MADV_DONTNEED)


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The C library, or None where it cannot be advised."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        library.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    except (OSError, AttributeError):
        return None
    return library


def _mappings_below(folder: Path) -> list[_Mapping]:
    """None where the system does not tell, or cannot be advised."""
    if _library() is None:
        return []
    try:
        lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    found, below = list[_Mapping](), f"{folder.resolve()}/"
    for line in lines:
        # Address, rights, offset, device, inode, path.
        parts = line.split(maxsplit=5)
        if len(parts) < 6 or not parts[5].startswith(below):
            continue
        first, last = (int(address, 16) for address in parts[0].split("-"))
        found.append(_Mapping(first, last, int(parts[2], 16), parts[5], parts[1][1] == "w", parts[1][3] == "s"))
    return found


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
