"""Several processes of Search on one index and one MongoDB: each hears, works, cleans and answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from mongo_builders import a_mongo, settings_for_mongo
from search_builders import ASearch, a_search

from builders import eventually, labels
from search.application.cleaning import CleaningTimes
from shared.events.ingest import DocumentChanged, DocumentWithdrawn
from shared.kernel import DocumentId, new_document_id

pytestmark = pytest.mark.servers
PARTS = 4


@pytest.fixture
async def searches(tmp_path: Path) -> AsyncIterator[list[ASearch]]:
    cleaning = CleaningTimes(start_seconds=0.0, look_again_seconds=0.1, sweep_seconds=0.5)
    settings = settings_for_mongo(tmp_path)
    async with a_mongo(settings) as door, AsyncExitStack() as stack:
        open_it = partial(a_search, tmp_path, settings=settings, cleaning=cleaning, longest_search_seconds=1.0)
        first = await stack.enter_async_context(open_it(mongo=door()))
        others = [await stack.enter_async_context(open_it(mongo=door(), index=first.index)) for _ in range(2)]
        yield [first, *others]


async def add(search: ASearch, document_id: DocumentId, version: int) -> None:
    texts = [f"green tea part{part} of revision{version}" for part in range(PARTS)]
    await search.add(*texts, document_id=document_id, version=version)


def revision_of(text: str) -> int:
    return int(text.rpartition("revision")[2])


async def test_every_process_sees_one_whole_revision_at_any_moment(searches: list[ASearch]) -> None:
    document_id = new_document_id()
    await add(searches[0], document_id, 1)
    working = True
    looks = [0] * len(searches)

    async def look(number: int) -> None:
        newest = 0
        while working:
            found = await searches[number].texts("green tea", mode="keyword")
            revisions = {revision_of(text) for text in found}
            assert len(found) == PARTS, f"a gap or a half: {found}"
            assert len(revisions) == 1, f"two revisions at once: {found}"
            assert min(revisions) >= newest, "back to an older revision"
            newest = min(revisions)
            looks[number] += 1

    looking = [asyncio.create_task(look(number)) for number in range(len(searches))]
    for version in range(2, 14):
        await add(searches[version % 3], document_id, version)
        # A search that begins after the switch sees it, wherever.
        for search in searches:
            assert {revision_of(text) for text in await search.texts("green tea", mode="keyword")} == {version}
    working = False
    await asyncio.gather(*looking)
    assert min(looks) > 5

    async def is_clean() -> bool:
        return await searches[0].index.size() == PARTS

    await eventually(is_clean)


async def test_nothing_is_lost_while_all_of_them_write_clean_and_forget(searches: list[ASearch]) -> None:
    documents = [new_document_id() for _ in range(12)]
    for version in (1, 2, 3):
        await asyncio.gather(
            *(add(searches[(number + version) % 3], one, version) for number, one in enumerate(documents))
        )
    gone = documents[:3]
    for number, document_id in enumerate(gone):
        fact = DocumentWithdrawn(document_id=document_id, document_version=4, collection="default")
        await searches[number].hear(fact)
    renamed = DocumentChanged(document_id=documents[-1], document_version=4, labels=labels(name="new.txt"))
    await searches[1].hear(renamed)
    for search in searches:
        result = await search.find("tea", mode="keyword", limit=100)
        assert {(hit.record.document_id, hit.record.version) for hit in result.hits} == {
            (document_id, 3) for document_id in documents[3:]
        }
        assert len(result.hits) == PARTS * len(documents[3:])
        assert len(await search.texts("tea", filters={"name": "new.txt"})) == PARTS

    async def is_clean() -> bool:
        return await searches[0].index.size() == PARTS * len(documents[3:])

    await eventually(is_clean)
    assert len(await searches[2].texts("tea", mode="keyword", limit=100)) == PARTS * len(documents[3:])
