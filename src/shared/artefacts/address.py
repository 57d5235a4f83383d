"""Where an artefact lives: content hash, stage, stage version and configuration make the address."""

import hashlib
import json
from typing import Any


def original_key(sha256: str) -> str:
    """The BlobStore key of the original with this content hash: what `StoredBlob.key` says."""
    return f"originals/{sha256[:2]}/{sha256}"


def artefact_key(sha256: str, stage: str, stage_version: int, configuration: dict[str, Any]) -> str:
    """The BlobStore key; the same content, stage and configuration always give the same one."""
    digest = hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:16]
    # No folder for each document: making one durably costs as much as the artefact itself.
    return f"artefacts/{sha256[:2]}/{sha256}.{stage}-{stage_version}-{digest}"
