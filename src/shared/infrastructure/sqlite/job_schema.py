"""The tables of jobs in a module's SQLite file, and what is counted beside them."""

from typing import Final

from shared.infrastructure.sqlite.kept_counts import kept_counts
from shared.infrastructure.sqlite.schema import Schema, Step

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS jobs (
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
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (kind, priority, sequence) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS jobs_running ON jobs (kind, lease_ends_at) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS jobs_buried ON jobs (buried_at) WHERE state = 'buried';
CREATE INDEX IF NOT EXISTS jobs_of_document ON jobs (document_id);
CREATE TABLE IF NOT EXISTS cancelled_documents (document_id TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
"""
# When the next one may be claimed, and how long the first has been waiting, however many there are.
_WAITING: Final = """
CREATE INDEX jobs_due ON jobs (kind, due_at) WHERE state = 'waiting';
CREATE INDEX jobs_since ON jobs (kind, added_at) WHERE state = 'waiting';
"""
# Of a job that is done its version is all that is needed, for good: a tenth of its row and the indexes of that.
_DONE: Final = """
CREATE TABLE done_jobs (
    document_id TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (document_id, kind)
) WITHOUT ROWID;
INSERT INTO done_jobs SELECT document_id, kind, version FROM jobs WHERE state = 'done' ORDER BY document_id, kind;
DELETE FROM jobs WHERE state = 'done';
"""
JOBS: Final = Schema(
    _TABLES,
    (
        Step("jobs_waiting_sorted", _WAITING),
        Step(
            "jobs_counted",
            kept_counts(
                "job_counts", of="jobs", by={"kind": "row.kind", "state": "row.state"}, where="row.state != 'done'"
            ),
        ),
        Step("jobs_done", _DONE),
    ),
)
