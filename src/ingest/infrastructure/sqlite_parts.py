"""What was found in documents, from Ingest's SQLite file: one row an answer, see SqliteDatabase.read."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from ingest.domain.document import Document
from ingest.infrastructure.document_rows import DOCUMENTS_QUERY, documents_of
from shared.kernel import DocumentId

_NUMBERS: Final = """
SELECT json_group_array(number) FROM documents
WHERE parent = ? AND listed = 1 AND status IN ('received', 'processing', 'searchable', 'failed')
"""
_COUNTS: Final = """
SELECT json_group_object(wanted.value, (
    SELECT count(*) FROM documents
    WHERE parent = wanted.value AND listed = 1 AND status IN ('received', 'processing', 'searchable', 'failed')
)) FROM json_each(?) AS wanted
"""
_BELOW: Final = """
SELECT count(*), coalesce(sum(size), 0) FROM documents WHERE root = ? AND listed = 1 AND status != 'withdrawn'
"""


def parts_of(connection: sqlite3.Connection, document_id: DocumentId) -> Sequence[Document]:
    """DocumentStore.parts_of."""
    numbers = sorted(json.loads(connection.execute(_NUMBERS, (document_id,)).fetchone()[0]))
    if not numbers:
        return []
    documents = documents_of(connection.execute(DOCUMENTS_QUERY, (json.dumps(numbers),)).fetchone()[0])
    return [documents[number] for number in numbers if number in documents]


def count_parts(connection: sqlite3.Connection, documents: Sequence[DocumentId]) -> Mapping[DocumentId, int]:
    """DocumentStore.count_parts."""
    counted: dict[str, int] = json.loads(
        connection.execute(_COUNTS, (json.dumps(sorted(set(documents))),)).fetchone()[0]
    )
    return {DocumentId(document_id): count for document_id, count in counted.items()}


def below(connection: sqlite3.Connection, root: DocumentId) -> tuple[int, int]:
    """DocumentStore.below."""
    count, size = connection.execute(_BELOW, (root,)).fetchone()
    return int(count), int(size)
