"""DocumentStore on SQLite: documents and facts in one file, in one transaction."""

import json
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from ingest.application.listing_order import DocumentSort, Place, sort_name_of
from ingest.application.ports import CollectionCounts, DocumentFilter, DocumentStore, Page, Similar, Stale, Taken
from ingest.domain.document import Document, Revision
from ingest.domain.standing import Standing, Status
from ingest.infrastructure.document_rows import (
    DOCUMENT_QUERY,
    document_of,
    parentage_fields,
    revision_of,
    standing_json,
    standing_of,
)
from ingest.infrastructure.sqlite_listing import page_of, positions_of
from ingest.infrastructure.sqlite_parts import below, count_parts, parts_of
from ingest.infrastructure.sqlite_releases import SqliteReleases, release
from ingest.infrastructure.sqlite_schema import SCHEMA, TO_TOMBSTONE
from ingest.infrastructure.sqlite_similar import index_signature, similar
from shared.events.envelope import Envelope, Event
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import DocumentId, NotFound


class SqliteDocuments(DocumentStore):
    """DocumentStore; `facts` saves into the same file as `database`."""

    SCHEMA: ClassVar[Schema] = SCHEMA + SqliteReleases.SCHEMA + SqliteFacts.SCHEMA

    def __init__(self, database: SqliteDatabase, facts: SqliteFacts) -> None:
        self._database = database
        self._facts = facts

    @override
    async def load(self, document_id: DocumentId) -> Document:
        def read(connection: sqlite3.Connection) -> Document:
            row = connection.execute(DOCUMENT_QUERY + "WHERE d.id = ?", (document_id,)).fetchone()
            if row is None:
                raise _unknown(document_id)
            return document_of(row)

        return await self._database.read(read)

    @override
    async def holders(self, collection: str, *, sha256: str, name: str) -> tuple[Document | None, Document | None]:
        def read(connection: sqlite3.Connection) -> tuple[Document | None, Document | None]:
            by_bytes = connection.execute(
                DOCUMENT_QUERY
                + "WHERE d.collection = ? AND d.sha256 = ? AND d.status != 'withdrawn' AND d.parent IS NULL",
                (collection, sha256),
            ).fetchone()
            by_name = connection.execute(
                DOCUMENT_QUERY + "WHERE d.number = (SELECT number FROM names WHERE collection = ? AND name = ?)",
                (collection, name),
            ).fetchone()
            first = document_of(by_bytes) if by_bytes else None
            second = document_of(by_name) if by_name else None
            return first, first if first and second and first.id == second.id else second

        return await self._database.read(read)

    @override
    async def save(self, document: Document, *facts: Event, expected_version: int) -> Document:
        envelopes = self._facts.wrap(facts)
        return await self._database.write(
            lambda connection: self._save(connection, document, expected_version, envelopes)
        )

    @override
    async def advance(self, document_id: DocumentId, change: Callable[[Standing], Standing]) -> bool:
        def write(connection: sqlite3.Connection) -> bool:
            row = connection.execute(
                "SELECT number, status, standing FROM documents WHERE id = ?", (document_id,)
            ).fetchone()
            if row is None:
                return False
            before = standing_of(row["standing"])
            after = change(before)
            if after == before:
                return False
            if after.status == row["status"]:  # leaves the indexes on status alone
                connection.execute(
                    "UPDATE documents SET standing = ? WHERE number = ?", (standing_json(after), row["number"])
                )
            else:
                connection.execute(
                    "UPDATE documents SET standing = ?, status = ? WHERE number = ?",
                    (standing_json(after), after.status, row["number"]),
                )
            index_signature(connection, row["number"], before, after)
            if after.removed:
                release(connection, row["number"])
                for table in ("labels", "revisions"):
                    connection.execute(f"DELETE FROM {table} WHERE number = ?", (row["number"],))
                connection.execute(TO_TOMBSTONE + "WHERE number = ?", (row["number"],))
            return True

        return await self._database.write(write)

    @override
    async def find(
        self,
        which: DocumentFilter,
        *,
        sort: DocumentSort = DocumentSort.NEWEST,
        after: Place | None = None,
        limit: int = 50,
    ) -> Page:
        return await self._database.read(lambda connection: page_of(connection, which, sort, after, limit))

    @override
    async def revisions(self, document_id: DocumentId) -> Sequence[Revision]:
        def read(connection: sqlite3.Connection) -> list[Revision]:
            rows = connection.execute(
                "SELECT r.* FROM revisions r JOIN documents d ON d.number = r.number "
                "WHERE d.id = ? ORDER BY r.revision DESC",
                (document_id,),
            )
            return [revision_of(row) for row in rows]

        revisions = await self._database.read(read)
        if not revisions:
            raise _unknown(document_id)
        return revisions

    @override
    async def parts_of(self, document_id: DocumentId) -> Sequence[Document]:
        return await self._database.read(lambda connection: parts_of(connection, document_id))

    @override
    async def count_parts(self, documents: Sequence[DocumentId]) -> Mapping[DocumentId, int]:
        if not documents:
            return {}
        return await self._database.read(lambda connection: count_parts(connection, documents))

    @override
    async def below(self, root: DocumentId) -> tuple[int, int]:
        return await self._database.read(lambda connection: below(connection, root))

    @override
    async def similar(
        self, document: Document, *, collections: Collection[str] | None, limit: int = 10
    ) -> Sequence[Similar]:
        return await self._database.read(lambda connection: similar(connection, document, collections, limit))

    @override
    async def queue_positions(self, queue_numbers: Sequence[int]) -> Mapping[int, int]:
        if not queue_numbers:
            return {}
        return await self._database.read(lambda connection: positions_of(connection, queue_numbers))

    @override
    async def counts(self) -> Sequence[CollectionCounts]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT collection, status, number, size FROM document_counts WHERE status != 'withdrawn' "
                "ORDER BY collection, status"
            ).fetchall()
        )
        found: dict[str, tuple[dict[Status, int], int]] = {}
        for row in rows:
            by_status, size = found.get(row["collection"], ({}, 0))
            found[row["collection"]] = ({**by_status, row["status"]: row["number"]}, size + row["size"])
        return [CollectionCounts(name, by_status, size) for name, (by_status, size) in found.items()]

    def _save(
        self, connection: sqlite3.Connection, document: Document, expected_version: int, envelopes: Sequence[Envelope]
    ) -> Document:
        stored = connection.execute(
            "SELECT number, version, queue_number, standing FROM documents WHERE id = ?", (document.id,)
        ).fetchone()
        if (stored["version"] if stored else 0) != expected_version:
            raise Stale(f"The document {document.id} was changed by someone else meanwhile.")
        standing = _merged(document, standing_of(stored["standing"])) if stored else document.standing
        try:
            number = _write_document(connection, document, standing, stored)
            _write_labels(connection, document, standing, number)
        except sqlite3.IntegrityError as error:
            raise Taken("Another document of this collection has the same bytes or this name.") from error
        self._facts.save(connection, envelopes)
        return document_of(connection.execute(DOCUMENT_QUERY + "WHERE d.number = ?", (number,)).fetchone())


def _merged(document: Document, stored: Standing) -> Standing:
    """What events brought since the document was read is kept; a new content version starts it again."""
    if document.standing.withdrawn_version is not None:
        return stored.withdrawn(document.standing.withdrawn_version)
    if document.content_version != stored.content_version:
        return stored.restarted(document.content_version)
    return stored


def _write_document(
    connection: sqlite3.Connection, document: Document, standing: Standing, stored: sqlite3.Row | None
) -> int:
    new_content = stored is None or standing.content_version != standing_of(stored["standing"]).content_version
    if new_content:
        row = connection.execute("SELECT coalesce(max(queue_number), 0) + 1 FROM documents").fetchone()
        queue_number = int(row[0])
    else:
        queue_number = int(stored["queue_number"]) if stored else 0
    content = document.content
    values: dict[str, Any] = {
        "id": document.id,
        "collection": document.collection,
        "version": document.version,
        "revision": document.revision.number,
        "sha256": content.sha256,
        "size": content.size,
        "media_type": content.media_type,
        "sort_name": sort_name_of(document.names[-1]) if document.names else "",
        "queue_number": queue_number,
        "created_at": document.created_at.isoformat(),
        "content_version": standing.content_version,
        "status": standing.status,
        "standing": standing_json(standing),
        **parentage_fields(document),
    }
    if stored is None:
        cursor = connection.execute(
            f"INSERT INTO documents ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)})", values
        )
        number = int(cursor.lastrowid or 0)
    else:
        number = int(stored["number"])
        changes = ", ".join(f"{name} = :{name}" for name in values)
        connection.execute(f"UPDATE documents SET {changes} WHERE number = :number", {**values, "number": number})
    connection.execute(
        "INSERT OR IGNORE INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, document.revision.number, content.sha256, content.size, content.media_type, content.blob_key,
         document.revision.name, document.revision.received_at.isoformat()),
    )  # fmt: skip
    return number


def _write_labels(connection: sqlite3.Connection, document: Document, standing: Standing, number: int) -> None:
    connection.execute(
        "INSERT INTO labels VALUES (?, ?, ?) "
        "ON CONFLICT (number) DO UPDATE SET names = excluded.names, metadata = excluded.metadata",
        (
            number,
            json.dumps(document.names, ensure_ascii=False),
            json.dumps(document.metadata, ensure_ascii=False, separators=(",", ":")),
        ),
    )
    names = () if standing.status == "withdrawn" or document.parent is not None else document.names
    held = {row["name"] for row in connection.execute("SELECT name FROM names WHERE number = ?", (number,))}
    for name in held - set(names):
        connection.execute("DELETE FROM names WHERE collection = ? AND name = ?", (document.collection, name))
    for name in set(names) - held:
        connection.execute("INSERT INTO names VALUES (?, ?, ?)", (document.collection, name, number))


def _unknown(document_id: DocumentId) -> NotFound:
    return NotFound(f"There is no document with the id {document_id!r}.", code="document_not_found")
