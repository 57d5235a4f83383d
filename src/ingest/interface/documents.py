"""Routes about one document that exists, or a list of them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ingest.application.ingestion import Ingestion
from ingest.application.listing_order import PLACE_KINDS, DocumentSort
from ingest.application.ports import DocumentFilter
from ingest.application.shelf import Shelf
from ingest.domain.document import Document
from ingest.domain.labels import collection_name
from ingest.interface.requests import (
    DocumentIdInPath,
    DocumentPatch,
    DocumentPlace,
    DocumentsQuery,
    PageQuery,
    Reprocessing,
    no_query,
    place_in,
)
from ingest.interface.shapes import (
    DOCUMENTS_PATH,
    ChunkList,
    DocumentList,
    DocumentView,
    RevisionList,
    UploadedOne,
    after_token,
    chunk_view,
    document_fields,
    document_view,
    revision_view,
)
from ingest.interface.visibility import visible_document
from shared.kernel import DomainError, NotFound
from shared.ports.audit import AuditAction
from shared.web.access import Access, Principal
from shared.web.audit_trail import AuditTrail
from shared.web.cursors import read_cursor, write_cursor
from shared.web.problems import problem_of, responses

_READ_ERRORS: Final = (401, 403, 404, 422, 503)
_WRITE_ERRORS: Final = (401, 403, 404, 409, 422, 503, 507)


def add_document_routes(
    router: APIRouter,
    *,
    ingestion: Ingestion,
    shelf: Shelf,
    access: Access,
    audit: AuditTrail,
    delete_waits_seconds: float,
) -> None:
    """Adds listing, reading, following, changing, deleting and reprocessing."""

    @router.get(
        DOCUMENTS_PATH, response_model=DocumentList, responses=responses(400, *_READ_ERRORS), tags=["documents"]
    )
    async def list_documents(
        query: Annotated[DocumentsQuery, Query()], principal: Annotated[Principal, Depends(access.reader)]
    ) -> DocumentList:
        """Documents, newest first if nothing else is asked for; withdrawn ones only when that status is asked for."""
        collections = principal.visible
        if query.collection is not None:
            collection = collection_name(query.collection)
            principal.must_see(collection)
            collections = frozenset((collection,))
        parent = None if query.parent is None else (await visible_document(shelf, query.parent, principal)).id
        scope = f"documents:{sorted(collections or ())}:{query.status}:{query.name}:{parent or ''}:{query.media_type}"
        if query.sort is not DocumentSort.NEWEST:
            scope += f":{query.sort}"
        page = await shelf.find(
            DocumentFilter(collections, query.status, query.name, parent, query.media_type),
            sort=query.sort,
            after=None if query.cursor is None else read_cursor(query.cursor, scope, PLACE_KINDS[query.sort]),
            limit=query.limit,
        )
        if query.collection is not None and not page.total:
            await _must_exist(shelf, collection_name(query.collection))
        return DocumentList(
            items=[document_view(seen) for seen in await shelf.see(*page.documents)],
            next_cursor=None if page.next_after is None else write_cursor(scope, *page.next_after),
            total=page.total,
        )

    async def readable(
        document_id: DocumentIdInPath, principal: Annotated[Principal, Depends(access.reader)]
    ) -> Document:
        return await visible_document(shelf, document_id, principal)

    async def writable(
        document_id: DocumentIdInPath, principal: Annotated[Principal, Depends(access.writer)]
    ) -> Document:
        return await visible_document(shelf, document_id, principal)

    @router.get(
        DOCUMENTS_PATH + "/{document_id}",
        response_model=DocumentView,
        responses=responses(*_READ_ERRORS),
        dependencies=[Depends(no_query)],
        tags=["documents"],
    )
    async def read_document(
        document: Annotated[Document, Depends(readable)], principal: Annotated[Principal, Depends(access.reader)]
    ) -> DocumentView:
        """One document with its status and live progress, and what is nearly the same text."""
        seen, similar = await asyncio.gather(shelf.see(document), shelf.similar(document, principal.visible))
        return document_view(seen[0], similar=similar)

    @router.get(
        DOCUMENTS_PATH + "/{document_id}/revisions",
        response_model=RevisionList,
        responses=responses(400, *_READ_ERRORS),
        tags=["documents"],
    )
    async def list_revisions(
        query: Annotated[PageQuery, Query()], document: Annotated[Document, Depends(readable)]
    ) -> RevisionList:
        """Every set of bytes it had, newest first."""
        scope = f"revisions:{document.id}"
        revisions = await shelf.revisions(document.id)
        before = place_in(scope, query.cursor)
        rest = [revision for revision in revisions if before is None or revision.number < before]
        page = rest[: query.limit]
        return RevisionList(
            items=[revision_view(document, revision) for revision in page],
            next_cursor=write_cursor(scope, page[-1].number) if len(rest) > len(page) else None,
            total=len(revisions),
        )

    @router.get(
        DOCUMENTS_PATH + "/{document_id}/chunks",
        response_model=ChunkList,
        responses=responses(400, *_READ_ERRORS),
        tags=["documents"],
    )
    async def list_chunks(
        query: Annotated[PageQuery, Query()], document: Annotated[Document, Depends(readable)]
    ) -> ChunkList:
        """The pieces that are embedded, found and shown, in reading order."""
        chunks = (await shelf.chunks(document)).chunks
        scope = f"chunks:{document.standing.chunks_artefact}"
        start = place_in(scope, query.cursor) or 0
        page = chunks[start : start + query.limit]
        more = start + len(page) < len(chunks)
        return ChunkList(
            items=[chunk_view(chunk) for chunk in page],
            next_cursor=write_cursor(scope, start + len(page)) if more else None,
            total=len(chunks),
            revision=document.standing.chunks_revision or document.revision.number,
        )

    @router.get(
        DOCUMENTS_PATH + "/{document_id}/events",
        response_class=EventSourceResponse,
        responses=responses(*_READ_ERRORS),
        dependencies=[Depends(no_query)],
        tags=["documents"],
    )
    async def follow_document(
        document: Annotated[Document, Depends(readable)], principal: Annotated[Principal, Depends(access.reader)]
    ) -> AsyncIterator[ServerSentEvent]:
        """Server-sent events `document`: its state now, then each change, until searchable, failed or withdrawn."""
        try:
            async for seen in shelf.follow(document.id):
                similar = await shelf.similar(seen.document, principal.visible)
                yield ServerSentEvent(event="document", data=document_view(seen, similar=similar))
        except DomainError as error:
            yield ServerSentEvent(event="error", data=problem_of(error))

    @router.patch(
        DOCUMENTS_PATH + "/{document_id}",
        response_model=DocumentView,
        responses=responses(400, 413, *_WRITE_ERRORS),
        dependencies=[Depends(no_query)],
        tags=["documents"],
    )
    async def change_document(
        document: Annotated[Document, Depends(writable)], patch: Annotated[DocumentPatch, Body()]
    ) -> DocumentView:
        """Renames it or replaces its metadata; nothing is embedded again."""
        changed = await ingestion.relabel(document.id, name=patch.name, metadata=patch.metadata)
        return document_view((await shelf.see(changed))[0])

    @router.post(
        DOCUMENTS_PATH + "/{document_id}/move",
        status_code=202,
        response_model=UploadedOne,
        responses=responses(400, 413, *_WRITE_ERRORS),
        dependencies=[Depends(no_query)],
        tags=["documents"],
    )
    async def move_document(
        document: Annotated[Document, Depends(writable)],
        place: Annotated[DocumentPlace, Body()],
        principal: Annotated[Principal, Depends(access.writer)],
    ) -> UploadedOne:
        """Takes its newest revision into another collection, as a document of its own, and deletes it here."""
        collection = collection_name(place.collection)
        principal.must_see_to_write(collection)
        moved = await ingestion.move(document.id, collection)
        await audit.record(
            principal, AuditAction.DOCUMENT_MOVED, document.id, detail=collection, collection=document.collection
        )
        return UploadedOne(**document_fields((await shelf.see(moved))[0]), after=after_token((moved,)))

    @router.delete(
        DOCUMENTS_PATH + "/{document_id}",
        status_code=204,
        responses={
            **responses(*_WRITE_ERRORS),
            202: {"model": DocumentView, "description": "Withdrawn, but not yet gone from search"},
        },
        dependencies=[Depends(no_query)],
        tags=["documents"],
    )
    async def delete_document(
        document: Annotated[Document, Depends(writable)], principal: Annotated[Principal, Depends(access.writer)]
    ) -> Response:
        """Deletes it: 204 once it is gone from search, 202 when that takes longer than a request may wait."""
        withdrawn = await ingestion.withdraw(document.id)
        await audit.record(
            principal,
            AuditAction.DOCUMENT_DELETED,
            document.id,
            detail=document.names[-1],
            collection=document.collection,
        )
        if await shelf.wait_until_gone(document.id, delete_waits_seconds):
            return Response(status_code=204)
        view = document_view((await shelf.see(withdrawn))[0])
        return Response(view.model_dump_json(), status_code=202, media_type="application/json")

    @router.post(
        DOCUMENTS_PATH + "/{document_id}/reprocess",
        status_code=202,
        response_model=UploadedOne,
        responses=responses(*_WRITE_ERRORS),
        dependencies=[Depends(no_query)],
        tags=["documents"],
    )
    async def reprocess_document(
        document: Annotated[Document, Depends(writable)],
        reprocessing: Annotated[Reprocessing | None, Body()] = None,
    ) -> UploadedOne:
        """Does all the work once more, without what earlier work left; search serves the old meanwhile."""
        password = None if reprocessing is None or reprocessing.password is None else reprocessing.password
        again = await ingestion.reprocess(
            document.id, password=None if password is None else password.get_secret_value()
        )
        return UploadedOne(**document_fields((await shelf.see(again))[0]), after=after_token((again,)))


async def _must_exist(shelf: Shelf, collection: str) -> None:
    if not any(counts.name == collection for counts in await shelf.collections(None)):
        raise NotFound(f"There is no collection named {collection!r}.", code="collection_not_found")
