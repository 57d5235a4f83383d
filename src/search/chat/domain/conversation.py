"""Sessions and their messages, as they are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from search.chat.domain.asking import AnsweredBy, Turn

MessageState = Literal["answering", "done", "cancelled", "broken_off", "failed"]
"""`broken_off`: its asker left before the end; `answering` for long: the server ended meanwhile."""
Rating = Literal["up", "down"]

LONGEST_QUESTION = 4_000
"""In characters."""
LONGEST_TITLE = 80


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, before anything is known of the answer."""

    message_id: str
    session: str
    owner: str
    """Of the session: a digest of the API key that made it."""
    text: str
    asked_at: datetime
    language: str | None = None
    collections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnsweredMessage:
    """What became of a question."""

    question: Question
    state: MessageState
    answer: str
    answered_by: AnsweredBy | None = None
    model: str | None = None
    finish_reason: str | None = None
    citations: Sequence[Mapping[str, Any]] = ()
    """As the events told them."""
    usage: Mapping[str, int] = field(default_factory=dict)
    unsupported_sentences: int = 0
    degraded: tuple[str, ...] = ()
    milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class HsCodeAnalysis:
    """What was found of tariff codes while a question was answered, and how the tasks ran."""

    context7_analysis: Mapping[str, Any]
    """`buttons` as the events told them, and `degraded`."""
    detail_page_processing_time: int
    """In milliseconds."""
    parallel_task_metrics: Mapping[str, Any]
    """By task: status, milliseconds, wait; `speedup` and `parallel_efficiency` of all."""


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A conversation in the list."""

    id: str
    title: str
    """The beginning of its first question."""
    messages: int
    created_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message as it is read again."""

    id: str
    session: str
    ordinal: int
    """Its place in the session, from 1."""
    state: MessageState
    question: str
    answer: str
    asked_at: datetime
    language: str | None
    answered_by: str | None
    model: str | None
    finish_reason: str | None
    citations: Sequence[Mapping[str, Any]]
    usage: Mapping[str, int]
    unsupported_sentences: int
    degraded: Sequence[str]
    milliseconds: int
    context7_analysis: Mapping[str, Any] | None
    detail_page_processing_time: int | None
    parallel_task_metrics: Mapping[str, Any] | None
    rating: Rating | None
    comment: str | None


def title_of(question: str) -> str:
    """The question on one line, cut at a word where it is long."""
    line = " ".join(question.split())
    if len(line) <= LONGEST_TITLE:
        return line
    head = line[: LONGEST_TITLE - 1]
    return f"{head.rpartition(' ')[0] or head}…"


def turns_of(messages: Sequence[KeptMessage]) -> tuple[Turn, ...]:
    """Those that were answered, as later questions build on them."""
    return tuple(Turn(message.question, message.answer) for message in messages if message.answer)
