"""How API keys and audit entries are written down in any store: instants are ISO 8601 in UTC, lists are JSON."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.ports.api_keys import KeyDigests, StoredKey
from shared.ports.audit import AuditEntry

Row = dict[str, Any]


def row_of_key(key: StoredKey) -> Row:
    """By column; `collections` null is every collection."""
    return {
        "name": key.name,
        "digest": key.digests.key,
        "session_digest": key.digests.session,
        "owner": key.digests.owner,
        "collections": None if key.collections is None else json.dumps(sorted(key.collections), ensure_ascii=False),
        "rights": json.dumps(sorted(key.rights)),
        "created_at": written(key.created_at),
        "last_used_at": None if key.last_used_at is None else written(key.last_used_at),
    }


def key_of_row(row: Mapping[str, Any]) -> StoredKey:
    """The inverse."""
    return StoredKey(
        name=row["name"],
        digests=KeyDigests(key=row["digest"], session=row["session_digest"], owner=row["owner"]),
        collections=None if row["collections"] is None else frozenset(json.loads(row["collections"])),
        rights=frozenset(json.loads(row["rights"])),
        created_at=datetime.fromisoformat(row["created_at"]),
        last_used_at=None if row["last_used_at"] is None else datetime.fromisoformat(row["last_used_at"]),
    )


def row_of_entry(entry: AuditEntry) -> Row:
    """By column."""
    return {
        "id": entry.id,
        "at": written(entry.at),
        "key_name": entry.key_name,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
        "collection": entry.collection,
        "count": entry.count,
        "correlation_id": entry.correlation_id,
    }


def entry_of_row(row: Mapping[str, Any]) -> AuditEntry:
    """The inverse."""
    return AuditEntry(
        id=row["id"],
        at=datetime.fromisoformat(row["at"]),
        key_name=row["key_name"],
        action=row["action"],
        subject=row["subject"],
        detail=row["detail"],
        collection=row["collection"],
        count=row["count"],
        correlation_id=row["correlation_id"],
    )


def written(at: datetime) -> str:
    """All of one length, so that they sort as the instants do."""
    return at.isoformat(timespec="microseconds")
