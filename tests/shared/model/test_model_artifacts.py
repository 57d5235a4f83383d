"""What is built is kept whole, checked before use, and built once however many want it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from model_builders import tiny_settings

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import StorageFull, Unavailable
from shared.model.artifacts import ArtefactCache
from shared.model.manager import ModelManager

KEY = "k" * 32


@pytest.fixture
def cache(tmp_path: Path) -> ArtefactCache:
    return ArtefactCache(tmp_path / "models")


def build(folder: Path) -> None:
    (folder / "graph").write_bytes(b"graph")
    (folder / "weights").write_bytes(b"weights" * 1000)


def test_what_was_built_once_is_found_again(cache: ArtefactCache) -> None:
    built, found = (cache.get(KEY, build, timeout_seconds=5) for _ in range(2))
    assert (built.origin, found.origin) == ("built", "hit")
    assert found.folder == built.folder
    assert (found.folder / "graph").read_bytes() == b"graph"


@pytest.mark.parametrize("damage", ["one byte", "shorter", "a file gone", "no manifest", "manifest of another kind"])
def test_a_damaged_artefact_is_built_again(cache: ArtefactCache, damage: str) -> None:
    folder = cache.get(KEY, build, timeout_seconds=5).folder
    weights, manifest = folder / "weights", folder / "manifest.json"
    if damage == "one byte":
        weights.write_bytes(b"W" + weights.read_bytes()[1:])
    elif damage == "shorter":
        os.truncate(weights, 100)
    elif damage == "a file gone":
        weights.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text("[1]")
    again = cache.get(KEY, build, timeout_seconds=5)
    assert again.origin == "rebuilt"
    assert weights.read_bytes() == b"weights" * 1000
    assert cache.get(KEY, build, timeout_seconds=5).origin == "hit"


def test_a_build_that_fails_leaves_nothing(cache: ArtefactCache, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        build(folder)
        raise Unavailable("no such model")

    with pytest.raises(Unavailable, match="no such model"):
        cache.get(KEY, fail, timeout_seconds=5)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [f"{KEY}.lock"]
    assert cache.get(KEY, build, timeout_seconds=5).origin == "built"


def test_what_a_killed_build_left_is_cleared_away(cache: ArtefactCache, tmp_path: Path) -> None:
    (tmp_path / "models" / f"{KEY}.building").mkdir(parents=True)
    (tmp_path / "models" / f"{KEY}.building" / "half").write_bytes(b"half")
    folder = cache.get(KEY, build, timeout_seconds=5).folder
    assert sorted(path.name for path in folder.iterdir()) == ["graph", "manifest.json", "weights"]


def test_many_who_miss_it_build_it_once(cache: ArtefactCache) -> None:
    origins: list[str] = []
    threads = [
        threading.Thread(target=lambda: origins.append(cache.get(KEY, build, timeout_seconds=10).origin))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(origins) == ["built"] + ["hit"] * 7


def test_who_waits_too_long_for_another_builder_is_told(cache: ArtefactCache) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(folder: Path) -> None:
        build(folder)
        inside.set()
        leave.wait(10)

    thread = threading.Thread(target=lambda: cache.get(KEY, slow, timeout_seconds=5))
    thread.start()
    inside.wait(10)
    with pytest.raises(Unavailable, match="Another process"):
        cache.get(KEY, build, timeout_seconds=0.1)
    leave.set()
    thread.join()


def test_a_full_disk_is_named(cache: ArtefactCache) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageFull):
        cache.get(KEY, full, timeout_seconds=5)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file stands here")
    with pytest.raises(Unavailable, match="models' cannot be used"):
        ArtefactCache(tmp_path / "models").get(KEY, build, timeout_seconds=5)


def test_a_hash_is_remembered_until_the_file_changes(tmp_path: Path, cache: ArtefactCache) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"one")
    os.utime(weights, ns=(1, 1))
    first = cache.content_sha256(weights)
    # Same size, same time: only a memory can give the old hash.
    weights.write_bytes(b"two")
    os.utime(weights, ns=(1, 1))
    assert ArtefactCache(tmp_path / "models").content_sha256(weights) == first
    os.utime(weights, ns=(2, 2))
    assert cache.content_sha256(weights) != first
    (tmp_path / "models" / "hashes.json").write_text("{damaged")
    assert cache.content_sha256(weights) != first


async def test_a_damaged_model_on_disk_is_rebuilt_and_answers_the_same(
    tmp_path: Path, metrics: PrometheusMetrics
) -> None:
    settings = tiny_settings(tmp_path)
    async with ModelManager(settings, metrics) as manager:
        before = await manager.embed(["tariff duty"], kind="query")
        assert manager.status().artefact == "built"
    (weights,) = (tmp_path / "data" / "models").glob("*/model.bin")
    weights.write_bytes(bytes(weights.stat().st_size))
    async with ModelManager(settings, metrics) as manager:
        assert (await manager.embed(["tariff duty"], kind="query") == before).all()
        assert manager.status().artefact == "rebuilt"


def test_two_processes_build_once(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    program = (
        "import asyncio, sys\n"
        "from shared.infrastructure.prometheus_metrics import PrometheusMetrics\n"
        "from shared.model.manager import ModelManager\n"
        "from shared.settings import Settings\n"
        "from shared.telemetry import configure_logs\n"
        "configure_logs(level='error', format='text')\n"
        "async def main():\n"
        "    manager = ModelManager(Settings(data_dir=sys.argv[1], model_path=sys.argv[2]), PrometheusMetrics())\n"
        "    async with manager:\n"
        "        await manager.load()\n"
        "        print(manager.status().artefact)\n"
        "asyncio.run(main())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(settings.data_dir), str(settings.model_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(3)
    ]
    origins = sorted(process.communicate(timeout=60)[0].split()[-1] for process in processes)
    assert origins == ["built", "hit", "hit"]
