"""First pages of a document are found, say that they are not the whole, and give way to it."""

from typing import Any

from chat_streams import URL as CHAT_URL
from chat_streams import events
from httpx import AsyncClient
from search_builders import ASearch, hits, over_http

from builders import eventually, labels
from shared.artefacts.chunks import ChunkedDocument
from shared.events.ingest import DocumentReceived, DocumentWithdrawn
from shared.events.process import DocumentProcessed, PagesProcessed
from shared.events.search import ArtefactsLost, DocumentIndexed, PagesIndexed
from shared.kernel import DocumentId, new_document_id
from shared.vocabulary import INDEX_JOB

PAGES = ("Berths are kept free in winter.", "Laptops are dutiable goods.", "Anchors are weighed by night.")


async def some_pages(search: ASearch, document_id: DocumentId, done: int, **changes: Any) -> PagesProcessed:
    """The first `done` of PAGES, under the version of that number; the whole has 17."""
    event = await search.processed(PAGES[:done], document_id=document_id, version=done, revision=1)
    fields = {"whole_version": 17, "base_version": 0, "pages": len(PAGES), "pages_done": done, **changes}
    return PagesProcessed(**(event.model_dump() | fields))


async def received(search: ASearch, document_id: DocumentId) -> None:
    await search.hear(
        DocumentReceived(
            document_id=document_id, document_version=17, revision=1, sha256="0" * 64, size=10,
            labels=labels(name="ports.pdf"), early_versions=16,
        )
    )  # fmt: skip


async def live(search: ASearch, document_id: DocumentId, version: int) -> None:
    async def is_live() -> bool:
        known = await search.store.live_version(document_id)
        return known is not None and known.version == version

    await eventually(is_live)


async def told(search: ASearch) -> list[Any]:
    assert search.module.outbox is not None
    from shared.events.catalogue import decode

    return [decode(fact.envelope) for fact in await search.module.outbox.pending_facts(100)]


async def test_each_hit_says_of_how_many_pages_it_is(search: ASearch) -> None:
    document_id = new_document_id()
    await received(search, document_id)
    seen = []
    async with over_http(search) as client:
        for done in (1, 2):
            await search.hear(await some_pages(search, document_id, done))
            await live(search, document_id, done)
            for query in ("berths", "laptops", "anchors"):
                found = hits(await client.post("/api/v1/search", json={"query": query, "mode": "keyword"}))
                seen.append((query, [hit["document"]["early"] for hit in found]))
        await search.hear(await search.processed(PAGES, document_id=document_id, version=17, revision=1))
        await live(search, document_id, 17)
        found = hits(await client.post("/api/v1/search", json={"query": "anchors", "mode": "keyword"}))
    assert seen == [
        ("berths", [{"pages_done": 1, "pages_total": 3}]),
        ("laptops", []),
        ("anchors", []),
        ("berths", [{"pages_done": 2, "pages_total": 3}]),
        ("laptops", [{"pages_done": 2, "pages_total": 3}]),
        ("anchors", []),
    ]
    assert [hit["document"]["early"] for hit in found] == [None]
    facts = await told(search)
    assert [(type(fact), fact.document_version) for fact in facts] == [
        (PagesIndexed, 1),
        (PagesIndexed, 2),
        (DocumentIndexed, 17),
    ]
    assert (facts[1].whole_version, facts[1].pages_done, facts[1].pages_total) == (17, 2, 3)
    # Nothing is left of what was replaced.
    await eventually(lambda: _is_clean(search, document_id, 17))


async def test_sources_of_an_answer_say_it_too(search: ASearch) -> None:
    document_id = new_document_id()
    await received(search, document_id)

    async def cited(client: AsyncClient) -> list[Any]:
        answer = events(await client.post(CHAT_URL, json={"question": "When are berths kept free?"}))
        return [one["data"]["document"] for one in answer if one["type"] == "citation"]

    async with over_http(search) as client:
        await search.hear(await some_pages(search, document_id, 2))
        await live(search, document_id, 2)
        (first,) = await cited(client)
        await search.hear(await search.processed(PAGES, document_id=document_id, version=17, revision=1))
        await live(search, document_id, 17)
        (whole,) = await cited(client)
    assert first["early"] == {"pages_done": 2, "pages_total": 3}
    assert whole == {**first, "early": None}


async def test_a_withdrawal_in_between_is_the_end(search: ASearch) -> None:
    document_id = new_document_id()
    await received(search, document_id)
    await search.hear(await some_pages(search, document_id, 1))
    await live(search, document_id, 1)
    await search.hear(DocumentWithdrawn(document_id=document_id, document_version=18, collection="default"))
    assert await search.texts("berths", mode="keyword") == []
    jobs = search.container.jobs()
    for late in (
        await some_pages(search, document_id, 2),
        await search.processed(PAGES, document_id=document_id, version=17),
    ):
        await search.hear(late)
        assert await jobs.unfinished(INDEX_JOB, [(document_id, late.document_version)]) == []
    await eventually(lambda: _is_clean(search, document_id))


async def test_they_do_not_take_the_place_of_a_whole(search: ASearch) -> None:
    first = await search.add("The former rule of ports.", version=1)
    late = await some_pages(search, first.document_id, 2, base_version=1, whole_version=18)
    await search.hear(late)
    jobs = search.container.jobs()

    async def is_over() -> bool:
        return not await jobs.unfinished(INDEX_JOB, [(first.document_id, 2)])

    await eventually(is_over)
    assert await search.texts("ports", mode="keyword") == ["The former rule of ports."]
    assert await search.texts("berths", mode="keyword") == []


async def test_what_lost_its_artefacts_is_told_of_and_the_whole_comes(search: ASearch) -> None:
    document_id = new_document_id()
    await received(search, document_id)
    event = await some_pages(search, document_id, 1)
    await search.blobs.delete(event.chunks_artefact)
    await search.hear(event)

    async def is_told() -> bool:
        return [(type(fact), fact.document_version) for fact in await told(search)] == [(ArtefactsLost, 1)]

    await eventually(is_told)
    whole: DocumentProcessed = await search.processed(PAGES, document_id=document_id, version=17)
    await search.hear(whole)
    await live(search, document_id, 17)
    assert ChunkedDocument.from_bytes(await search.blobs.read(whole.chunks_artefact)).chunks[0].text == PAGES[0]


async def _is_clean(search: ASearch, document_id: DocumentId, *versions: int) -> bool:
    """The index holds units of these versions of the document alone."""
    found, _ = await search.index.versions(after=None, limit=100)
    return {version for one, version in found if one == document_id} == set(versions)
