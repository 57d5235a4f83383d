"""What requests may say: queries and bodies with known fields only, cursors, and bodies read with limits."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import HTTPException, Path, Request
from pydantic import Field, SecretStr
from starlette.requests import ClientDisconnect

from ingest.application.ingestion import too_large
from ingest.application.listing_order import DocumentSort
from ingest.domain.conditions import Condition
from ingest.domain.labels import LONGEST_COLLECTION, LONGEST_NAME
from ingest.domain.standing import Status
from shared.kernel import DomainError, FieldError, InvalidInput
from shared.web.cursors import read_cursor
from shared.web.requests import BodyFields, CursorText, RequestFields

LARGEST_PAGE: Final = 200
LONGEST_PASSWORD: Final = 1_000
Limit = Annotated[int, Field(ge=1, le=LARGEST_PAGE, description="How many a page has at most.")]


DocumentIdInPath = Annotated[UUID, Path(description="The document's id.")]
CollectionInPath = Annotated[
    str,
    Path(
        description="The collection: 1 to 64 letters, digits, `_`, `.` or `-`.",
        json_schema_extra={"minLength": 1, "maxLength": LONGEST_COLLECTION},
    ),
]
NameInPath = Annotated[
    str,
    Path(
        description="What the document is called; a label, not a path. `/` may group names.",
        json_schema_extra={"minLength": 1, "maxLength": LONGEST_NAME},
    ),
]


class BrokenUpload(DomainError):
    """The body ended before it was whole, or is not what its headers say. Answered with 400."""

    code = "broken_upload"
    title = "The upload is broken"


class PartialUpload(DomainError):
    """A piece of a document, which would be stored as if it were all of it. Answered with 400 (RFC 9110, 14.5)."""

    code = "partial_upload"
    title = "Only whole documents are taken"


class PageQuery(RequestFields):
    """Paging alone."""

    limit: Limit = 50
    cursor: CursorText = None


class DocumentsQuery(PageQuery):
    """Paging and filters."""

    collection: Annotated[str | None, Field(description="Only documents of this collection.")] = None
    status: Annotated[Status | None, Field(description="Only documents with this status.")] = None
    parent: Annotated[
        UUID | None,
        Field(description="Only what was found in this document: an archive's members, a mail's attachments."),
    ] = None
    name: Annotated[
        str | None, Field(max_length=LONGEST_NAME, description="A part of any of the document's names.")
    ] = None
    media_type: Annotated[
        str | None, Field(max_length=255, description="Only documents of this type, such as `application/pdf`.")
    ] = None
    sort: Annotated[
        DocumentSort,
        Field(description="What comes first: the newest, the oldest, by name, the largest, or what failed."),
    ] = DocumentSort.NEWEST


class UploadQuery(RequestFields):
    """How the files are to be worked on."""

    early: Annotated[
        bool,
        Field(
            description="Whether the first pages of a large document (more than 64 pages, read page by page) are "
            "searchable while the others are still being read. It changes nothing in the end, and nothing for a "
            "document of which something is searchable already."
        ),
    ] = False


class ContentQuery(RequestFields):
    """Which bytes."""

    revision: Annotated[
        int | None,
        Field(ge=1, le=1 << 53, description="The number of a revision; the newest one if left out."),
    ] = None


class DocumentPatch(BodyFields):
    """What may be changed without new bytes. What is not given stays."""

    name: Annotated[
        str | None,
        Field(
            description="Takes the place of the name shown.",
            json_schema_extra={"minLength": 1, "maxLength": LONGEST_NAME},
        ),
    ] = None
    metadata: Annotated[dict[str, Any] | None, Field(description="Takes the place of all metadata.")] = None


class DocumentPlace(BodyFields):
    """Where a document is to go."""

    collection: Annotated[
        str,
        Field(
            description="The collection, which is made where there is none.",
            json_schema_extra={"minLength": 1, "maxLength": LONGEST_COLLECTION},
        ),
    ]


class Reprocessing(BodyFields):
    """What reading a document again may need."""

    password: Annotated[
        SecretStr | None,
        Field(
            min_length=1,
            max_length=LONGEST_PASSWORD,
            description="Opens a file that has one. It is neither stored nor logged, and forgotten when it has served.",
        ),
    ] = None


async def no_query(request: Request) -> None:
    """A dependency of routes that have no query: unknown fields are refused, not ignored."""
    if request.query_params:
        errors = [FieldError(f"query.{name}", "is not known here") for name in request.query_params]
        raise InvalidInput("; ".join(f"{error.field} {error.message}" for error in errors), errors=errors)


def place_in(scope: str, cursor: str | None) -> int | None:
    """Where in the list the page begins; None: at its beginning. Raises WrongCursor."""
    if cursor is None:
        return None
    (place,) = read_cursor(cursor, scope, tuple[int])
    return place


def refuse_a_piece(request: Request) -> None:
    """Raises PartialUpload for a Content-Range: what tools that resume uploads send."""
    if "content-range" in request.headers:
        raise PartialUpload("A PUT with Content-Range sends a piece of a document: send all of it in one request.")


def condition_of(request: Request) -> Condition | None:
    """What `If-Match` and `If-None-Match` ask of the content that is there; ETags are hashes of contents."""
    wanted, unwanted = (_tags(request.headers.getlist(name)) for name in ("if-match", "if-none-match"))
    return None if wanted is None and unwanted is None else Condition(wanted, unwanted)


def _tags(values: Sequence[str]) -> frozenset[str] | None:
    tags = frozenset(tag.strip().strip('"') for value in values for tag in value.split(",") if tag.strip())
    return tags or None


def declared_size(request: Request, limit: int) -> int | None:
    """The Content-Length, if one is given. Raises TooLarge before anything is read."""
    text = request.headers.get("content-length")
    if text is None or not text.isascii() or not text.isdigit():
        return None
    if len(text) > 18 or int(text) > limit:
        raise too_large(limit)
    return int(text)


async def body_of(
    request: Request, *, declared: int | None, idle_timeout_seconds: float, max_bytes: int
) -> AsyncIterator[bytes]:
    """The body in pieces. Raises HTTPException 408 when it stalls, BrokenUpload, TooLarge beyond `max_bytes`."""
    pieces = aiter(request.stream())
    seen = 0
    while True:
        try:
            async with asyncio.timeout(idle_timeout_seconds):
                piece = await anext(pieces, None)
        except TimeoutError as error:
            raise HTTPException(
                408, f"Nothing arrived for {idle_timeout_seconds:g} seconds; nothing was stored. Send it again."
            ) from error
        except ClientDisconnect as error:
            raise BrokenUpload("The upload broke off; nothing was stored.") from error
        if piece is None:
            break
        seen += len(piece)
        if seen > max_bytes:
            raise too_large(max_bytes)
        if piece:
            yield piece
    if declared is not None and seen != declared:
        raise BrokenUpload(f"The upload has {seen} bytes where {declared} were declared; nothing was stored.")
