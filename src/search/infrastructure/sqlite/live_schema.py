"""The tables of what is live, in search.sqlite."""

from typing import Final

from shared.infrastructure.sqlite.schema import Schema, Step

_TABLES: Final = """
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
# chunk_places.py says how they lie.
_PLACED: Final = """
CREATE TABLE IF NOT EXISTS chunks (
    document_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    chunk BLOB NOT NULL,
    PRIMARY KEY (document_id, version, ordinal)
);
CREATE TABLE chunk_places (place INTEGER PRIMARY KEY, chunk BLOB NOT NULL);
ALTER TABLE versions ADD COLUMN first_place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN last_place INTEGER NOT NULL DEFAULT -1;
UPDATE versions SET first_place = found.first_place, last_place = found.first_place + found.many - 1
FROM (
    SELECT document_id, version, many, 1 - many + sum(many) OVER (ORDER BY document_id, version) AS first_place
    FROM (SELECT document_id, version, max(ordinal) + 1 AS many FROM chunks GROUP BY document_id, version)
) AS found
WHERE found.document_id = versions.document_id AND found.version = versions.version;
INSERT INTO chunk_places
SELECT v.first_place + c.ordinal, c.chunk
FROM versions v CROSS JOIN chunks c ON c.document_id = v.document_id AND c.version = v.version
ORDER BY v.document_id, v.version, c.ordinal;
DROP TABLE chunks;
"""
LIVE_SCHEMA: Final = Schema(_TABLES, (Step("chunks_placed", _PLACED),))
