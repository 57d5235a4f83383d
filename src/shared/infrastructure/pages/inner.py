"""The bytes of a picture that stands inside a file: a member of an archive, a stream, an address that holds it."""

import re
import zipfile
import zlib
from pathlib import Path
from typing import Final

from shared.infrastructure.damaged_zips import UNREADABLE_MEMBER
from shared.infrastructure.pages.addresses import address_digest, decoded
from shared.model.pictures.decoding import Unreadable

_MOST_BYTES: Final = 64 << 20
_ADDRESS: Final = re.compile(rb"data:image/[\w.+-]{1,40};base64,([A-Za-z0-9+/=\s%]+)", re.I)


def picture_in(path: str, source: str) -> bytes:
    """`zip:MEMBER`, `ole:STREAM`, `ole-packed:STREAM` (deflated) or `data:SHA256` of the address's text.

    Raises Unreadable.
    """
    kind, _, name = source.partition(":")
    try:
        match kind:
            case "zip":
                return _member(path, name)
            case "ole" | "ole-packed":
                return _stream(path, name, is_packed=kind == "ole-packed")
            case "data":
                return _in_address(Path(path).read_bytes(), name)
    except (*UNREADABLE_MEMBER, ValueError, TypeError, IndexError) as error:
        raise Unreadable("damaged_picture", "The picture in the document is damaged.") from error
    raise Unreadable("not_a_picture", "There is no such picture in the document.")


def _member(path: str, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(name).file_size > _MOST_BYTES:
            raise _too_large()
        with archive.open(name) as member:
            return _limited(member.read(_MOST_BYTES + 1))


def _stream(path: str, name: str, *, is_packed: bool) -> bytes:
    import olefile

    with olefile.OleFileIO(path) as file, file.openstream(name.split("/")) as stream:
        raw: bytes = stream.read(_MOST_BYTES)
    return _limited(zlib.decompressobj(-15).decompress(raw, _MOST_BYTES + 1)) if is_packed else raw


def _in_address(raw: bytes, digest: str) -> bytes:
    for found in _ADDRESS.finditer(raw):
        if address_digest(found[1]) == digest:
            return _limited(decoded(found[1]))
    raise Unreadable("not_a_picture", "There is no such picture in the document.")


def _limited(raw: bytes) -> bytes:
    if len(raw) > _MOST_BYTES:
        raise _too_large()
    return raw


def _too_large() -> Unreadable:
    return Unreadable("too_large_inside", f"The picture unpacks to more than {_MOST_BYTES >> 20} MB.")
