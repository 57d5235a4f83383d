"""The promises of KeyStore and AuditLog, on every adapter."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.infrastructure.sqlite.api_keys import SqliteKeys
from shared.infrastructure.sqlite.audit import SqliteAudit
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.kernel import new_id
from shared.ports.api_keys import KeyDigests, KeyStore, StoredKey
from shared.ports.audit import AuditAction, AuditEntry, AuditFilter, AuditLog, audit_id

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stores:
    """One process's."""

    keys: KeyStore
    audit: AuditLog


OpenStores = Callable[[], AbstractAsyncContextManager[Stores]]


@asynccontextmanager
async def on_sqlite(folder: Path) -> AsyncIterator[OpenStores]:
    @asynccontextmanager
    async def open_it() -> AsyncIterator[Stores]:
        async with SqliteDatabase(folder / "access.sqlite", SqliteKeys.SCHEMA + SqliteAudit.SCHEMA) as database:
            yield Stores(SqliteKeys(database), SqliteAudit(database))

    yield open_it


@asynccontextmanager
async def on_mongo(folder: Path) -> AsyncIterator[OpenStores]:
    # Imported here: without a server nobody needs the driver.
    from mongo_builders import a_mongo, settings_for_mongo

    from shared.infrastructure.mongo.api_keys import MongoKeys
    from shared.infrastructure.mongo.audit import MongoAudit

    async with a_mongo(settings_for_mongo(folder)) as door:

        @asynccontextmanager
        async def open_it() -> AsyncIterator[Stores]:
            database = door()
            stores = Stores(MongoKeys(database), MongoAudit(database))
            async with database:
                yield stores

        yield open_it


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongodb", marks=pytest.mark.servers)]
)
async def open_stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStores]:
    """Opens the stores; those that are open at the same time are like another process's."""
    async with request.param(tmp_path) as opener:
        yield opener


@pytest.fixture
async def keys(open_stores: OpenStores) -> AsyncIterator[KeyStore]:
    async with open_stores() as stores:
        yield stores.keys


@pytest.fixture
async def audit(open_stores: OpenStores) -> AsyncIterator[AuditLog]:
    async with open_stores() as stores:
        yield stores.audit


def a_key(name: str = "정산팀", **changes: object) -> StoredKey:
    key = StoredKey(
        name=name,
        digests=KeyDigests(key=f"{name}-key", session=f"{name}-session", owner=f"{name}-owner"),
        collections=frozenset({"tariffs", "관세"}),
        rights=frozenset({"read", "write"}),
        created_at=AT,
    )
    return replace(key, **changes)  # type: ignore[arg-type]  # of a key


def an_entry(seconds: float = 0, **changes: object) -> AuditEntry:
    at = AT + timedelta(seconds=seconds)
    entry = AuditEntry(
        id=audit_id(at, new_id()),
        at=at,
        key_name="정산팀",
        action=AuditAction.DOCUMENT_DELETED,
        subject=new_id(),
        detail="계약서.pdf",
        collection="tariffs",
        count=1,
        correlation_id="request-1",
    )
    return replace(entry, **changes)  # type: ignore[arg-type]  # of an entry


async def test_keys_are_kept_whole_and_told_by_name(open_stores: OpenStores) -> None:
    kept = [a_key("a", collections=None), a_key("b", last_used_at=AT), a_key("정산팀")]
    async with open_stores() as stores:
        assert [await stores.keys.add(key) for key in reversed(kept)] == [True] * 3
    async with open_stores() as stores:
        assert list(await stores.keys.keys()) == kept


async def test_a_name_is_taken_once_also_at_the_same_time(open_stores: OpenStores) -> None:
    async with open_stores() as one, open_stores() as other:
        candidates = [a_key("same", digests=KeyDigests(key=f"{number}", session="s", owner="o")) for number in range(6)]
        added = await asyncio.gather(*((one, other)[number % 2].keys.add(key) for number, key in enumerate(candidates)))
        assert sorted(added) == [False] * 5 + [True]
        assert list(await other.keys.keys()) == [candidates[added.index(True)]]


async def test_what_one_process_removes_no_other_has(open_stores: OpenStores) -> None:
    async with open_stores() as one, open_stores() as other:
        await one.keys.add(a_key("a"))
        await one.keys.add(a_key("b"))
        assert await other.keys.remove("a")
        assert list(await one.keys.keys()) == [a_key("b")]
        assert not await one.keys.remove("a")
        assert await one.keys.add(a_key("a"))


async def test_the_latest_use_counts(keys: KeyStore) -> None:
    later = AT + timedelta(minutes=5)
    await keys.add(a_key("a"))
    await keys.add(a_key("b"))
    await keys.used({"a-key": later, "b-key": AT})
    await keys.used({"a-key": AT, "gone-key": later})
    await keys.used({})
    assert [key.last_used_at for key in await keys.keys()] == [later, AT]


async def test_a_use_brings_back_nothing(keys: KeyStore) -> None:
    await keys.add(a_key("a"))
    await keys.remove("a")
    await keys.used({"a-key": AT})
    assert list(await keys.keys()) == []


async def test_entries_are_kept_whole_newest_first(open_stores: OpenStores) -> None:
    written = [an_entry(0), an_entry(2, collection=None, correlation_id=None, detail="", count=40), an_entry(1)]
    async with open_stores() as one, open_stores() as other:
        await one.audit.append(written[0])
        await other.audit.append(written[1])
        await one.audit.append(written[2])
    async with open_stores() as stores:
        assert list(await stores.audit.entries(before=None, limit=10)) == [written[1], written[2], written[0]]


async def test_pages_go_on_where_the_last_one_ended(audit: AuditLog) -> None:
    for number in range(5):
        await audit.append(an_entry(number, count=number))
    seen: list[int] = []
    before = None
    while page := await audit.entries(before=before, limit=2):
        seen += [entry.count for entry in page]
        before = page[-1].id
        await audit.append(an_entry(100 + len(seen), count=99))  # what comes meanwhile moves nothing
    assert seen == [4, 3, 2, 1, 0]


async def test_entries_are_filtered_by_key_action_and_time_together(audit: AuditLog) -> None:
    deleted, moved = AuditAction.DOCUMENT_DELETED, AuditAction.DOCUMENT_MOVED
    for number, (key, action) in enumerate(itertools.product(("a", "b"), (deleted, moved, deleted))):
        await audit.append(an_entry(number, key_name=key, action=action, count=number))

    async def counts(before: str | None = None, limit: int = 9, **which: Any) -> list[int]:
        return [entry.count for entry in await audit.entries(AuditFilter(**which), before=before, limit=limit)]

    assert await counts(key_name="a") == [2, 1, 0]
    assert await counts(action=deleted) == [5, 3, 2, 0]
    assert await counts(key_name="b", action=deleted) == [5, 3]
    assert await counts(key_name="nobody") == []
    second = AT + timedelta(seconds=1)
    assert await counts(since=second) == [5, 4, 3, 2, 1]
    assert await counts(until=second) == [0]
    assert await counts(since=second, until=AT + timedelta(seconds=4), key_name="a") == [2, 1]
    assert await counts(since=second, until=second) == []
    assert await counts(since=datetime(1, 1, 1, tzinfo=UTC), until=datetime.max.replace(tzinfo=UTC)) == [
        *range(5, -1, -1)
    ]
    (newest,) = await audit.entries(AuditFilter(action=deleted), before=None, limit=1)
    assert await counts(before=newest.id, limit=2, action=deleted) == [3, 2]


async def test_entries_of_one_instant_are_several(audit: AuditLog) -> None:
    for _ in range(3):
        await audit.append(an_entry())
    page = await audit.entries(before=None, limit=2)
    assert len(page) == 2
    assert len(await audit.entries(before=page[-1].id, limit=2)) == 1


async def test_old_entries_go_oldest_first_and_no_others(audit: AuditLog) -> None:
    for number in range(5):
        await audit.append(an_entry(number, count=number))
    limit_at = AT + timedelta(seconds=3)
    assert await audit.forget(limit_at, 2) == 2
    assert [entry.count for entry in await audit.entries(before=None, limit=9)] == [4, 3, 2]
    assert await audit.forget(limit_at, 2) == 1
    assert await audit.forget(limit_at, 2) == 0
    assert [entry.count for entry in await audit.entries(before=None, limit=9)] == [4, 3]
