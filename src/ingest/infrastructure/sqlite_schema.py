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
    ),
)
