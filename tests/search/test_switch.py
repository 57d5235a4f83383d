"""Never half a revision, never a gap: searches in a loop while revisions are replaced; crashes and repeats."""

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from search_builders import ASearch, SmallModel, a_search

from builders import eventually, labels
from search.application.ports.chunk_index import Unit
from search.application.ports.versions import Sources
from search.application.units import build_units, read_artefacts
from shared.events.envelope import Event
from shared.events.ingest import DocumentChanged, DocumentReceived, DocumentWithdrawn
from shared.events.process import DocumentProcessed
from shared.kernel import new_document_id

pytestmark = pytest.mark.slow

PARTS = 6


def revision_of(text: str) -> int:
    return int(text.rpartition("revision")[2])


async def test_searches_see_one_whole_revision_at_any_moment(search: ASearch) -> None:
    document_id = new_document_id()

    def texts(revision: int) -> list[str]:
        return [f"green tea part{part} of revision{revision}" for part in range(PARTS)]

    await search.add(*texts(1), document_id=document_id)
    await search.add("An unrelated document about coffee.")
    stop = False
    looks = 0

    async def look() -> None:
        nonlocal looks
        newest = 0
        while not stop:
            found = await search.texts("green tea", mode="keyword")
            revisions = {revision_of(text) for text in found}
            assert len(found) == PARTS, f"a gap or a half: {found}"
            assert len(revisions) == 1, f"two revisions at once: {found}"
            assert min(revisions) >= newest, "back to an older revision"
            newest = min(revisions)
            looks += 1

    lookers = [asyncio.create_task(look()) for _ in range(3)]
    for revision in range(2, 14):
        await search.add(*texts(revision), document_id=document_id, version=revision)
        # A search that begins after the switch sees it.
        assert {revision_of(text) for text in await search.texts("green tea", mode="keyword")} == {revision}
    stop = True
    await asyncio.gather(*lookers)
    assert looks > 12

    async def is_clean() -> bool:
        return await search.index.size() == PARTS + 1

    await eventually(is_clean)


async def test_a_crash_before_the_switch_leaves_nothing_behind(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search:
        event = await search.add("Green tea of revision1.")
    async with a_search(tmp_path, works=False) as search:
        # As if killed after the units were written: they are in the index, and no record knows of them.
        half = await search.processed(["Green tea of revision2."], document_id=event.document_id, version=2)
        await search.index.upsert(await units_of(search, half))
        await search.index.flush()
        assert await search.texts("green tea") == ["Green tea of revision1."]
    async with a_search(tmp_path) as search:
        assert await search.texts("green tea") == ["Green tea of revision1."]

        async def is_clean() -> bool:
            return await search.index.size() == 1

        await eventually(is_clean)
        await search.hear(half)
        await search.settled(half)
        assert await search.texts("green tea") == ["Green tea of revision2."]


async def units_of(search: ASearch, event: DocumentProcessed) -> Sequence[Unit]:
    artefacts = await read_artefacts(search.blobs, Sources(event.chunks_artefact, None, None))
    return await build_units(
        search.container.analyzer(),
        artefacts,
        document_id=event.document_id,
        version=event.document_version,
        language=event.language,
        labels=event.labels,
    )


async def test_a_lost_index_is_built_again_from_the_artefacts(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search:
        await search.add("Green tea.", "Black tea.")
        await search.add("녹차와 홍차")
    # Another model, another space: keyword search must go on with what was there.
    async with a_search(tmp_path, model=SmallModel(fingerprint="small-2")) as search:

        async def is_back() -> bool:
            return await search.index.size() == 3

        await eventually(is_back)
        assert len(await search.texts("tea", mode="keyword")) == 2
        assert await search.texts("홍차") == ["녹차와 홍차"]


async def test_the_index_process_dies_while_documents_come_in(search: ASearch) -> None:
    async def kill_now_and_then() -> None:
        for _ in range(3):
            await asyncio.sleep(0.15)
            for child in psutil.Process().children():
                if "search.infrastructure.edge.process" in child.cmdline():
                    os.kill(child.pid, signal.SIGKILL)

    killing = asyncio.create_task(kill_now_and_then())
    events = [await search.processed([f"tea number{number}", "more tea"]) for number in range(40)]
    await asyncio.gather(*(search.hear(event) for event in events))
    await asyncio.gather(*(search.settled(event) for event in events))
    await killing
    found: list[str] = []
    cursor = None
    while True:
        result = await search.find("tea", mode="keyword", limit=100, cursor=cursor)
        found.extend(hit.record.document_id for hit in result.hits)
        if (cursor := result.next_cursor) is None:
            break
    assert sorted(found) == sorted([event.document_id for event in events] * 2)


async def test_redelivered_and_shuffled_facts_end_in_the_same_state(tmp_path: Path) -> None:
    ids = [new_document_id() for _ in range(5)]

    async def story(search: ASearch) -> list[list[Event]]:
        told: list[list[Event]] = []
        for number, document_id in enumerate(ids):
            facts: list[Event] = []
            for version in (1, 3):
                event = await search.processed(
                    [f"tea of document{number} version{version}"],
                    document_id=document_id,
                    version=version,
                    given=labels(name=f"{number}.txt"),
                )
                facts.append(
                    DocumentReceived(
                        document_id=document_id,
                        document_version=version,
                        revision=version,
                        sha256=event.sha256,
                        size=1,
                        labels=event.labels,
                    )
                )
                facts.append(event)
            changed = labels(name=f"{number}-new.txt")
            facts.append(DocumentChanged(document_id=document_id, document_version=4, labels=changed))
            if number % 2:
                gone = DocumentWithdrawn(document_id=document_id, document_version=5, collection="default")
                facts.append(gone)
            told.append(facts)
        return told

    async def end(search: ASearch) -> object:
        hits = (await search.find("tea", limit=100)).hits
        states = [await search.store.document(document_id) for document_id in ids]
        return states, sorted(
            (hit.record.document_id, hit.record.version, hit.record.labels.document_name) for hit in hits
        )

    ends = []
    for seed in range(3):
        async with a_search(tmp_path / str(seed)) as search:
            queues = [[fact for fact in facts for _ in range(3 if seed else 1)] for facts in await story(search)]
            chance = random.Random(seed)
            while queues := [queue for queue in queues if queue]:
                await search.hear(chance.choice(queues).pop(0))

            async def is_done(search: ASearch = search) -> bool:
                counts = await search.container.jobs().counts("index")
                return bool(counts.waiting + counts.running == 0)

            await eventually(is_done)
            ends.append(await end(search))
    assert ends[0] == ends[1] == ends[2]
