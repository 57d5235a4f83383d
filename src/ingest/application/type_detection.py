"""Tells a stored blob's media type from its content; may look at a container's directory, bounded."""

import asyncio
import struct
from pathlib import Path
from typing import BinaryIO, Final

import filetype

from ingest.domain.media_types import (
    DOCX,
    PDF,
    SUPPORTED_NAMES,
    claimed_format,
    extension_of,
    shape_of,
    text_of,
    text_type,
    zip_member_type,
)
from shared.kernel import InvalidInput, Unsupported
from shared.ports.storage import BlobStore, StoredBlob

# What may be read of a ZIP's or an OLE file's directory.
_LARGEST_DIRECTORY: Final = 4 << 20
_END_OF_DIRECTORY: Final = 22 + 65535
_LARGEST_OLE_DIRECTORY_SECTORS: Final = 64
_OLE_END: Final = 0xFFFFFFFA
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_OLE_KINDS: Final = (
    ("HwpSummaryInformation", "a Hancom document (HWP)"),
    ("WordDocument", "an old Word document (DOC)"),
    ("Workbook", "an old Excel workbook (XLS)"),
    ("PowerPoint Document", "an old PowerPoint presentation (PPT)"),
    ("__properties_version1.0", "an Outlook message (MSG)"),
)
_WORDS: Final = {
    b"MZ": "a Windows program",
    b"\x7fELF": "a Linux program",
    b"\xca\xfe\xba\xbe": "a program",
    b"\xcf\xfa\xed\xfe": "a macOS program",
    b"{\\rtf": "an RTF document",
    b"SQLite format 3\0": "an SQLite database",
}


async def media_type_of(blobs: BlobStore, blob: StoredBlob, name: str) -> str:
    """Raises InvalidInput (`empty_file`) and Unsupported, which say what the content is and what is supported."""
    if blob.size == 0:
        raise InvalidInput(f"The file {name!r} is empty.", code="empty_file")
    match shape_of(blob.head):
        case "pdf":
            return PDF
        case "text":
            media_type = text_type(text_of(blob.head) or "", name)
            if media_type is None:
                raise _unsupported(
                    f"The name {name!r} says {claimed_format(name)}, but the content is not: it looks like plain text."
                )
            return media_type
        case "zip":
            found, words = await asyncio.to_thread(_look_into_zip, await blobs.local_path(blob.key), blob.head, name)
        case "ole":
            found, words = await asyncio.to_thread(_look_into_ole, await blobs.local_path(blob.key))
        case _:
            found, words = None, _words_for(blob.head)
    if found is None:
        raise _unsupported(f"The file {name!r} is {words}.")
    return found


def _unsupported(what: str) -> Unsupported:
    return Unsupported(f"{what} Supported are {SUPPORTED_NAMES}.")


def _words_for(head: bytes) -> str:
    for magic, words in _WORDS.items():
        if head.startswith(magic):
            return words
    kind = filetype.guess(head)
    return f"of the type {kind.mime}" if kind is not None else "not text and of no known type"


def _look_into_zip(path: str, head: bytes, name: str) -> tuple[str | None, str]:
    with Path(path).open("rb") as file:
        members = _zip_members(file)
    if members is not None:
        return zip_member_type(members)
    # No readable directory: a truncated file. What was a DOCX is accepted, so that it fails with that reason.
    if b"[Content_Types].xml" in head and (b"word/" in head or extension_of(name) == "docx"):
        return DOCX, "a damaged Word document"
    return None, "a damaged ZIP archive"


def _zip_members(file: BinaryIO) -> frozenset[str] | None:
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_OF_DIRECTORY))
    tail = file.read(_END_OF_DIRECTORY)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return None
    length, offset = struct.unpack_from("<II", tail, at + 12)
    if length > _LARGEST_DIRECTORY:
        return frozenset()
    file.seek(offset)
    directory = file.read(length)
    members: set[str] = set()
    at = 0
    while directory[at : at + 4] == b"PK\x01\x02" and at + 46 <= len(directory):
        name_length, extra_length, comment_length = struct.unpack_from("<HHH", directory, at + 28)
        members.add(directory[at + 46 : at + 46 + name_length].decode("utf-8", "replace"))
        at += 46 + name_length + extra_length + comment_length
    return frozenset(members) if members or length == 0 else None


def _look_into_ole(path: str) -> tuple[str | None, str]:
    with Path(path).open("rb") as file:
        directory = _ole_directory(file)
    if _ENCRYPTED in directory:
        # Accepted, so that Process fails it with "encrypted" rather than this door with "unsupported".
        return DOCX, "an encrypted office document"
    for stream, words in _OLE_KINDS:
        if stream.encode("utf-16-le") in directory:
            return None, words
    return None, "an OLE file of an unknown kind"


def _ole_directory(file: BinaryIO) -> bytes:
    """The directory's sectors, followed through the allocation table for a bounded way."""
    header = file.read(512)
    if len(header) < 512:
        return b""
    shift = struct.unpack_from("<H", header, 30)[0]
    if shift not in (9, 12):
        return b""
    sector_size = 1 << shift
    tables = struct.unpack_from("<109I", header, 76)
    sector = struct.unpack_from("<I", header, 48)[0]
    directory = b""
    for _ in range(_LARGEST_OLE_DIRECTORY_SECTORS):
        if sector >= _OLE_END:
            break
        file.seek((sector + 1) * sector_size)
        directory += file.read(sector_size)
        table, entry = divmod(sector, sector_size // 4)
        if table >= len(tables) or tables[table] >= _OLE_END:
            break
        file.seek((tables[table] + 1) * sector_size + entry * 4)
        following = file.read(4)
        if len(following) < 4:
            break
        sector = struct.unpack("<I", following)[0]
    return directory
