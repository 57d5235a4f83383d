"""Sessions and their messages."""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: Final = "0001"
down_revision: Final = None

_JSON: Final = sa.JSON().with_variant(JSONB(), "postgresql")
_AT: Final = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes both tables and what lists and pages of them are read by."""
    op.create_table(
        "chat_sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("numbered", sa.Integer, nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("last_at", _AT, nullable=False),
    )
    op.create_index("chat_sessions_of_owner", "chat_sessions", ["owner", "last_at", "id"])
    op.create_table(
        "chat_messages",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("session", sa.Text, sa.ForeignKey("chat_sessions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("asked_at", _AT, nullable=False),
        sa.Column("language", sa.Text),
        sa.Column("collections", _JSON, nullable=False),
        sa.Column("answered_by", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("finish_reason", sa.Text),
        sa.Column("citations", _JSON, nullable=False),
        sa.Column("usage", _JSON, nullable=False),
        sa.Column("unsupported_sentences", sa.Integer, nullable=False),
        sa.Column("degraded", _JSON, nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("is_saved", sa.Boolean, nullable=False),
        sa.Column("context7_analysis", _JSON),
        sa.Column("detail_page_processing_time", sa.Integer),
        sa.Column("parallel_task_metrics", _JSON),
        sa.Column("rating", sa.Text),
        sa.Column("comment", sa.Text),
    )
    op.create_index("chat_messages_of_session", "chat_messages", ["session", "ordinal"], unique=True)


def downgrade() -> None:
    """Deletes all conversations."""
    op.drop_table("chat_messages")
    op.drop_table("chat_sessions")
