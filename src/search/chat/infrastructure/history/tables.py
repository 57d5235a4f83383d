"""The tables of conversations as SQLAlchemy Core sees them; migrations make them."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import JSON, Boolean, Column, DateTime, ForeignKey, Index, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

JSON_VALUE: Final = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant in UTC; SQLite keeps no zone, so that it is added again when it is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        instant: datetime = value
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


metadata = MetaData()

sessions = Table(
    "chat_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("numbered", Integer, nullable=False),
    Column("created_at", UtcInstant, nullable=False),
    Column("last_at", UtcInstant, nullable=False),
    # Pages of an owner's sessions, last used first.
    Index("chat_sessions_of_owner", "owner", "last_at", "id"),
)

messages = Table(
    "chat_messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("session", Text, ForeignKey("chat_sessions.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("asked_at", UtcInstant, nullable=False),
    Column("language", Text),
    Column("collections", JSON_VALUE, nullable=False),
    Column("answered_by", Text),
    Column("model", Text),
    Column("finish_reason", Text),
    Column("citations", JSON_VALUE, nullable=False),
    Column("usage", JSON_VALUE, nullable=False),
    Column("unsupported_sentences", Integer, nullable=False),
    Column("degraded", JSON_VALUE, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("is_saved", Boolean, nullable=False),
    Column("context7_analysis", JSON_VALUE),
    Column("detail_page_processing_time", Integer),
    Column("parallel_task_metrics", JSON_VALUE),
    Column("rating", Text),
    Column("comment", Text),
    Index("chat_messages_of_session", "session", "ordinal", unique=True),
)
