"""Brings a database of conversations to the present schema."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

_STEPS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 7_360_118
"""Among the advisory locks of a PostgreSQL: processes that start at once bring it up one after the other."""


def bring_up(connection: Connection) -> None:
    """Within the connection's transaction: all steps that it lacks, or none."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
