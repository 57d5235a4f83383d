"""What was processed for another model is asked to be processed again: a little at a time, each document once."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from duty_builders import Cut, killed
from search_builders import ASearch, SmallModel, a_search

from builders import eventually
from search.application.renewal import Renewal, RenewalTimes
from search.infrastructure.edge.times import EdgeIndexTimes
from shared.events.catalogue import decode
from shared.events.ingest import DocumentWithdrawn
from shared.events.process import DocumentProcessed, ProcessingFailed
from shared.events.search import VectorsOutdated
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable
from shared.ports.duties import DutyStore

pytestmark = pytest.mark.slow  # whole shelves are embedded anew

an_eager_search = partial(
    a_search,
    renewal=RenewalTimes(start_seconds=0.0, look_again_seconds=0.1),
    edge=EdgeIndexTimes(move_after_seconds=0.0),
)


async def asked(search: ASearch) -> list[VectorsOutdated]:
    """All that was ever asked: nothing takes facts out of the outbox here."""
    assert search.module.outbox is not None
    facts = [decode(fact.envelope) for fact in await search.module.outbox.pending_facts(10_000)]
    return [fact for fact in facts if isinstance(fact, VectorsOutdated)]


async def several_looks(search: ASearch) -> None:
    """Until the task has had its chance: a document that is written wakes it, and it is asked about in order."""
    for _ in range(2):
        event = await search.processed(["A probe."], fingerprint="probe")
        await search.hear(event)
        await search.settled(event)

        async def is_asked(event: DocumentProcessed = event) -> bool:
            return any(fact.document_id == event.document_id for fact in await asked(search))

        await eventually(is_asked)


async def processed_again(search: ASearch, event: DocumentProcessed, fingerprint: str, texts: Sequence[str]) -> None:
    """As Ingest and Process answer."""
    again = await search.processed(
        texts,
        document_id=event.document_id,
        version=event.document_version + 1,
        revision=event.revision,
        fingerprint=fingerprint,
    )
    await search.hear(again)
    await search.settled(again)


async def test_every_outdated_document_is_asked_for_once_and_comes_back_with_vectors(tmp_path: Path) -> None:
    async with an_eager_search(tmp_path) as search:
        events = {name: await search.add(f"{name} tea") for name in ("green", "black", "white")}
        assert await asked(search) == []
    async with an_eager_search(tmp_path, model=SmallModel(fingerprint="small-2")) as search:
        await eventually(lambda: _count_is(search, 3))
        assert {(fact.document_id, fact.document_version, fact.fingerprint) for fact in await asked(search)} == {
            (event.document_id, 1, "small-2") for event in events.values()
        }
        result = await search.find("tea")
        assert len(result.hits) == 3 and result.degraded == ("vectors",)
        for name, event in events.items():
            await processed_again(search, event, "small-2", [f"{name} tea"])
        await eventually(lambda: _index_serves(search, "small-2"))
        assert (await search.find("tea")).degraded == ()
        assert len(await search.texts("green tea", mode="vector")) == 3
    async with an_eager_search(tmp_path, model=SmallModel(fingerprint="small-2")) as search:
        assert (await search.find("tea")).degraded == ()
        assert len(await asked(search)) == 3


async def test_a_restart_asks_nothing_twice(tmp_path: Path) -> None:
    async with an_eager_search(tmp_path) as search:
        await search.add("green tea")
        await search.add("black tea")
    for _ in range(2):
        async with an_eager_search(tmp_path, model=SmallModel(fingerprint="small-2")) as search:
            await eventually(partial(_count_is, search, 2))
    async with an_eager_search(tmp_path, model=SmallModel(fingerprint="small-2")) as search:
        await several_looks(search)
        times = Counter(fact.document_id for fact in await asked(search))
        assert set(times.values()) == {1}


async def test_no_more_is_under_way_than_an_upload_can_wait_for(tmp_path: Path) -> None:
    texts = [f"tea number{number}" for number in range(100)]
    async with an_eager_search(tmp_path) as search:
        events = {event.document_id: event for event in [await search.add(*texts) for _ in range(7)]}
    async with an_eager_search(tmp_path, model=SmallModel(fingerprint="small-2")) as search:
        # 256 chunks: two whole documents and the beginning of a third.
        await eventually(lambda: _count_is(search, 3))
        first, second, third = [events[fact.document_id] for fact in await asked(search)]
        # One comes back, one fails, one is withdrawn: each makes room for another.
        await processed_again(search, first, "small-2", texts)
        await eventually(lambda: _count_is(search, 4))
        failure = ProcessingFailed(
            document_id=second.document_id, document_version=2, stage="embed", code="x", reason="x", retryable=False
        )
        await search.hear(failure)
        await eventually(lambda: _count_is(search, 5))
        await search.hear(DocumentWithdrawn(document_id=third.document_id, document_version=2, collection="default"))
        await eventually(lambda: _count_is(search, 6))
        # What failed is not asked for again, and is found by words still.
        for event in [events[fact.document_id] for fact in (await asked(search))[3:]]:
            await processed_again(search, event, "small-2", texts)
        await eventually(lambda: _count_is(search, 7))
        assert {fact.document_id for fact in await asked(search)} == set(events)
        result = await search.find("number7", mode="keyword", limit=100)
        assert second.document_id in {hit.record.document_id for hit in result.hits}


async def test_a_second_change_asks_anew_and_the_first_model_nothing(tmp_path: Path) -> None:
    model = SmallModel()
    async with an_eager_search(tmp_path, model=model) as search:
        event = await search.add("green tea")
        await search.add("black tea")
        model.fingerprint = "small-2"
        await eventually(lambda: _count_is(search, 2))
        await processed_again(search, event, "small-2", ["green tea"])
        model.fingerprint = "small-3"
        await eventually(lambda: _count_is(search, 4))
        assert {fact.document_version for fact in (await asked(search))[2:]} == {1, 2}
        model.fingerprint = "small-1"
        await eventually(lambda: _count_is(search, 5))
        last = (await asked(search))[-1]
        assert (last.document_id, last.document_version, last.fingerprint) == (event.document_id, 2, "small-1")


async def test_a_model_that_is_away_is_looked_for_again(tmp_path: Path) -> None:
    async with an_eager_search(tmp_path) as search:
        await search.add("green tea")
    model = SmallModel(fingerprint="small-2", present=False)
    async with an_eager_search(tmp_path, model=model) as search:
        result = await search.find("tea")
        assert len(result.hits) == 1 and result.degraded == ("model",)
        health = await search.module.probes["search.vectors"]()
        assert not health.ready and not health.required
        assert await asked(search) == []
        model.present = True
        await eventually(lambda: _count_is(search, 1))


async def test_health_tells_how_many_wait(tmp_path: Path) -> None:
    async with an_eager_search(tmp_path) as search:
        await search.add("green tea")
        await search.add("black tea")
        probe = search.module.probes["search.vectors"]
        assert (await probe()).detail == "every document has the vectors of the present model"
    async with an_eager_search(tmp_path, model=SmallModel(fingerprint="small-2")) as search:
        health = await search.module.probes["search.vectors"]()
        assert health.ready and "2 documents" in health.detail


async def test_what_no_model_reads_is_up_to_date_all_the_same(tmp_path: Path) -> None:
    async with an_eager_search(tmp_path) as search:
        await search.add("녹차와 홍차")
        assert (await search.find("tea")).degraded == ()
        await search.add("옛 문서", fingerprint=None)
        await eventually(lambda: _count_is(search, 1))


async def test_vectors_alone_are_not_to_be_had_while_the_index_is_on_its_way(tmp_path: Path) -> None:
    async with an_eager_search(tmp_path) as search:
        await search.add("green tea")
    later, model = EdgeIndexTimes(move_after_seconds=60), SmallModel(fingerprint="small-2")
    async with an_eager_search(tmp_path, model=model, edge=later) as search:
        with pytest.raises(Unavailable, match="vectors of the model are not there yet"):
            await search.find("tea", mode="vector")
        assert len((await search.find("tea")).hits) == 1


NEVER = RenewalTimes(start_seconds=3600.0)


class AnotherProcess:
    """Asks on the same store and index; an async context manager."""

    def __init__(self, search: ASearch, duties: DutyStore | None = None) -> None:
        self._metrics = PrometheusMetrics()
        container = search.container
        self._renewal = Renewal(
            index=search.index,
            store=search.store,
            renewals=container.renewals(),
            duties=duties or container.duties(),
            model=container.model(),
            metrics=self._metrics,
            times=RenewalTimes(start_seconds=0.0, look_again_seconds=0.05),
        )

    async def __aenter__(self) -> "AnotherProcess":
        await self._renewal.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._renewal.__aexit__()

    @property
    def asked(self) -> int:
        """How many documents this process has asked for."""
        lines = self._metrics.exposition().decode().splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith("seoga_search_renewals_total"))


async def test_of_several_processes_one_asks_and_all_together_no_more_than_an_upload_can_wait_for(
    tmp_path: Path,
) -> None:
    async with a_search(tmp_path) as search:
        for _ in range(7):
            await search.add(*(f"tea number{number}" for number in range(100)))
    async with a_search(tmp_path, model=SmallModel(fingerprint="small-2"), renewal=NEVER) as search:
        async with AnotherProcess(search) as one, AnotherProcess(search) as other:
            await eventually(lambda: one.asked + other.asked == 3)
            await asyncio.sleep(0.3)
            assert sorted((one.asked, other.asked)) == [0, 3]
        assert await _count_is(search, 3)


async def test_another_process_asks_in_the_place_of_one_that_is_gone(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search:
        await search.add("green tea")
    async with a_search(tmp_path, model=SmallModel(fingerprint="small-2"), renewal=NEVER) as search:
        free_at = await killed(search.container.duties(), "search.renew", lease_seconds=0.5)
        async with AnotherProcess(search):
            await eventually(partial(_count_is, search, 1))
            assert time.time() >= free_at
            # Nothing is left to ask for: a process with another model may.
            take = partial(search.container.duties().take, "search.renew", owner="next", lease_seconds=60)
            assert await eventually(take)


async def test_who_cannot_ask_whose_it_is_asks_for_documents_once_it_can(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search:
        await search.add("green tea")
    async with a_search(tmp_path, model=SmallModel(fingerprint="small-2"), renewal=NEVER) as search:
        cut = Cut(search.container.duties())
        cut.is_away = True
        async with AnotherProcess(search, cut):
            await asyncio.sleep(0.3)
            assert await _count_is(search, 0)
            cut.is_away = False
            await eventually(partial(_count_is, search, 1))


async def _count_is(search: ASearch, count: int) -> bool:
    return len(await asked(search)) == count


async def _index_serves(search: ASearch, fingerprint: str) -> bool:
    return search.index.fingerprint == fingerprint
