"""The HTTP door of Search: `GET|POST /api/v1/search`, and the collection of units nobody can see."""

import time
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from search.application.cleaning import Cleaning
from search.application.evaluations import Evaluations
from search.application.lexicons import Lexicons
from search.application.request import SearchRequest
from search.application.retrieval import Retrieval
from search.application.similarity import Similarity
from search.application.tariff import Tariff
from search.application.tariff_mentions import TariffMentions
from search.application.vocabulary import Vocabulary
from search.interface.evaluation.http import add_evaluation_routes
from search.interface.lexicon.http import add_lexicon_routes
from search.interface.shapes import (
    SearchAnswer,
    SearchParameters,
    SearchQuery,
    SimilarParameters,
    SuggestedQuery,
    Suggestions,
    SuggestParameters,
    render,
    with_time,
)
from search.interface.tariff import add_tariff_routes
from shared.kernel import DocumentId
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.requests import BodyFields
from shared.web.routes import Routes
from shared.web.shapes import Shape

_RESPONSES = {200: {"model": SearchAnswer}, **problems.responses(400, 401, 403, 404, 410, 422, 503)}


class CollectUnits(BodyFields):
    """A look through the whole index."""

    confirm: bool = False
    """Also when suspiciously many units have no record."""


class CollectedUnits(Shape):
    """What became of it."""

    held: str | None
    """Why units without a record stay; null when they went, or there are none."""


def build_router(
    *,
    retrieval: Retrieval,
    similarity: Similarity,
    evaluations: Evaluations,
    vocabulary: Vocabulary,
    lexicons: Lexicons,
    tariff: Tariff,
    mentions: TariffMentions,
    access: Access,
    cleaning: Cleaning,
) -> APIRouter:
    """The routes, over these capabilities and these rights."""
    router = Routes(tags=["search"])

    async def found(request: SearchRequest) -> Response:
        answer = await retrieval.answer(request, partial(render, explain=request.explain, context=request.context > 0))
        return Response(with_time(answer.body, answer.seconds), media_type="application/json")

    @router.post(
        "/api/v1/search",
        summary="Search by words and meaning",
        response_class=Response,
        responses=_RESPONSES,
        operation_id="search",
    )
    async def search(query: SearchQuery, principal: Annotated[Principal, Depends(access.reader)]) -> Response:
        """Finds chunks of the documents that this key may see; `degraded` says what was missing."""
        return await found(query.to_request(principal.visible))

    @router.get(
        "/api/v1/search",
        summary="Search by words and meaning (short form)",
        response_class=Response,
        responses=_RESPONSES,
        operation_id="search_short",
    )
    async def search_short(
        parameters: Annotated[SearchParameters, Query()], principal: Annotated[Principal, Depends(access.reader)]
    ) -> Response:
        """The same with `q`, `mode`, `limit`, `cursor` and `collection` only."""
        return await found(parameters.to_request(principal.visible))

    @router.get(
        "/api/v1/search/suggest",
        summary="How a query that is being typed may go on",
        responses=problems.responses(401, 403, 404, 422, 503),
        operation_id="suggest",
    )
    async def suggest(
        parameters: Annotated[SuggestParameters, Query()], principal: Annotated[Principal, Depends(access.reader)]
    ) -> Suggestions:
        """By names, headings and words of the documents that this key may see; Hangul while it is being composed."""
        started = time.perf_counter()
        found = await vocabulary.suggest(
            parameters.q, collection=parameters.collection, visible=principal.visible, limit=parameters.limit
        )
        return Suggestions(
            items=[SuggestedQuery(text=one.text, kind=one.kind, count=one.count) for one in found],
            took_ms=round((time.perf_counter() - started) * 1000, 2),
        )

    @router.get(
        "/api/v1/documents/{document_id}/similar",
        summary="Documents like this one",
        response_class=Response,
        responses={200: {"model": SearchAnswer}, **problems.responses(401, 403, 404, 422, 503)},
        operation_id="similar_documents",
    )
    async def similar(
        document_id: Annotated[UUID, Path(description="The document's id.")],
        parameters: Annotated[SimilarParameters, Query()],
        principal: Annotated[Principal, Depends(access.reader)],
    ) -> Response:
        """The best chunk of each of the documents nearest to it by meaning and words, as a search answers."""
        started = time.perf_counter()
        result = await similarity.find(DocumentId(str(document_id)), limit=parameters.limit, visible=principal.visible)
        body = render(result, explain=parameters.explain, context=False)
        return Response(with_time(body, time.perf_counter() - started), media_type="application/json")

    @router.post("/api/v1/search/collect", responses=problems.responses(401, 403, 422, 503))
    async def collect_units(request: CollectUnits, _: Annotated[Principal, Depends(access.operator)]) -> CollectedUnits:
        """Deletes units of the index that nobody can see, now; they go by themselves too, within the hour."""
        return CollectedUnits(held=await cleaning.collect(is_confirmed=request.confirm))

    add_evaluation_routes(router, evaluations=evaluations, access=access)
    add_lexicon_routes(router, lexicons=lexicons, access=access)
    add_tariff_routes(router, tariff=tariff, mentions=mentions, access=access)
    return router
