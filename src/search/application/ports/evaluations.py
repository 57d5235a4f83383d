"""The store of evaluations: what was measured, to be looked at and compared later."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One run of judged questions."""

    id: str
    """A UUID."""
    name: str
    collection: str
    mode: str
    created_at: datetime
    """In UTC."""
    outcome: Mapping[str, Any]
    """Plain values: counts, metrics, intervals, per_language, degraded, took_ms."""
    per_question: Sequence[Mapping[str, Any]] = ()
    """`id, text, language` and the measures of each; empty in lists."""


class EvaluationPlace(NamedTuple):
    """Where in the list one stands: newest first, then by id."""

    created_at: datetime
    id: str


class EvaluationStore(Protocol):
    """Evaluations are written once and never changed; the oldest go when there are too many."""

    async def add(self, evaluation: Evaluation, *, kept: int) -> None:
        """Durable on return. Of all evaluations the newest `kept` stay, this one among them."""
        ...

    async def get(self, evaluation_id: str) -> Evaluation | None:
        """With its questions; None: there is none."""
        ...

    async def page(
        self, collections: Collection[str] | None, *, after: EvaluationPlace | None, limit: int
    ) -> Sequence[Evaluation]:
        """The newest first, of these collections (None: of all), those behind a place; without their questions."""
        ...

    async def count(self, collections: Collection[str] | None) -> int:
        """How many there are of these collections (None: of all)."""
        ...
