"""A document's record in MongoDB: its fields, and what a change that was decided makes of it. Plain functions.

`live` is the version that searches see (`live_from`: since which index version), `retired` are those before it that
running searches may still see (`live_until`, `at`), `next` is a change that is decided and waits for its number.
Versions that there are not are 0. `stale` is set while the units may carry older labels than are known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from search.application.ports.versions import DocumentState, FirstPages, LiveVersion, NewVersion, Sources
from shared.events.envelope import Envelope
from shared.events.ingest import Labels
from shared.infrastructure.mongo.queries import Row
from shared.kernel import DocumentId, new_id

RECORDS: Final = "search_documents"
NAMED: Final = dict.fromkeys(("live_version", "withdrawn_version", "next.version", "retired.version"), 1)
"""The fields that `named_versions` and `last_replaced` read."""
_NONE: Final = dict.fromkeys(
    ("labels_version", "indexed_labels_version", "live_version", "failed_version", "withdrawn_version"), 0
)


def made_or_set(values: Row) -> Row:
    """An upsert of a record."""
    return {"$set": values, "$setOnInsert": _none_but(values)}


def _none_but(values: Row) -> Row:
    return {name: none for name, none in _NONE.items() if name not in values}


def decided_switch(new: NewVersion, facts: Sequence[Envelope]) -> Row:
    """For `next`: this version becomes live."""
    live = {
        "version": new.version,
        "revision": new.revision,
        "language": new.language,
        "chunk_count": len(new.chunks),
        "sources": asdict(new.sources),
        # Of the model it was processed for, as a range of an index finds it: "" comes before every name.
        "made_for": new.sources.fingerprint or "",
    } | ({"first_pages": asdict(new.first_pages)} if new.first_pages is not None else {})
    return {**_decided(new.version, facts), "live": live, "labels_version": new.labels_version}


def decided_withdrawal(version: int, facts: Sequence[Envelope]) -> Row:
    """For `next`: nothing is live any more."""
    return {**_decided(version, facts), "live": None, "labels_version": 0}


def _decided(version: int, facts: Sequence[Envelope]) -> Row:
    return {"token": new_id(), "version": version, "facts": [fact.to_json().decode() for fact in facts]}


def facts_of(decided: Row) -> list[Envelope]:
    """That are saved when the change comes about."""
    return [Envelope.from_json(raw) for raw in decided["facts"]]


def completion(record: Row, number: int, now: datetime) -> Row:
    """The update by which what is decided comes about, at this index version.

    An upsert, if only because of how those of one moment are written: there is a record.
    """
    decided = record["next"]
    change: Row = {"$set": {}, "$unset": {"next": "", "renewal": ""}}
    if decided["live"] is None:
        change["$set"] = {name: none for name, none in _NONE.items() if name != "withdrawn_version"}
        change["$unset"] |= dict.fromkeys(("live", "collection", "labels", "stale"), "")
    else:
        change["$set"] = {
            "live": {**decided["live"], "live_from": number},
            "live_version": decided["version"],
            "indexed_labels_version": decided["labels_version"],
        }
        if decided["labels_version"] < record["labels_version"]:
            change["$set"]["stale"] = True
        else:
            change["$unset"]["stale"] = ""
    if former := record.get("live"):
        names = ("version", "revision", "language", "live_from", "first_pages")
        kept = {name: former[name] for name in names if name in former}
        change["$push"] = {"retired": {**kept, "live_until": number, "at": now}}
    change["$setOnInsert"] = _none_but(change["$set"])
    return change


def live_at(record: Row, at: int, version: int) -> Mapping[str, Any] | None:
    """Revision and language of this version, if it was live at that index version."""
    for one in (record.get("live"), *record.get("retired", ())):
        if one and one["version"] == version:
            return one if one["live_from"] <= at < one.get("live_until", at + 1) else None
    return None


def first_pages_of(live: Mapping[str, Any]) -> FirstPages | None:
    """Of what `live_at` answers; None for a whole document."""
    return FirstPages(**live["first_pages"]) if "first_pages" in live else None


def labelled_at(records: Iterable[Row], at: int) -> Iterator[tuple[DocumentId, Labels, str | None]]:
    """Labels and language of those that were live at that index version."""
    for record in records:
        labels = labels_of(record)
        for one in (record.get("live"), *record.get("retired", ())):
            if labels is not None and one and one["live_from"] <= at < one.get("live_until", at + 1):
                yield DocumentId(record["_id"]), labels, one["language"]


def supersedes(record: Row, version: int) -> bool:
    """Whether this version is live, or can never become it."""
    return bool(max(record["live_version"], record["withdrawn_version"]) >= version)


def bars(record: Row, new: NewVersion) -> bool:
    """Whether what the record says keeps it from becoming live."""
    return supersedes(record, new.version) or not new.may_replace(record["live_version"])


def replaceable(new: NewVersion, record: Row | None) -> Row | None:
    """The values by which `SWITCHABLE` says what `new` may take the place of; None: not of what is live.

    First pages depend on what that is; for a whole nobody need look.
    """
    live = 0 if record is None else record["live_version"]
    if not new.may_replace(live):
        return None
    if new.first_pages is None:
        least, below = 0, new.version
    else:
        least, below = (new.base_version + 1, new.version) if live else (0, 1)
    return {"id": new.document_id, "version": new.version, "least": least, "below": below}


def named_versions(record: Row) -> set[int]:
    """Those that are live, about to be (or to be withdrawn), or retired and not forgotten."""
    decided = record.get("next") or {}
    retired = (one["version"] for one in record.get("retired", ()))
    return {record["live_version"], decided.get("version", 0), *retired}


def last_replaced(record: Row, version: int, forgotten: Sequence[int]) -> tuple[int, int] | None:
    """From which version on nothing is kept up to this one, when all of it can go; None when it cannot.

    What is live, decided or retired and not forgotten stays, and so does what may become live yet.
    """
    retired = {one["version"] for one in record.get("retired", ())}
    kept = named_versions(record) - (retired & set(forgotten))
    if version in kept or not supersedes(record, version):
        return None
    return max((one for one in kept if one < version), default=0) + 1, version


def is_stale(record: Row) -> bool:
    """Whether it is live with units that carry older labels than are known."""
    return bool(record["live_version"] and record["indexed_labels_version"] < record["labels_version"])


def labels_of(record: Row) -> Labels | None:
    """None: not known, or withdrawn."""
    raw = record.get("labels")
    return None if raw is None else Labels.model_validate_json(raw)


def state_of(record: Row) -> DocumentState:
    """From a record."""
    return DocumentState(
        document_id=DocumentId(record["_id"]),
        labels=labels_of(record),
        labels_version=record["labels_version"],
        indexed_labels_version=record["indexed_labels_version"],
        live_version=record["live_version"] or None,
        failed_version=record["failed_version"] or None,
        withdrawn_version=record["withdrawn_version"] or None,
    )


def live_version_of(record: Row) -> LiveVersion:
    """From a record of something live."""
    live = record["live"]
    return LiveVersion(
        document_id=DocumentId(record["_id"]),
        version=live["version"],
        language=live["language"],
        chunk_count=live["chunk_count"],
        sources=Sources(**live["sources"]),
    )
