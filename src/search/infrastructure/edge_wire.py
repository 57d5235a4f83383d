"""How units and labels travel between the index's parent and its child; free of the driver."""

from array import array
from collections.abc import Iterator
from typing import Any

from search.application.ports import ScoredUnit, Unit
from search.infrastructure.edge_flags import FLAGS, flag
from shared.events.ingest import Labels
from shared.kernel import DocumentId


def payload_of(labels: Labels) -> dict[str, Any]:
    """The part of a point's payload that changed labels replace."""
    return {
        "collection": labels.collection,
        "name": list(dict.fromkeys((labels.document_name, *labels.names))),
        "media_type": labels.media_type.lower(),
        "metadata": labels.metadata,
        "received_at": labels.received_at.isoformat(),
        FLAGS: list(_flags("metadata", labels.metadata)),
    }


def _flags(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield flag(path, value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _flags(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _flags(path, inner)


def to_wire(unit: Unit) -> dict[str, Any]:
    """A unit as the child takes it; numbers as bytes."""
    payload = payload_of(unit.labels)
    if unit.language is not None:
        payload["language"] = unit.language.lower()
    if unit.page is not None:
        payload["page"] = unit.page
    return {
        "document": unit.document_id,
        "version": unit.version,
        "unit": unit.ordinal,
        "kind": unit.kind,
        "chunks": list(unit.chunk_ordinals),
        "space": None if unit.dense is None else unit.dense.space,
        "dense": None if unit.dense is None else unit.dense.values,
        "indices": None if unit.sparse is None else array("I", unit.sparse.indices).tobytes(),
        "values": None if unit.sparse is None else array("f", unit.sparse.values).tobytes(),
        "payload": payload,
    }


def from_wire(entry: list[Any]) -> ScoredUnit:
    """One entry of a list as the child answers it."""
    document, version, ordinal, kind, chunks, score = entry
    return ScoredUnit(DocumentId(document), version, ordinal, kind, tuple(chunks), score)
