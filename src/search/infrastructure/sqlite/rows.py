"""Rows of search.sqlite to what Search shows and knows."""

import sqlite3
from typing import Final

from search.application.ports.live_store import HitRecord
from search.application.ports.versions import DocumentState
from search.infrastructure.shown_hits import shown_hit
from shared.artefacts.chunks import Chunk
from shared.events.ingest import Labels
from shared.kernel import DocumentId

_LIVE_AT: Final = "live_from <= :at AND (live_until IS NULL OR live_until > :at)"


def record_at(connection: sqlite3.Connection, at: int, document_id: DocumentId, version: int) -> sqlite3.Row | None:
    """Revision, language and labels of a version that was live at that index version."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT v.revision, v.language, d.labels FROM versions v JOIN documents d USING (document_id)"
        f" WHERE document_id = :document AND version = :version AND {_LIVE_AT}",
        {"document": document_id, "version": version, "at": at},
    ).fetchone()
    return row


def hit_record(
    connection: sqlite3.Connection, at: int, document_id: DocumentId, version: int, ordinal: int, *, context: int
) -> HitRecord | None:
    """Everything that is shown of a chunk, or None when its version was not live then."""
    record = record_at(connection, at, document_id, version)
    if record is None or record["labels"] is None:
        return None
    rows = connection.execute(
        "SELECT chunk FROM chunks WHERE document_id = ? AND version = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal",
        (document_id, version, ordinal - context, ordinal + context),
    ).fetchall()
    return shown_hit(
        document_id,
        version,
        ordinal,
        revision=record["revision"],
        language=record["language"],
        labels=labels_of(record["labels"]),
        chunks=[Chunk.model_validate_json(row[0]) for row in rows],
    )


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
