"""What is built is kept whole, checked before use, and built once however many want it."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from model_builders import a_tiny_model

from shared.kernel import StorageFull, Unavailable
from shared.model.embedding.fallback import BestEngine, load_best
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import read_model_config
from shared.model.files.durable import locked
from shared.model.files.tokens import ModelTokenizer

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
    assert list((tmp_path / "models").iterdir()) == []
    assert cache.get(KEY, build, timeout_seconds=5).origin == "built"


def test_what_a_killed_build_left_is_cleared_away(cache: ArtefactCache, tmp_path: Path) -> None:
    (tmp_path / "models" / f"{KEY}.building").mkdir(parents=True)
    (tmp_path / "models" / f"{KEY}.building" / "half").write_bytes(b"half")
    folder = cache.get(KEY, build, timeout_seconds=5).folder
    assert sorted(path.name for path in folder.iterdir()) == ["graph", "manifest.json", "weights"]


def test_what_crashes_left_is_cleared_away_at_the_first_use_and_nothing_else_is(
    cache: ArtefactCache, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    half = models / f"{'x' * 32}.building"
    half.mkdir(parents=True)
    (half / "half").write_bytes(b"half")
    orphan = models / f"{'y' * 32}.lock"
    orphan.write_bytes(b"")
    old, fresh = (models / f"hashes.json.{name}.writing" for name in ("old", "fresh"))
    for unfinished in (old, fresh):
        unfinished.write_bytes(b"{")
    _age(old, seconds=7200)
    mine = [models / "notes.building", models / "photo.lock", models / "engines-1.json"]
    for path in mine:
        path.write_text("not the cache's")
    cache.get(KEY, build, timeout_seconds=5)
    assert {path.name for path in models.iterdir()} == {KEY, fresh.name, *(path.name for path in mine)}


def test_a_build_of_another_is_not_cleared_away(cache: ArtefactCache, tmp_path: Path) -> None:
    with ABuild(cache, "x" * 32):
        ArtefactCache(tmp_path / "models").get(KEY, build, timeout_seconds=5)
    assert cache.get("x" * 32, build, timeout_seconds=5).origin == "hit"


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
    with ABuild(cache, KEY), pytest.raises(Unavailable, match="Another process"):
        cache.get(KEY, build, timeout_seconds=0.1)


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


def test_it_counts_what_was_asked_of_it(cache: ArtefactCache) -> None:
    cache.get(KEY, build, timeout_seconds=5)
    cache.get(KEY, build, timeout_seconds=5)
    (cache.folder / KEY / "graph").unlink()
    cache.get(KEY, build, timeout_seconds=5)
    said = cache.statistics()
    assert (said.hits, said.misses, said.rebuilt, said.evicted, said.entries) == (1, 2, 1, 0, 1)
    on_disk = sum(path.stat().st_size for path in (cache.folder / KEY).iterdir())
    assert said.bytes == on_disk > 7000


def test_statistics_of_a_folder_that_is_not_there_are_zero(tmp_path: Path) -> None:
    said = ArtefactCache(tmp_path / "nothing").statistics()
    assert (said.entries, said.bytes) == (0, 0)


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    for age, name in ((100, "c"), (400, "a"), (300, "b"), (200, "d")):
        _cached(folder, name, age)
    # A use makes the oldest the youngest.
    ArtefactCache(folder).get("a" * 32, build, timeout_seconds=5)
    cache = ArtefactCache(folder, most_bytes=3 * 7500)
    cache.get(KEY, build, timeout_seconds=5)
    assert _keys(folder) == {"a", "c", "k"}
    assert (cache.statistics().evicted, cache.statistics().entries) == (2, 3)


def test_what_this_process_uses_or_another_just_opened_is_never_evicted(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    for name in "abc":
        _cached(folder, name, 400)
    cache = ArtefactCache(folder, most_bytes=1)
    assert cache.get("a" * 32, build, timeout_seconds=5).origin == "hit"
    _age(folder / ("a" * 32) / "manifest.json", seconds=400)  # long in use
    ArtefactCache(folder).get("b" * 32, build, timeout_seconds=5)
    cache.get(KEY, build, timeout_seconds=5)
    assert _keys(folder) == {"a", "b", "k"}


def test_what_is_being_built_anew_is_not_evicted(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    _cached(folder, "a", 400)
    (folder / ("a" * 32) / "graph").unlink()
    with ABuild(ArtefactCache(folder), "a" * 32):
        ArtefactCache(folder, most_bytes=1).get(KEY, build, timeout_seconds=5)
    assert _keys(folder) == {"a", "k"}


def test_an_entry_that_another_may_be_deleting_is_not_given_out(cache: ArtefactCache) -> None:
    cache.get(KEY, build, timeout_seconds=5)
    with locked(cache.folder / f"{KEY}.lock", timeout_seconds=0), pytest.raises(Unavailable, match="Another process"):
        cache.get(KEY, build, timeout_seconds=0.1)
    assert cache.get(KEY, build, timeout_seconds=5).origin == "hit"


def test_readers_are_served_whole_while_others_evict(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    broken: list[str] = []

    def use(name: str) -> None:
        for _ in range(25):
            cache = ArtefactCache(folder, most_bytes=10_000)
            found = cache.get(name * 32, build, timeout_seconds=20)
            try:
                if (found.folder / "weights").read_bytes() != b"weights" * 1000:
                    broken.append(name)
            except FileNotFoundError:
                broken.append(name)
            _forget_use(found.folder)
            cache.get(KEY, build, timeout_seconds=20)

    threads = [threading.Thread(target=use, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    assert {path.name for path in folder.iterdir() if len(path.name) != 32} == set()


def test_one_entry_or_all_are_deleted_on_demand(cache: ArtefactCache, tmp_path: Path) -> None:
    for name in "abc":
        cache.get(name * 32, build, timeout_seconds=5)
    weights = tmp_path / "weights"
    weights.write_bytes(b"one")
    cache.content_sha256(weights)
    held = (cache.folder / ("a" * 32) / "weights").open("rb")
    assert [cache.invalidate("a" * 32), cache.invalidate("a" * 32), cache.invalidate("../../etc")] == [1, 0, 0]
    assert _keys(cache.folder) == {"b", "c"}
    with held:
        assert held.read() == b"weights" * 1000  # who uses it keeps it
    assert cache.invalidate() == 2
    assert list(cache.folder.iterdir()) == []
    assert cache.get("a" * 32, build, timeout_seconds=5).origin == "built"


def test_what_is_being_built_outlives_an_invalidation(cache: ArtefactCache) -> None:
    with ABuild(cache, KEY):
        assert cache.invalidate() == 0
    assert cache.get(KEY, build, timeout_seconds=5).origin == "hit"


def test_invalidating_a_folder_that_is_a_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file stands here")
    with pytest.raises(Unavailable, match="cannot be used"):
        ArtefactCache(tmp_path / "models").invalidate()


def test_a_damaged_model_on_disk_is_rebuilt_and_answers_the_same(tmp_path: Path) -> None:
    a_tiny_model(tmp_path / "model")
    before = _loaded(tmp_path)
    vectors = before.engine.run(before.engine.prepare(["tariff duty"]))
    before.engine.close()
    for weights in (tmp_path / "models").glob("*/model.bin"):
        weights.write_bytes(bytes(weights.stat().st_size))
    after = _loaded(tmp_path)
    assert (before.artefact, after.artefact) == ("built", "rebuilt")
    assert (after.engine.run(after.engine.prepare(["tariff duty"])) == vectors).all()
    after.engine.close()


def test_two_processes_build_once(tmp_path: Path) -> None:
    a_tiny_model(tmp_path / "model")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from shared.model.files.artefact_cache import ArtefactCache\n"
        "from shared.model.files.config import read_model_config\n"
        "from shared.model.embedding.fallback import load_best\n"
        "from shared.model.files.tokens import ModelTokenizer\n"
        "config = read_model_config(Path(sys.argv[1], 'model'), name='tiny')\n"
        "cache, tokenizer = ArtefactCache(Path(sys.argv[1], 'models')), ModelTokenizer(config)\n"
        "print(load_best(config, cache, lambda: tokenizer, report=print).artefact)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(3)
    ]
    origins = sorted(process.communicate(timeout=60)[0].split()[-1] for process in processes)
    assert origins == ["built", "hit", "hit"]


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from shared.model.files.artefact_cache import ArtefactCache\n"
        "def build(folder):\n"
        "    (folder / 'half').write_bytes(b'half')\n"
        "    print('half', flush=True)\n"
        "    time.sleep(60)\n"
        f"ArtefactCache(Path(sys.argv[1])).get('{KEY}', build, timeout_seconds=5)\n"
    )
    models = tmp_path / "models"
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(models)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        assert process.stdout is not None and process.stdout.readline() == b"half\n"
        process.kill()
    assert (models / f"{KEY}.building").exists()
    assert ArtefactCache(models).get(KEY, build, timeout_seconds=1).origin == "built"
    assert [path.name for path in models.iterdir()] == [KEY]


class ABuild:
    """Inside the block another thread is in the middle of building the key."""

    def __init__(self, cache: ArtefactCache, key: str) -> None:
        self._inside, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: cache.get(key, self._slow, timeout_seconds=5))

    def __enter__(self) -> None:
        self._thread.start()
        assert self._inside.wait(10)

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self._thread.join()

    def _slow(self, folder: Path) -> None:
        build(folder)
        self._inside.set()
        self._leave.wait(10)


def _cached(folder: Path, name: str, age: float) -> None:
    """An entry of another process, last used so many seconds ago."""
    found = ArtefactCache(folder).get(name * 32, build, timeout_seconds=5)
    _age(found.folder / "manifest.json", seconds=age)


def _age(path: Path, *, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def _forget_use(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # evicted before
        _age(folder / "manifest.json", seconds=400)


def _keys(folder: Path) -> set[str]:
    return {path.name[0] for path in folder.iterdir() if len(path.name) == 32}


def _loaded(tmp_path: Path) -> BestEngine:
    config = read_model_config(tmp_path / "model", name="tiny")
    tokenizer = ModelTokenizer(config)
    return load_best(config, ArtefactCache(tmp_path / "models"), lambda: tokenizer, report=_unexpected)


def _unexpected(step: object) -> None:
    raise AssertionError(step)
