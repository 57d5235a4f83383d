"""The promises of LiveStore, on every adapter."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator

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
from search.application.ports.live_store import LiveStore
from search.application.ports.versions import LiveVersion
from shared.kernel import DocumentId, new_document_id


@pytest.fixture
async def store(open_search_store: OpenSearchStore) -> AsyncIterator[SearchStore]:
    async with open_search_store() as opened:
        yield opened


@pytest.fixture
def live(store: SearchStore) -> LiveStore:
    return store.live


async def a_live_document(live: LiveStore, version: int = 1, *texts: str, name: str = "notes.txt") -> DocumentId:
    new = a_version(version=version, texts=texts or ("one",))
    await live.label(new.document_id, version, labels(name=name))
    await live.switch(new)
    return new.document_id


async def test_nothing_is_known_of_what_nobody_told(live: LiveStore) -> None:
    unknown = new_document_id()
    assert await live.document(unknown) is None
    assert await live.unsettled([(unknown, 1)]) == [(unknown, 1)]
    assert await live.unrecorded([(unknown, 1)]) == [(unknown, 1)]
    assert await live.hits(await live.index_version(), [(unknown, 1, 0)]) == [None]
    assert list(await live.hits(1, [])) == []
    assert list(await live.labels_at(1, [unknown])) == []
    assert await live.names("default") == {}
    assert list(await live.live(after=None, limit=10)) == []
    assert list(await live.to_label()) == []
    assert list(await live.retired(before=1_000, limit=10)) == []
    await live.forget([(unknown, 1)])
    await live.forget([])
    await live.unfail(unknown, 1)
    assert await live.document(unknown) is None


async def test_a_document_and_its_collection_exist_once_it_has_labels(live: LiveStore) -> None:
    document_id = new_document_id()
    assert list(await live.unknown_collections(["default", "tariffs", "other"])) == ["tariffs", "other"]
    assert not await live.label(document_id, 2, labels(collection="tariffs", name="new"))
    assert not await live.label(document_id, 1, labels(collection="tariffs", name="old"))
    state = await live.document(document_id)
    assert state is not None and state.labels is not None
    assert (state.labels.document_name, state.labels_version, state.live_version) == ("new", 2, None)
    assert list(await live.unknown_collections(["other", "tariffs"])) == ["other"]
    assert list(await live.unknown_collections([])) == []


async def test_a_switch_shows_the_version_and_saves_its_facts(store: SearchStore) -> None:
    live = store.live
    new = a_version(version=3, texts=("one", "two", "three"), language=None, revision=2)
    await live.label(new.document_id, 3, labels(name="a.txt", metadata={"year.month": 7, "$x": ["가"]}))
    assert await live.switch(new, indexed(new), removed(new.document_id, 2)) == 3
    places = [(new.document_id, 3, ordinal) for ordinal in (2, 9, 0, 2)]
    third, none, first, again = await live.hits(await live.index_version(), places)
    assert third is not None and first is not None and none is None and again == third
    assert (third.version, third.revision, third.language, third.chunk) == (3, 2, None, new.chunks[2])
    assert (first.labels.document_name, first.labels.metadata) == ("a.txt", {"year.month": 7, "$x": ["가"]})
    assert (first.before, first.after) == ("", "")
    assert await told(store.outbox) == [("DocumentIndexed", 3), ("DocumentRemoved", 2)]
    state = await live.document(new.document_id)
    assert state is not None and (state.live_version, state.indexed_labels_version) == (3, 3)
    assert state.supersedes(3) and not state.supersedes(4)


async def test_a_hit_comes_with_the_text_around_it(live: LiveStore) -> None:
    document_id = await a_live_document(live, 1, "one", "two", "three", "four")
    at = await live.index_version()
    [hit, last] = await live.hits(at, [(document_id, 1, 1), (document_id, 1, 3)], context=1)
    assert hit is not None and (hit.before, hit.after) == ("one", "three")
    assert last is not None and (last.before, last.after) == ("three", "")
    [hit] = await live.hits(at, [(document_id, 1, 1)], context=5)
    assert hit is not None and (hit.before, hit.after) == ("one", "three\nfour")


async def test_the_words_of_chunks_are_read_alone(live: LiveStore) -> None:
    first = a_version(texts=("one", "하나 ½"))
    chunks = tuple(chunk.model_copy(update={"headings": ("Above", "열")}) for chunk in first.chunks)
    new = dataclasses.replace(first, chunks=chunks)
    await live.label(new.document_id, 1, labels())
    before = await live.index_version()
    await live.switch(new)
    gone = await a_live_document(live)
    at = await live.index_version()
    await live.withdraw(gone, 2)
    places = [(new.document_id, 1, ordinal) for ordinal in (1, 7, 0, 1)] + [(gone, 1, 0), (new_document_id(), 1, 0)]
    second = "Above\n열\n하나 ½"
    assert list(await live.texts(at, places)) == [second, None, "Above\n열\none", second, None, None]
    assert list(await live.texts(before, places)) == [None] * len(places)
    assert list(await live.texts(at, [])) == []


async def test_what_is_not_newer_changes_nothing(store: SearchStore) -> None:
    live = store.live
    document_id = await a_live_document(live, 2)
    before = await live.index_version(), await live.document(document_id)
    for version in (1, 2):
        late = a_version(document_id, version, ("late",))
        assert await live.switch(late, indexed(late)) is None
    assert (await live.index_version(), await live.document(document_id)) == before
    assert [hit.chunk.text for hit in await seen(live, before[0], document_id, (1, 2), 2)] == ["one"]
    assert await told(store.outbox) == []


async def test_a_search_sees_the_version_of_its_number_as_long_as_it_runs(live: LiveStore) -> None:
    document_id = new_document_id()
    numbers = [await live.index_version()]
    await live.label(document_id, 1, labels())
    for version in (1, 2, 5):
        await live.switch(a_version(document_id, version, ("one", "two")))
        numbers.append(await live.index_version())
    for at, expected in zip(numbers, (None, 1, 2, 5), strict=True):
        hits = await seen(live, at, document_id, (1, 2, 5), 2)
        assert [hit.version for hit in hits] == ([] if expected is None else [expected, expected])
        found = await live.labels_at(at, [document_id])
        assert len(found) == (expected is not None)


async def test_the_number_rises_with_all_that_searches_notice(live: LiveStore) -> None:
    numbers = [await live.index_version()]
    document_id = await a_live_document(live)
    numbers.append(await live.index_version())
    await live.label(document_id, 2, labels(name="other"))
    await live.labelled(document_id, 2)
    numbers.append(await live.index_version())
    await live.withdraw(document_id, 3)
    numbers.append(await live.index_version())
    assert numbers == sorted(set(numbers))


async def test_whether_the_index_is_whole_is_known_after_a_restart_and_raises_the_number(
    open_search_store: OpenSearchStore,
) -> None:
    async with open_search_store() as store:
        before = await store.live.index_version()
        assert await store.live.is_whole()
        await store.live.mark_whole(False)
        assert await store.live.index_version() > before
        assert not await store.live.is_whole()
    async with open_search_store() as store:
        during = await store.live.index_version()
        assert not await store.live.is_whole()
        await a_live_document(store.live)
        assert not await store.live.is_whole()
        await store.live.mark_whole(True)
        assert await store.live.index_version() > during
        assert await store.live.is_whole()


async def test_what_is_retired_is_told_until_it_is_forgotten(open_search_store: OpenSearchStore) -> None:
    async with open_search_store() as store:
        live = store.live
        first, second = await a_live_document(live), await a_live_document(live)
        assert not await live.has_retired()
        await live.switch(a_version(first, 2))
        await live.withdraw(second, 2)
        assert await live.has_retired()
        await live.forget([(first, 1)])
        assert await live.has_retired()
    async with open_search_store() as store:
        assert await store.live.has_retired()
        await store.live.forget([(second, 1)])
        assert not await store.live.has_retired()


async def test_a_withdrawal_leaves_a_tombstone_and_nothing_to_show(store: SearchStore) -> None:
    live = store.live
    document_id = await a_live_document(live, 1)
    await live.label(document_id, 2, labels(collection="tariffs"))
    at = await live.index_version()
    assert await live.withdraw(document_id, 3, removed(document_id, 3))
    assert not await live.withdraw(document_id, 3, removed(document_id, 3))
    assert not await live.withdraw(document_id, 2, removed(document_id, 2))
    assert await told(store.outbox) == [("DocumentRemoved", 3)]
    for number in (at, await live.index_version()):
        assert await seen(live, number, document_id, (1,)) == []
        assert list(await live.labels_at(number, [document_id])) == []
    state = await live.document(document_id)
    assert state is not None and state.labels is None and state.supersedes(3) and not state.supersedes(4)
    assert (state.live_version, state.withdrawn_version) == (None, 3)
    assert list(await live.live(after=None, limit=10)) == []
    assert list(await live.unknown_collections(["tariffs"])) == ["tariffs"]


async def test_what_comes_late_does_not_bring_a_withdrawn_document_back(live: LiveStore) -> None:
    document_id = new_document_id()
    assert await live.withdraw(document_id, 3)
    before = await live.document(document_id)
    assert await live.switch(a_version(document_id, 2)) is None
    assert not await live.label(document_id, 3, labels(collection="tariffs"))
    await live.fail(document_id, 2)
    assert await live.document(document_id) == before
    assert list(await live.unknown_collections(["tariffs"])) == ["tariffs"]


async def test_new_labels_are_shown_at_once_and_reach_the_units_later(live: LiveStore) -> None:
    document_id = await a_live_document(live, 1, name="old")
    other = await a_live_document(live)
    assert await live.label(document_id, 4, labels(name="new"))
    assert await live.label(document_id, 2, labels(name="between"))  # they still wait for those of 4
    assert list(await live.to_label()) == [document_id]
    [hit] = await seen(live, await live.index_version(), document_id, (1,))
    assert hit.labels.document_name == "new"
    await live.labelled(document_id, 3)
    assert list(await live.to_label()) == [document_id]
    await live.labelled(document_id, 4)
    await live.labelled(document_id, 3)
    state = await live.document(document_id)
    assert state is not None and (state.labels_version, state.indexed_labels_version) == (4, 4)
    assert list(await live.to_label()) == []
    assert not await live.label(document_id, 4, labels(name="new"))
    state = await live.document(other)
    assert state is not None and state.indexed_labels_version == 1


async def test_the_same_words_again_need_not_reach_the_units(live: LiveStore) -> None:
    document_id = await a_live_document(live, 1, name="same")
    assert not await live.label(document_id, 2, labels(name="same"))
    state = await live.document(document_id)
    assert state is not None and (state.labels_version, state.indexed_labels_version) == (2, 2)
    assert await live.label(document_id, 3, labels(name="other"))
    assert await live.label(document_id, 4, labels(name="other"))
    state = await live.document(document_id)
    assert state is not None and (state.labels_version, state.indexed_labels_version) == (4, 2)


async def test_a_switch_tells_of_labels_newer_than_its_units(live: LiveStore) -> None:
    document_id = new_document_id()
    await live.label(document_id, 1, labels())
    await live.label(document_id, 5, labels(name="new"))
    assert await live.switch(a_version(document_id, 2)) == 5
    assert list(await live.to_label()) == [document_id]
    assert await live.switch(a_version(document_id, 3, labels_version=5)) == 5
    assert list(await live.to_label()) == []


async def test_a_version_is_settled_when_it_or_a_newer_one_is_live_failed_or_withdrawn(live: LiveStore) -> None:
    live_one, failed, gone, waiting = [new_document_id() for _ in range(4)]
    every = [(document_id, version) for document_id in (live_one, failed, gone, waiting) for version in (1, 2, 3)]
    await live.switch(a_version(live_one, 2))
    await live.fail(failed, 2)
    await live.fail(failed, 1)
    await live.withdraw(gone, 2)
    await live.label(waiting, 2, labels())
    assert list(await live.unsettled(every)) == [
        (live_one, 3),
        (failed, 3),
        (gone, 3),
        *((waiting, version) for version in (1, 2, 3)),
    ]
    await live.unfail(failed, 1)
    assert list(await live.unsettled([(failed, 2)])) == []
    await live.unfail(failed, 2)
    assert list(await live.unsettled([(failed, 2)])) == [(failed, 2)]
    assert list(await live.unsettled([])) == []


async def test_a_failed_revision_leaves_the_one_before_it_live(live: LiveStore) -> None:
    document_id = await a_live_document(live, 1)
    await live.label(document_id, 2, labels())
    await live.fail(document_id, 2)
    assert len(await seen(live, await live.index_version(), document_id, (1,))) == 1
    assert await live.switch(a_version(document_id, 2)) == 2


async def test_only_what_no_search_can_see_is_retired(live: LiveStore) -> None:
    numbers = []
    document_id = await a_live_document(live, 1)
    numbers.append(await live.index_version())
    await live.switch(a_version(document_id, 2))
    numbers.append(await live.index_version())
    await live.withdraw(document_id, 3)
    numbers.append(await live.index_version())
    assert list(await live.retired(before=numbers[0], limit=10)) == []
    assert list(await live.retired(before=numbers[1], limit=10)) == [(document_id, 1)]
    assert sorted(await live.retired(before=numbers[2], limit=10)) == [(document_id, 1), (document_id, 2)]
    assert len(await live.retired(before=numbers[2], limit=1)) == 1
    assert list(await live.unrecorded([(document_id, 1), (document_id, 2)])) == []


async def test_what_is_forgotten_is_not_shown_and_what_is_live_stays(live: LiveStore) -> None:
    document_id = await a_live_document(live, 1, "one", "two")
    old = await live.index_version()
    await live.switch(a_version(document_id, 2, ("three", "four")))
    await live.switch(a_version(document_id, 3, ("five", "six")))
    await live.forget([(document_id, 1), (document_id, 3), (document_id, 4)])
    new = await live.index_version()
    assert await seen(live, old, document_id, (1, 2, 3), 2) == []
    assert len(await seen(live, new, document_id, (1, 2, 3), 2)) == 2
    assert list(await live.retired(before=new, limit=10)) == [(document_id, 2)]
    [hit] = await seen(live, new - 1, document_id, (2,))
    assert hit.chunk.text == "three"
    versions = [(document_id, version) for version in (1, 2, 3, 4)]
    assert list(await live.unrecorded(versions)) == [(document_id, 1), (document_id, 4)]
    await live.forget(versions)
    assert list(await live.retired(before=new, limit=10)) == []
    assert [hit.chunk.text for hit in await seen(live, new, document_id, (3,), 2)] == ["five", "six"]


async def test_live_versions_come_in_pages_with_what_builds_their_units_again(live: LiveStore) -> None:
    news = [a_version(version=2, texts=("one", "two"), fingerprint=None, language="ko") for _ in range(5)]
    for new in news:
        await live.switch(a_version(new.document_id, 1))
        await live.switch(new)
    await live.withdraw((withdrawn := news.pop().document_id), 3)
    await live.label(new_document_id(), 1, labels())
    found: list[LiveVersion] = []
    after: DocumentId | None = None
    while page := await live.live(after=after, limit=3):
        assert len(page) <= 3
        found.extend(page)
        after = page[-1].document_id
    assert [one.document_id for one in found] == sorted(new.document_id for new in news)
    assert {(one.version, one.language, one.chunk_count, one.sources) for one in found} == {
        (2, "ko", 2, news[0].sources)
    }
    assert [await live.live_version(one) for one in (withdrawn, found[0].document_id)] == [None, found[0]]


async def test_a_long_document_is_live_whole(live: LiveStore) -> None:
    texts = [f"number{number}" for number in range(1_201)]
    document_id = await a_live_document(live, 1, *texts)
    hits = await seen(live, await live.index_version(), document_id, (1,), len(texts))
    assert [hit.chunk.text for hit in hits] == texts
    await live.switch(a_version(document_id, 2, ()))
    await live.forget([(document_id, 1)])
    assert await seen(live, await live.index_version(), document_id, (1, 2), 3) == []
    [empty] = await live.live(after=None, limit=10)
    assert (empty.version, empty.chunk_count) == (2, 0)


async def test_all_of_it_survives_a_restart(open_search_store: OpenSearchStore) -> None:
    async with open_search_store() as store:
        document_id = await a_live_document(store.live, 1)
        before = await store.live.index_version()
        new = a_version(document_id, 2)
        await store.live.switch(new, indexed(new))
        after = await store.live.index_version()
        state = await store.live.document(document_id)
    async with open_search_store() as store:
        assert await store.live.index_version() == after
        assert await store.live.document(document_id) == state
        for at, version in ((before, 1), (after, 2)):
            assert [hit.version for hit in await seen(store.live, at, document_id, (1, 2))] == [version]
        assert list(await store.live.retired(before=after, limit=10)) == [(document_id, 1)]


async def test_waiting_ends_with_a_change_or_with_the_time(live: LiveStore) -> None:
    started = time.monotonic()
    waiting = asyncio.create_task(live.wait_for_change(30))
    await asyncio.sleep(0)
    await a_live_document(live)
    await waiting
    await live.wait_for_change(0.05)
    assert time.monotonic() - started < 20


async def test_switches_and_withdrawals_at_the_same_time_end_with_the_newest(live: LiveStore) -> None:
    documents = [new_document_id() for _ in range(8)]
    await asyncio.gather(
        *(live.switch(a_version(document_id, version)) for version in (2, 3, 1) for document_id in documents),
        *(
            live.label(document_id, version, labels(name=str(version)))
            for version in (2, 3)
            for document_id in documents
        ),
        *(live.withdraw(document_id, 4) for document_id in documents[:4]),
    )
    states = [await live.document(document_id) for document_id in documents]
    assert [state.live_version for state in states if state is not None] == [None] * 4 + [3] * 4
    at = await live.index_version()
    hits = await live.hits(at, [(document_id, 3, 0) for document_id in documents])
    assert [hit and hit.labels.document_name for hit in hits] == [None] * 4 + ["3"] * 4
