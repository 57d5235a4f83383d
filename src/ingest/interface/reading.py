"""Routes that show what is in a document: its text, its tables, and pictures of its pages."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse

from ingest.application.shelf import Shelf
from ingest.domain.document import Document
from ingest.interface.reading_shapes import PageImageQuery, TableList, TextQuery, table_view
from ingest.interface.requests import DocumentIdInPath, PageQuery, place_in
from ingest.interface.shapes import DOCUMENTS_PATH
from ingest.interface.visibility import visible_document
from shared.artefacts.parsed import ParsedDocument, Table
from shared.kernel import FieldError, InvalidInput
from shared.ports.pages import PagePictures
from shared.ports.storage import BlobStore
from shared.web.access import Access, Principal
from shared.web.cursors import write_cursor
from shared.web.problems import responses

_ERRORS: Final = (401, 403, 404, 422, 503)
_LAST_PAGE: Final = 1 << 20
_PICTURE: Final = {"schema": {"type": "string", "format": "binary"}}
PageNumber = Annotated[int, Path(ge=1, le=_LAST_PAGE, description="The page, from 1.")]


def add_reading_routes(
    router: APIRouter, *, shelf: Shelf, blobs: BlobStore, pages: PagePictures, access: Access
) -> None:
    """Adds `text`, `tables` and `pages/{number}` of a document."""

    async def readable(
        document_id: DocumentIdInPath, principal: Annotated[Principal, Depends(access.reader)]
    ) -> Document:
        return await visible_document(shelf, document_id, principal)

    @router.get(
        DOCUMENTS_PATH + "/{document_id}/text",
        response_class=PlainTextResponse,
        responses=responses(*_ERRORS),
        tags=["documents"],
    )
    async def read_text(
        query: Annotated[TextQuery, Query()], document: Annotated[Document, Depends(readable)]
    ) -> Response:
        """The normalised text that chunks are slices of, or the part of it that is asked for."""
        if query.end is not None and query.end < query.start:
            errors = (FieldError("query.end", "lies before `start`"),)
            raise InvalidInput("`end` lies before `start`.", errors=errors)
        text = (await shelf.text(document)).text[query.start : query.end]
        return PlainTextResponse(text, headers={"X-Content-Type-Options": "nosniff"})

    @router.get(
        DOCUMENTS_PATH + "/{document_id}/tables",
        response_model=TableList,
        responses=responses(400, *_ERRORS),
        tags=["documents"],
    )
    async def list_tables(
        query: Annotated[PageQuery, Query()], document: Annotated[Document, Depends(readable)]
    ) -> Response:
        """Every table as cells and as Markdown, in reading order."""
        parsed = await shelf.text(document)
        scope = f"tables:{document.standing.text_artefact}"
        start = place_in(scope, query.cursor) or 0
        page = parsed.tables[start : start + query.limit]
        more = start + len(page) < len(parsed.tables)
        next_cursor = write_cursor(scope, start + len(page)) if more else None
        revision = document.standing.chunks_revision or document.revision.number
        # A sheet may have a million cells: they are written apart from the event loop.
        content = await asyncio.to_thread(_tables_json, parsed, page, start, next_cursor, revision)
        return Response(content, media_type="application/json")

    @router.get(
        DOCUMENTS_PATH + "/{document_id}/pages/{number}",
        response_class=Response,
        responses={
            **responses(*_ERRORS),
            200: {"description": "The picture", "content": {"image/png": _PICTURE, "image/webp": _PICTURE}},
            304: {"description": "The client has this picture"},
        },
        tags=["documents"],
    )
    async def read_page(
        number: PageNumber,
        query: Annotated[PageImageQuery, Query()],
        request: Request,
        document: Annotated[Document, Depends(readable)],
    ) -> Response:
        """A picture of one page: of a PDF, or of a document that is a picture itself."""
        revision = await shelf.revision(document.id, query.revision)
        content = revision.content
        etag = f'"{content.sha256}-{number}-{query.width}-{query.format}"'
        headers = {
            "Cache-Control": "private, no-cache",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "ETag": etag,
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        path = await blobs.local_path(content.blob_key)
        picture = await pages.page(path, content.media_type, number, width=query.width, format=query.format)
        return Response(picture.data, headers=headers, media_type=f"image/{picture.format}")


def _tables_json(
    parsed: ParsedDocument, tables: Sequence[Table], start: int, next_cursor: str | None, revision: int
) -> bytes:
    items: list[Any] = [table_view(parsed.text, table, ordinal) for ordinal, table in enumerate(tables, start)]
    answer = TableList(items=items, next_cursor=next_cursor, total=len(parsed.tables), revision=revision)
    return answer.model_dump_json().encode()
