"""The route that gives originals back: in ranges, and so that a stored web page never runs here."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse

from ingest.application.shelf import Shelf
from ingest.domain.media_types import SUPPORTED
from ingest.interface.requests import ContentQuery, DocumentIdInPath
from ingest.interface.shapes import DOCUMENTS_PATH
from ingest.interface.visibility import visible_document
from shared.ports.storage import BlobStore
from shared.web.access import Access, Principal
from shared.web.problems import responses

_ORIGINALS: Final[dict[str, Any]] = {
    media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in SUPPORTED
}
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def add_content_route(router: APIRouter, *, shelf: Shelf, blobs: BlobStore, access: Access) -> None:
    """Adds `GET /documents/{id}/content`."""

    @router.get(
        DOCUMENTS_PATH + "/{document_id}/content",
        response_class=StreamingResponse,
        responses={
            **responses(401, 403, 404, 416, 422, 503),
            200: {"description": "The bytes", "content": _ORIGINALS},
            206: {"description": "The range that was asked for", "content": _ORIGINALS},
            304: {"description": "The client has these bytes"},
        },
        tags=["documents"],
    )
    async def read_content(
        document_id: DocumentIdInPath,
        query: Annotated[ContentQuery, Query()],
        request: Request,
        principal: Annotated[Principal, Depends(access.reader)],
    ) -> Response:
        """The bytes as they came, of the newest revision or of the one asked for; one byte range is served."""
        document = await visible_document(shelf, document_id, principal)
        revision = await shelf.revision(document.id, query.revision)
        size, etag = revision.content.size, f'"{revision.content.sha256}"'
        headers = {
            "Content-Type": revision.content.media_type,
            "Content-Disposition": disposition(revision.name),
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-cache",
            "Accept-Ranges": "bytes",
            "ETag": etag,
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        wanted = request.headers.get("range")
        if wanted is not None and request.headers.get("if-range", etag) == etag:
            span = byte_range(wanted, size)
            if span is not None:
                start, end = span
                headers |= {"Content-Range": f"bytes {start}-{end}/{size}", "Content-Length": str(end - start + 1)}
                pieces = blobs.open(revision.content.blob_key, start=start, length=end - start + 1)
                return StreamingResponse(pieces, status_code=206, headers=headers)
        headers["Content-Length"] = str(size)
        stream: AsyncIterator[bytes] = blobs.open(revision.content.blob_key)
        return StreamingResponse(stream, headers=headers)


def disposition(name: str) -> str:
    """RFC 6266 with an ASCII fallback and the RFC 5987 form; the folder part of a name is not a file name."""
    last = name.rpartition("/")[2] or "document"
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", last)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(last, safe='')}"


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte (RFC 9110, 14.1.2); None for what may be ignored. Raises 416 beyond the end."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return None
    else:
        start, end = max(0, size - int(last)), size - 1
    if start > end:
        raise HTTPException(416, f"The content has {size} bytes.", headers={"Content-Range": f"bytes */{size}"})
    return start, end
