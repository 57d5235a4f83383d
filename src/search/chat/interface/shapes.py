"""What the routes of asking take and give."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, field_validator

from search.chat.application.conversations import Asked
from search.chat.domain.conversation import LONGEST_QUESTION, KeptMessage, KeptSession
from search.domain.filters import MOST_CONDITIONS, parse_filters
from shared.web.requests import BodyFields, CursorText, RequestFields
from shared.web.shapes import Shape

MOST_COLLECTIONS = 100
_LONGEST_COMMENT = 2_000
_COLLECTION = r"^[\w.-]{1,64}$"
_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
Collection = Annotated[str, Field(max_length=64, pattern=_COLLECTION)]


class ChatQuestion(BodyFields):
    """The body of `POST /api/v1/chat`."""

    question: str = Field(
        description=f"1 to {LONGEST_QUESTION:,} characters, not only spaces.",
        examples=["노트북을 수입하면 관세율이 얼마인가요?"],
        json_schema_extra={"minLength": 1, "maxLength": LONGEST_QUESTION, "pattern": r"\S"},
    )
    session: str | None = Field(
        default=None,
        pattern=_UUID,
        description="The conversation that it belongs to; left out, a new one begins.",
    )
    collection: Collection | Annotated[list[Collection], Field(max_length=MOST_COLLECTIONS)] | None = None
    """Where to look; null: everywhere."""
    filters: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="As those of a search.",
        json_schema_extra={"maxProperties": MOST_CONDITIONS},
    )
    language: Literal["ko", "en"] | None = None
    """Of the answer; null: that of the question."""
    remember: bool = True
    """Whether the message is kept."""

    @field_validator("question")
    @classmethod
    def _is_asked(cls, question: str) -> str:
        if not question.strip():
            raise ValueError("must say something")
        if len(question) > LONGEST_QUESTION:
            raise ValueError(f"at most {LONGEST_QUESTION:,} characters; this one has {len(question):,}")
        return question

    def to_asked(self, owner: str, visible: frozenset[str] | None) -> Asked:
        """Raises InvalidInput for filters that mean nothing."""
        parse_filters(self.filters)
        wanted = self.collection
        collections = () if wanted is None else (wanted,) if isinstance(wanted, str) else tuple(dict.fromkeys(wanted))
        return Asked(
            question=self.question,
            owner=owner,
            session=None if self.session is None else self.session.lower(),
            collections=collections,
            filters=dict(self.filters),
            language=self.language,
            remember=self.remember,
            visible=visible,
        )


class ListParameters(RequestFields):
    """The query string of a list."""

    limit: int = Field(default=50, ge=1, le=200, description="How many a page has at most.")
    cursor: CursorText = None


class SessionShape(Shape):
    """A conversation."""

    session: str
    """Its id: `session` of the next question."""
    title: str
    """The beginning of its first question."""
    messages: int
    """How many questions it has."""
    created_at: datetime
    """When its first question was asked."""
    last_at: datetime
    """When its last question was asked."""


class SessionList(Shape):
    """Conversations of this key, last used first."""

    items: list[SessionShape]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""
    total: int
    """How many there are on all pages."""


class MessageShape(Shape):
    """A question and its answer."""

    message_id: str
    """Its id, which its events begin with."""
    session: str
    """The conversation it belongs to."""
    ordinal: int
    """Its place in the conversation, from 1."""
    state: Literal["answering", "done", "cancelled", "broken_off", "failed"]
    """`answering` until it is over; then how it ended."""
    question: str
    """As it was asked."""
    answer: str
    """As far as it came."""
    asked_at: datetime
    """When it was asked."""
    language: str | None
    """That it was to be answered in; null: its own."""
    answered_by: str | None
    """`llm` or `extractive`; null while nobody is."""
    model: str | None
    """The language model's name; null: there was none."""
    finish_reason: str | None
    """Why the answer ended; null while it goes on."""
    citations: list[dict[str, Any]]
    """As `citation` events told them."""
    buttons: list[dict[str, Any]]
    """As `detail_page_button_ready` events told them."""
    usage: dict[str, int]
    """Tokens, as the language model counts them."""
    unsupported_sentences: int
    """Sentences that no document bears out."""
    degraded: list[str]
    """What was missing."""
    milliseconds: int
    """What all of it took."""
    feedback: dict[str, str | None] | None
    """`rating` and `comment`; null: none was given."""


class MessageList(Shape):
    """Messages of a conversation, in order."""

    items: list[MessageShape]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""
    total: int
    """How many there are on all pages."""


class Feedback(BodyFields):
    """What its asker thinks of an answer."""

    rating: Literal["up", "down"]
    """Whether it helped."""
    comment: str | None = Field(default=None, max_length=_LONGEST_COMMENT)
    """In their own words."""


class Cancelled(Shape):
    """What became of the wish to end an answer."""

    message_id: str
    """The message."""
    was_running: bool
    """False: it was over already."""


def session_shape(kept: KeptSession) -> SessionShape:
    """For people."""
    return SessionShape(
        session=kept.id,
        title=kept.title,
        messages=kept.messages,
        created_at=kept.created_at,
        last_at=kept.last_at,
    )


def message_shape(kept: KeptMessage) -> MessageShape:
    """For people."""
    return MessageShape(
        message_id=kept.id,
        session=kept.session,
        ordinal=kept.ordinal,
        state=kept.state,
        question=kept.question,
        answer=kept.answer,
        asked_at=kept.asked_at,
        language=kept.language,
        answered_by=kept.answered_by,
        model=kept.model,
        finish_reason=kept.finish_reason,
        citations=[dict(one) for one in kept.citations],
        buttons=[dict(one) for one in (kept.context7_analysis or {}).get("buttons", ())],
        usage=dict(kept.usage),
        unsupported_sentences=kept.unsupported_sentences,
        degraded=list(kept.degraded),
        milliseconds=kept.milliseconds,
        feedback=None if kept.rating is None else {"rating": kept.rating, "comment": kept.comment},
    )
