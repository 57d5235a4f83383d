"""The JSON about dead letters and having them tried again."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from monitor.application.dead_letters import Letter
from monitor.interface.shapes import Limit
from shared.web.requests import BodyFields, CursorText, RequestFields
from shared.web.shapes import Shape


class LetterBody(Shape):
    """One dead letter."""

    id: str
    """For `replay`."""
    kind: Literal["event", "job"]
    """What was given up."""
    module: str
    """Who could not handle it."""
    envelope: dict[str, Any] | None
    """Of an event: its identity, cause and time, without the payload, which is `content`."""
    subject: str
    """The event's name, `job:` and its kind, or the topic of what is no event."""
    document_id: str | None
    """The document it is about, where it is known."""
    document_version: int | None
    """The version it is about, where it is known."""
    reason: str
    """Why it was given up."""
    attempts: int
    """How often it was tried."""
    buried_at: datetime
    """When it was given up."""
    replayed_at: datetime | None
    """When somebody last had it tried again."""
    content: dict[str, Any] | str
    """What it said; the first 2,000 characters of what cannot be read."""


class LetterListBody(Shape):
    """One page, newest first."""

    items: list[LetterBody]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""


class ReplayQuery(BodyFields):
    """Which dead letters to replay: exactly one of `reason`, `ids` and `all`."""

    reason: str | None = Field(default=None, min_length=1, max_length=500)
    """Words that their reason contains, in whatever case."""
    ids: list[str] | None = Field(default=None, min_length=1, max_length=500)
    """Theirs."""
    all: Literal[True] | None = None
    """Every one that was not replayed yet."""
    dry_run: bool = False
    """Only say which."""
    limit: int = Field(default=500, ge=1, le=500)
    """The most to replay at once."""

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if sum(one is not None for one in (self.reason, self.ids, self.all)) != 1:
            raise ValueError("say which: exactly one of `reason`, `ids` and `all`")
        return self


class ReplayBody(Shape):
    """What was replayed, or would be."""

    dry_run: bool
    """Nothing was replayed."""
    matching: int
    """How many matched."""
    left: int
    """How many still match: ask again."""
    items: list[LetterBody]
    """Those that were replayed, or would be."""


class LetterListQuery(RequestFields):
    """Parameters of the list of dead letters."""

    limit: Limit = 50
    cursor: CursorText = None


def letter_body(letter: Letter) -> LetterBody:
    """One dead letter."""
    return LetterBody.model_validate(letter, from_attributes=True)
