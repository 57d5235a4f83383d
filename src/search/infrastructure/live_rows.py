"""Rows of search.sqlite to what Search shows and knows."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from search.application.ports import DocumentState, HitRecord
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
    chunks = [Chunk.model_validate_json(row[0]) for row in rows]
    chunk = next((one for one in chunks if one.ordinal == ordinal), None)
    if chunk is None:
        return None
    return HitRecord(
        document_id=document_id,
        version=version,
        revision=record["revision"],
        language=record["language"],
        labels=labels_of(record["labels"]),
        chunk=chunk,
        before=_joined([one for one in chunks if one.ordinal < ordinal], until=chunk.start),
        after=_joined([one for one in chunks if one.ordinal > ordinal], begin=chunk.end),
    )


def _joined(chunks: Sequence[Chunk], *, begin: int = 0, until: int | None = None) -> str:
    """The chunks' texts one after the other; overlaps count once, gaps of the text become a space."""
    pieces: list[str] = []
    place = begin
    for chunk in chunks:
        end = chunk.end if until is None else min(chunk.end, until)
        start = max(chunk.start, place)
        if start < end:
            if pieces and start > place:
                pieces.append("\n")
            pieces.append(chunk.text[start - chunk.start : end - chunk.start])
            place = end
    return "".join(pieces)


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
