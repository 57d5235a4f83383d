"""How units travel between the index's parent and its child; free of the driver."""

import sys
from array import array
from typing import Any

from search.application.ports.chunk_index import ScoredUnit, Unit
from search.infrastructure.payloads import unit_payload


def to_wire(unit: Unit) -> dict[str, Any]:
    """A unit as the child takes it; numbers as bytes."""
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
        "payload": unit_payload(unit),
    }


def from_wire(entries: list[list[Any]]) -> list[ScoredUnit]:
    """A list as the child answers it."""
    # A named tuple's own constructor takes twice as long, and there are hundreds. Lists are kept, in which the same
    # documents stand again and again: a quarter of what an entry takes was its own copy of their names.
    made, one = tuple.__new__, sys.intern
    return [
        made(ScoredUnit, (one(document), version, ordinal, one(kind), tuple(chunks), score))
        for document, version, ordinal, kind, chunks, score in entries
    ]
