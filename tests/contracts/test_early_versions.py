"""What LiveStore promises of first pages of a document, on every adapter."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from live_store_builders import (
    OpenSearchStore,
    SearchStore,
    a_version,
    indexed,
    removed,
    seen,
    told,
)

from builders import labels
from search.application.ports.versions import FirstPages, NewVersion
from shared.kernel import DocumentId, new_document_id


@pytest.fixture
async def store(open_search_store: OpenSearchStore) -> AsyncIterator[SearchStore]:
    async with open_search_store() as opened:
        yield opened


def some_pages(document_id: DocumentId, version: int, done: int, *, base_version: int = 0, **more: Any) -> NewVersion:
    """The first `done` of 200."""
    return a_version(
        document_id, version, first_pages=FirstPages(done, 200), base_version=base_version, revision=1, **more
    )


async def test_more_pages_and_the_whole_take_their_place(store: SearchStore) -> None:
    document_id = new_document_id()
    await store.live.label(document_id, 17, labels())
    shown = []
    for new in (some_pages(document_id, 1, 32), some_pages(document_id, 2, 64), a_version(document_id, 17, revision=1)):
        assert await store.live.switch(new, indexed(new)) == 17
        at = await store.live.index_version()
        shown += [(hit.version, hit.first_pages) for hit in await seen(store.live, at, document_id, (1, 2, 17))]
    assert shown == [(1, FirstPages(32, 200)), (2, FirstPages(64, 200)), (17, None)]
    assert await told(store.outbox) == [("DocumentIndexed", 1), ("DocumentIndexed", 2), ("DocumentIndexed", 17)]


async def test_a_search_that_runs_goes_on_seeing_what_it_saw(store: SearchStore) -> None:
    document_id = new_document_id()
    await store.live.label(document_id, 17, labels())
    await store.live.switch(some_pages(document_id, 1, 32))
    at = await store.live.index_version()
    await store.live.switch(a_version(document_id, 17))
    assert [hit.first_pages for hit in await seen(store.live, at, document_id, (1, 17))] == [FirstPages(32, 200)]
    before = await store.live.index_version() + 1
    await store.live.forget(await store.live.retired(before=before, limit=10))
    assert await seen(store.live, at, document_id, (1, 17)) == []


@pytest.mark.parametrize("reads_first", [True, False])
async def test_they_never_take_the_place_of_a_whole_or_of_another_uploads(
    store: SearchStore, reads_first: bool
) -> None:
    document_id = new_document_id()
    await store.live.label(document_id, 20, labels())
    await store.live.switch(some_pages(document_id, 3, 64))
    for base_version in (3, 4):
        if reads_first:  # as the job does
            await store.live.document(document_id)
        late = some_pages(document_id, 5, 32, base_version=base_version)
        assert await store.live.switch(late, indexed(late)) is None
        await store.live.switch(a_version(document_id, 4))  # the whole of the first upload
    live = await store.live.live_version(document_id)
    assert live is not None and live.version == 4
    assert await told(store.outbox) == []
    assert await store.live.switch(a_version(document_id, 20)) == 20


async def test_fewer_pages_or_the_same_come_too_late(store: SearchStore) -> None:
    document_id = new_document_id()
    await store.live.label(document_id, 17, labels())
    await store.live.switch(some_pages(document_id, 2, 64))
    for late in (some_pages(document_id, 1, 32), some_pages(document_id, 2, 64)):
        assert await store.live.switch(late, indexed(late)) is None
    await store.live.withdraw(document_id, 18, removed(document_id, 18))
    for late in (some_pages(document_id, 3, 128), a_version(document_id, 17)):
        assert await store.live.switch(late, indexed(late)) is None
    assert await store.live.live_version(document_id) is None


async def test_who_waits_for_the_upload_waits_for_the_whole(store: SearchStore) -> None:
    document_id = new_document_id()
    await store.live.label(document_id, 17, labels())
    await store.live.switch(some_pages(document_id, 2, 64))
    assert await store.live.unsettled([(document_id, 17)]) == [(document_id, 17)]
    await store.live.switch(a_version(document_id, 17))
    assert await store.live.unsettled([(document_id, 17)]) == []


async def test_of_many_at_once_the_newest_stays(store: SearchStore) -> None:
    document_id = new_document_id()
    await store.live.label(document_id, 17, labels())
    pages = [some_pages(document_id, 1 + step, 32 << step) for step in range(3)]
    await asyncio.gather(*(store.live.switch(new) for new in [*pages, a_version(document_id, 17)]))
    live = await store.live.live_version(document_id)
    assert live is not None and live.version == 17
