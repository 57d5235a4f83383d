"""Rows of the SQLite store and the documents they are; how a standing is written down in any store."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from ingest.application.ports import SIMILAR_FROM
from ingest.domain.document import Content, Document, Parentage, Revision
from ingest.domain.standing import Failure, Letter, Standing
from shared.artefacts.signature import Signature
from shared.kernel import DocumentId

_COLUMNS: Final = (
    *("d.number", "d.id", "d.collection", "d.version", "d.queue_number", "d.created_at", "d.standing"),
    *("d.parent", "d.part_path", "d.root", "d.depth"),
    *("l.names", "l.metadata"),
    *("r.revision", "r.sha256", "r.size", "r.media_type", "r.blob_key", "r.name", "r.received_at"),
)
_JOINED: Final = """
JOIN labels l ON l.number = d.number
JOIN revisions r ON r.number = d.number AND r.revision = d.revision
"""
DOCUMENT_QUERY: Final = f"SELECT {', '.join(_COLUMNS)} FROM documents d {_JOINED}"
DOCUMENTS_QUERY: Final = f"""
SELECT json_group_array(json_array({", ".join(_COLUMNS)}))
FROM json_each(?) AS wanted CROSS JOIN documents d ON d.number = wanted.value {_JOINED}
"""
"""Of these numbers, all in one row: see SqliteDatabase.read."""


def documents_of(found: str) -> dict[int, Document]:
    """From the row of DOCUMENTS_QUERY, by number."""
    names = [column.partition(".")[2] for column in _COLUMNS]
    return {row[0]: document_of(dict(zip(names, row, strict=True))) for row in json.loads(found)}


def document_of(row: sqlite3.Row | Mapping[str, Any]) -> Document:
    """From a row of DOCUMENT_QUERY."""
    return Document(
        id=DocumentId(row["id"]),
        collection=row["collection"],
        names=tuple(json.loads(row["names"])),
        metadata=json.loads(row["metadata"]),
        version=row["version"],
        revision=revision_of(row),
        standing=standing_of(row["standing"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        saved_version=row["version"],
        queue_number=row["queue_number"],
        parent=None if row["parent"] is None else parentage_of(row),
    )


def parentage_of(row: sqlite3.Row | Mapping[str, Any]) -> Parentage:
    """From a row of a part, in any store."""
    return Parentage(DocumentId(row["parent"]), row["part_path"], DocumentId(row["root"]), row["depth"])


def parentage_fields(document: Document) -> dict[str, Any]:
    """The inverse; empty for an upload."""
    parent = document.parent
    if parent is None:
        return {}
    return {"parent": parent.document_id, "part_path": parent.path, "root": parent.root, "depth": parent.depth}


def revision_of(row: sqlite3.Row | Mapping[str, Any]) -> Revision:
    """From a row of `revisions`."""
    return Revision(
        number=row["revision"],
        content=Content(row["sha256"], row["size"], row["media_type"], row["blob_key"]),
        name=row["name"],
        received_at=datetime.fromisoformat(row["received_at"]),
    )


_FRESH: Final = {field.name: getattr(Standing(0), field.name) for field in fields(Standing)}


def standing_fields(standing: Standing) -> dict[str, Any]:
    """As JSON can say it, without what is as in a fresh standing: most are short."""
    return {
        name: _plain(value)
        for name, fresh in _FRESH.items()
        if (value := getattr(standing, name)) != fresh or name == "content_version"
    }


def standing_from(stored: Mapping[str, Any]) -> Standing:
    """The inverse; fields that a newer Seoga wrote are passed over."""
    known: dict[str, Any] = {key: value for key, value in stored.items() if key in Standing.__dataclass_fields__}
    standing = Standing(**known)
    return replace(
        standing,
        failure=Failure(**known["failure"]) if known.get("failure") else None,
        letters=tuple(Letter(**letter) for letter in known.get("letters", ())),
        warnings=tuple(known.get("warnings", ())),
        parts_warnings=tuple(known.get("parts_warnings", ())),
        searchable_at=datetime.fromisoformat(known["searchable_at"]) if known.get("searchable_at") else None,
        signature=Signature.read(known.get("signature")),
    )


def most_similar(signature: Signature, found: Mapping[int, str | None], limit: int) -> dict[int, float]:
    """Of stored signatures by number, the numbers that are similar enough, the most similar first, then the highest."""
    similarities = {
        number: signature.similarity(other)
        for number, stored in found.items()
        if (other := Signature.read(stored)) is not None
    }
    ranked = sorted(similarities.items(), key=lambda one: (-one[1], -one[0]))
    return {number: similarity for number, similarity in ranked[:limit] if similarity >= SIMILAR_FROM}


def standing_json(standing: Standing) -> str:
    """The fields of `standing_fields` as a row keeps them: compact JSON."""
    return json.dumps(standing_fields(standing), ensure_ascii=False, separators=(",", ":"))


def standing_of(text: str) -> Standing:
    """The inverse."""
    return standing_from(json.loads(text))


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Signature):
        return str(value)
    return asdict(value) if isinstance(value, Failure | Letter) else value
