"""Rows of search.sqlite to what Search shows and knows."""

import itertools
import json
import sqlite3
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from pydantic import TypeAdapter

from search.application.ports.live_store import HitRecord
from search.application.ports.versions import DocumentState
from search.infrastructure.shown_hits import shown_hit
from shared.artefacts.chunks import Chunk
from shared.events.ingest import Labels
from shared.kernel import DocumentId

_LIVE_AT: Final = "live_from <= :at AND (live_until IS NULL OR live_until > :at)"
# One answer of one row, read in one go: between rows a thread gives up the interpreter, and on a busy server it waits
# up to 5 ms each time to have it again.
_HITS: Final = f"""
SELECT json_group_array(json_array(asked.key, v.revision, v.language, json(d.labels), json(c.chunk)))
FROM json_each(:places) AS asked
CROSS JOIN versions v ON v.document_id = asked.value ->> 0 AND v.version = asked.value ->> 1
CROSS JOIN documents d ON d.document_id = v.document_id
CROSS JOIN chunks c ON c.document_id = v.document_id AND c.version = v.version
    AND c.ordinal BETWEEN (asked.value ->> 2) - :context AND (asked.value ->> 2) + :context
WHERE d.labels IS NOT NULL AND {_LIVE_AT}
"""
_Row = tuple[int, int, str | None, Labels, Chunk]
"""Number of the place, revision, language, labels, chunk."""
_ROWS: Final = TypeAdapter(list[_Row])


def record_at(connection: sqlite3.Connection, at: int, document_id: DocumentId, version: int) -> sqlite3.Row | None:
    """Revision, language and labels of a version that was live at that index version."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT v.revision, v.language, d.labels FROM versions v JOIN documents d USING (document_id)"
        f" WHERE document_id = :document AND version = :version AND {_LIVE_AT}",
        {"document": document_id, "version": version, "at": at},
    ).fetchone()
    return row


def hit_records(
    connection: sqlite3.Connection, at: int, places: Sequence[tuple[DocumentId, int, int]], *, context: int
) -> list[HitRecord | None]:
    """For each (document, version, ordinal) everything that is shown, or None when its version was not live then."""
    given = {"places": json.dumps(places), "context": context, "at": at}
    (found,) = connection.execute(_HITS, given).fetchone()
    shown: list[HitRecord | None] = [None] * len(places)
    # The chunk of a place and its neighbours are rows that follow one another.
    for place, group in itertools.groupby(sorted(_ROWS.validate_json(found), key=_order), key=itemgetter(0)):
        rows = list(group)
        _, revision, language, labels, _ = rows[0]
        shown[place] = shown_hit(
            *places[place], revision=revision, language=language, labels=labels, chunks=[row[4] for row in rows]
        )
    return shown


def _order(row: _Row) -> tuple[int, int]:
    return row[0], row[4].ordinal


def labels_of(raw: str) -> Labels:
    """From their column."""
    return Labels.model_validate_json(raw)


def state_of(row: sqlite3.Row) -> DocumentState:
    """From a row of `documents`."""
    return DocumentState(
        document_id=DocumentId(row["document_id"]),
        labels=None if row["labels"] is None else labels_of(row["labels"]),
        labels_version=row["labels_version"],
        indexed_labels_version=row["indexed_labels_version"],
        live_version=row["live_version"],
        failed_version=row["failed_version"],
        withdrawn_version=row["withdrawn_version"],
    )
