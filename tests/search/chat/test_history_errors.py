"""What drivers raise: a database that is not there now is told from a statement that it refuses."""

import asyncpg
import pytest
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidRequestError, OperationalError, SQLAlchemyError

from search.chat.infrastructure.history.errors import translated
from shared.kernel import Unavailable

WHERE = "PostgreSQL at db (SEOGA_CHAT_URL)"


def of_driver(cause: BaseException, *, invalidated: bool = False) -> DBAPIError:
    return DBAPIError("SELECT 1", {}, cause, connection_invalidated=invalidated)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            of_driver(asyncpg.AdminShutdownError("terminating connection\nby command.")),
            "terminating connection by command",
        ),
        (of_driver(asyncpg.TooManyConnectionsError("too many clients already")), "too many clients already"),
        (of_driver(asyncpg.DataError("broke off"), invalidated=True), "broke off"),
        (OperationalError("SELECT 1", {}, Exception("database is locked")), "database is locked"),
        (InvalidRequestError("This connection is closed"), "This connection is closed"),
        (ConnectionRefusedError("refused"), "refused"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_what_is_away_is_unavailable_and_says_where(error: Exception, said: str) -> None:
    with pytest.raises(Unavailable) as caught, translated(WHERE):
        raise error
    assert caught.value.detail == f"{WHERE} cannot be used now: {said}."
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [of_driver(asyncpg.UniqueViolationError("duplicate key")), ArgumentError("no such column")]
)
def test_what_is_refused_is_a_fault_and_stays_one(error: SQLAlchemyError) -> None:
    with pytest.raises(SQLAlchemyError) as caught, translated(WHERE):
        raise error
    assert caught.value is error
