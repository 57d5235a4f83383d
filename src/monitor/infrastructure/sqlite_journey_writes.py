"""What is told of journeys, written into Monitor's SQLite file: a few statements, however many steps come together."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from monitor.application.ports import DocumentLabels, ToldStep, folded
from monitor.domain.journey import Journey, Step
from monitor.infrastructure.journey_rows import EPOCH, KINDS, microseconds
from shared.kernel import DocumentId

_Version = tuple[DocumentId, int]
_Steps = dict[str, Step]
"""By their identity."""

# Each in one row: SqliteDatabase.read says why, and a writer has the interpreter to wait for as well.
# Of a step what a journey's row is made of, and what tells which of two is the earlier.
_STEPS: Final = """
SELECT json_group_array(json_array(s.document_id, s.version, s.identity, s.kind, s.occurred_at, s.event_id))
FROM json_each(?) AS asked CROSS JOIN steps s
    ON s.document_id = asked.value ->> 0 AND s.version = asked.value ->> 1
"""
_NEWEST: Final = """
SELECT json_group_array(json_array(asked.value,
    (SELECT max(version) FROM journeys WHERE journeys.document_id = asked.value)))
FROM json_each(?) AS asked
"""
_ADD_STEP: Final = """
INSERT INTO steps (document_id, version, identity, kind, stage, occurred_at, seconds, detail, event_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (document_id, version, identity) DO UPDATE
SET occurred_at = excluded.occurred_at, seconds = excluded.seconds, detail = excluded.detail,
    event_id = excluded.event_id
"""
_OVERTAKE: Final = "UPDATE journeys SET newest = 0 WHERE document_id = ? AND newest AND version < ?"
_SUMMARISE: Final = """
INSERT INTO journeys (document_id, version, newest, state, waits_for, started_at, last_event_at, finished_at,
    total_seconds, collection)
VALUES (?1, ?2, ?, ?, ?, ?, ?, ?, ?, (SELECT collection FROM documents WHERE document_id = ?1))
ON CONFLICT (document_id, version) DO UPDATE
SET newest = excluded.newest, state = excluded.state, waits_for = excluded.waits_for,
    started_at = excluded.started_at,
    last_event_at = max(excluded.last_event_at, coalesce(journeys.progress_at, 0)),
    finished_at = excluded.finished_at, total_seconds = excluded.total_seconds,
    collection = excluded.collection
"""
_LABEL: Final = """
INSERT INTO documents (document_id, label_version, collection, name, folded) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (document_id) DO UPDATE
SET label_version = excluded.label_version, collection = excluded.collection, name = excluded.name,
    folded = excluded.folded
WHERE excluded.label_version > documents.label_version
"""
_LABEL_JOURNEYS: Final = """
UPDATE journeys SET collection = labelled.collection FROM documents labelled
WHERE journeys.document_id = ?1 AND labelled.document_id = ?1 AND journeys.collection IS NOT labelled.collection
"""


def add(connection: sqlite3.Connection, told: Sequence[ToldStep]) -> list[bool]:
    """Inside a write; which of them were news.

    A journey is read, summed up and written once, however many of its steps come.
    """
    label(connection, [one.labels for one in told if one.labels is not None])
    journeys = _journeys(connection, {(one.document_id, one.version) for one in told})
    news, fresh = list[bool](), dict[tuple[_Version, str], Step]()
    for one in told:
        key, step = (one.document_id, one.version), one.step
        identity = step.identity
        known = journeys[key].get(identity)
        is_new = known is None or _place(step) < _place(known)
        news.append(is_new)
        if is_new:
            journeys[key][identity] = fresh[key, identity] = step
    if fresh:
        connection.executemany(_ADD_STEP, [_row(*key, identity, step) for (key, identity), step in fresh.items()])
        _summarise(connection, {key: journeys[key] for key in sorted({key for key, _ in fresh})})
    return news


def label(connection: sqlite3.Connection, labels: Sequence[DocumentLabels]) -> None:
    """Inside a write."""
    if labels:
        connection.executemany(
            _LABEL, [(one.document_id, one.version, one.collection, one.name, folded(one.name or "")) for one in labels]
        )
        connection.executemany(_LABEL_JOURNEYS, [(one.document_id,) for one in labels])


def step_of(kind: str, at: int, stage: str, seconds: float | None, detail: str, event_id: str) -> Step:
    """A row of `steps`, by position: this runs for every step there is."""
    return Step(KINDS[kind], EPOCH + timedelta(microseconds=at), stage, seconds, detail, event_id)


def _journeys(connection: sqlite3.Connection, wanted: Iterable[_Version]) -> dict[_Version, _Steps]:
    """The steps of each that are known, without what they say beside what happened when."""
    found: dict[_Version, _Steps] = {key: {} for key in wanted}
    (rows,) = connection.execute(_STEPS, (json.dumps(list(found)),)).fetchone()
    for document_id, version, identity, kind, at, event_id in json.loads(rows):
        step = Step(KINDS[kind], EPOCH + timedelta(microseconds=at), event_id=event_id)
        found[document_id, version][identity] = step
    return found


def _place(step: Step) -> tuple[int, str]:
    # As it is kept: the first of two is the one that counts.
    return microseconds(step.occurred_at), step.event_id


def _row(document_id: DocumentId, version: int, identity: str, step: Step) -> tuple[object, ...]:
    at = microseconds(step.occurred_at)
    return document_id, version, identity, step.kind, step.stage, at, step.seconds, step.detail, step.event_id


def _summarise(connection: sqlite3.Connection, journeys: dict[_Version, _Steps]) -> None:
    """Writes their rows anew from their steps, and which of each document's journeys is the newest."""
    documents = list(dict.fromkeys(document_id for document_id, _ in journeys))
    (found,) = connection.execute(_NEWEST, (json.dumps(documents),)).fetchone()
    known: dict[DocumentId, int | None] = dict(json.loads(found))
    newest = {document_id: version or 0 for document_id, version in known.items()}
    for document_id, version in journeys:
        newest[document_id] = max(newest[document_id], version)
    overtaken = [
        (document_id, newest[document_id])
        for document_id, version in known.items()
        if version is not None and version < newest[document_id]
    ]
    if overtaken:
        connection.executemany(_OVERTAKE, overtaken)
    connection.executemany(
        _SUMMARISE,
        [_summary(Journey.of_each(*key, steps), is_newest=key[1] == newest[key[0]]) for key, steps in journeys.items()],
    )


def _summary(journey: Journey, *, is_newest: bool) -> tuple[object, ...]:
    finished_at = journey.finished_at
    return (
        journey.document_id,
        journey.version,
        is_newest,
        journey.state,
        journey.waits_for,
        microseconds(journey.started_at),
        microseconds(journey.last_event_at),
        None if finished_at is None else microseconds(finished_at),
        journey.total_seconds,
    )
