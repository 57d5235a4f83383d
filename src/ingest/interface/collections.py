"""Routes about collections."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response

from ingest.application.removal import CollectionRemoval as Removing
from ingest.application.shelf import Shelf
from ingest.domain.labels import collection_name
from ingest.interface.requests import CollectionInPath, PageQuery, no_query, place_in
from ingest.interface.shapes import CollectionList, CollectionRemoval, collection_view, removal_view
from shared.kernel import NotFound
from shared.ports.audit import AuditAction
from shared.web.access import Access, Principal
from shared.web.audit_trail import AuditTrail
from shared.web.cursors import write_cursor
from shared.web.problems import responses

COLLECTIONS_PATH = "/api/v1/collections"
MOST_WAITED_FOR: Final = 1_000
"""Documents of a collection whose deletion a request waits for."""


def add_collection_routes(
    router: APIRouter,
    *,
    removal: Removing,
    shelf: Shelf,
    access: Access,
    audit: AuditTrail,
    delete_waits_seconds: float,
) -> None:
    """Adds `GET /collections`, `DELETE /collections/{name}` and `GET /collections/{name}/removal`."""

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
            202: {"model": CollectionRemoval, "description": "Accepted; `progress` says how far it is"},
        },
        dependencies=[Depends(no_query)],
        tags=["collections"],
    )
    async def delete_collection(
        name: CollectionInPath, principal: Annotated[Principal, Depends(access.writer)]
    ) -> Response:
        """Deletes every document in it; 202 when that needs longer than a request may wait. Goes on by itself."""
        collection = collection_name(name)
        principal.must_see_to_write(collection)
        counts = next((one for one in await shelf.collections(None) if one.name == collection), None)
        total = sum(counts.documents.values()) if counts is not None else 0
        if counts is None:
            # Nothing but the rest of a deletion.
            found = await removal.last(collection) if await removal.is_under_way(collection) else None
            if found is None:
                raise NotFound(f"There is no collection named {collection!r}.", code="collection_not_found")
        else:
            found = await removal.begin(collection, total)
            await audit.record(
                principal, AuditAction.COLLECTION_DELETED, collection, collection=collection, count=total
            )
        if found.total <= MOST_WAITED_FOR:
            found = await removal.wait(found, delete_waits_seconds)
        if found.finished_at is not None:
            return Response(status_code=204)
        view = removal_view(found)
        return Response(view.model_dump_json(), status_code=202, media_type="application/json")

    @router.get(
        COLLECTIONS_PATH + "/{name}/removal", responses=responses(401, 403, 404, 422, 503), tags=["collections"]
    )
    async def collection_removal(
        name: CollectionInPath, principal: Annotated[Principal, Depends(access.reader)]
    ) -> CollectionRemoval:
        """How far the last deletion of the collection has come."""
        collection = collection_name(name)
        principal.must_see(collection)
        return removal_view(await removal.last(collection))
