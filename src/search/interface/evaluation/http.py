"""`/api/v1/evaluations`: judged questions asked of a collection, what came of it, and what has changed."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from search.application.evaluations import Evaluations
from search.application.ports.evaluations import EvaluationPlace
from search.interface.evaluation.shapes import (
    EvaluationAnswer,
    EvaluationComparison,
    EvaluationList,
    EvaluationListParameters,
    EvaluationRequest,
)
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.cursors import read_cursor, write_cursor

_LIST: Final = "evaluations"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_Id = Annotated[UUID, Path(description="The evaluation's id.")]


def add_evaluation_routes(router: APIRouter, *, evaluations: Evaluations, access: Access) -> None:
    """Adds them to the router of Search."""

    @router.post(
        "/api/v1/evaluations",
        status_code=201,
        summary="Ask judged questions and measure the answers",
        responses=problems.responses(400, 401, 403, 404, 422, 503),
        operation_id="evaluate",
    )
    async def evaluate(
        request: EvaluationRequest, principal: Annotated[Principal, Depends(access.writer)]
    ) -> EvaluationAnswer:
        """Asks one question after the other, and answers when all are through: some ten milliseconds each."""
        done = await evaluations.run(
            name=request.name,
            collection=request.collection,
            mode=request.mode,
            questions=request.judged(),
            visible=principal.visible,
        )
        return EvaluationAnswer.of(done, per_question=done.per_question)

    @router.get(
        "/api/v1/evaluations",
        summary="Evaluations that were made",
        responses=problems.responses(400, 401, 403, 422, 503),
        operation_id="list_evaluations",
    )
    async def list_evaluations(
        parameters: Annotated[EvaluationListParameters, Query()],
        principal: Annotated[Principal, Depends(access.reader)],
    ) -> EvaluationList:
        """The newest first, without their questions; the last 500 are kept."""
        after = None
        if parameters.cursor is not None:
            at, evaluation_id = read_cursor(parameters.cursor, _LIST, tuple[int, str])
            after = EvaluationPlace(_EPOCH + timedelta(microseconds=min(at, 10**17)), evaluation_id)
        page = await evaluations.page(visible=principal.visible, after=after, limit=parameters.limit)
        last = page.following
        cursor = last and write_cursor(_LIST, (last.created_at - _EPOCH) // _MICROSECOND, last.id)
        return EvaluationList.of(page, cursor)

    @router.get(
        "/api/v1/evaluations/{evaluation_id}",
        summary="An evaluation",
        responses=problems.responses(401, 403, 404, 422, 503),
        operation_id="get_evaluation",
    )
    async def get_evaluation(
        evaluation_id: _Id, principal: Annotated[Principal, Depends(access.reader)]
    ) -> EvaluationAnswer:
        """With the measures of each question."""
        found = await evaluations.get(str(evaluation_id), visible=principal.visible)
        return EvaluationAnswer.of(found, per_question=found.per_question)

    @router.get(
        "/api/v1/evaluations/{evaluation_id}/compare/{other_id}",
        summary="How an evaluation differs from another one",
        responses=problems.responses(401, 403, 404, 422, 503),
        operation_id="compare_evaluations",
    )
    async def compare_evaluations(
        evaluation_id: _Id,
        other_id: Annotated[UUID, Path(description="The one to compare it with, made before.")],
        principal: Annotated[Principal, Depends(access.reader)],
    ) -> EvaluationComparison:
        """The first minus the other, over the questions that both have, with intervals and p-values."""
        said = await evaluations.compare(str(other_id), str(evaluation_id), visible=principal.visible)
        return EvaluationComparison.model_validate(said)
