"""Near-duplicates in Ingest's SQLite file: an index of the bands of each document's signature."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any, Final

from ingest.application.ports import Similar
from ingest.domain.document import Document
from ingest.domain.standing import Standing
from ingest.infrastructure.document_rows import DOCUMENTS_QUERY, documents_of, most_similar
from shared.artefacts.signature import Signature

_OF_A_BAND: Final = 100
"""So many documents of one band are looked at: more are as good as the same."""


def similar(
    connection: sqlite3.Connection, document: Document, collections: Collection[str] | None, limit: int
) -> list[Similar]:
    """DocumentStore.similar. Each band is a range of the index."""
    signature = document.standing.signature
    if signature is None:
        return []
    seen, of_seen = "", list[str]()
    if collections is not None:
        seen, of_seen = " AND b.collection IN (SELECT value FROM json_each(?))", [json.dumps(sorted(collections))]
    one = (
        "SELECT number FROM (SELECT b.number FROM bands b CROSS JOIN documents d ON d.number = b.number"
        f" WHERE b.band = ?{seen} AND d.status != 'withdrawn' AND d.id != ? LIMIT {_OF_A_BAND})"
    )
    bands = signature.bands()
    given = [value for band in bands for value in (band, *of_seen, document.id)]
    found = connection.execute(
        "SELECT json_group_object(number, json_extract(standing, '$.signature')) FROM documents"
        f" WHERE number IN ({' UNION '.join([one] * len(bands))})",
        given,
    ).fetchone()[0]
    ranked = most_similar(signature, {int(number): stored for number, stored in json.loads(found).items()}, limit)
    documents = documents_of(connection.execute(DOCUMENTS_QUERY, (json.dumps(list(ranked)),)).fetchone()[0])
    return [Similar(documents[number], similarity) for number, similarity in ranked.items() if number in documents]


def index_signature(connection: sqlite3.Connection, number: int, before: Standing, after: Standing) -> None:
    """Inside the write that takes the document of that number from one standing to the next."""
    if after.signature == before.signature:
        return
    connection.executemany(
        "DELETE FROM bands WHERE band = ?1 AND number = ?2"
        " AND collection = (SELECT collection FROM documents WHERE number = ?2)",
        _rows(before.signature, number),
    )
    connection.executemany(
        "INSERT INTO bands SELECT ?1, collection, number FROM documents WHERE number = ?2",
        _rows(after.signature, number),
    )


def _rows(signature: Signature | None, number: int) -> Sequence[tuple[Any, ...]]:
    return () if signature is None else [(band, number) for band in signature.bands()]
