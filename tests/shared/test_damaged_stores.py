"""A SQLite file that is damaged is told of in a sentence with a way out, whoever meets it."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from command_line import seoga, seoga_json
from damage import PAGE, spoil_page

from builders import eventually
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.checking import first_problem
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema
from shared.infrastructure.sqlite.store_health import LookingTimes
from shared.infrastructure.sqlite.stores import STORES
from shared.kernel import StoreDamaged, Unavailable

SCHEMA = Schema("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);")
SOON = LookingTimes(after_seconds=0)
LATER = LookingTimes(after_seconds=3600)


def a_store(folder: Path, name: str, *, rows: int = 2_000) -> Path:
    """A file of many pages."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA.tables)
        connection.executemany("INSERT INTO notes (text) VALUES (?)", [(f"note {row} " * 20,) for row in range(rows)])
        connection.commit()
    assert path.stat().st_size > 40 * PAGE
    return path


def a_file_that_is_none(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.sqlite"
    path.write_bytes(b"this was a database once\n" * 400)
    return path


async def opened(path: Path, times: LookingTimes = LATER, metrics: PrometheusMetrics | None = None) -> SqliteDatabase:
    return await SqliteDatabase(path, SCHEMA, metrics=metrics, times=times).__aenter__()


async def test_a_file_that_is_no_database_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = a_file_that_is_none(tmp_path, "search")
    with pytest.raises(StoreDamaged) as refusal:
        await opened(path)
    assert str(path) in refusal.value.detail
    assert "what searches show" in refusal.value.detail
    assert "`seoga repair`" in refusal.value.detail


async def test_what_nothing_replaces_is_to_be_restored(tmp_path: Path) -> None:
    with pytest.raises(StoreDamaged, match="`seoga restore`"):
        await opened(a_file_that_is_none(tmp_path, "ingest"))


async def test_an_emptied_list_of_documents_is_not_a_new_one(tmp_path: Path) -> None:
    a_store(tmp_path, "search")
    (tmp_path / "ingest.sqlite").touch()
    with pytest.raises(StoreDamaged, match="is empty"):
        await opened(tmp_path / "ingest.sqlite")


async def test_a_damaged_page_that_is_read_is_unavailable_and_stays_in_health(tmp_path: Path) -> None:
    path, metrics = a_store(tmp_path, "search"), PrometheusMetrics()
    spoil_page(path, 30)
    database = await opened(path, metrics=metrics)
    try:
        assert (await database.check()).ready
        with pytest.raises(Unavailable, match="is damaged"):
            await database.read(lambda connection: connection.execute("SELECT sum(length(text)) FROM notes").fetchone())
        with pytest.raises(StoreDamaged, match="what searches show"):
            await database.check()
        assert b'store_damage_total{store="search"} 1.0' in metrics.exposition()
    finally:
        await database.__aexit__(None, None, None)


async def test_a_damaged_page_that_a_write_meets_is_unavailable(tmp_path: Path) -> None:
    path = a_store(tmp_path, "search")
    spoil_page(path, 30)
    database = await opened(path)
    try:
        with pytest.raises(StoreDamaged):
            await database.write(lambda connection: connection.execute("UPDATE notes SET text = 'x'"))
        with pytest.raises(StoreDamaged):
            await database.check()
    finally:
        await database.__aexit__(None, None, None)


async def test_a_row_whose_bytes_have_changed_is_damage_too(tmp_path: Path) -> None:
    path = a_store(tmp_path, "search")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE notes SET text = CAST(x'ff41' AS TEXT) WHERE id = 7")
        connection.commit()
    database = await opened(path)
    try:
        with pytest.raises(StoreDamaged):
            await database.read(lambda connection: connection.execute("SELECT text FROM notes").fetchall())
    finally:
        await database.__aexit__(None, None, None)


async def test_a_damaged_page_that_nobody_reads_is_noticed_by_itself(tmp_path: Path) -> None:
    path = a_store(tmp_path, "search")
    spoil_page(path, 30)
    database = await opened(path, times=SOON)

    async def is_noticed() -> bool:
        try:
            await database.check()
        except StoreDamaged:
            return True
        return False

    try:
        await eventually(is_noticed)
    finally:
        await database.__aexit__(None, None, None)


async def test_a_whole_look_finds_what_a_quick_one_does_not(tmp_path: Path) -> None:
    path = a_store(tmp_path, "search")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE INDEX texts ON notes (text)")
        # An index that knows of no row: as after a page came back from an older day.
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, '(text)', '(text) WHERE id < 0')")
        connection.commit()
    assert await asyncio.to_thread(lambda: first_problem(path)) is None
    assert await asyncio.to_thread(lambda: first_problem(path, whole=True)) is not None


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(store.name, marks=[] if store.name in ("ingest", "events") else pytest.mark.slow)
        for store in STORES
        if store.name != "chat"  # opened with the first question
    ],
)
def test_a_command_says_it_in_one_line(name: str, tmp_path: Path) -> None:
    path = a_file_that_is_none(tmp_path / "data", name)
    _, errors = seoga(tmp_path / "data", "status", code=1)
    assert errors.count("\n") == 1
    assert errors.startswith("A file of the data directory is damaged: ")
    assert str(path) in errors


def test_repair_sets_damaged_files_aside_and_leaves_the_others(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    sound, spoiled = a_store(data_dir, "search"), a_store(data_dir, "process")
    lost = a_file_that_is_none(data_dir, "ingest")
    spoil_page(spoiled, 30)
    before = spoiled.read_bytes()
    report = {file["file"]: file for file in seoga_json(data_dir, "repair", code=1)["files"]}
    assert {name: file["state"] for name, file in report.items()} == {
        "ingest.sqlite": "damaged",
        "process.sqlite": "set aside",
        "search.sqlite": "sound",
        "access.sqlite": "absent",
        "events.sqlite": "absent",
        "monitor.sqlite": "absent",
        "chat.sqlite": "absent",
    }
    assert "`seoga restore`" in report["ingest.sqlite"]["detail"]
    assert sound.exists() and lost.exists() and not spoiled.exists()
    (aside,) = (data_dir / "set-aside").glob("*/process.sqlite")
    assert aside.read_bytes() == before


def test_repair_makes_again_what_it_is_told_to(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    sound = a_store(data_dir, "search")
    assert "set aside" in {file["state"] for file in seoga_json(data_dir, "repair", "--remake", "search")["files"]}
    assert not sound.exists()
    _, errors = seoga(data_dir, "repair", "--remake", "everything", code=1)
    assert "'everything' is none of the files" in errors
    lost = a_file_that_is_none(data_dir, "ingest")
    seoga(data_dir, "repair", code=1)
    assert lost.exists()
    assert "from what searches show" in seoga(data_dir, "repair", "--remake", "ingest")[0]
    assert not lost.exists()
