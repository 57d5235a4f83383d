"""What cleaning takes away, while other processes write to the same index and store."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from duty_builders import Cut, killed
from one_analyzer import the_analyzer
from search_builders import ASearch, a_search, units_of

from builders import eventually, labels
from search.application.cleaning import Cleaning, CleaningTimes
from search.application.labelling import Labelling
from search.application.ports.versions import DocumentVersion, NewVersion, Sources
from search.application.snapshots import Snapshots
from search.application.units import read_artefacts
from search.application.wholeness import Wholeness
from shared.events.ingest import DocumentWithdrawn
from shared.events.process import DocumentProcessed
from shared.kernel import new_document_id
from shared.ports.duties import DutyStore

AT_ONCE = CleaningTimes(start_seconds=0.0, look_again_seconds=0.05)


@pytest.fixture
async def search(tmp_path: Path) -> AsyncIterator[ASearch]:
    async with a_search(tmp_path, cleaning=AT_ONCE) as one:
        yield one


class AnotherIndex:
    """The index as another process calls it, which stands still before it deletes."""

    def __init__(self, search: ASearch, before_delete: Callable[[], Awaitable[None]] | None = None) -> None:
        self._index = search.index
        self._before_delete = before_delete
        self.deleted: list[DocumentVersion] = []
        self.is_recovered = asyncio.Event()
        """What comes after the first look through all of it is left to sweeps."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    async def delete(self, versions: Sequence[DocumentVersion]) -> None:
        if self._before_delete is not None:
            await self._before_delete()
        await self._index.delete(versions)
        self.deleted += versions

    async def versions(self, *, after: str | None, limit: int) -> tuple[Sequence[DocumentVersion], str | None]:
        page, following = await self._index.versions(after=after, limit=limit)
        if following is None:
            self.is_recovered.set()
        return page, following


@asynccontextmanager
async def another_process(
    search: ASearch, index: Any | None = None, times: CleaningTimes = AT_ONCE, duties: DutyStore | None = None
) -> AsyncIterator[Cleaning]:
    """Cleans on the same index and store; what the first one is writing it can only know from the jobs."""
    container = search.container
    index = index or search.index
    cleaning = Cleaning(
        blobs=search.blobs,
        analyzer=container.analyzer(),
        index=index,
        writer=container.writer(),
        store=search.store,
        jobs=container.jobs(),
        duties=duties or container.duties(),
        snapshots=Snapshots(search.store),
        labelling=Labelling(index, search.store, search.blobs, the_analyzer()),
        wholeness=Wholeness(index, search.store),
        bus=container.bus(),
        belonging=container.belonging(),
        metrics=container.metrics(),
        times=times,
    )
    async with cleaning:
        yield cleaning


async def switch(search: ASearch, event: DocumentProcessed) -> None:
    """As the job does once its units are written."""
    sources = Sources(event.chunks_artefact, event.vectors_artefact, event.fingerprint)
    artefacts = await read_artefacts(search.blobs, sources)
    new = NewVersion(
        document_id=event.document_id,
        version=event.document_version,
        revision=event.revision,
        language=event.language,
        sources=sources,
        labels_version=event.document_version,
        chunks=artefacts.chunks.chunks,
    )
    assert await search.store.switch(new) is not None


async def size_is(search: ASearch, size: int) -> bool:
    return await search.index.size() == size


async def test_recovering_processes_leave_alone_what_another_writes(search: ASearch) -> None:
    documents = [new_document_id() for _ in range(6)]
    writing = True

    async def recover_again_and_again() -> int:
        times = 0
        while writing:
            index = AnotherIndex(search)
            async with AsyncExitStack() as stack:
                for _ in range(2):
                    await stack.enter_async_context(another_process(search, index))
                await asyncio.sleep(0.1)
            times += 1
        return times

    recovering = asyncio.create_task(recover_again_and_again())
    for version in range(1, 6):
        await asyncio.gather(
            *(
                search.add(
                    *(f"tea part{part} of version{version}" for part in range(3)),
                    document_id=document_id,
                    version=version,
                )
                for document_id in documents
            )
        )
        found = await search.texts("tea", mode="keyword", limit=100)
        assert len(found) == 3 * len(documents) and all(text.endswith(f"version{version}") for text in found)
    writing = False
    assert await recovering > 1
    await eventually(partial(size_is, search, 3 * len(documents)))
    assert len(await search.texts("tea", mode="keyword", limit=100)) == 3 * len(documents)


async def test_units_of_an_unfinished_job_stay_and_go_with_it(tmp_path: Path) -> None:
    async with a_search(tmp_path, works=False, cleaning=AT_ONCE) as search:
        waits, orphan = [await search.processed([f"tea number{number}"]) for number in range(2)]
        await search.hear(waits)
        [job] = await search.container.jobs().claim("index", owner="elsewhere", limit=1, lease_seconds=60)
        await search.index.upsert([*await units_of(search, waits), *await units_of(search, orphan)])
        async with another_process(search, index := AnotherIndex(search)) as cleaning:
            await eventually(partial(size_is, search, 1))
            cleaning.doubt((waits.document_id, 1))
            orphans = [await search.processed(["more tea"]) for _ in range(3)]
            for orphan in orphans:
                await search.index.upsert(await units_of(search, orphan))
                cleaning.doubt((orphan.document_id, 1))
                await eventually(partial(size_is, search, 1))
            assert waits.document_id not in {document_id for document_id, _ in index.deleted}
            # Given up: nobody will ever make it live.
            await search.hear(
                DocumentWithdrawn(document_id=waits.document_id, document_version=2, collection="default")
            )
            assert not await search.container.jobs().finish(job)
            await eventually(partial(size_is, search, 0))


async def test_what_a_lost_claim_leaves_later_than_start_is_found(tmp_path: Path) -> None:
    times = replace(AT_ONCE, sweep_seconds=0.1)
    async with a_search(tmp_path, cleaning=times) as search:
        await search.add("green tea")
        async with another_process(search, times=times):
            for _ in range(2):
                lost = await search.processed(["black tea"], version=3)
                await search.index.upsert(await units_of(search, lost))
                assert await search.index.size() == 2
                await eventually(partial(size_is, search, 1))
        assert await search.texts("tea") == ["green tea"]


async def leave_an_orphan(search: ASearch) -> None:
    lost = await search.processed(["black tea"], version=3)
    await search.index.upsert(await units_of(search, lost))


async def test_one_process_sweeps_for_all(search: ASearch) -> None:
    times = replace(AT_ONCE, sweep_seconds=0.1)
    one, other = AnotherIndex(search), AnotherIndex(search)
    async with another_process(search, one, times), another_process(search, other, times):
        await asyncio.gather(one.is_recovered.wait(), other.is_recovered.wait())
        for _ in range(3):
            await leave_an_orphan(search)
            await eventually(partial(size_is, search, 0))
        # The index may answer without them before who had them deleted hears of it.
        await eventually(lambda: sorted((len(one.deleted), len(other.deleted))) == [0, 3])


async def test_another_process_sweeps_in_the_place_of_one_that_is_gone(search: ASearch) -> None:
    free_at = await killed(search.container.duties(), "search.sweep", lease_seconds=0.5)
    index = AnotherIndex(search)
    async with another_process(search, index, replace(AT_ONCE, sweep_seconds=0.1)):
        await index.is_recovered.wait()
        await leave_an_orphan(search)
        await eventually(partial(size_is, search, 0))
        assert time.time() >= free_at
    assert await search.container.duties().take("search.sweep", owner="next", lease_seconds=60)


async def test_who_cannot_ask_whose_the_sweep_is_sweeps_once_it_can(search: ASearch) -> None:
    cut, index = Cut(search.container.duties()), AnotherIndex(search)
    cut.is_away = True
    times = replace(AT_ONCE, sweep_seconds=0.05, unavailable_seconds=0.05)
    async with another_process(search, index, times, cut):
        await index.is_recovered.wait()
        await leave_an_orphan(search)
        await asyncio.sleep(0.3)
        assert await size_is(search, 1)
        cut.is_away = False
        await eventually(partial(size_is, search, 0))


async def test_a_job_that_begins_while_its_leftovers_are_deleted_loses_nothing(tmp_path: Path) -> None:
    async with a_search(tmp_path, works=False, cleaning=AT_ONCE) as search:
        event = await search.processed(["green tea"])
        units = await units_of(search, event)
        await search.store.label(event.document_id, 1, event.labels)
        await search.index.upsert(units)
        jobs = search.container.jobs()

        async def the_job_begins() -> None:
            await search.hear(event)
            await jobs.claim("index", owner="elsewhere", limit=1, lease_seconds=60)
            await search.index.upsert(units)

        index = AnotherIndex(search, the_job_begins)
        async with another_process(search, index):
            await eventually(lambda: bool(index.deleted))
            assert await search.index.size() == 0
            # It does not know that its units are gone.
            await switch(search, event)
            await jobs.void_leases(except_owner="nobody")
            [job] = await jobs.claim("index", owner="elsewhere", limit=1, lease_seconds=60)
            await jobs.finish(job)
            await eventually(partial(size_is, search, 1))
        assert await search.texts("tea") == ["green tea"]


async def test_labels_that_came_while_units_were_overwritten_are_set_again(tmp_path: Path) -> None:
    async with a_search(tmp_path, works=False, cleaning=AT_ONCE) as search:
        event = await search.processed(["green tea"], given=labels(name="old.txt"))
        await search.store.label(event.document_id, 1, event.labels)
        await search.index.upsert(await units_of(search, event))
        await switch(search, event)
        assert await search.store.label(event.document_id, 2, labels(name="new.txt"))
        labelling = Labelling(search.index, search.store, search.blobs, the_analyzer())
        await labelling.apply(event.document_id)
        filters = {"name": "new.txt"}
        assert len(await search.texts("tea", filters=filters)) == 1
        # A worker that stood still while its claim was lost writes what it had made of the old labels.
        await search.index.upsert(await units_of(search, event))
        assert await search.texts("tea", filters=filters) == []
        await labelling.apply(event.document_id)
        assert await search.texts("tea", filters=filters) == []
        await labelling.apply(event.document_id, carried=1)
        assert len(await search.texts("tea", filters=filters)) == 1


async def test_the_oldest_search_is_known_while_it_asks_for_its_number() -> None:
    class Store:
        """Whose answer may be old when it comes."""

        number = 5
        delay: asyncio.Event | None = None

        async def index_version(self) -> int:
            number = self.number
            if self.delay is not None:
                await self.delay.wait()
            return number

    store: Any = Store()
    snapshots = Snapshots(store)

    async def search_once() -> int:
        async with snapshots.reading() as at:
            return at

    assert await search_once() == 5
    assert await snapshots.oldest() == (5, True)
    store.delay = answer = asyncio.Event()
    searching = asyncio.create_task(search_once())
    await asyncio.sleep(0)
    store.delay, store.number = None, 6
    assert await snapshots.oldest() == (5, False)
    answer.set()
    assert await searching == 5
    assert await snapshots.oldest() == (6, True)
