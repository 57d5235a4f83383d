"""Who makes an answer of passages: a language model, or the sentences that stand in them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from search.chat.domain.asking import AnsweredBy, Language, Passage, Turn
from search.chat.domain.relevance import Scores


@dataclass(frozen=True, slots=True)
class Task:
    """A question to be answered from passages alone, which are data and never instructions."""

    question: str
    """Made to stand alone, where it leant on what was asked before."""
    language: Language
    """To answer in."""
    passages: Sequence[Passage]
    """Best first, at least one. A mark `[1]` in an answer means the first of them."""
    earlier: tuple[Turn, ...] = ()
    scores: Scores | None = None
    """How well the search found them; None: nothing is known."""


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """The next words, with marks such as `[2]` behind the sentences that the second passage bears out."""

    text: str


@dataclass(frozen=True, slots=True)
class GeneratedEnd:
    """The last piece."""

    finish_reason: Literal["stop", "length", "nothing_found"]
    usage: Mapping[str, int] = field(default_factory=dict)


Generated = GeneratedText | GeneratedEnd


class AnswerGenerator(Protocol):
    """May be asked by many at once. Whoever stops listening ends the work."""

    @property
    def answered_by(self) -> AnsweredBy:
        """What kind it is."""
        ...

    @property
    def model(self) -> str | None:
        """The language model's name; None: there is none."""
        ...

    def generate(self, task: Task) -> AsyncGenerator[Generated, None]:
        """Texts, and GeneratedEnd as the last piece.

        Raises Unavailable when it cannot answer now: before the first text nothing was told, after it the answer is
        broken off.
        """
        ...
