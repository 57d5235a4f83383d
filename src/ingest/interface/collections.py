"""Routes about collections."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from ingest.application.ingestion import Ingestion
from ingest.application.shelf import Shelf
from ingest.domain.labels import collection_name
from ingest.interface.requests import CollectionInPath, PageQuery, no_query, place_in
from ingest.interface.shapes import CollectionList, CollectionRemoval, collection_view
from shared.kernel import NotFound
from shared.web.access import Access, Principal
from shared.web.cursors import write_cursor
from shared.web.problems import responses

COLLECTIONS_PATH = "/api/v1/collections"


def add_collection_routes(
    router: APIRouter, *, ingestion: Ingestion, shelf: Shelf, access: Access, delete_waits_seconds: float
) -> None:
    """Adds `GET /collections` and `DELETE /collections/{name}`."""

    @router.get(
        COLLECTIONS_PATH,
        response_model=CollectionList,
        responses=responses(400, 401, 403, 422, 503),
        tags=["collections"],
    )
    async def list_collections(
        query: Annotated[PageQuery, Query()], principal: Annotated[Principal, Depends(access.reader)]
    ) -> CollectionList:
        """The collections that the caller may see; `default` always exists."""
        collections = await shelf.collections(principal.visible)
        start = place_in("collections", query.cursor) or 0
        page = collections[start : start + query.limit]
        more = start + len(page) < len(collections)
        return CollectionList(
            items=[collection_view(counts) for counts in page],
            next_cursor=write_cursor("collections", start + len(page)) if more else None,
            total=len(collections),
        )

    @router.delete(
        COLLECTIONS_PATH + "/{name}",
        status_code=204,
        responses={
            **responses(401, 403, 404, 409, 422, 503, 507),
            202: {"model": CollectionRemoval, "description": "Withdrawn, but not yet gone from search"},
        },
        dependencies=[Depends(no_query)],
        tags=["collections"],
    )
    async def delete_collection(
        name: CollectionInPath, principal: Annotated[Principal, Depends(access.writer)]
    ) -> Response:
        """Deletes every document in it; 202 when search needs longer than a request may wait."""
        collection = collection_name(name)
        principal.must_see_to_write(collection)
        if not any(counts.name == collection for counts in await shelf.collections(None)):
            raise NotFound(f"There is no collection named {collection!r}.", code="collection_not_found")
        withdrawn = await ingestion.withdraw_collection(collection)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + delete_waits_seconds
        remaining = 0
        for document_id in withdrawn:
            if not await shelf.wait_until_gone(document_id, max(0.0, deadline - loop.time())):
                remaining += 1
        if not remaining:
            return Response(status_code=204)
        view = CollectionRemoval(name=collection, remaining=remaining)
        return Response(view.model_dump_json(), status_code=202, media_type="application/json")
