"""Upload receipts: the opaque `after` token that Ingest gives out, and the versions that it stands for in Search."""

import base64
import binascii
import json
import zlib
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from shared.kernel import DocumentId, InvalidInput

MOST_VERSIONS: Final = 50_000
_MOST_BYTES: Final = 4 << 20


def write_receipt(versions: Iterable[tuple[DocumentId, int]]) -> str:
    """URL-safe base64 without padding of zlib-compressed JSON `[[document id, version], …]`, in order, each once.

    At most `MOST_VERSIONS` of them can be read again.
    """
    packed = zlib.compress(json.dumps(sorted(set(versions)), separators=(",", ":")).encode())
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_receipt(token: str) -> list[tuple[DocumentId, int]]:
    """What was written. Raises InvalidInput (`invalid_after`) for what is no receipt or unpacks to too much."""
    try:
        packed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        unpack = zlib.decompressobj()
        raw = unpack.decompress(packed, _MOST_BYTES)
        if unpack.unconsumed_tail or not unpack.eof:
            raise ValueError("too long or cut off")
        entries = json.loads(raw)
        if not isinstance(entries, list) or len(entries) > MOST_VERSIONS:
            raise ValueError("not a list")
        return [(DocumentId(str(UUID(document))), _version(version)) for document, version in entries]
    except (binascii.Error, zlib.error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput("`after` is not a token that an upload gave out.", code="invalid_after") from error


def _version(value: object) -> int:
    if type(value) is not int or not 0 < value < 1 << 62:
        raise ValueError("not a version")
    return value
