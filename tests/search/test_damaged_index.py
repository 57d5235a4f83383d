"""A damaged index is set aside and built again from what was processed; meanwhile searches say what they lack."""

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from search_builders import ASearch, a_search

from builders import eventually
from search.application.cleaning import CleaningTimes
from search.application.probes import index_probe
from search.infrastructure.edge.times import EdgeIndexTimes
from shared.kernel import Unavailable

pytestmark = pytest.mark.slow  # minutes in sum

_MANY = 6
AT_ONCE = CleaningTimes(start_seconds=0.0, look_again_seconds=0.05)
SOON = EdgeIndexTimes(first_pause_seconds=0.01, longest_pause_seconds=0.1)


def shard(folder: Path) -> Path:
    (found,) = (path.parent for path in (folder / "index").glob("[0-9]*/complete"))
    return found


def a_file(folder: Path, pattern: str) -> Path:
    return sorted(path for path in shard(folder).rglob(pattern) if path.is_file())[0]


def half_a_segments_state(folder: Path) -> None:
    file = a_file(folder, "segment.json")
    os.truncate(file, file.stat().st_size // 2)


def emptied_payloads(folder: Path) -> None:
    for file in (shard(folder) / "segments").rglob("payload_storage/*"):
        if file.is_file():
            os.truncate(file, 0)


def lost_points(folder: Path) -> None:
    """Opens without a word, and has fewer points."""
    for file in shard(folder).rglob("*mappings"):
        file.unlink()


def noise_in_every_file(folder: Path) -> None:
    noise = random.Random(7)
    for file in shard(folder).rglob("*"):
        if file.is_file() and file.name != "complete":
            with file.open("r+b") as opened:
                opened.write(noise.randbytes(min(512, file.stat().st_size)))


async def fill(search: ASearch) -> None:
    for number in range(_MANY):
        await search.add(f"green tea number{number}")


async def is_whole_again(search: ASearch) -> bool:
    try:
        found = await search.find("tea", mode="keyword")
    except Unavailable:
        return False
    # What is missing is never taken for what is there.
    assert len(found.hits) == _MANY or found.degraded == ("index",), found
    return len(found.hits) == _MANY and not found.degraded


@pytest.mark.parametrize("damage", [half_a_segments_state, emptied_payloads, noise_in_every_file])
async def test_an_index_damaged_while_nobody_served_it_is_set_aside_and_built_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    async with a_search(tmp_path) as search:
        await fill(search)
    before = shard(tmp_path).name
    damage(tmp_path)
    async with a_search(tmp_path, cleaning=AT_ONCE, edge=SOON) as search:
        await eventually(lambda: is_whole_again(search), timeout_seconds=60)
        (kept,) = (tmp_path / "index").glob("damaged-*")
        assert kept.name.endswith(before) and any(kept.iterdir())
        health = await index_probe(search.index, search.container.wholeness())()
        assert health.ready and kept.name in health.detail
        assert "search_index_set_aside_total 1.0" in search.container.metrics().exposition().decode()
        await search.add("green tea number6")
        assert len(await search.texts("tea", mode="keyword")) == _MANY + 1


@pytest.mark.parametrize("damage", [half_a_segments_state, lost_points])
async def test_an_index_damaged_while_it_is_served_is_built_again_too(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    async with a_search(tmp_path, cleaning=AT_ONCE, edge=SOON) as search:
        await fill(search)
        damage(tmp_path)
        for child in psutil.Process().children():
            if "search.infrastructure.edge.process" in child.cmdline():
                os.kill(child.pid, signal.SIGKILL)
        await eventually(lambda: is_whole_again(search), timeout_seconds=60)
