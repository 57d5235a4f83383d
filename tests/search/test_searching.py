"""Documents go in, hits come out: the main road of Search."""

import asyncio
from pathlib import Path

import pytest
from search_builders import ASearch, SmallModel, a_search

from builders import eventually, labels
from search.application.retrieval import RetrievalTimes
from search.domain.cursor import WINDOW, Cursor
from shared.artefacts.chunks import TableSlice
from shared.events.ingest import DocumentChanged, DocumentWithdrawn
from shared.events.process import DocumentProcessed, ProcessingFailed
from shared.events.receipt import write_receipt
from shared.kernel import Gone, InvalidInput, NotFound, Unavailable
from shared.web.cursors import WrongCursor


def token(*events: DocumentProcessed) -> str:
    return write_receipt((event.document_id, event.document_version) for event in events)


async def test_finds_by_words_and_by_meaning(search: ASearch) -> None:
    await search.add("Tariffs on laptops are zero.", "Shipping takes a week.")
    await search.add("노트북의 관세율은 0퍼센트이다.")
    assert (await search.texts("laptop tariff"))[0] == "Tariffs on laptops are zero."
    assert await search.texts("노트북 관세", mode="keyword") == ["노트북의 관세율은 0퍼센트이다."]
    assert (await search.texts("shipping week", mode="vector"))[0] == "Shipping takes a week."


async def test_a_query_in_a_language_the_model_cannot_read_is_searched_by_words(search: ASearch) -> None:
    await search.add("Zero tariffs.")
    await search.add("관세율 0퍼센트")
    result = await search.find("관세율", explain=True)
    assert [hit.record.chunk.text for hit in result.hits] == ["관세율 0퍼센트"]
    assert result.degraded == ()
    assert result.hits[0].explanation.weights.dense == 0


async def test_codes_are_found_whole_and_in_parts(search: ASearch) -> None:
    await search.add("Heading 8471.30-0000 covers laptops.")
    await search.add("The function get_user_by_id reads 1,000 rows; see ISO-9001.")
    for query in ("8471.30-0000", "8471.30", "847130", "8471300000", "8471"):
        assert len(await search.texts(query, mode="keyword")) == 1, query
    for query in ("get_user_by_id", "1000", "1,000", "iso-9001", "ISO 9001"):
        assert len(await search.texts(query, mode="keyword")) == 1, query
    assert await search.texts("8471.60", mode="keyword") == ["Heading 8471.30-0000 covers laptops."]
    assert await search.texts("847160", mode="keyword") == []


async def test_titles_and_headings_are_searched_too(search: ASearch) -> None:
    await search.add("It takes a week.", headings=("Shipping", "By sea"))
    assert await search.texts("sea shipping", mode="keyword") == ["It takes a week."]


async def test_rows_are_found_by_the_names_of_their_columns(search: ASearch) -> None:
    text = "Laptop\t0 %\tfree"
    part = TableSlice(start=0, end=len(text), header="Product\tBasic rate\tTreaty")
    await search.add(text, tables=(part,))
    await search.add("Laptop\t5 kg\theavy")
    assert (await search.texts("laptop treaty", mode="keyword"))[0] == text
    assert await search.texts("treaty", mode="keyword") == [text]


async def test_says_that_the_model_was_missing(tmp_path: Path) -> None:
    model = SmallModel()
    async with a_search(tmp_path, model=model) as search:
        await search.add("Green tea.")
        model.available = False
        result = await search.find("tea")
        assert len(result.hits) == 1 and result.degraded == ("model",)
        with pytest.raises(Unavailable):
            await search.find("tea", mode="vector")
        model.available = True
        assert (await search.find("tea")).degraded == ()


async def test_a_new_revision_replaces_the_old_one(search: ASearch) -> None:
    first = await search.add("Old tea.", "More old tea.")
    await search.add("New tea.", document_id=first.document_id, version=2)
    result = await search.find("tea")
    assert [hit.record.chunk.text for hit in result.hits] == ["New tea."]
    assert result.hits[0].record.revision == 2
    await eventually(lambda: _size_is(search, 1))


async def _size_is(search: ASearch, size: int) -> bool:
    return await search.index.size() == size


async def test_an_older_version_that_comes_late_changes_nothing(search: ASearch) -> None:
    newer = await search.add("New tea.", version=5)
    older = await search.processed(["Old tea."], document_id=newer.document_id, version=4)
    await search.hear(older)
    await search.hear(newer)
    await search.settled(newer)
    assert await search.texts("tea") == ["New tea."]


async def test_a_withdrawn_document_is_gone_and_stays_gone(search: ASearch) -> None:
    event = await search.add("Green tea.")
    gone = DocumentWithdrawn(document_id=event.document_id, document_version=2, collection="default")
    await search.hear(gone)
    assert await search.texts("tea") == []
    await search.hear(event)
    await search.hear(gone)
    assert await search.texts("tea") == []
    facts = await search.module.outbox.pending_facts(100) if search.module.outbox else []
    assert [fact.envelope.name for fact in facts] == ["DocumentIndexed", "DocumentRemoved"]
    await eventually(lambda: _size_is(search, 0))


async def test_a_document_withdrawn_before_it_was_indexed_is_removed_too(search: ASearch) -> None:
    event = await search.processed(["Green tea."])
    await search.hear(DocumentWithdrawn(document_id=event.document_id, document_version=2, collection="default"))
    await search.hear(event)
    assert search.module.outbox is not None
    facts = await search.module.outbox.pending_facts(100)
    assert [fact.envelope.name for fact in facts] == ["DocumentRemoved"]


async def test_changed_labels_are_found_at_once_and_embed_nothing(search: ASearch) -> None:
    event = await search.add("Green tea.", given=labels(metadata={"year": 2025}))
    changed = labels(name="tea.txt", metadata={"year": 2026})
    await search.hear(DocumentChanged(document_id=event.document_id, document_version=2, labels=changed))
    assert len(await search.texts("tea", filters={"metadata.year": 2026, "name": "tea.txt"})) == 1
    assert await search.texts("tea", filters={"metadata.year": 2025}) == []
    (hit,) = (await search.find("tea")).hits
    assert hit.record.labels.document_name == "tea.txt" and hit.record.version == 1


async def test_labels_newer_than_the_processed_version_win(search: ASearch) -> None:
    event = await search.processed(["Green tea."], given=labels(metadata={"year": 2025}))
    changed = labels(metadata={"year": 2026})
    await search.hear(DocumentChanged(document_id=event.document_id, document_version=3, labels=changed))
    await search.hear(event)
    await search.settled(event)
    assert len(await search.texts("tea", filters={"metadata.year": 2026})) == 1


async def test_pages_go_on_where_the_last_one_ended(search: ASearch) -> None:
    await search.add(*(f"tea number{number}" for number in range(230)))
    await search.counted()
    seen: list[str] = []
    cursor = None
    while True:
        result = await search.find("tea", limit=40, cursor=cursor)
        seen.extend(hit.record.chunk.text for hit in result.hits)
        assert result.total == 230 and result.total_is_exact
        cursor = result.next_cursor
        if cursor is None:
            break
    assert len(seen) == 230 and len(set(seen)) == 230


async def test_the_window_ends_at_a_thousand(search: ASearch) -> None:
    await search.add(*(f"tea number{number}" for number in range(1100)))
    count, cursor = 0, None
    while True:
        result = await search.find("tea", limit=100, cursor=cursor, mode="keyword", highlight=False)
        assert result.total == 1000 and not result.total_is_exact
        count += len(result.hits)
        cursor = result.next_cursor
        if cursor is None:
            break
    assert count == 1000


async def test_a_cursor_belongs_to_its_query_and_its_list(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search:
        await search.add(*(f"tea number{number}" for number in range(20)))
        cursor = (await search.find("tea")).next_cursor
        assert cursor is not None
        for other in ({"query": "coffee"}, {"query": "tea", "mode": "keyword"}, {"query": "tea", "by_document": True}):
            with pytest.raises(WrongCursor):
                await search.find(cursor=cursor, **other)
        for offset in (-1, 0, WINDOW + 1):
            with pytest.raises(WrongCursor):
                await search.find("tea", cursor=Cursor(cursor.query_hash, cursor.index_version, offset))
    async with a_search(tmp_path) as search:
        with pytest.raises(Gone) as gone:
            await search.find("tea", cursor=cursor)
        assert gone.value.specific_code == "cursor_expired"


async def test_a_later_page_shows_nothing_that_was_withdrawn_meanwhile(search: ASearch) -> None:
    events = [await search.add(f"tea number{number}") for number in range(6)]
    first = await search.find("tea", limit=2)
    seen = {hit.record.document_id for hit in first.hits}
    victim = next(event for event in events if event.document_id not in seen)
    await search.hear(DocumentWithdrawn(document_id=victim.document_id, document_version=2, collection="default"))
    second = await search.find("tea", limit=10, cursor=first.next_cursor)
    assert {hit.record.document_id for hit in second.hits} == (
        {event.document_id for event in events} - seen - {victim.document_id}
    )


async def test_groups_by_document_with_its_best_chunk(search: ASearch) -> None:
    await search.add("tea", "tea tea tea", "something about tea and more")
    await search.add("tea with milk")
    result = await search.find("tea", by_document=True)
    assert len(result.hits) == 2 == len({hit.record.document_id for hit in result.hits}) == result.total


async def test_grouping_looks_no_further_than_its_page_needs(search: ASearch) -> None:
    for document in range(3):
        await search.add(*(f"tea number{number} of document{document}" for number in range(80)))
    await search.counted()
    first = await search.find("tea", by_document=True, limit=1)
    assert first.next_cursor is not None
    # As for any list that was not read to its end.
    assert not first.total_is_exact and 1 <= first.total <= 3
    every = await search.find("tea", by_document=True, limit=10)
    assert every.total_is_exact and every.total == 3 == len(every.hits)
    assert every.hits[0].record == first.hits[0].record
    rest = await search.find("tea", by_document=True, limit=10, cursor=first.next_cursor)
    assert [hit.record for hit in rest.hits] == [hit.record for hit in every.hits[1:]]


async def test_counts_facets_in_documents(search: ASearch) -> None:
    await search.add("tea", "more tea", given=labels(collection="a", metadata={"tags": ["x", "y"], "ok": True}))
    await search.add("tea", given=labels(collection="a", metadata={"tags": ["x"], "ok": 1}))
    await search.add("tea", given=labels(collection="b", media_type="text/html"))
    result = await search.find("tea", facets=("collection", "media_type", "metadata.tags", "metadata.ok"))
    assert result.facets["collection"] == [("a", 2), ("b", 1)]
    assert result.facets["media_type"] == [("text/plain", 2), ("text/html", 1)]
    assert result.facets["metadata.tags"] == [("x", 2), ("y", 1)]
    assert len(result.facets["metadata.ok"]) == 2


async def test_facets_count_what_the_window_does_not_hold(search: ASearch) -> None:
    for kind, chunks in (("big", 1_100), ("small", 3)):
        given = labels(name=f"{kind}.txt", metadata={"kind": kind})
        await search.add(*(f"tea {number}" for number in range(chunks)), given=given)
    await search.add("coffee", given=labels(metadata={"kind": "other"}))
    await search.counted()
    words = await search.find("tea", mode="keyword", facets=("metadata.kind",))
    assert words.facets["metadata.kind"] == [("big", 1), ("small", 1)] and words.facets_are_exact
    assert not words.total_is_exact
    both = await search.find("tea", facets=("metadata.kind",), limit=1)
    assert both.facets["metadata.kind"] == [("big", 1), ("other", 1), ("small", 1)] and both.facets_are_exact
    filtered = await search.find("tea", facets=("metadata.kind",), filters={"metadata.kind": ["small", "other"]})
    assert filtered.facets["metadata.kind"] == [("other", 1), ("small", 1)]
    without = await search.find("tea -coffee", facets=("metadata.kind",))
    assert not without.facets_are_exact


async def test_facets_follow_what_changes(search: ASearch) -> None:
    event = await search.add("tea", given=labels(metadata={"kind": "a"}))
    await search.add("tea", document_id=event.document_id, version=2, given=labels(metadata={"kind": "b"}))
    assert (await search.find("tea", facets=("metadata.kind",))).facets == {"metadata.kind": [("b", 1)]}


async def test_gives_the_text_around_a_hit(search: ASearch) -> None:
    await search.add("before it", "green tea", "behind it", "far away")
    (hit, *_) = (await search.find("green tea", mode="keyword", context=1)).hits
    assert (hit.record.before, hit.record.after) == ("before it", "behind it")


async def test_highlights_what_was_found(search: ASearch) -> None:
    text = "우리는 노트북의 관세율을 봤고, laptops at 8471.30."
    await search.add(text)
    (hit,) = (await search.find("노트북 관세 laptop 8471.30", mode="keyword")).hits
    shown = [text[one.start : one.end] for one in hit.highlights]
    assert shown == ["노트북", "관세", "laptops", "8471.30"]


async def test_waits_for_uploads(search: ASearch) -> None:
    event = await search.processed(["Green tea."])
    waiting = asyncio.create_task(search.texts("tea", after=token(event)))
    await search.hear(event)
    assert await waiting == ["Green tea."]


async def test_does_not_wait_for_what_failed(search: ASearch) -> None:
    event = await search.processed(["Green tea."])
    failed = ProcessingFailed(
        document_id=event.document_id, document_version=1, stage="parse", code="x", reason="x", retryable=False
    )
    await search.hear(failed)
    assert (await search.find("tea", after=token(event))).degraded == ()


async def test_answers_with_what_is_there_when_waiting_takes_too_long(tmp_path: Path) -> None:
    async with a_search(tmp_path, retrieval=RetrievalTimes(after_seconds=0.3)) as search:
        await search.add("Black tea.")
        result = await search.find("tea", after=token(await search.processed(["Green tea."])))
        assert len(result.hits) == 1 and result.degraded == ("after",)


@pytest.mark.parametrize("after", ["", "x", "e30", "한글", "eJyrrgUAAXUA-Q"])
async def test_refuses_a_token_that_is_none(search: ASearch, after: str) -> None:
    with pytest.raises(InvalidInput):
        await search.find("tea", after=after)


async def test_an_unknown_collection_is_not_found(search: ASearch) -> None:
    assert await search.texts("tea", filters={"collection": "default"}) == []
    with pytest.raises(NotFound):
        await search.find("tea", filters={"collection": "nowhere"})
    await search.add("tea", given=labels(collection="somewhere"))
    assert await search.texts("tea", filters={"collection": "somewhere"}) == ["tea"]
    assert await search.texts("tea", filters={"collection": ["somewhere", "default"]}) == ["tea"]


async def test_shows_only_collections_that_may_be_seen(search: ASearch) -> None:
    await search.add("tea of a", given=labels(collection="a"))
    await search.add("tea of b", given=labels(collection="b"))
    mine = frozenset(("a",))
    assert await search.texts("tea", visible=mine) == ["tea of a"]
    assert await search.texts("tea", visible=mine, filters={"collection": "a"}) == ["tea of a"]
    for name in ("b", ["a", "b"]):
        with pytest.raises(NotFound):
            await search.find("tea", visible=mine, filters={"collection": name})
    assert await search.texts("tea", visible=frozenset()) == []
