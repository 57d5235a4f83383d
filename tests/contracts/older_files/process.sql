CREATE TABLE facts (sequence INTEGER PRIMARY KEY AUTOINCREMENT, envelope BLOB NOT NULL);
CREATE TABLE jobs (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    document_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'buried', 'done')),
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    correlation_id TEXT NOT NULL,
    added_at REAL NOT NULL,
    due_at REAL NOT NULL,
    owner TEXT,
    lease TEXT,
    lease_ends_at REAL,
    reason TEXT,
    buried_at REAL,
    UNIQUE (kind, document_id)
);
CREATE INDEX jobs_waiting ON jobs (kind, priority, sequence) WHERE state = 'waiting';
CREATE INDEX jobs_running ON jobs (kind, lease_ends_at) WHERE state = 'running';
CREATE INDEX jobs_buried ON jobs (buried_at) WHERE state = 'buried';
CREATE INDEX jobs_of_document ON jobs (document_id);
CREATE TABLE cancelled_documents (document_id TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;

INSERT INTO jobs (id, kind, document_id, version, state, payload, priority, correlation_id, added_at, due_at, lease_ends_at)
    VALUES ('1', 'process', 'a', 1, 'waiting', '{}', 0, '1', 10, 10, NULL),
    ('2', 'process', 'b', 1, 'running', '{}', 0, '1', 5, 5, 35), ('3', 'process', 'c', 1, 'done', '{}', 0, '1', 1, 1, NULL);
INSERT INTO jobs (id, kind, document_id, version, state, payload, priority, correlation_id, added_at, due_at, reason, buried_at)
    VALUES ('4', 'process', 'd', 1, 'buried', '{}', 0, '1', 1, 1, 'broken', 20);
