"""What deletions leave free of an SQLite file goes back to the file system."""

import sqlite3
from pathlib import Path

from builders import eventually
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema

TABLES = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT);"
SCHEMA = Schema(TABLES)
MEGABYTE = 1 << 20


def fill(connection: sqlite3.Connection) -> None:
    connection.executemany("INSERT INTO notes (text) VALUES (?)", [("x" * 4000,)] * 2000)


def empty(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM notes WHERE id > 10")


async def test_a_file_shrinks_when_most_of_it_was_deleted_and_goes_on_working(tmp_path: Path) -> None:
    file = tmp_path / "notes.sqlite"
    async with SqliteDatabase(file, SCHEMA) as database:
        await database.write(fill)
        await eventually(lambda: file.stat().st_size > 6 * MEGABYTE)
        await database.write(empty)
        await eventually(lambda: file.stat().st_size < MEGABYTE)
        await database.write(lambda connection: connection.execute("INSERT INTO notes (text) VALUES ('new')"))
        rows = await database.read(lambda connection: connection.execute("SELECT count(*) FROM notes").fetchone()[0])
        assert rows == 11


async def test_a_file_of_an_earlier_version_keeps_its_pages_and_works(tmp_path: Path) -> None:
    file = tmp_path / "notes.sqlite"
    with sqlite3.connect(file) as earlier:
        earlier.executescript(TABLES)
        fill(earlier)
    earlier.close()
    async with SqliteDatabase(file, SCHEMA) as database:
        await database.write(empty)
        await database.write(fill)
        rows = await database.read(lambda connection: connection.execute("SELECT count(*) FROM notes").fetchone()[0])
        assert rows == 2010
