"""What an office file (a zip) says of itself, checked before anything in it is unpacked."""

import zipfile
from pathlib import Path
from typing import Final

from process.infrastructure.parsers.draft import Unreadable

_MOST_BYTES: Final = 200 << 20
_MOST_ENTRIES: Final = 10_000
_HIGHEST_RATIO: Final = 200
_SMALL: Final = 4 << 20
"""A part of this size may be packed as tightly as it likes: plain XML reaches 100 : 1."""


def check_zip(path: Path) -> None:
    """Raises Unreadable: corrupt for what is no zip, too_large for what unpacks beyond the limits."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable(
            "corrupt", "The file is damaged and cannot be opened. Save or download it again, then upload the new file."
        ) from error
    total = sum(entry.file_size for entry in entries)
    if len(entries) > _MOST_ENTRIES or total > _MOST_BYTES:
        raise _too_large()
    end_of_last = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.file_size > _SMALL and entry.file_size > _HIGHEST_RATIO * max(1, entry.compress_size):
            raise _too_large()
        # Entries that share bytes are how a small file unpacks to a huge one (Fifield 2019).
        if entry.header_offset < end_of_last:
            raise _too_large()
        end_of_last = entry.header_offset + entry.compress_size
        if entry.flag_bits & 1:
            raise Unreadable(
                "encrypted", "The file is protected with a password. Save it without one and upload it again."
            )


def _too_large() -> Unreadable:
    return Unreadable(
        "too_large_inside",
        f"The file unpacks to more than Seoga accepts ({_MOST_BYTES >> 20} MB in {_MOST_ENTRIES:,} parts), or is built "
        "to do so. Split it into smaller documents.",
    )
