"""Rows of the MongoDB store and the journeys they are."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from monitor.application.ports import DocumentLabels
from monitor.domain.journey import Journey, Step
from monitor.infrastructure.journey_rows import EPOCH, KINDS, microseconds
from shared.infrastructure.mongo.queries import Row
from shared.kernel import DocumentId


@dataclass(frozen=True, slots=True)
class Told:
    """What a document's row says: its labels, and the steps of its newest journey."""

    number: int = 0
    """Rises with every write; 0 means that there is no row."""
    label_version: int = 0
    collection: str | None = None
    name: str | None = None
    version: int | None = None
    """Of the newest journey; None while only labels are known."""
    steps: tuple[Step, ...] = ()

    def is_older_than(self, labels: DocumentLabels | None) -> bool:
        """Whether the labels are news."""
        return labels is not None and labels.version > self.label_version

    def labelled(self, labels: DocumentLabels) -> "Told":
        """With these labels."""
        return replace(self, label_version=labels.version, collection=labels.collection, name=labels.name)


NOTHING: Final = Told()


def told_of(row: Row) -> Told:
    """The inverse of `writing`."""
    return Told(
        row["number"], row["label_version"], row.get("collection"), row.get("name"), row.get("version"), steps_of(row)
    )


def writing(document_id: DocumentId, before: Told, after: Told) -> Row:
    """The update that takes a row from one to the other; `after` has steps."""
    assert after.version is not None
    given: Row = {"number": after.number, "version": after.version}
    given |= summary(Journey.of(document_id, after.version, after.steps))
    if not before.number or after.label_version > before.label_version:
        given |= {"label_version": after.label_version, "collection": after.collection, "name": after.name}
    if before.version is not None and after.version != before.version:
        given["progress_at"] = None  # it was the overtaken version's
    if after.version == before.version and after.steps[:-1] == before.steps:
        return {"$set": given, "$push": {"steps": stored(after.steps[-1])}}
    return {"$set": {**given, "steps": [stored(step) for step in after.steps]}}


def with_step(steps: tuple[Step, ...], step: Step) -> tuple[Step, ...] | None:
    """None when it is known; of two that are the same step the earlier counts."""
    same = next((known for known in steps if known.identity == step.identity), None)
    if same is None:
        return (*steps, step)
    if (same.occurred_at, same.event_id) <= (step.occurred_at, step.event_id):
        return None
    return tuple(step if known is same else known for known in steps)


def summary(journey: Journey) -> Row:
    """What lists and counts ask for. Instants are microseconds since 1970."""
    finished_at = journey.finished_at
    return {
        "state": journey.state.value,
        "waits_for": journey.waits_for,
        "started_at": microseconds(journey.started_at),
        "last_event_at": microseconds(journey.last_event_at),
        "finished_at": None if finished_at is None else microseconds(finished_at),
        "total_seconds": journey.total_seconds,
    }


def stored(step: Step) -> Row:
    """The same step always as the same value: it is compared as a whole."""
    return {
        "kind": step.kind.value,
        "at": microseconds(step.occurred_at),
        "stage": step.stage,
        "seconds": step.seconds,
        "detail": step.detail,
        "event_id": step.event_id,
    }


def steps_of(row: Row) -> tuple[Step, ...]:
    """Of any row that has some."""
    return tuple(
        Step(
            KINDS[one["kind"]],
            EPOCH + timedelta(microseconds=one["at"]),
            one["stage"],
            one["seconds"],
            one["detail"],
            one["event_id"],
        )
        for one in row.get("steps", ())
    )
