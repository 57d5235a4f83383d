"""Tells a stored blob's media type from its content; may look at a container's directory, bounded."""

import asyncio
import struct
from pathlib import Path
from typing import BinaryIO, Final

import filetype

from ingest.domain.media_types import (
    DOC,
    DOCX,
    HWP,
    IMAGES,
    MSG,
    OLE,
    PDF,
    PPT,
    PPTX,
    RTF,
    SUPPORTED,
    SUPPORTED_NAMES,
    XLS,
    XLSX,
    ZIP,
    claimed_format,
    extension_of,
    is_program,
    shape_of,
    text_of,
    zip_member_type,
)
from ingest.domain.text_types import text_type
from shared.kernel import InvalidInput, Unsupported
from shared.ports.storage import BlobStore, StoredBlob

# What may be read of a ZIP's or an OLE file's directory.
_LARGEST_DIRECTORY: Final = 4 << 20
_END_OF_DIRECTORY: Final = 22 + 65535
_LARGEST_OLE_DIRECTORY_SECTORS: Final = 64
_OLE_END: Final = 0xFFFFFFFA
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_OLE_KINDS: Final = (
    ("FileHeader", HWP),
    ("\x05HwpSummaryInformation", HWP),
    ("__properties_version1.0", MSG),
    ("WordDocument", DOC),
    ("Workbook", XLS),
    ("Book", XLS),
    ("PowerPoint Document", PPT),
)
_ENCRYPTED_BY_EXTENSION: Final = {"xlsx": XLSX, "xlsm": XLSX, "xlsb": XLSX, "pptx": PPTX, "pptm": PPTX, "ppsx": PPTX}
_OLE_ENTRY: Final = 128
_OLE_ROOT: Final = 5
_ZIP_NAMES: Final = {"docx": DOCX, "xlsx": XLSX, "pptx": PPTX}
_WORDS: Final = {
    b"MZ": "a Windows program",
    b"\x7fELF": "a Linux program",
    b"\xca\xfe\xba\xbe": "a program",
    b"\xcf\xfa\xed\xfe": "a macOS program",
    b"\x9b\x20DRMONE": "encrypted by DRM software, which alone can open it",
    b"SCDSA00": "encrypted by DRM software, which alone can open it",
    b"SQLite format 3\0": "an SQLite database",
}


async def media_type_of(blobs: BlobStore, blob: StoredBlob, name: str) -> str:
    """Raises InvalidInput (`empty_file`) and Unsupported, which say what the content is and what is supported."""
    if blob.size == 0:
        raise InvalidInput(f"The file {name!r} is empty.", code="empty_file")
    found: str | None
    match shape_of(blob.head):
        case "pdf":
            found = PDF
        case "rtf":
            found = RTF
        case "hwp":
            found = HWP
        case "text" if b"\0" in blob.head and filetype.guess(blob.head) is not None:
            found = _picture_type(blob.head)
        case "text":
            found = text_type(text_of(blob.head) or "", name)
            if found is None:
                raise _unsupported(
                    f"The name {name!r} says {claimed_format(name)}, but the content is not: it looks like plain text."
                )
        case "zip":
            found = await asyncio.to_thread(_look_into_zip, await blobs.local_path(blob.key), blob.head, name)
        case "ole":
            found = await asyncio.to_thread(_look_into_ole, await blobs.local_path(blob.key), name)
        case _:
            found = _picture_type(blob.head)
    if found not in SUPPORTED:
        raise _unsupported(f"The file {name!r} is {_words_for(blob.head, found)}.")
    return found


def _picture_type(head: bytes) -> str | None:
    kind = filetype.guess(head)
    return kind.mime if kind is not None and kind.mime in IMAGES else None


def _unsupported(what: str) -> Unsupported:
    return Unsupported(f"{what} Supported are {SUPPORTED_NAMES}.")


def _words_for(head: bytes, found: str | None) -> str:
    if found is not None:
        return "an OLE file of an unknown kind" if found == OLE else f"of the type {found}"
    if is_program(head):
        return "a PostScript program or a print job"
    for magic, words in _WORDS.items():
        if head.startswith(magic):
            return words
    kind = filetype.guess(head)
    return f"of the type {kind.mime}" if kind is not None else "not text and of no known type"


def _look_into_zip(path: str, head: bytes, name: str) -> str:
    with Path(path).open("rb") as file:
        members = _zip_members(file)
    if members:
        return zip_member_type(members, _declared(head))
    # No readable directory: a truncated file. It is accepted as what it was, so that it fails with that reason.
    if b"[Content_Types].xml" in head:
        for folder, media_type in ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX)):
            if folder in head:
                return media_type
    return _ZIP_NAMES.get(extension_of(name), ZIP)


def _declared(head: bytes) -> str | None:
    """What the first member says if it is called `mimetype` and not packed, as OpenDocument and EPUB ask."""
    if not head.startswith(b"PK\x03\x04") or head[30:38] != b"mimetype":
        return None
    size, name_length, extra_length = struct.unpack_from("<I4xHH", head, 18)
    start = 30 + name_length + extra_length
    return head[start : start + min(size, 100)].decode("ascii", "replace").strip()


def _zip_members(file: BinaryIO) -> frozenset[str]:
    """By the directory at its end; none where that cannot be read, or is larger than what is looked at."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_OF_DIRECTORY))
    tail = file.read(_END_OF_DIRECTORY)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return frozenset()
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
    return frozenset(members)


def _look_into_ole(path: str, name: str) -> str:
    with Path(path).open("rb") as file:
        directory = _ole_directory(file)
    if _ENCRYPTED in directory:
        # Accepted, so that Process fails it with "encrypted" rather than this door with "unsupported".
        return _ENCRYPTED_BY_EXTENSION.get(extension_of(name), DOCX)
    names = _ole_names(directory)
    for stream, media_type in _OLE_KINDS:
        if stream in names if names else stream.encode("utf-16-le") in directory:
            return media_type
    return OLE


def _ole_names(directory: bytes) -> set[str]:
    """What stands in its root: an office document may hold another one's streams in a folder of its own."""
    count = len(directory) // _OLE_ENTRY
    if not count or directory[66] != _OLE_ROOT:
        return set()
    names: set[str] = set()
    seen: set[int] = set()
    waiting = [struct.unpack_from("<I", directory, 76)[0]]
    while waiting:
        entry = waiting.pop()
        if entry >= count or entry in seen:
            continue
        seen.add(entry)
        at = entry * _OLE_ENTRY
        length = struct.unpack_from("<H", directory, at + 64)[0]
        names.add(directory[at : at + max(0, min(64, length) - 2)].decode("utf-16-le", "replace"))
        waiting += struct.unpack_from("<II", directory, at + 68)
    return names


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
