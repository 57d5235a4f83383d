"""The capability "evaluate": judged questions are asked of a collection, what came of it is kept and compared."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from search.application.ports.evaluations import Evaluation, EvaluationPlace, EvaluationStore
from search.application.ports.live_store import LiveView
from search.application.request import LONGEST_QUERY, Mode, SearchRequest
from search.application.retrieval import Retrieval
from search.domain.evaluation import compared, summary
from search.domain.filters import Condition
from search.domain.judging import DEPTH, measured
from search.domain.language import language_of
from shared.kernel import Clock, DocumentId, FieldError, InvalidInput, NotFound, new_id, utc_now
from shared.telemetry import Metrics

MOST_QUESTIONS: Final = 2_000
KEPT: Final = 500
"""Evaluations; the oldest go."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and which documents answer it."""

    id: str
    text: str
    relevant: Mapping[str, int]
    """Document's name → grade; 0 is not relevant."""


@dataclass(frozen=True, slots=True)
class EvaluationPage:
    """A part of the list."""

    evaluations: Sequence[Evaluation]
    total: int
    following: EvaluationPlace | None


class Evaluations:
    """Asks as everybody does, but is neither answered from the cache nor counted as a search of somebody."""

    def __init__(
        self,
        *,
        retrieval: Retrieval,
        live: LiveView,
        store: EvaluationStore,
        metrics: Metrics,
        clock: Clock = utc_now,
        kept: int = KEPT,
    ) -> None:
        self._retrieval = retrieval
        self._live = live
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._kept = kept

    async def run(
        self,
        *,
        name: str,
        collection: str,
        mode: Mode,
        questions: Sequence[Question],
        visible: frozenset[str] | None,
        is_gentle: bool = False,
    ) -> Evaluation:
        """Asks them one after the other; `is_gentle` rests after each as long as it took.

        Raises InvalidInput, NotFound for the collection, Unavailable.
        """
        asked = _checked(questions)
        self._request(asked[0].text, collection, mode, visible).check()
        if await self._live.unknown_collections([collection]):
            raise NotFound(f"There is no collection named {collection!r}.", code="collection_not_found")
        created_at, started = self._clock(), time.perf_counter()
        ids = await self._live.names(collection)
        degraded: Counter[str] = Counter()
        judged = []
        for question in asked:
            began = time.perf_counter()
            result = await self._retrieval.search(self._request(question.text, collection, mode, visible))
            degraded.update(result.degraded)
            ranked = [hit.record.document_id for hit in result.hits]
            values = measured(ranked, _grades(question, ids))
            judged.append({"id": question.id, "text": question.text, "language": language_of(question.text), **values})
            if is_gentle:
                await asyncio.sleep(time.perf_counter() - began)
        unknown = {name for question in asked for name, grade in question.relevant.items() if grade and name not in ids}
        said = summary(judged)
        evaluation = Evaluation(
            id=new_id(),
            name=name,
            collection=collection,
            mode=mode,
            created_at=created_at,
            outcome={
                "questions": len(asked),
                "without_answer": len(questions) - len(asked),
                "unknown_documents": len(unknown),
                **{what: said[what] for what in ("metrics", "intervals", "per_language")},
                "degraded": dict(degraded),
                "took_ms": round((time.perf_counter() - started) * 1000),
            },
            per_question=said["per_question"],
        )
        before = await self._before(evaluation)
        await self._store.add(evaluation, kept=self._kept)
        self.show(evaluation)
        self._show_change(evaluation, before)
        return evaluation

    async def _before(self, evaluation: Evaluation) -> Evaluation | None:
        """The newest of the same name, mode and collection: it asked the same, as far as its name tells."""
        page = await self._store.page([evaluation.collection], after=None, limit=self._kept)
        like = (evaluation.name, evaluation.mode)
        return next((one for one in page if (one.name, one.mode) == like), None)

    def show(self, evaluation: Evaluation) -> None:
        """How good the answers were, as a metric of this process."""
        of = {"collection": evaluation.collection, "evaluation": evaluation.name}
        self._metrics.gauge("search_quality_ratio", evaluation.outcome["metrics"]["ndcg_10"], **of)

    def _show_change(self, evaluation: Evaluation, before: Evaluation | None) -> None:
        quality = evaluation.outcome["metrics"]["ndcg_10"]
        known = quality if before is None else before.outcome["metrics"]["ndcg_10"]
        of = {"collection": evaluation.collection, "evaluation": evaluation.name}
        self._metrics.gauge("search_quality_change_ratio", quality - known, **of)

    async def get(self, evaluation_id: str, *, visible: frozenset[str] | None) -> Evaluation:
        """Raises NotFound, also for one of a collection that is not theirs to see."""
        found = await self._store.get(evaluation_id)
        if found is None or (visible is not None and found.collection not in visible):
            raise NotFound("There is no evaluation with this id.", code="evaluation_not_found")
        return found

    async def page(
        self, *, visible: frozenset[str] | None, after: EvaluationPlace | None, limit: int
    ) -> EvaluationPage:
        """The newest first, of the collections that may be seen."""
        found = await self._store.page(visible, after=after, limit=limit + 1)
        shown = found[:limit]
        last = EvaluationPlace(shown[-1].created_at, shown[-1].id) if len(found) > limit else None
        return EvaluationPage(shown, await self._store.count(visible), last)

    async def compare(self, earlier_id: str, later_id: str, *, visible: frozenset[str] | None) -> dict[str, Any]:
        """`questions, differences, losers, winners` of the later against the earlier.

        Raises NotFound; InvalidInput when they have no question in common.
        """
        earlier, later = await self.get(earlier_id, visible=visible), await self.get(later_id, visible=visible)
        return compared(earlier.per_question, later.per_question)

    @staticmethod
    def _request(text: str, collection: str, mode: Mode, visible: frozenset[str] | None) -> SearchRequest:
        return SearchRequest(
            query=text,
            mode=mode,
            limit=DEPTH,
            filters=(Condition("collection", any_of=(collection,)),),
            by_document=True,
            highlight=False,
            visible=visible,
        )


def _checked(questions: Sequence[Question]) -> Sequence[Question]:
    """Those that something is relevant to."""
    seen: set[str] = set()
    errors = []
    for number, question in enumerate(questions):
        place = f"questions.{number}"
        if question.id in seen:
            errors.append(FieldError(f"{place}.id", f"{question.id!r} is the id of an earlier question"))
        seen.add(question.id)
        if not question.text.strip() or len(question.text) > LONGEST_QUERY:
            errors.append(FieldError(f"{place}.text", f"1 to {LONGEST_QUERY:,} characters, not only spaces"))
        if any(grade < 0 for grade in question.relevant.values()):
            errors.append(FieldError(f"{place}.relevant", "a grade is 0 or more"))
    asked = [question for question in questions if any(question.relevant.values())]
    if not asked and not errors:
        errors.append(FieldError("questions", "no document is relevant to any of them"))
    if errors:
        raise InvalidInput("; ".join(f"{error.field}: {error.message}" for error in errors[:20]), errors=errors[:20])
    return asked


def _grades(question: Question, ids: Mapping[str, DocumentId]) -> dict[str, int]:
    """By document; a name that no document has counts as missed. Of two names of one document the higher counts."""
    grades: dict[str, int] = {}
    for name, grade in question.relevant.items():
        if grade:
            key = ids.get(name, f"unknown {name}")
            grades[key] = max(grade, grades.get(key, 0))
    return grades
