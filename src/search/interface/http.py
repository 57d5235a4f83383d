"""The HTTP door of Search: `GET|POST /api/v1/search`, and the collection of units nobody can see."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from search.application.cleaning import Cleaning
from search.application.request import SearchRequest
from search.application.retrieval import Retrieval
from search.interface.shapes import SearchAnswer, SearchParameters, SearchQuery, render, with_time
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.requests import BodyFields
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


def build_router(retrieval: Retrieval, access: Access, cleaning: Cleaning) -> APIRouter:
    """The routes, over this capability and these rights."""
    router = APIRouter(tags=["search"])

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

    @router.post("/api/v1/search/collect", responses=problems.responses(401, 403, 422, 503))
    async def collect_units(request: CollectUnits, _: Annotated[Principal, Depends(access.admin)]) -> CollectedUnits:
        """Deletes units of the index that nobody can see, now; they go by themselves too, within the hour."""
        return CollectedUnits(held=await cleaning.collect(is_confirmed=request.confirm))

    return router
