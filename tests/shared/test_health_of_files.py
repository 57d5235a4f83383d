"""Stores and blobs that are damaged, gone or replaced under a running server say so when they are asked."""

import asyncio
import os
import shutil
import sqlite3
import time
from datetime import datetime
from pathlib import Path

import pytest
from damage import spoil_middle

from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema
from shared.infrastructure.sqlite.store_health import LookingTimes
from shared.kernel import StoreDamaged

SCHEMA = Schema("CREATE TABLE IF NOT EXISTS things (id INTEGER PRIMARY KEY, word TEXT);")
EAGER = LookingTimes(after_seconds=0, again_seconds=0, again_times=0, write_seconds=0)


def a_store(folder: Path) -> SqliteDatabase:
    return SqliteDatabase(folder / "ingest.sqlite", SCHEMA, times=EAGER)


async def fill(store: SqliteDatabase) -> None:
    rows = [(f"{number} " * 50,) for number in range(3000)]
    await store.write(lambda connection: connection.executemany("INSERT INTO things (word) VALUES (?)", rows))


async def until_damaged(store: SqliteDatabase) -> StoreDamaged:
    """What health says once the look is through."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            await store.check()
        except StoreDamaged as damage:
            return damage
        await asyncio.sleep(0.01)
    raise AssertionError("nobody noticed")


async def test_a_page_that_goes_bad_while_the_server_runs_is_noticed(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await fill(store)
        assert (await store.check()).ready
    async with a_store(tmp_path) as store:
        assert (await store.check()).ready
        spoil_middle(store.path, pages=3)
        damage = await until_damaged(store)
    assert "seoga restore" in damage.detail and str(store.path) in damage.detail


async def test_a_store_that_closes_in_the_middle_of_a_look_leaves_no_log(tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with a_store(folder) as store:
            for _ in range(10):
                await fill(store)
            await store.check()
            await asyncio.sleep(0.002)
        assert [path.name for path in folder.iterdir()] == [store.path.name]


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_file_that_was_deleted_takes_no_write_that_would_be_lost(tmp_path: Path, is_replaced: bool) -> None:
    async with a_store(tmp_path) as store:
        await fill(store)
        store.path.unlink()
        if is_replaced:
            sqlite3.connect(store.path).close()
            store.path.touch()
        with pytest.raises(StoreDamaged, match="deleted or replaced"):
            await store.write(lambda connection: connection.execute("INSERT INTO things (word) VALUES ('lost')"))
        with pytest.raises(StoreDamaged, match="deleted or replaced"):
            await store.check()


async def test_a_table_that_is_gone_is_damage_and_no_fault_of_ours(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await store.write(lambda connection: connection.execute("DROP TABLE things"))
        with pytest.raises(StoreDamaged):
            await store.read(lambda connection: connection.execute("SELECT count(*) FROM things").fetchone())


async def test_health_writes_for_real(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        assert (await store.check()).ready
        (written,) = await store.read(lambda connection: connection.execute("PRAGMA user_version").fetchone())
    assert abs(written - time.time()) < 60


async def test_blobs_are_written_and_read(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path / "blobs", probe_seconds=0) as blobs:
        assert (await blobs.check()).ready
        assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_blobs_whose_folder_is_gone_say_what_to_do(tmp_path: Path, is_replaced: bool) -> None:
    root = tmp_path / "blobs"
    async with FileBlobs(root, probe_seconds=0) as blobs:
        assert (await blobs.check()).ready
        root.rename(tmp_path / "elsewhere")
        if is_replaced:
            shutil.copytree(tmp_path / "elsewhere", root)
        health = await blobs.check()
    assert not health.ready and health.required
    assert str(root) in health.detail and "backup.md" in health.detail


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_blobs_that_may_not_be_written_say_so(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path / "blobs", probe_seconds=0) as blobs:
        (tmp_path / "blobs" / "incoming").chmod(0o500)
        assert "Permission denied" in (await blobs.check()).detail


async def test_a_row_that_says_what_nobody_wrote_is_damage(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        await store.write(lambda connection: connection.execute("INSERT INTO things (word) VALUES ('2026-13-45')"))

        def read(connection: sqlite3.Connection) -> datetime:
            return datetime.fromisoformat(connection.execute("SELECT word FROM things").fetchone()[0])

        with pytest.raises(StoreDamaged, match="a row cannot be read"):
            await store.read(read)
        with pytest.raises(StoreDamaged):
            await store.check()
