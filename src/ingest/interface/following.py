"""Following all documents at once, for pages and programs that show many."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ingest.application.shelf import Shelf
from ingest.interface.requests import no_query
from ingest.interface.shapes import DOCUMENTS_PATH, DocumentView, document_view
from shared.kernel import DomainError
from shared.web.access import Access, Principal
from shared.web.problems import problem_of, responses
from shared.web.shapes import Shape


class DocumentChanges(Shape):
    """Documents that changed, each as it is now; a deleted one comes with the status `withdrawn`."""

    documents: list[DocumentView]
    """In no order."""


def add_following_route(router: APIRouter, *, shelf: Shelf, access: Access) -> None:
    """Adds `GET /api/v1/documents/events`; to be called before the routes of one document, whose id it is not."""

    @router.get(
        DOCUMENTS_PATH + "/events",
        response_class=EventSourceResponse,
        responses=responses(401, 403, 422, 503),
        dependencies=[Depends(no_query)],
        tags=["documents"],
    )
    async def follow_documents(
        request: Request, principal: Annotated[Principal, Depends(access.reader)]
    ) -> AsyncIterator[ServerSentEvent]:
        """Server-sent events without an end: `documents` with each that changed, `many` when the list is to be read."""
        yield ServerSentEvent(event="documents", data=DocumentChanges(documents=[]))
        try:
            async for seen, missed in shelf.changes(principal.visible):
                # A key may be withdrawn while somebody listens.
                await access.reader(request)
                if seen:
                    changed = DocumentChanges(documents=[document_view(one) for one in seen])
                    yield ServerSentEvent(event="documents", data=changed)
                if missed:
                    yield ServerSentEvent(event="many", data=DocumentChanges(documents=[]))
        except DomainError as error:
            yield ServerSentEvent(event="problem", data=problem_of(error))
