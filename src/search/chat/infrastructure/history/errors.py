"""What a driver raises, in the words everything speaks in."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.kernel import Unavailable


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Whatever says that the database is not there now is Unavailable; `where` begins the sentence."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, OSError, TimeoutError) as error:
        raise Unavailable(f"{where} cannot be used now: {_said(error)}.") from error
    except DBAPIError as error:
        if error.connection_invalidated or _is_away(error):
            raise Unavailable(f"{where} cannot be used now: {_said(error)}.") from error
        raise
    except SQLAlchemyError as error:
        # A connection that broke between two statements is told as the state it left behind.
        if "closed" in str(error) or "invalid" in str(error).lower():
            raise Unavailable(f"{where} cannot be used now: {_said(error)}.") from error
        raise


def _is_away(error: DBAPIError) -> bool:
    # SQLSTATE classes: 08 connection, 53 resources, 57 the operator, 58 the system.
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""
    return str(state)[:2] in ("08", "53", "57", "58")


def _said(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return (" ".join(str(cause).split()) or type(cause).__name__)[:200].rstrip(".")
