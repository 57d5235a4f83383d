"""What the watcher of SQLite's plans calls wrong, and that the tests meet every statement there is."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_planner import WATCHING, sources, what_is_wrong

from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.duties import SqliteDuties
from shared.infrastructure.sqlite.schema import Schema

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("sql", "plan", "wrong"),
    [
        ("SELECT 1 FROM a WHERE b = ?", ["SCAN a"], ["SCAN a"]),
        ("SELECT count(*) FROM a", ["SCAN a USING COVERING INDEX b"], ["SCAN a USING COVERING INDEX b"]),
        ("SELECT 1 FROM a ORDER BY b", ["SEARCH a (b=?)", "USE TEMP B-TREE FOR ORDER BY"], ["USE TEMP B-TREE"]),
        ("SELECT 1 FROM a WHERE c = ? ORDER BY b LIMIT ?", ["SCAN a"], ["SCAN a"]),
        ("SELECT b FROM a ORDER BY b DESC LIMIT ?", ["SCAN a"], []),
        ("SELECT 1 FROM a WHERE b = ?", ["SEARCH a USING INDEX c (b=?)"], []),
        ("SELECT name FROM topics", ["SCAN topics"], []),
        ("SELECT 1 FROM positions p ORDER BY q", ["SCAN p", "USE TEMP B-TREE FOR ORDER BY"], []),
        ("SELECT 1 FROM positions p JOIN a b", ["SCAN p", "SCAN b"], ["SCAN b"]),
    ],
)
def test_what_grows_with_its_table_is_wrong(sql: str, plan: list[str], wrong: list[str]) -> None:
    assert [line[:15] for line in what_is_wrong(sql, plan)] == [line[:15] for line in wrong]


async def test_a_stores_statements_are_explained(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "duties.sqlite", SqliteDuties.SCHEMA) as database, SqliteDuties(database):
        pass
    assert any(file.endswith("duties.py") for file, _ in WATCHING.places)
    assert "DELETE FROM duties WHERE name = ? AND owner = ?" not in WATCHING.wrong


async def test_other_tables_than_those_of_stores_are_left_alone(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "a.sqlite", Schema("CREATE TABLE IF NOT EXISTS a (b);")) as database:
        await database.read(lambda connection: connection.execute("SELECT count(*) FROM a").fetchone())
    assert not WATCHING.wrong


def _calls(path: Path) -> list[tuple[int, int]]:
    """First and last line of every `connection.execute…(…)`."""
    return [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("execute", "executemany")
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "connection"
        and not _is_pragma(node.args[0])
    ]


def _is_pragma(sql: ast.expr) -> bool:
    """It has no plan."""
    first = sql.values[0] if isinstance(sql, ast.JoinedStr) else sql
    return isinstance(first, ast.Constant) and str(first.value).startswith("PRAGMA")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_suites_of_the_stores_meet_every_statement(tmp_path: Path) -> None:
    met = tmp_path / "met.json"
    suites = ["tests/contracts", "tests/ingest/test_long_lists.py"]
    suites += [f"tests/shared/test_{name}.py" for name in ("sqlite", "sqlite_event_log", "event_packs")]
    suites.append(f"{Path(__file__).relative_to(ROOT)}::{test_a_stores_statements_are_explained.__name__}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "not servers and not slow", *suites],
        cwd=ROOT,
        env={**os.environ, "SEOGA_TEST_STATEMENTS": str(met)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    seen: dict[str, set[int]] = {}
    for file, line in json.loads(met.read_text(encoding="utf-8")):
        seen.setdefault(file, set()).add(line)
    missed = [
        f"{path.relative_to(ROOT)}:{first}"
        for path in sources()
        # Conversations go through SQLAlchemy, where this watch sees no statement.
        if path.name not in ("database.py", "schema.py") and path.parent.name != "history"
        for first, last in _calls(path)
        if not seen.get(str(path), set()) & set(range(first, last + 1))
    ]
    assert missed == []
