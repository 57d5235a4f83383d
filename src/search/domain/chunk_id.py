"""How a chunk is called: the same id for the same place of the same version, on every server."""

from hashlib import sha1
from uuid import NAMESPACE_OID


def chunk_id(document_id: str, version: int, ordinal: int) -> str:
    """The UUIDv5 of its place; the library's takes four times as long, a tenth of what rendering a hit takes."""
    name = f"{document_id}:{version}:{ordinal}".encode()
    digits = sha1(NAMESPACE_OID.bytes + name, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
