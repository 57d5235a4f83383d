"""What is asked and what an answer is made of, as its parts pass them to one another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

AnsweredBy = Literal["llm", "extractive"]
Language = Literal["ko", "en"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier question of the conversation and what was answered."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Asking:
    """A question with all that is known of it. `visible` are the collections its asker may see; None is all.

    `collections` is where to look (empty: everywhere); `filters` are those of a search, as they came;
    `language` is the one to answer in, None the question's own.
    """

    question: str
    collections: tuple[str, ...] = ()
    filters: Mapping[str, object] = field(default_factory=dict)
    language: Language | None = None
    earlier: tuple[Turn, ...] = ()
    visible: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document to answer from; `start` and `end` are code points in the document's stored text."""

    document: str
    document_name: str
    revision: int
    collection: str
    chunk: str
    ordinal: int
    text: str
    start: int
    end: int
    score: float
    page: int | None = None
    """1-based, on which it begins."""
    box: tuple[float, float, float, float] | None = None
    """Left, upper, right and lower edge of its part on that page, in fractions of the page."""
    headings: tuple[str, ...] = ()
    table_header: str = ""
    """What the columns are called of a table that it is a later part of."""
    early: tuple[int, int] | None = None
    """How many pages were searched, of how many: its document is not read to its end. None: the whole was."""


@dataclass(frozen=True, slots=True)
class Citation:
    """The place that bears a sentence out: `quote` is the document's text from `start` to `end` (code points).

    `sentence` is the one of the answer that it stands for, as it was told.
    """

    number: int
    passage: Passage
    start: int
    end: int
    quote: str
    supported: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class AnswerBegan:
    """The first part of every answer: who answers, from what. No passages: nothing relevant was found."""

    answered_by: AnsweredBy
    model: str | None
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class AnswerText:
    """The next words of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """The last part. `usage` is in tokens as the model counts them; `degraded` names what was missing."""

    finish_reason: Literal["stop", "length", "nothing_found"]
    usage: Mapping[str, int] = field(default_factory=dict)
    unsupported_sentences: int = 0
    degraded: tuple[str, ...] = ()


AnswerPart = AnswerBegan | AnswerText | Citation | AnswerEnded
