"""An answer says what it is: incomplete while lost units are built again, and a total that is exact only when it is."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from search_builders import ASearch, SmallModel, a_search, over_http, units_of

from builders import eventually
from search.application.cleaning import CleaningTimes
from search.application.ports.chunk_index import Unit
from search.application.probes import index_probe
from search.infrastructure.edge.index import EdgeIndex
from shared.infrastructure.prometheus_metrics import PrometheusMetrics

AT_ONCE = CleaningTimes(start_seconds=0.0, look_again_seconds=0.05)
_MANY = 6


class AnIndexThatIsFilledSlowly:
    """It takes the units of two documents, and of the others once it may."""

    def __init__(self, index: EdgeIndex) -> None:
        self._index = index
        self.may_go_on = asyncio.Event()
        self._taken = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    async def upsert(self, units: Sequence[Unit]) -> None:
        if self._taken >= 2:
            await self.may_go_on.wait()
        await self._index.upsert(units)
        self._taken += 1


@asynccontextmanager
async def a_search_on(folder: Path) -> AsyncIterator[tuple[ASearch, AnIndexThatIsFilledSlowly]]:
    async with EdgeIndex(folder / "index", SmallModel(), "1", PrometheusMetrics()) as edge:
        index: Any = AnIndexThatIsFilledSlowly(edge)
        async with a_search(folder, index=index, cleaning=AT_ONCE) as search:
            yield search, index


async def test_answers_say_that_lost_units_are_being_built_again_and_are_not_kept(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search:
        for number in range(_MANY):
            await search.add(f"green tea number{number}")
    shutil.rmtree(tmp_path / "index")
    async with a_search_on(tmp_path) as (search, index), over_http(search) as client:

        async def answer() -> Any:
            response = await client.post("/api/v1/search", json={"query": "tea", "mode": "keyword"})
            return response.raise_for_status().json()

        async def is_partly_built() -> bool:
            found = await answer()
            # From the very first answer on, before anybody has counted what is missing.
            assert found["degraded"] == ["index"]
            return len(found["hits"]) == 2

        await eventually(is_partly_built)
        partial = await answer()
        assert partial["total_is_exact"] is False or partial["total"] == 2
        assert (
            "lost ones are being built again"
            in (await index_probe(search.index, search.container.wholeness())()).detail
        )
        index.may_go_on.set()

        async def is_whole() -> bool:
            found = await answer()
            return len(found["hits"]) == _MANY and not found["degraded"]

        await eventually(is_whole)
        assert (await index_probe(search.index, search.container.wholeness())()).detail == f"{_MANY} units"


async def test_a_rebuild_that_was_cut_off_is_still_known_after_a_restart(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search:
        for number in range(_MANY):
            await search.add(f"green tea number{number}")
    shutil.rmtree(tmp_path / "index")
    async with a_search_on(tmp_path) as (search, _):

        async def is_begun() -> bool:
            return len((await search.find("tea", mode="keyword")).hits) == 2

        await eventually(is_begun)
    # Now there is an index, and it is not empty.
    late = CleaningTimes(start_seconds=60)
    async with a_search(tmp_path, cleaning=late) as search:
        assert (await search.find("tea", mode="keyword")).degraded == ("index",)
    async with a_search(tmp_path, cleaning=AT_ONCE) as search:

        async def is_whole() -> bool:
            found = await search.find("tea", mode="keyword")
            return len(found.hits) == _MANY and not found.degraded

        await eventually(is_whole)


async def test_a_total_is_an_estimate_while_units_of_two_versions_are_there(tmp_path: Path) -> None:
    async with a_search(tmp_path, cleaning=AT_ONCE) as search:

        async def is_exact() -> bool:
            found = await search.find("tea", mode="keyword")
            return (found.total, found.total_is_exact) == (3, True)

        event = await search.add("green tea", "black tea", "white tea")
        await eventually(is_exact)
        async with search.container.snapshots().reading():  # another search keeps the old version
            await search.add("green tea", "red tea", "blue tea", document_id=event.document_id, version=2)
            found = await search.find("tea", mode="keyword")
            assert len(found.hits) == 3
            assert (found.total, found.total_is_exact) == (6, False)
            by_document = await search.find("tea", mode="keyword", by_document=True)
            assert (len(by_document.hits), by_document.total_is_exact) == (1, False)
        await eventually(is_exact)


async def test_a_total_is_an_estimate_while_a_version_is_being_written(tmp_path: Path) -> None:
    async with a_search(tmp_path, cleaning=AT_ONCE) as search:
        await search.add("green tea")
        await search.counted()
        coming = await search.processed(["black tea"])
        with search.container.cleaning().sparing((coming.document_id, 1)):
            await search.index.upsert(await units_of(search, coming))
            found = await search.find("tea", mode="keyword")
            assert len(found.hits) == 1
            assert (found.total, found.total_is_exact) == (2, False)
        found = await search.find("tea", mode="keyword")
        assert found.total_is_exact


async def test_what_is_written_during_a_look_through_the_index_is_in_no_doubt_afterwards(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search:
        coming = await search.processed(["black tea"])
        cleaning, wholeness = search.container.cleaning(), search.container.wholeness()
        with cleaning.sparing((coming.document_id, 1)):
            await search.index.upsert(await units_of(search, coming))
            await search.index.flush()
            await cleaning.collect()
            assert not await wholeness.is_clean()
        assert await wholeness.is_clean()
