"""The promises of RenewalStore, on every adapter."""

from collections.abc import AsyncIterator

import pytest
from live_store_builders import (
    OpenSearchStore,
    SearchStore,
    a_version,
    told,
)

from search.application.ports.versions import NewVersion
from shared.events.search import VectorsOutdated


@pytest.fixture
async def store(open_search_store: OpenSearchStore) -> AsyncIterator[SearchStore]:
    async with open_search_store() as opened:
        yield opened


async def a_live(store: SearchStore, fingerprint: str | None, chunks: int = 1, version: int = 1) -> NewVersion:
    new = a_version(version=version, texts=["tea"] * chunks, fingerprint=fingerprint)
    assert await store.live.switch(new) is not None
    return new


async def ask(store: SearchStore, new: NewVersion, fingerprint: str) -> bool:
    fact = VectorsOutdated(document_id=new.document_id, document_version=new.version, fingerprint=fingerprint)
    return await store.renewals.ask((new.document_id, new.version), fingerprint, fact)


async def not_asked(store: SearchStore, fingerprint: str, limit: int = 100) -> set[str]:
    found = await store.renewals.not_asked(fingerprint, limit=limit)
    assert len(found) <= limit
    return {one.document_id for one in found}


async def test_what_was_made_for_another_model_or_none_is_outdated(store: SearchStore) -> None:
    assert await store.renewals.count_outdated("m", most=10) == 0
    await a_live(store, "m")
    before, beyond, none = [await a_live(store, fingerprint) for fingerprint in ("a", "z", None)]
    assert await store.renewals.count_outdated("m", most=10) == 3
    assert [await store.renewals.count_outdated("m", most=most) for most in (1, 2, 3)] == [1, 2, 3]
    assert await not_asked(store, "m") == {new.document_id for new in (before, beyond, none)}
    assert len(await not_asked(store, "m", limit=2)) == 2


async def test_only_live_versions_count(store: SearchStore) -> None:
    replaced, gone = await a_live(store, "old"), await a_live(store, "old")
    await store.live.switch(a_version(replaced.document_id, 2, fingerprint="m"))
    await store.live.withdraw(gone.document_id, 2)
    assert await store.renewals.count_outdated("m", most=10) == 0
    assert await not_asked(store, "m") == set()
    assert not await ask(store, replaced, "m") and not await ask(store, gone, "m")
    assert await told(store.outbox) == []


async def test_each_is_asked_for_once_for_each_model(store: SearchStore) -> None:
    new = await a_live(store, "old")
    assert await ask(store, new, "m")
    assert not await ask(store, new, "m")
    assert await told(store.outbox) == [("VectorsOutdated", 1)]
    assert await not_asked(store, "m") == set()
    assert await store.renewals.count_outdated("m", most=10) == 1
    assert await not_asked(store, "n") == {new.document_id}
    assert await ask(store, new, "n")
    assert await ask(store, new, "m")


async def test_what_is_under_way_ends_when_it_comes_or_fails(store: SearchStore) -> None:
    assert await store.renewals.chunks_under_way("m") == 0
    comes, fails, goes, empty = [await a_live(store, "old", chunks) for chunks in (2, 3, 4, 0)]
    for new in (comes, fails, goes, empty):
        assert await ask(store, new, "m")
    assert await store.renewals.chunks_under_way("m") == 2 + 3 + 4 + 1
    assert await store.renewals.chunks_under_way("n") == 0
    await store.live.switch(a_version(comes.document_id, 2, fingerprint="m"))
    assert await store.renewals.chunks_under_way("m") == 3 + 4 + 1
    await store.live.fail(fails.document_id, 2)
    assert await store.renewals.chunks_under_way("m") == 4 + 1
    await store.live.withdraw(goes.document_id, 2)
    assert await store.renewals.chunks_under_way("m") == 1
    # What failed is not asked for again; what came back for yet another model is.
    assert await not_asked(store, "m") == set()
    await store.live.switch(a_version(comes.document_id, 3, fingerprint="old"))
    assert await not_asked(store, "m") == {comes.document_id}


async def test_what_was_asked_for_survives_a_restart(open_search_store: OpenSearchStore) -> None:
    async with open_search_store() as store:
        new = await a_live(store, "old", 2)
        await ask(store, new, "m")
    async with open_search_store() as store:
        assert not await ask(store, new, "m")
        assert await store.renewals.chunks_under_way("m") == 2
