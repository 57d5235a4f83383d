"""Rows of the MongoDB store, the documents they are, and the updates that make the one of the other."""

import json
import random
from collections.abc import Collection
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ingest.application.listing_order import sort_name_of
from ingest.domain.document import Content, Document, Revision
from ingest.domain.standing import FINAL, Standing
from ingest.infrastructure.document_rows import parentage_fields, parentage_of, standing_fields, standing_from
from shared.infrastructure.mongo import patterns
from shared.infrastructure.mongo.queries import Filter, Row
from shared.kernel import Clock, DocumentId

DOCUMENT_FIELDS: Final[Filter] = {
    **dict.fromkeys(("collection", "names", "metadata", "version", "status", "standing", "standing_number"), 1),
    **dict.fromkeys(("number", "queue_number", "created_at"), 1),
    **dict.fromkeys(("parent", "part_path", "root", "depth"), 1),
    "revisions": {"$slice": -1},
}
"""What `document_of` needs of a row: of the revisions the newest alone."""
GIVES_UP: Final = "gives_up"
"""Marks a row whose `released` are the hashes that it gave up when it was removed."""
TOMBSTONE: Final[Row] = {
    "$set": {"status": "removed", "names": [], "revisions": []},
    "$unset": dict.fromkeys(
        ("metadata", "archived", "size", "number", "queue_number", "created_at", "sort_name", "part_path"), ""
    ),
}
"""Leaves id, versions and standing; the status is one that no list has."""

_LOW_BITS: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SOMETHING: Any = object()
_FILLED: Final = Standing(*(_SOMETHING for _ in fields(Standing)))
# Whatever a standing was: that is what starting again touches, and events bring the rest.
_RESTARTED: Final = tuple(
    field.name for field in fields(Standing) if getattr(_FILLED.restarted(0), field.name) is not _SOMETHING
)


class RisingNumbers:
    """Places in lists and queues, without asking a server: microseconds since 1970 and ten random bits.

    They rise strictly within a process, and last until 2255 in 64 bits. Where the clocks of two machines differ
    by a second, one gives numbers that are a second too low: what it takes in is listed, and stands in the queue,
    among what the other took in a second earlier, and who is paging may meet it on a later page. Nothing is lost
    by that, and versions never come from a clock. Two equal numbers (one in 1,024 of those of one microsecond)
    could hide a document only from a list that breaks its page between the two.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """Higher than every one before."""
        now = ((self._clock() - _EPOCH) // _MICROSECOND) << _LOW_BITS
        self._last = max(self._last + 1, now | random.getrandbits(_LOW_BITS))
        return self._last


def document_of(row: Row) -> Document:
    """From a row with DOCUMENT_FIELDS."""
    return Document(
        id=DocumentId(row["_id"]),
        collection=row["collection"],
        names=tuple(row["names"]),
        metadata=json.loads(row["metadata"]),
        version=row["version"],
        revision=revision_of(row["revisions"][-1]),
        standing=standing_from(row["standing"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        saved_version=row["version"],
        queue_number=row["queue_number"],
        parent=parentage_of(row) if "parent" in row else None,
    )


def revision_of(stored: Row) -> Revision:
    """One of a row's `revisions`."""
    return Revision(
        number=stored["number"],
        content=Content(stored["sha256"], stored["size"], stored["media_type"], stored["blob_key"]),
        name=stored["name"],
        received_at=datetime.fromisoformat(stored["received_at"]),
    )


def held(collection: str, sha256: str, *names: str) -> list[str]:
    """What only one live document may have, as one unique index holds it (no collection's name has a slash)."""
    return [f"{collection}/bytes/{sha256}", *(f"{collection}/name/{name}" for name in names)]


def held_by(document: Document) -> list[str]:
    """Of a live document. A part holds only itself: others may have its bytes and its name."""
    if document.parent is not None:
        return [f"{document.collection}/part/{document.id}"]
    return held(document.collection, document.content.sha256, *document.names)


def saving(document: Document, expected_version: int, numbers: RisingNumbers) -> Row:
    """The update that makes the row of `expected_version` (or none, 0) this document's.

    What events told of the standing is not in it, so that it keeps what they bring at the same time.
    """
    standing, content = document.standing, document.content
    given: Row = {
        "collection": document.collection,
        "names": list(document.names),
        "sort_name": sort_name_of(document.names[-1]) if document.names else "",
        # As text: BSON knows no integers beyond 64 bits, and gives dots and dollars in keys a meaning.
        "metadata": json.dumps(document.metadata, ensure_ascii=False, separators=(",", ":")),
        "version": document.version,
    }
    change: Row = {"$set": given}
    if standing.withdrawn_version is None:
        given["holds"] = held_by(document)
    else:
        change["$unset"] = {"holds": ""}
    if expected_version == 0:
        given |= {"number": numbers.next(), "created_at": document.created_at.isoformat()}
        given |= {"standing": standing_fields(standing), "standing_number": 0, **_follows(standing)}
        given |= parentage_fields(document)
    if document.content_version > expected_version:
        given |= {"size": content.size, "queue_number": numbers.next()}
        change["$addToSet"] = {"revisions": _stored(document.revision)}  # the same once more when only reprocessed
        if expected_version:
            _set_standing(change, standing, _RESTARTED)
    if standing.withdrawn_version is not None and expected_version:
        _set_standing(change, standing, ("withdrawn_version",))
    return change


def advancing(before: Standing, after: Standing, gives_up: Collection[str] = ()) -> Row:
    """The update that takes a row from one standing to the next; with removal it gives up these hashes."""
    changed = tuple(
        field.name for field in fields(Standing) if getattr(before, field.name) != getattr(after, field.name)
    )
    change: Row = {"$set": {}}
    _set_standing(change, after, changed, same_status=before.status == after.status)
    if after.signature is not None and after.signature != before.signature:
        change["$set"]["bands"] = list(after.signature.bands())
    elif after.signature is None and before.signature is not None:
        change.setdefault("$unset", {})["bands"] = ""
    if after.removed and not before.removed:
        change["$set"] |= {**TOMBSTONE["$set"], GIVES_UP: True, "released": sorted(gives_up)}
        change["$unset"] = {**change.get("$unset", {}), **TOMBSTONE["$unset"]}
    return change


def containing(text: str) -> Filter:
    """For names that contain it; ASCII letters match in either case, as they do in SQLite's LIKE."""
    return {"names": {"$regex": patterns.containing(text, ascii_only=True)}}


def of_type(media_type: str) -> Filter:
    """For documents whose newest revision has this type."""
    return {"$expr": {"$eq": [{"$arrayElemAt": ["$revisions.media_type", -1]}, {"$literal": media_type}]}}


def _follows(standing: Standing) -> Row:
    """What indexes need to know of a standing."""
    status = standing.status
    return {"status": status, "waits": status not in FINAL}


def _set_standing(change: Row, standing: Standing, names: tuple[str, ...], *, same_status: bool = False) -> None:
    stored = standing_fields(standing)
    for name in names:
        if name in stored:
            change["$set"][f"standing.{name}"] = stored[name]
        else:
            change.setdefault("$unset", {})[f"standing.{name}"] = ""
    change["$inc"] = {"standing_number": 1}
    if not same_status:
        change["$set"] |= _follows(standing)


def _stored(revision: Revision) -> Row:
    content = revision.content
    return {
        "number": revision.number,
        "sha256": content.sha256,
        "size": content.size,
        "media_type": content.media_type,
        "blob_key": content.blob_key,
        "name": revision.name,
        "received_at": revision.received_at.isoformat(),
    }
