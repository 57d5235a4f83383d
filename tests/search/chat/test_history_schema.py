"""The schema of conversations: its migrations make the tables that the code knows, and every query has its index."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from chat_builders import a_question, an_analysis, an_answer, sqlite_history
from sqlalchemy import Engine, create_engine, event
from sqlite_planner import what_is_wrong

from search.chat.infrastructure.history.schema import bring_up
from search.chat.infrastructure.history.source import FILE
from search.chat.infrastructure.history.tables import metadata
from shared.kernel import NotFound


def test_migrations_make_the_tables_and_indexes_that_the_code_knows() -> None:
    with create_engine("sqlite://").begin() as connection:
        bring_up(connection)
        options = {"version_table": "chat_schema", "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


@contextmanager
def statements() -> Iterator[dict[str, Any]]:
    """What any engine is asked to run meanwhile, with parameters of one time."""
    ran: dict[str, Any] = {}

    def note(connection: Any, cursor: Any, sql: str, parameters: Any, *_: object) -> None:
        ran[sql] = parameters

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_no_statement_takes_longer_the_more_conversations_there_are(tmp_path: Path) -> None:
    async with sqlite_history(tmp_path) as open_it, open_it() as history:
        with statements() as ran:
            question, other = a_question(), a_question()
            for one in (question, other):
                await history.begin(one)
            await history.save_message_with_hscode_analysis(an_answer(question), an_analysis())
            await history.forget_question(other.message_id, "me")
            (kept,) = await history.sessions("me", limit=5)
            seen = round(kept.last_at.timestamp() * 1_000_000), kept.id
            assert await history.sessions("me", limit=5, before=seen) == []
            assert await history.count_sessions("me") == 1
            assert await history.messages(kept.id, "me", limit=5)
            assert await history.last_messages(kept.id, "me", limit=5)
            await history.rate(kept.id, question.message_id, "me", "up", None)
            await history.message(kept.id, question.message_id, "me")
            await history.delete(kept.id, "me")
            with pytest.raises(NotFound):
                await history.session(kept.id, "me")
        with closing(sqlite3.connect(tmp_path / FILE)) as file:
            plans = {
                sql: [row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
                for sql, parameters in ran.items()
                if sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
            }
    assert len(plans) > 12
    wrong = {sql: what_is_wrong(sql, plan) for sql, plan in plans.items()}
    assert {sql: lines for sql, lines in wrong.items() if lines} == {}
    (page,) = [plan for sql, plan in plans.items() if "(chat_sessions.last_at, chat_sessions.id) <" in sql]
    assert page == ["SEARCH chat_sessions USING INDEX chat_sessions_of_owner (owner=? AND (last_at,id)<(?,?))"]
