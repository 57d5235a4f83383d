"""Whether the bytes of a document are still there and still what they were."""

import hashlib
from typing import Final, Literal

from shared.artefacts.address import original_key
from shared.kernel import Damaged, NotFound
from shared.ports.storage import BlobStore

OriginalState = Literal["well", "missing", "damaged"]
LOST_CODES: Final = frozenset(("original_missing", "original_damaged"))
"""Codes of failures that end when the bytes are there again."""


async def original_state(blobs: BlobStore, sha256: str, size: int, *, thorough: bool) -> OriginalState:
    """By its size; `thorough`: by its hash, for which it is read. Raises Unavailable."""
    key = original_key(sha256)
    there = await blobs.size(key)
    if there is None:
        return "missing"
    if there != size:
        return "damaged"
    if not thorough:
        return "well"
    digest = hashlib.sha256()
    try:
        async for piece in blobs.open(key):
            digest.update(piece)
    except NotFound:
        return "missing"
    except Damaged:
        return "damaged"
    return "well" if digest.hexdigest() == sha256 else "damaged"
