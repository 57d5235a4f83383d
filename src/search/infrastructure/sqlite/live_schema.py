"""The tables of what is live, in search.sqlite."""

from typing import Final

from shared.infrastructure.sqlite.schema import Schema

LIVE_SCHEMA: Final = Schema(
    """
CREATE TABLE IF NOT EXISTS documents (
    document_id TEXT PRIMARY KEY,
    collection TEXT,
    labels TEXT,
    labels_version INTEGER NOT NULL DEFAULT 0,
    indexed_labels_version INTEGER NOT NULL DEFAULT 0,
    live_version INTEGER,
    failed_version INTEGER,
    withdrawn_version INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents_by_collection ON documents (collection) WHERE withdrawn_version IS NULL;
CREATE INDEX IF NOT EXISTS documents_to_label ON documents (document_id)
    WHERE live_version IS NOT NULL AND indexed_labels_version < labels_version;
CREATE TABLE IF NOT EXISTS versions (
    document_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    language TEXT,
    chunk_count INTEGER NOT NULL,
    sources TEXT NOT NULL,
    live_from INTEGER NOT NULL,
    live_until INTEGER,
    PRIMARY KEY (document_id, version)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS versions_retired ON versions (live_until) WHERE live_until IS NOT NULL;
CREATE TABLE IF NOT EXISTS chunks (
    document_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    chunk BLOB NOT NULL,
    PRIMARY KEY (document_id, version, ordinal)
);
CREATE TABLE IF NOT EXISTS first_pages (
    document_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    pages_done INTEGER NOT NULL,
    pages_total INTEGER NOT NULL,
    PRIMARY KEY (document_id, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counters (name, value) VALUES ('index_version', 1);
INSERT OR IGNORE INTO counters (name, value) VALUES ('is_whole', 1);
"""
)
