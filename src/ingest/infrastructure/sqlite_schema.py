"""The tables of Ingest's SQLite file, and what is counted beside them."""

from typing import Final

from shared.infrastructure.sqlite.kept_counts import kept_counts
from shared.infrastructure.sqlite.schema import Schema, Step

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    collection TEXT NOT NULL,
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    queue_number INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    content_version INTEGER NOT NULL,
    status TEXT NOT NULL,
    standing TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS live_bytes ON documents (collection, sha256) WHERE status != 'withdrawn';
CREATE INDEX IF NOT EXISTS unfinished ON documents (queue_number) WHERE status IN ('received', 'processing');
CREATE INDEX IF NOT EXISTS queue_numbers ON documents (queue_number);
-- Apart from `documents`, so that an event about progress rewrites one short row.
CREATE TABLE IF NOT EXISTS labels (
    number INTEGER PRIMARY KEY REFERENCES documents, names TEXT NOT NULL, metadata TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS names (
    collection TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL REFERENCES documents,
    PRIMARY KEY (collection, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS names_of ON names (number);
CREATE TABLE IF NOT EXISTS revisions (
    number INTEGER NOT NULL REFERENCES documents, revision INTEGER NOT NULL, sha256 TEXT NOT NULL,
    size INTEGER NOT NULL, media_type TEXT NOT NULL, blob_key TEXT NOT NULL, name TEXT NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (number, revision)
) WITHOUT ROWID;
"""

QUEUE_BUCKET: Final = 64
"""So many queue numbers are counted together in `queue_counts`."""
# What is withdrawn is listed until nothing is left of it but its tombstone.
_LISTED: Final = """
ALTER TABLE documents ADD COLUMN listed INTEGER NOT NULL DEFAULT 1;
UPDATE documents SET listed = 0 WHERE status = 'withdrawn' AND number NOT IN (SELECT number FROM labels);
CREATE INDEX listed_by_status ON documents (status, number) WHERE listed = 1;
CREATE INDEX listed_by_collection ON documents (collection, status, number) WHERE listed = 1;
"""
# Parts have their names and bytes to themselves: an upload of the same name or bytes is another document.
_PARTS: Final = """
ALTER TABLE documents ADD COLUMN parent TEXT;
ALTER TABLE documents ADD COLUMN part_path TEXT;
ALTER TABLE documents ADD COLUMN root TEXT;
ALTER TABLE documents ADD COLUMN depth INTEGER;
DROP INDEX live_bytes;
CREATE UNIQUE INDEX live_bytes ON documents (collection, sha256) WHERE status != 'withdrawn' AND parent IS NULL;
CREATE INDEX parts_of ON documents (parent, status, number) WHERE parent IS NOT NULL AND listed = 1;
CREATE INDEX parts_below ON documents (root) WHERE root IS NOT NULL AND listed = 1;
"""
# By what near-duplicates are found: the bands of each document's signature.
_SIGNED: Final = """
CREATE TABLE bands (
    band INTEGER NOT NULL, collection TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (band, collection, number)
) WITHOUT ROWID;
"""
# As `sort_name_of` makes it. Neither index is touched when a document's status changes.
_SORTED: Final = """
ALTER TABLE documents ADD COLUMN sort_name TEXT NOT NULL DEFAULT '';
UPDATE documents SET sort_name = coalesce(
    (SELECT lower(substr(json_extract(names, '$[#-1]'), 1, 100)) FROM labels l WHERE l.number = documents.number), ''
);
CREATE INDEX listed_by_name ON documents (collection, sort_name, number) WHERE listed = 1;
CREATE INDEX listed_by_size ON documents (collection, size, number) WHERE listed = 1;
"""
# Of the newest revision. At the end of what is walked in any case: no row is read for a type.
_TYPED: Final = """
ALTER TABLE documents ADD COLUMN media_type TEXT NOT NULL DEFAULT '';
UPDATE documents SET media_type = coalesce(
    (SELECT r.media_type FROM revisions r WHERE r.number = documents.number AND r.revision = documents.revision), ''
);
DROP INDEX listed_by_status;
DROP INDEX listed_by_collection;
CREATE INDEX listed_by_status ON documents (status, number, media_type) WHERE listed = 1;
CREATE INDEX listed_by_collection ON documents (collection, status, number, media_type) WHERE listed = 1;
"""
TO_TOMBSTONE: Final = """
UPDATE documents SET listed = 0, sha256 = '', size = 0, sort_name = '', media_type = '', created_at = '',
    part_path = substr(part_path, 1, 0)
"""
"""Leaves id, versions and standing of a document that is removed."""
_BURIED: Final = f"""
{TO_TOMBSTONE} WHERE listed = 0 AND status = 'withdrawn' AND json_extract(standing, '$.removed') = 1;
UPDATE documents SET standing = json_object(
    'content_version', json_extract(standing, '$.content_version'),
    'withdrawn_version', json_extract(standing, '$.withdrawn_version'), 'removed', json('true')
) WHERE listed = 0 AND status = 'withdrawn' AND json_extract(standing, '$.removed') = 1;
"""
SCHEMA: Final = Schema(
    _TABLES,
    (
        Step("documents_listed", _LISTED),
        Step(
            "documents_counted",
            kept_counts(
                "document_counts",
                of="documents",
                by={"collection": "row.collection", "status": "row.status"},
                where="row.listed = 1",
                size="size",
            ),
        ),
        Step(
            "queue_counted",
            kept_counts(
                "queue_counts",
                of="documents",
                by={"bucket": f"row.queue_number / {QUEUE_BUCKET}"},
                where="row.status IN ('received', 'processing')",
            ),
        ),
        Step("documents_parts", _PARTS),
        Step("documents_signed", _SIGNED),
        Step("documents_sorted", _SORTED),
        Step("documents_typed", _TYPED),
        Step("tombstones_emptied", _BURIED),
    ),
)
