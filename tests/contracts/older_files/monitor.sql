CREATE TABLE documents (
    document_id TEXT PRIMARY KEY, label_version INTEGER NOT NULL, collection TEXT NOT NULL, name TEXT
) WITHOUT ROWID;
CREATE TABLE steps (
    arrival INTEGER PRIMARY KEY,
    document_id TEXT NOT NULL, version INTEGER NOT NULL, identity TEXT NOT NULL,
    kind TEXT NOT NULL, stage TEXT NOT NULL, occurred_at INTEGER NOT NULL, seconds REAL, detail TEXT NOT NULL,
    event_id TEXT NOT NULL, UNIQUE (document_id, version, identity)
);
CREATE TABLE journeys (
    document_id TEXT NOT NULL, version INTEGER NOT NULL, newest INTEGER NOT NULL, state TEXT NOT NULL,
    waits_for TEXT, started_at INTEGER NOT NULL, last_event_at INTEGER NOT NULL, finished_at INTEGER,
    total_seconds REAL, PRIMARY KEY (document_id, version)
) WITHOUT ROWID;
CREATE INDEX journeys_by_start ON journeys (newest, started_at, document_id);
CREATE INDEX journeys_by_state ON journeys (newest, state, last_event_at);
CREATE INDEX journeys_by_end ON journeys (state, finished_at);

INSERT INTO documents VALUES ('a', 1, 'default', 'a.txt');
INSERT INTO steps (document_id, version, identity, kind, stage, occurred_at, seconds, detail, event_id) VALUES
    ('a', 1, 'received', 'received', '', 1000, NULL, '', '1'), ('a', 2, 'received', 'received', '', 2000, NULL, '', '2'),
    ('a', 2, 'indexed', 'indexed', '', 3000, 0.5, '', '3'), ('b', 1, 'received', 'received', '', 4000, NULL, '', '4');
INSERT INTO journeys VALUES ('a', 1, 0, 'received', 'process', 1000, 1000, NULL, NULL),
    ('a', 2, 1, 'searchable', NULL, 2000, 3000, 3000, 0.001), ('b', 1, 1, 'received', 'process', 4000, 4000, NULL, NULL);
