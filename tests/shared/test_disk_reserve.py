"""Room that is set aside on the disk: made, given up once, owed, and made again."""

import sqlite3
from pathlib import Path

import pytest

from builders import eventually
from shared.disk_reserve import RESERVE, DiskReserve
from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema
from shared.kernel import StorageFull
from shared.runtime.reserve_keeper import ReserveKeeper

_SIZE = 1 << 20
_NEVER = 1 << 60


def test_it_takes_the_room_it_says_and_gives_it_up_once(tmp_path: Path) -> None:
    reserve = DiskReserve(tmp_path, _SIZE)
    assert not reserve.is_there and reserve.owed_bytes == _SIZE
    assert reserve.make() and reserve.make()
    assert (tmp_path / RESERVE).stat().st_blocks * 512 >= _SIZE
    assert reserve.owed_bytes == 0
    assert not reserve.release_if_short()  # there is plenty
    assert DiskReserve(tmp_path).release()
    assert not DiskReserve(tmp_path).release()
    assert reserve.owed_bytes == _SIZE
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_half_made_one_is_made_again(tmp_path: Path) -> None:
    (tmp_path / RESERVE).write_bytes(b"")
    reserve = DiskReserve(tmp_path, _SIZE)
    assert not reserve.is_there
    assert reserve.make()


def test_it_is_not_made_of_the_last_room(tmp_path: Path) -> None:
    reserve = DiskReserve(tmp_path, _NEVER)
    assert not reserve.make()
    assert list(tmp_path.iterdir()) == []


async def test_new_content_leaves_room_for_what_was_given_up(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path / "blobs", reserve=DiskReserve(tmp_path, _NEVER)) as blobs:
        with pytest.raises(StorageFull):
            await blobs.put("artefacts/00/" + 64 * "0" + "-parse-1-0", b"content")


async def test_the_keeper_makes_it_again_and_tells_health(tmp_path: Path) -> None:
    reserve = DiskReserve(tmp_path, _SIZE)
    keeper = ReserveKeeper(reserve, PrometheusMetrics(), look_again_seconds=0.01)
    assert not (await keeper.check()).ready
    async with keeper:
        await eventually(lambda: reserve.is_there)
        assert (await keeper.check()).ready
        assert reserve.release()
        await eventually(lambda: reserve.is_there)


async def test_a_store_on_a_full_disk_gives_it_up_and_writes_all_the_same(tmp_path: Path) -> None:
    reserve = DiskReserve(tmp_path, _SIZE)
    assert reserve.make()
    async with SqliteDatabase(tmp_path / "a.sqlite", Schema("CREATE TABLE IF NOT EXISTS t (x BLOB);")) as database:

        def limit(connection: sqlite3.Connection) -> None:
            """As full as the disk is while the reserve is there."""
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages if reserve.is_there else 1 << 30}")

        def write(connection: sqlite3.Connection) -> None:
            limit(connection)
            connection.execute("INSERT INTO t VALUES (zeroblob(100000))")

        await database.write(write)
        assert not reserve.is_there
        rows = await database.read(lambda connection: connection.execute("SELECT count(*) FROM t").fetchone()[0])
        assert rows == 1
        assert reserve.make()
        assert reserve.release()

        def write_never(connection: sqlite3.Connection) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
            connection.execute("INSERT INTO t VALUES (zeroblob(100000))")

        with pytest.raises(StorageFull):
            await database.write(write_never)
