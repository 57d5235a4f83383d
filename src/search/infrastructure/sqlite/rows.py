"""Rows of search.sqlite to what Search shows and knows."""

import itertools
import json
import sqlite3
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final

from pydantic import TypeAdapter

from search.application.ports.live_store import HitRecord
from search.application.ports.versions import DocumentState, FirstPages, LiveVersion, Sources
from search.infrastructure.shown_hits import names_in, searched_texts, shown_hit
from search.infrastructure.sqlite.chunk_bytes import to_json
from shared.artefacts.chunks import Chunk
from shared.events.ingest import Labels
from shared.kernel import DocumentId

_LIVE_AT: Final = "live_from <= :at AND (live_until IS NULL OR live_until > :at)"
# One answer of one row, read in one go: between rows a thread gives up the interpreter, and on a busy server it waits
# up to 5 ms each time to have it again.
_HITS: Final = f"""
SELECT json_group_array(
    json_array(asked.key, v.revision, v.language, json(d.labels), hex(c.chunk), f.pages_done, f.pages_total)
)
FROM json_each(:places) AS asked
CROSS JOIN versions v ON v.document_id = asked.value ->> 0 AND v.version = asked.value ->> 1
CROSS JOIN documents d ON d.document_id = v.document_id
CROSS JOIN chunk_places c ON c.place BETWEEN max(v.first_place, v.first_place + (asked.value ->> 2) - :context)
    AND min(v.last_place, v.first_place + (asked.value ->> 2) + :context)
LEFT JOIN first_pages f ON f.document_id = v.document_id AND f.version = v.version
WHERE d.labels IS NOT NULL AND {_LIVE_AT}
"""
# The same for the words alone.
_TEXTS: Final = f"""
SELECT json_group_array(json_array(asked.key, hex(c.chunk)))
FROM json_each(:places) AS asked
CROSS JOIN versions v ON v.document_id = asked.value ->> 0 AND v.version = asked.value ->> 1
CROSS JOIN documents d ON d.document_id = v.document_id
CROSS JOIN chunk_places c ON c.place = v.first_place + (asked.value ->> 2)
WHERE c.place BETWEEN v.first_place AND v.last_place AND d.labels IS NOT NULL AND {_LIVE_AT}
"""
_LABELS: Final = f"""
SELECT json_group_array(json_array(v.document_id, json(d.labels), v.language))
FROM json_each(:documents) AS asked
CROSS JOIN versions v ON v.document_id = asked.value
CROSS JOIN documents d ON d.document_id = v.document_id
WHERE d.labels IS NOT NULL AND {_LIVE_AT}
"""
_Row = tuple[int, int, str | None, Labels, Chunk, int | None, int | None]
"""Number of the place, revision, language, labels, chunk; of first pages, how many of how many."""
_ROWS: Final = TypeAdapter(list[tuple[int, int, str | None, Labels, str, int | None, int | None]])
"""The same, with the chunk's bytes in hexadecimal digits."""
_STORED: Final = TypeAdapter(list[tuple[int, str]])
_CHUNKS: Final = TypeAdapter(list[Chunk])
_LABELLED: Final = TypeAdapter(list[tuple[DocumentId, Labels, str | None]])


def labels_at(
    connection: sqlite3.Connection, at: int, documents: Sequence[DocumentId]
) -> list[tuple[DocumentId, Labels, str | None]]:
    """Labels and language of those documents that were live at that index version."""
    (found,) = connection.execute(_LABELS, {"documents": json.dumps(documents), "at": at}).fetchone()
    return _LABELLED.validate_json(found)


def names_of(connection: sqlite3.Connection, collection: str) -> dict[str, DocumentId]:
    """Every name of the collection's documents that are not withdrawn."""
    rows = connection.execute(
        "SELECT document_id, labels FROM documents WHERE collection = ? AND withdrawn_version IS NULL", (collection,)
    )
    return {name: DocumentId(row["document_id"]) for row in rows for name in names_in(labels_of(row["labels"]))}


def hit_records(
    connection: sqlite3.Connection, at: int, places: Sequence[tuple[DocumentId, int, int]], *, context: int
) -> list[HitRecord | None]:
    """For each (document, version, ordinal) everything that is shown, or None when its version was not live then."""
    given = {"places": json.dumps(places), "context": context, "at": at}
    (found,) = connection.execute(_HITS, given).fetchone()
    shown: list[HitRecord | None] = [None] * len(places)
    # The chunk of a place and its neighbours are rows that follow one another.
    for place, group in itertools.groupby(sorted(_rows(found), key=_order), key=itemgetter(0)):
        rows = list(group)
        _, revision, language, labels, _, done, total = rows[0]
        shown[place] = shown_hit(
            *places[place],
            revision=revision,
            language=language,
            labels=labels,
            chunks=[row[4] for row in rows],
            first_pages=None if done is None or total is None else FirstPages(done, total),
        )
    return shown


def texts_of(
    connection: sqlite3.Connection, at: int, places: Sequence[tuple[DocumentId, int, int]]
) -> list[str | None]:
    """For each (document, version, ordinal) its words, or None when its version was not live then."""
    (found,) = connection.execute(_TEXTS, {"places": json.dumps(places), "at": at}).fetchone()
    stored = _STORED.validate_json(found)
    texts: list[str | None] = [None] * len(places)
    words = searched_texts(to_json(bytes.fromhex(chunk)) for _, chunk in stored)
    for (place, _), text in zip(stored, words, strict=True):
        texts[place] = text
    return texts


def _rows(found: str) -> Iterator[_Row]:
    rows = _ROWS.validate_json(found)
    chunks = b",".join([to_json(bytes.fromhex(row[4])) for row in rows])
    for row, chunk in zip(rows, _CHUNKS.validate_json(b"[%s]" % chunks), strict=True):
        yield (*row[:4], chunk, *row[5:])


def _order(row: _Row) -> tuple[int, int]:
    return row[0], row[4].ordinal


def labels_of(raw: str) -> Labels:
    """From their column."""
    return Labels.model_validate_json(raw)


def live_of(row: sqlite3.Row) -> LiveVersion:
    """From a row of `versions`."""
    return LiveVersion(
        document_id=DocumentId(row["document_id"]),
        version=row["version"],
        language=row["language"],
        chunk_count=row["chunk_count"],
        sources=Sources(**json.loads(row["sources"])),
    )


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
