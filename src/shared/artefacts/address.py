"""Where an artefact lives: content hash, stage, stage version and configuration make the address."""

import hashlib
import json
import re
from typing import Any, Final

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
PIECE: Final = ".piece"
"""How the address of a piece of an artefact ends."""


def original_key(sha256: str) -> str:
    """The BlobStore key of the original with this content hash: what `StoredBlob.key` says."""
    return f"originals/{sha256[:2]}/{sha256}"


def sha256_of(artefact: str) -> str | None:
    """The content hash in an artefact's key."""
    found = _SHA256.search(artefact)
    return found[0] if found else None


def piece_key(sha256: str, stage: str, stage_version: int, configuration: dict[str, Any]) -> str:
    """Of what a stage leaves while it is at work, and nobody needs once its artefact is there."""
    return artefact_key(sha256, stage, stage_version, configuration) + PIECE


def artefact_key(sha256: str, stage: str, stage_version: int, configuration: dict[str, Any]) -> str:
    """The BlobStore key; the same content, stage and configuration always give the same one."""
    digest = hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:16]
    # No folder for each document: making one durably costs as much as the artefact itself.
    return f"artefacts/{sha256[:2]}/{sha256}.{stage}-{stage_version}-{digest}"
