"""What every DocumentStore promises; one suite for each adapter."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from document_store_builders import NOW, Stored, a_document, a_part, content, on_mongo, on_sqlite, released, saved

from ingest.application.facts import fact_of
from ingest.application.ports import DocumentFilter, DocumentStore, Stale, Taken
from ingest.domain.document import Document
from ingest.domain.standing import Failure, Letter, Standing, Status
from shared.kernel import NotFound, new_document_id


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongo", marks=pytest.mark.servers)]
)
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stored]:
    """The adapter under test, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stored]] = request.param
    async with opened(tmp_path) as stored:
        yield stored


async def test_a_saved_document_is_loaded_as_it_was(stored: Stored) -> None:
    document = a_document(name="관세/율표.txt", tags=["a", 1, None], year=2026)
    loaded = await saved(stored, document)
    assert loaded == await stored.store.load(document.id)
    assert loaded.names == ("관세/율표.txt",)
    assert loaded.metadata == {"tags": ["a", 1, None], "year": 2026}
    assert loaded.revision == document.revision
    assert loaded.saved_version == loaded.version == 1
    assert loaded.created_at == NOW


async def test_an_unknown_document_is_not_found(stored: Stored) -> None:
    with pytest.raises(NotFound):
        await stored.store.load(new_document_id())
    with pytest.raises(NotFound):
        await stored.store.revisions(new_document_id())


async def test_state_and_facts_are_saved_together_or_not_at_all(stored: Stored) -> None:
    document, decision = Document.receive(new_document_id(), "default", "a.txt", content(), {}, NOW)
    fact = fact_of(document, decision)
    await stored.store.save(document, fact, expected_version=0)
    assert await stored.facts() == [fact]
    twin, decision = Document.receive(new_document_id(), "default", "b.txt", content(), {}, NOW)
    with pytest.raises(Taken):
        await stored.store.save(twin, fact_of(twin, decision), expected_version=0)
    assert await stored.facts() == [fact]
    with pytest.raises(NotFound):
        await stored.store.load(twin.id)


async def test_parts_hold_neither_names_nor_bytes_and_are_found_by_what_they_were_found_in(stored: Stored) -> None:
    upload = await saved(stored, a_document("one", "a.zip"))
    twins = [await saved(stored, a_part(upload, "same.txt", "one")) for _ in range(2)]
    inner = await saved(stored, a_part(twins[0], "deep.txt", "three"))
    assert twins[0].parent is not None and twins[0].names == ("a.zip/same.txt",)
    assert await stored.store.load(inner.id) == inner
    assert inner.parent is not None and (inner.parent.root, inner.parent.depth) == (upload.id, 2)
    assert [part.id for part in await stored.store.parts_of(upload.id)] == [part.id for part in twins]
    assert await stored.store.count_parts([upload.id, twins[0].id]) == {upload.id: 2, twins[0].id: 1}
    assert await stored.store.count_parts([]) == {}
    assert await stored.store.below(upload.id) == (3, len("one" + "one" + "three"))
    assert await stored.store.below(new_document_id()) == (0, 0)
    holders = await stored.store.holders("default", sha256=content("one").sha256, name="a.zip/same.txt")
    assert [holder and holder.id for holder in holders] == [upload.id, None]
    # Nobody is in the way of an upload with a part's bytes and name.
    await saved(stored, a_document("three", "a.zip/same.txt"))


async def test_a_list_of_parts_is_narrowed_like_every_other(stored: Stored) -> None:
    upload = await saved(stored, a_document("one", "a.zip"))
    parts = [await saved(stored, a_part(upload, f"{n}.txt", f"part {n}")) for n in range(3)]
    found = await stored.store.find(DocumentFilter(parent=upload.id), limit=2)
    assert ([part.id for part in found.documents], found.total) == ([parts[2].id, parts[1].id], 3)
    rest = await stored.store.find(DocumentFilter(parent=upload.id), after=found.next_after, limit=2)
    assert ([part.id for part in rest.documents], rest.next_after) == ([parts[0].id], None)
    one = await stored.store.find(DocumentFilter(parent=upload.id, name_contains="1.T", collections=("default",)))
    assert [part.id for part in one.documents] == [parts[1].id]
    for nothing in (
        DocumentFilter(parent=upload.id, collections=("other",)),
        DocumentFilter(parent=upload.id, status="failed"),
        DocumentFilter(parent=parts[0].id),
    ):
        assert (await stored.store.find(nothing)).total == 0


async def test_a_withdrawn_part_is_none_any_more(stored: Stored) -> None:
    upload = await saved(stored, a_document("one", "a.zip"))
    part = await saved(stored, a_part(upload, "a.txt", "two"))
    assert part.withdraw() is not None
    await saved(stored, part)
    assert await stored.store.parts_of(upload.id) == []
    assert (await stored.store.count_parts([upload.id])).get(upload.id, 0) == 0
    assert await stored.store.below(upload.id) == (0, 0)
    await stored.store.advance(part.id, lambda standing: standing.gone(part.version))
    with pytest.raises(NotFound):
        await stored.store.load(part.id)
    with pytest.raises(Stale):
        await stored.store.save(replace(a_part(upload, "a.txt", "two"), id=part.id), expected_version=0)


async def test_another_stored_version_refuses_the_save(stored: Stored) -> None:
    document = await saved(stored, a_document())
    stale = await stored.store.load(document.id)
    document.relabel(name="b.txt")
    await saved(stored, document)
    stale.relabel(name="c.txt")
    with pytest.raises(Stale):
        await saved(stored, stale)
    assert (await stored.store.load(document.id)).names == ("b.txt",)
    with pytest.raises(Stale):
        await stored.store.save(a_document("new"), expected_version=3)


async def test_a_name_and_a_set_of_bytes_belong_to_one_live_document_of_a_collection(stored: Stored) -> None:
    await saved(stored, a_document("one", "a.txt"))
    with pytest.raises(Taken):
        await saved(stored, a_document("two", "a.txt"))
    with pytest.raises(Taken):
        await saved(stored, a_document("one", "b.txt"))
    await saved(stored, a_document("one", "a.txt", "other"))


async def test_of_many_saves_at_once_one_wins_and_the_others_find_it(stored: Stored) -> None:
    async def try_to_save() -> bool:
        try:
            await saved(stored, a_document())
        except Taken:
            return False
        return True

    assert sum(await asyncio.gather(*(try_to_save() for _ in range(30)))) == 1
    by_bytes, by_name = await stored.store.holders("default", sha256=content().sha256, name="a.txt")
    assert by_bytes is not None
    assert by_bytes is by_name


@pytest.mark.parametrize("same", ["bytes", "name"])
async def test_of_two_processes_one_wins_a_name_or_bytes_and_the_other_finds_them_taken(
    stored: Stored, same: str
) -> None:
    async def race(number: int) -> list[bool]:
        pair = [
            a_document(f"{number}" if same == "bytes" else f"{number}{who}", f"{number}{'' if same == 'name' else who}")
            for who in "ab"
        ]
        outcomes = await asyncio.gather(
            *(
                store.save(document, expected_version=0)
                for store, document in zip((stored.store, stored.other), pair, strict=True)
            ),
            return_exceptions=True,
        )
        assert all(isinstance(one, Document | Taken) for one in outcomes)
        return [isinstance(one, Document) for one in outcomes]

    for number in range(10):
        assert sum(await race(number)) == 1
    assert (await stored.store.find(DocumentFilter())).total == 10


async def test_holders_that_are_asked_for_at_one_moment_are_told_apart(stored: Stored) -> None:
    for text in ("one", "two"):
        for collection in ("default", "other"):
            await saved(stored, a_document(text, f"{text}.txt", collection))

    async def holders(collection: str, text: str, name: str) -> tuple[str | None, str | None]:
        found = await stored.store.holders(collection, sha256=content(text).sha256, name=name)
        by_bytes, by_name = (f"{it.collection}/{it.name}" if it else None for it in found)
        return by_bytes, by_name

    found = await asyncio.gather(
        holders("default", "one", "two.txt"),
        holders("other", "one", "one.txt"),
        holders("other", "new", "two.txt"),
        holders("third", "one", "one.txt"),
        holders("default", "two", "new.txt"),
    )
    assert list(found) == [
        ("default/one.txt", "default/two.txt"),
        ("other/one.txt", "other/one.txt"),
        (None, "other/two.txt"),
        (None, None),
        ("default/two.txt", None),
    ]


async def test_of_two_processes_that_change_the_same_version_one_is_stale(stored: Stored) -> None:
    document = await saved(stored, a_document())
    first, second = await stored.store.load(document.id), await stored.other.load(document.id)
    first.relabel(name="b.txt")
    second.relabel(name="c.txt")
    outcomes = await asyncio.gather(
        stored.store.save(first, expected_version=1),
        stored.other.save(second, expected_version=1),
        return_exceptions=True,
    )
    assert sorted(type(one) is Stale for one in outcomes) == [False, True]


async def test_a_withdrawn_document_frees_its_names_and_bytes(stored: Stored) -> None:
    document = await saved(stored, a_document())
    document.withdraw()
    await saved(stored, document)
    assert await stored.store.holders("default", sha256=content().sha256, name="a.txt") == (None, None)
    await saved(stored, a_document())
    assert (await stored.store.load(document.id)).status == "withdrawn"


async def test_many_documents_can_be_withdrawn_at_once(stored: Stored) -> None:
    documents = [await saved(stored, a_document(f"text {number}", f"{number}.txt")) for number in range(5)]
    for document in documents:
        document.withdraw()
        await saved(stored, document)
    for document in documents:
        assert (await stored.store.load(document.id)).status == "withdrawn"


async def test_a_removed_document_leaves_only_a_tombstone(stored: Stored) -> None:
    document = await saved(stored, a_document())
    document.withdraw()
    await saved(stored, document)
    assert await stored.store.advance(document.id, lambda it: it.gone(2))
    with pytest.raises(NotFound):
        await stored.store.load(document.id)
    with pytest.raises(NotFound):
        await stored.store.revisions(document.id)
    with pytest.raises(Stale):
        await stored.store.save(document, expected_version=0)
    statuses: tuple[Status | None, ...] = (None, "withdrawn")
    for status in statuses:
        assert (await stored.store.find(DocumentFilter(status=status))).total == 0
    assert not await stored.store.advance(document.id, lambda it: it.stage_finished(1, done=1, total=3))


async def test_progress_survives_a_change_of_labels_and_a_new_content_starts_it_again(stored: Stored) -> None:
    document = await saved(stored, a_document())
    await stored.store.advance(document.id, lambda it: it.stage_finished(1, done=2, total=3))
    await stored.store.advance(document.id, lambda it: it.indexed(1, revision=1, at=NOW))
    document.relabel(name="b.txt")
    document = await saved(stored, document)
    assert (document.status, document.standing.searchable_revision) == ("searchable", 1)
    document.revise("b.txt", content("two"), None, NOW)
    document = await saved(stored, document)
    assert (document.status, document.standing.done, document.standing.searchable_revision) == ("received", 0, 1)
    assert [revision.number for revision in await stored.store.revisions(document.id)] == [2, 1]


async def test_many_advances_at_once_all_count(stored: Stored) -> None:
    document = await saved(stored, a_document())

    async def finish(done: int) -> None:
        await stored.store.advance(document.id, lambda it: it.stage_finished(1, done=done, total=50))

    await asyncio.gather(*(finish(done) for done in range(1, 51)))
    assert (await stored.store.load(document.id)).standing.stages_done == 50


async def test_progress_told_to_two_processes_all_counts_and_none_is_passed_over(stored: Stored) -> None:
    document = await saved(stored, a_document())
    processes = (stored.store, stored.other)

    async def hear(store: DocumentStore, number: int) -> bool:
        letter = Letter(id=str(number), group="search", reason="a bug", buried=True)
        return await store.advance(document.id, lambda it: it.with_letter(1, letter))

    assert all(await asyncio.gather(*(hear(processes[number % 2], number) for number in range(12))))
    assert {letter.id for letter in (await stored.store.load(document.id)).standing.letters} == set(map(str, range(12)))
    # What one process has changed, the other must not decide by what it remembers.
    document = await stored.store.load(document.id)
    document.reprocess()
    await saved(stored, document)
    assert await stored.other.advance(document.id, lambda it: it.stage_finished(2, done=1, total=3))
    assert await stored.store.advance(document.id, lambda it: it.stage_finished(2, done=2, total=3))
    assert not await stored.other.advance(document.id, lambda it: it.stage_finished(2, done=2, total=3))
    standing = (await stored.other.load(document.id)).standing
    assert (standing.stages_done, standing.letters) == (2, ())


async def test_what_events_bring_is_kept_to_the_microsecond(stored: Stored) -> None:
    document = await saved(stored, a_document())
    at = NOW.replace(microsecond=123_457)
    failure = Failure("parse", "encrypted", "It is encrypted.\0", retryable=False)

    def change(standing: Standing) -> Standing:
        return standing.failed(1, failure).indexed(1, revision=1, at=at)

    await stored.store.advance(document.id, change)
    assert (await stored.other.load(document.id)).standing == change(document.standing)


async def test_metadata_is_kept_whatever_its_keys_and_numbers(stored: Stored) -> None:
    odd = {"a.b": 1, "$set": "x", "": None, "big": 1 << 70, "names": ["a", 2.5, False]}
    document = await saved(stored, Document.receive(new_document_id(), "default", "a", content(), odd, NOW)[0])
    assert (await stored.store.load(document.id)).metadata == odd


async def test_a_document_of_many_revisions_keeps_them_all_until_it_is_removed(stored: Stored) -> None:
    document = await saved(stored, a_document("0"))
    for number in range(1, 7):
        document.revise("a.txt", content(str(number)), None, NOW)
        document = await saved(stored, document)
        if number % 2:
            document.reprocess()
            document = await saved(stored, document)
    revisions = await stored.other.revisions(document.id)
    assert [revision.content for revision in revisions] == [content(str(number)) for number in range(6, -1, -1)]
    hashes = {revision.content.sha256 for revision in revisions}
    assert await stored.releases.referred({*hashes, "f" * 64}) == hashes
    document.withdraw()
    withdrawn = await saved(stored, document)
    assert len(await stored.store.revisions(document.id)) == 7
    assert await stored.releases.referred(hashes) == hashes
    assert await released(stored) == []
    assert await stored.store.advance(document.id, lambda it: it.gone(withdrawn.version))
    with pytest.raises(NotFound):
        await stored.store.revisions(document.id)
    assert await stored.releases.referred(hashes) == frozenset()
    assert await released(stored) == [(document.id, hashes)]
    await stored.releases.forget([document.id])
    assert await released(stored) == []
    with pytest.raises(NotFound):
        await stored.store.load(document.id)


async def test_counts_and_hashes_are_of_what_is_not_withdrawn(stored: Stored) -> None:
    one = await saved(stored, a_document("one", "a.txt"))
    one.revise("a.txt", content("three"), None, NOW)
    await saved(stored, one)
    gone = await saved(stored, a_document("gone", "b.txt", "other"))
    gone.withdraw()
    await saved(stored, gone)
    (counts,) = await stored.store.counts()
    assert (counts.name, counts.documents, counts.size) == ("default", {"received": 1}, 5)
    hashes = [content(text).sha256 for text in ("one", "three", "two")]
    assert set(await stored.releases.referred(hashes)) == set(hashes[:2])


async def test_queue_positions_count_the_unfinished_before(stored: Stored) -> None:
    documents = [await saved(stored, a_document(str(n), f"{n}.txt")) for n in range(4)]
    numbers = [document.queue_number for document in documents]
    assert await stored.store.queue_positions(numbers) == dict(zip(numbers, range(4), strict=True))
    await stored.store.advance(documents[1].id, lambda it: it.indexed(1, revision=1, at=NOW))
    assert await stored.store.queue_positions([numbers[3]]) == {numbers[3]: 2}
    assert await stored.store.queue_positions([numbers[2], numbers[0], numbers[2]]) == {numbers[0]: 0, numbers[2]: 1}
    assert await stored.store.queue_positions([]) == {}
