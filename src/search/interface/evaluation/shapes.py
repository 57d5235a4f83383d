"""The JSON of evaluations."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from search.application.evaluations import MOST_QUESTIONS, EvaluationPage, Question
from search.application.ports.evaluations import Evaluation
from search.application.request import LONGEST_QUERY, Mode
from shared.web.requests import BodyFields, CursorText, RequestFields
from shared.web.shapes import Shape

MOST_LISTED = 100
_LONGEST_NAME = 200
_LARGEST_GRADE = 1_000
_MOST_RELEVANT = 1_000
_Name = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)]
_Grade = Annotated[int, Field(ge=0, le=_LARGEST_GRADE)]


class JudgedQuestion(BodyFields):
    """A question and which documents answer it."""

    id: _Name
    """Its own among the questions; two evaluations are compared by it."""
    text: str = Field(min_length=1, max_length=LONGEST_QUERY, pattern=r"\S")
    """What is asked."""
    relevant: dict[str, _Grade] = Field(max_length=_MOST_RELEVANT)
    """Name of a document of the collection → how relevant it is; 0 is not."""


class EvaluationRequest(BodyFields):
    """The body of `POST /api/v1/evaluations`."""

    name: _Name
    """What people call it."""
    collection: str = "default"
    """Where the questions are asked."""
    mode: Mode = "hybrid"
    """As of a search."""
    questions: list[JudgedQuestion] = Field(min_length=1, max_length=MOST_QUESTIONS)
    """What is asked; those that nothing is relevant to are left out."""

    def judged(self) -> list[Question]:
        """As the use case takes them."""
        return [Question(one.id, one.text, one.relevant) for one in self.questions]


class EvaluationListParameters(RequestFields):
    """The query string of the list."""

    limit: int = Field(default=20, ge=1, le=MOST_LISTED, description="How many a page has at most.")
    cursor: CursorText = None


class Measures(Shape):
    """Means over questions, each from 0 to 1."""

    ndcg_10: float
    """Normalised discounted cumulative gain of the first ten."""
    recall_10: float
    """Share of the relevant documents among the first ten."""
    recall_100: float
    """The same among the first hundred."""
    mrr_10: float
    """One divided by the rank of the first relevant one; 0 behind the tenth."""


class Intervals(Shape):
    """Where each mean lies with 95 % confidence: low and high."""

    ndcg_10: list[float]
    """Of nDCG@10."""
    recall_10: list[float]
    """Of recall@10."""
    recall_100: list[float]
    """Of recall@100."""
    mrr_10: list[float]
    """Of MRR@10."""


class LanguageMeasures(Measures):
    """Of the questions in one language."""

    questions: int
    """How many there are."""


class QuestionMeasures(Measures):
    """Of one question."""

    id: str
    """As it was given."""
    text: str
    """As it was given."""
    language: str | None
    """What it was taken to be in."""


class EvaluationHead(Shape):
    """What came of an evaluation, without its questions."""

    id: str
    """A UUID."""
    name: str
    """As it was given."""
    collection: str
    """Where the questions were asked."""
    mode: str
    """As it was given."""
    created_at: datetime
    """When it began."""
    questions: int
    """How many were asked."""
    without_answer: int
    """Left out, because nothing is relevant to them."""
    unknown_documents: int
    """Relevant names that no document of the collection has: they count as missed."""
    metrics: Measures
    """Means over the questions."""
    intervals: Intervals
    """How sure they are."""
    per_language: dict[str, LanguageMeasures]
    """By ISO 639-1 code; `other` where there is none."""
    degraded: dict[str, int]
    """What was missing in how many answers."""
    took_ms: int
    """Milliseconds."""

    @classmethod
    def of(cls, one: Evaluation, **more: Any) -> Self:
        """From the use case's."""
        return cls(
            id=one.id,
            name=one.name,
            collection=one.collection,
            mode=one.mode,
            created_at=one.created_at,
            **one.outcome,
            **more,
        )


class EvaluationAnswer(EvaluationHead):
    """What came of an evaluation."""

    per_question: list[QuestionMeasures]
    """In the order in which they were given."""


class EvaluationList(Shape):
    """The newest first."""

    items: list[EvaluationHead]
    """Without their questions."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""
    total: int
    """How many there are."""

    @classmethod
    def of(cls, page: EvaluationPage, next_cursor: str | None) -> Self:
        """From the use case's."""
        return cls(
            items=[EvaluationHead.of(one) for one in page.evaluations], next_cursor=next_cursor, total=page.total
        )


class MeasureDifference(Shape):
    """The one evaluation minus the other."""

    difference: float
    """Of the means."""
    interval: list[float]
    """Where it lies with 95 % confidence: low and high."""
    p: float
    """How often chance alone gives as large a difference (paired randomisation)."""


class Differences(Shape):
    """Of each measure."""

    ndcg_10: MeasureDifference
    """Of nDCG@10."""
    recall_10: MeasureDifference
    """Of recall@10."""
    recall_100: MeasureDifference
    """Of recall@100."""
    mrr_10: MeasureDifference
    """Of MRR@10."""


class QuestionChange(Shape):
    """A question whose nDCG@10 changed."""

    id: str
    """As it was given."""
    text: str
    """As it was given."""
    before: float
    """In the other evaluation."""
    after: float
    """In this one."""


class EvaluationComparison(Shape):
    """How an evaluation differs from another one, over the questions that both have."""

    questions: int
    """How many both have."""
    differences: Differences
    """This one minus the other."""
    losers: list[QuestionChange]
    """The ten that lost most."""
    winners: list[QuestionChange]
    """The ten that won most."""
