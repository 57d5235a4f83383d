"""Units and folders of the index that nobody knows: what may go, and what waits for an operator."""

from pathlib import Path

from search_builders import ASearch, a_search

from builders import eventually
from search.application.cleaning import CleaningTimes
from search.application.ports.versions import Sources
from search.application.units import build_units, read_artefacts
from search.infrastructure.edge.folders import TRASH, EdgeFolders, mark_complete

AT_ONCE = CleaningTimes(start_seconds=0.0, look_again_seconds=0.05)
MANY = 101


async def units_without_a_record(search: ASearch, count: int) -> None:
    for number in range(count):
        event = await search.processed([f"tea {number}"], version=3)
        artefacts = await read_artefacts(search.blobs, Sources(event.chunks_artefact, None, None))
        units = await build_units(
            search.container.analyzer(),
            artefacts,
            document_id=event.document_id,
            version=3,
            language="en",
            labels=event.labels,
        )
        await search.index.upsert(units)
    await search.index.flush()


async def size_is(search: ASearch, size: int) -> bool:
    return await search.index.size() == size


async def test_suspiciously_many_units_without_a_record_wait_for_an_operator(tmp_path: Path) -> None:
    async with a_search(tmp_path, cleaning=CleaningTimes(start_seconds=3600.0)) as search:
        await search.add("green tea")
        await units_without_a_record(search, MANY)
    async with a_search(tmp_path, cleaning=AT_ONCE) as search:
        cleaning = search.container.cleaning()

        async def is_held() -> bool:
            return not (await cleaning.check()).ready

        await eventually(is_held)
        assert not (await cleaning.check()).required
        assert "101 of 102 are units without a record" in (await cleaning.check()).detail
        assert await size_is(search, MANY + 1)
        assert await search.texts("green tea") == ["green tea"]
        assert await cleaning.collect(is_confirmed=True) is None
        assert await size_is(search, 1)
        assert (await cleaning.check()).ready


async def test_units_stay_beside_a_store_that_is_new(tmp_path: Path) -> None:
    async with a_search(tmp_path, cleaning=AT_ONCE) as search:
        await search.add("green tea")
        await search.index.flush()
    kept = (tmp_path / "search.sqlite").rename(tmp_path / "kept")
    async with a_search(tmp_path, cleaning=AT_ONCE) as search:
        assert "no mark in search.sqlite" in (await search.container.cleaning().collect(is_confirmed=True) or "")
        assert await size_is(search, 1)
    kept.rename(tmp_path / "search.sqlite")
    async with a_search(tmp_path, cleaning=AT_ONCE) as search:
        assert await search.texts("green tea") == ["green tea"]


def test_a_folder_of_another_space_waits_in_the_trash_and_a_part_of_one_goes(tmp_path: Path) -> None:
    folders = EdgeFolders(tmp_path, trash_seconds=3600.0)
    home, other, part = (folders.place(space) for space in ("home", "other", "part"))
    for place in (home, other, part):
        place.path.mkdir(parents=True)
        (place.path / "points").touch()
    for place in (home, other):
        mark_complete(place.path, place.space)
    folders.remove_others(home)
    assert not part.path.exists() and not other.path.exists()
    (waiting,) = tmp_path.glob(f"{TRASH}*")
    assert sorted(path.name for path in waiting.iterdir()) == ["complete", "points"]
    assert [place.path for place in folders.complete()] == [home.path]
    folders.remove_others(home)
    assert waiting.exists()
    EdgeFolders(tmp_path, trash_seconds=-60.0).remove_others(home)
    assert sorted(path.name for path in tmp_path.iterdir()) == [home.path.name]
