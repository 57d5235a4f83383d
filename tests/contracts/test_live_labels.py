"""The promises of LiveView about labels, names, and who hears of a switch, on every adapter."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from live_store_builders import (
    OpenSearchStore,
    SearchStore,
    a_version,
    indexed,
    mongo_search_store,
    seen,
    sqlite_search_store,
)

from builders import labels
from search.application.ports.live_store import LiveStore
from shared.kernel import DocumentId, new_document_id


@pytest.fixture(
    params=[
        pytest.param(sqlite_search_store, id="sqlite"),
        pytest.param(mongo_search_store, id="mongodb", marks=pytest.mark.servers),
    ]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchStore]:
    opener: OpenSearchStore
    async with request.param(tmp_path) as opener, opener() as opened:
        yield opened


@pytest.fixture
def live(store: SearchStore) -> LiveStore:
    return store.live


async def a_live_document(live: LiveStore, name: str) -> DocumentId:
    new = a_version()
    await live.label(new.document_id, 1, labels(name=name))
    await live.switch(new)
    return new.document_id


async def test_labels_and_languages_of_many_at_once(live: LiveStore) -> None:
    ids = [await a_live_document(live, str(number)) for number in range(4)]
    await live.switch(a_version(unlabelled := new_document_id(), 1))
    found = await live.labels_at(await live.index_version(), [*ids, unlabelled, new_document_id()])
    assert sorted(found, key=lambda one: one[1].document_name) == [
        (document_id, labels(name=str(number)), "en") for number, document_id in enumerate(ids)
    ]


async def test_what_was_shown_before_is_shown_as_it_is_now(live: LiveStore) -> None:
    document_id = await a_live_document(live, "old.txt")
    before = await live.index_version()

    async def shown(at: int) -> list[tuple[str, str]]:
        found = await seen(live, at, document_id, [1, 2])
        return [(hit.labels.document_name, hit.chunk.text) for hit in found]

    assert await shown(before) == await shown(before) == [("old.txt", "one")]
    await live.label(document_id, 2, labels(name="new.txt"))
    assert await shown(before) == [("new.txt", "one")]
    await live.switch(a_version(document_id, 2, ("two",)))
    assert await shown(await live.index_version()) == [("new.txt", "two")]
    # Who began before goes on with what was live then.
    assert await shown(before) == [("new.txt", "one")]
    await live.withdraw(document_id, 3)
    assert await shown(await live.index_version()) == []


async def test_the_names_of_a_collection_are_those_of_its_documents_that_are_there(live: LiveStore) -> None:
    ids = [await a_live_document(live, f"{number}.txt") for number in range(3)]
    await live.label(ids[0], 2, labels(name="new.txt", names=("0.txt", "other.txt")))
    await live.label(not_yet := new_document_id(), 1, labels(name="not yet.txt"))
    await live.label(new_document_id(), 1, labels(name="elsewhere.txt", collection="b"))
    await live.withdraw(ids[1], 2)
    assert await live.names("default") == {
        **dict.fromkeys(("0.txt", "other.txt", "new.txt"), ids[0]),
        "2.txt": ids[2],
        "not yet.txt": not_yet,
    }
    assert await live.names("nowhere") == {}


async def test_who_hears_of_a_switch_finds_it(store: SearchStore) -> None:
    news = [a_version() for _ in range(30)]
    for new in news:
        await store.live.label(new.document_id, 1, labels())
    switches = [asyncio.create_task(store.live.switch(new, indexed(new))) for new in news]
    heard: set[str] = set()
    async with asyncio.timeout(60):
        while len(heard) < len(news):
            for fact in await store.outbox.pending_facts(100):
                document_id = DocumentId(fact.envelope.payload["document_id"])
                heard.add(document_id)
                at = await store.live.index_version()
                assert len(await seen(store.live, at, document_id, [1])) == 1
    await asyncio.gather(*switches)
