"""What a unit is as a point, alike in every Qdrant: its id, its fields' names. Light, for the edge child reads it."""

from typing import Final
from uuid import NAMESPACE_OID, UUID, uuid5

from search.domain.metadata_paths import is_metadata, metadata_paths, plain_field

SPARSE: Final = "sparse"
"""The name of the sparse vectors."""

REFERENCE_FIELDS: Final = ["document", "version", "unit", "kind", "chunks"]
"""The part of a payload that says which unit it is and which chunks it stands for."""

ANALYSIS: Final = "analysis"
"""The field of a payload that says which version of the analysis made the sparse vector."""

FLAGS: Final = "flags"
"""Truth values of the metadata as text: the embedded binding takes True for the integer 1 and then matches neither."""


def point_id(document: str, version: int, unit: int, kind: str) -> UUID:
    """The same unit is the same point, however often it is written."""
    return uuid5(NAMESPACE_OID, f"{document}:{version}:{kind}:{unit}")


def flag(field: str, value: bool) -> str:
    """How FLAGS says that a field is true or false."""
    return f"{plain_field(field)}={'true' if value else 'false'}"


def payload_paths(field: str) -> list[str]:
    """Every place of the payload that a filter's field may mean: metadata keys may hold anything, so each is quoted."""
    if not is_metadata(field):
        return [field]
    return [".".join(["metadata", *(f'"{key}"' for key in keys)]) for keys in metadata_paths(field)]
