CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    topic INTEGER NOT NULL,
    published_at REAL NOT NULL,
    envelope BLOB NOT NULL
);
CREATE INDEX events_of_topic ON events (topic, position);
CREATE TABLE positions (
    consumers TEXT NOT NULL,
    topic INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (consumers, topic)
) WITHOUT ROWID;
CREATE TABLE dead_letters (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    consumers TEXT NOT NULL,
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    buried_at TEXT NOT NULL,
    replayed_at TEXT,
    raw BLOB NOT NULL
);

INSERT INTO topics VALUES (1, 'documents'), (2, 'stages');
INSERT INTO events (topic, published_at, envelope) VALUES (1, 1, x'00'), (2, 1, x'00'), (1, 1, x'00');
INSERT INTO positions VALUES ('search', 1, 0), ('search', 2, 0), ('monitor', 1, 1);
