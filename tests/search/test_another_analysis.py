"""Another version of the analysis: the units are written anew from the artefacts, and found all the while."""

from pathlib import Path

from dependency_injector import providers
from search_builders import a_search

from builders import eventually
from search.application.cleaning import CleaningTimes
from search.container import SearchContainer
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer


class Older(KiwiAnalyzer):
    version = "1"  # type: ignore[misc]  # another one than the class it stands for, as it was once


async def test_after_another_analysis_everything_is_found_and_written_anew(tmp_path: Path) -> None:
    with SearchContainer.analyzer.override(providers.Singleton(Older)):
        async with a_search(tmp_path) as search:
            await search.add("Green tea.", "A second chunk.")
            await search.add("Black tea.")
            assert await search.index.size() == 3
    async with a_search(tmp_path, cleaning=CleaningTimes(start_seconds=3600.0)) as search:
        assert sorted(await search.texts("tea", mode="keyword")) == ["Black tea.", "Green tea."]
        assert await search.index.versions(after=None, limit=10) == ([], None), "they are known to be of the other one"
    async with a_search(tmp_path, cleaning=CleaningTimes(start_seconds=0.0)) as search:

        async def is_rewritten() -> bool:
            assert sorted(await search.texts("tea", mode="keyword")) == ["Black tea.", "Green tea."]
            versions, _ = await search.index.versions(after=None, limit=10)
            return len(versions) == 2 and await search.store.is_whole()

        await eventually(is_rewritten)
        assert await search.index.size() == 3
        assert len([path for path in (tmp_path / "index").iterdir() if path.is_dir()]) == 1


async def test_no_index_is_kept_of_what_no_filter_asks_for(tmp_path: Path) -> None:
    async with a_search(tmp_path) as search:
        await search.add("Green tea.")
    kept = {path.name.split("-")[1] for path in (tmp_path / "index").rglob("payload_index/*-*")}
    assert "document" in kept
    assert "analysis" not in kept
