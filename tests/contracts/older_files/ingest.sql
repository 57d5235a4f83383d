CREATE TABLE documents (
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
CREATE UNIQUE INDEX live_bytes ON documents (collection, sha256) WHERE status != 'withdrawn';
CREATE INDEX unfinished ON documents (queue_number) WHERE status IN ('received', 'processing');
CREATE INDEX queue_numbers ON documents (queue_number);
-- Apart from `documents`, so that an event about progress rewrites one short row.
CREATE TABLE labels (
    number INTEGER PRIMARY KEY REFERENCES documents, names TEXT NOT NULL, metadata TEXT NOT NULL
);
CREATE TABLE names (
    collection TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL REFERENCES documents,
    PRIMARY KEY (collection, name)
) WITHOUT ROWID;
CREATE INDEX names_of ON names (number);
CREATE TABLE revisions (
    number INTEGER NOT NULL REFERENCES documents, revision INTEGER NOT NULL, sha256 TEXT NOT NULL,
    size INTEGER NOT NULL, media_type TEXT NOT NULL, blob_key TEXT NOT NULL, name TEXT NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (number, revision)
) WITHOUT ROWID;
CREATE TABLE facts (sequence INTEGER PRIMARY KEY AUTOINCREMENT, envelope BLOB NOT NULL);

INSERT INTO documents VALUES
    (1, 'a', 'default', 1, 1, 'aa', 1, 1, '2026-01-02T03:04:05+00:00', 1, 'searchable', '{"content_version":1}'),
    (2, 'b', 'default', 1, 1, 'bb', 2, 2, '2026-01-02T03:04:05+00:00', 1, 'received', '{"content_version":1}'),
    (3, 'c', 'other', 1, 1, 'cc', 4, 700, '2026-01-02T03:04:05+00:00', 1, 'processing', '{"content_version":1}'),
    (4, 'd', 'other', 2, 1, 'dd', 8, 4, '2026-01-02T03:04:05+00:00', 1, 'withdrawn',
        '{"content_version":1,"withdrawn_version":2}'),
    (5, 'e', 'gone', 2, 1, 'ee', 16, 5, '2026-01-02T03:04:05+00:00', 1, 'withdrawn',
        '{"content_version":1,"withdrawn_version":2,"removed":true}');
INSERT INTO labels VALUES (1, '["a.txt"]', '{}'), (2, '["b.txt"]', '{}'), (3, '["c.txt"]', '{}'), (4, '["d.txt"]', '{}');
INSERT INTO names VALUES ('default', 'a.txt', 1), ('default', 'b.txt', 2), ('other', 'c.txt', 3);
INSERT INTO revisions VALUES
    (1, 1, 'aa', 1, 'text/plain', 'originals/aa/aa', 'a.txt', '2026-01-02T03:04:05+00:00'),
    (2, 1, 'bb', 2, 'text/plain', 'originals/bb/bb', 'b.txt', '2026-01-02T03:04:05+00:00'),
    (3, 1, 'cc', 4, 'text/plain', 'originals/cc/cc', 'c.txt', '2026-01-02T03:04:05+00:00'),
    (4, 1, 'dd', 8, 'text/plain', 'originals/dd/dd', 'd.txt', '2026-01-02T03:04:05+00:00');
