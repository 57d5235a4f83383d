"""What a point carries beside its vectors, alike in every Qdrant; free of the drivers."""

from collections.abc import Iterator
from typing import Any, Final

from search.application.ports.chunk_index import Unit
from search.infrastructure.points import FLAGS, flag
from shared.events.ingest import Labels

LABEL_FIELDS: Final = ("collection", "name", "media_type", "metadata", "received_at", FLAGS)


def labels_payload(labels: Labels) -> dict[str, Any]:
    """The part of a point's payload that changed labels replace."""
    return {
        "collection": labels.collection,
        "name": list(dict.fromkeys((labels.document_name, *labels.names))),
        "media_type": labels.media_type.lower(),
        "metadata": labels.metadata,
        "received_at": labels.received_at.isoformat(),
        FLAGS: list(_flags("metadata", labels.metadata)),
    }


def unit_payload(unit: Unit) -> dict[str, Any]:
    """All that filters look at."""
    payload = labels_payload(unit.labels)
    if unit.language is not None:
        payload["language"] = unit.language.lower()
    if unit.page is not None:
        payload["page"] = unit.page
    return payload


def _flags(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield flag(path, value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _flags(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _flags(path, inner)
