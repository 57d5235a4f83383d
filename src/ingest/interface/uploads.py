"""Routes that take bytes in: one stream by PUT, one or many files by multipart POST."""

import asyncio
import json
import unicodedata
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from ingest.application.ingestion import Ingestion, Submission
from ingest.application.shelf import Shelf
from ingest.domain.labels import LARGEST_METADATA, LONGEST_COLLECTION, checked_metadata, collection_name, document_name
from ingest.interface.multipart import MOST_FILES, FormFile, FormReader
from ingest.interface.requests import (
    CollectionInPath,
    NameInPath,
    UploadQuery,
    body_of,
    condition_of,
    declared_size,
    refuse_a_piece,
)
from ingest.interface.shapes import (
    DOCUMENTS_PATH,
    DocumentView,
    Uploaded,
    UploadedOne,
    after_token,
    document_fields,
    document_view,
    refused_view,
)
from shared.kernel import DomainError, FieldError, InvalidInput, is_document_id
from shared.settings import Settings
from shared.vocabulary import DEFAULT_COLLECTION
from shared.web.access import Access, Principal
from shared.web.methods import allowed_methods
from shared.web.problems import problem_of, responses

# Boundaries and headers around the files of a form.
_FORM_OVERHEAD: Final = 1 << 20
# The application's limit is for JSON bodies; these routes count what they read themselves.
_COUNTED_HERE: Final = 1 << 62
_ACCEPTED_AT_ONCE: Final = 8
_UPLOAD_ERRORS: Final = (400, 401, 403, 408, 409, 413, 415, 422, 503, 507)
_FORM_SCHEMA: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                            "maxItems": MOST_FILES,
                            "description": "Each with its name in `filename`.",
                        },
                        "collection": {
                            "type": "string",
                            "default": DEFAULT_COLLECTION,
                            "minLength": 1,
                            "maxLength": LONGEST_COLLECTION,
                            "description": "Where all files go: letters, digits, `_`, `.` or `-`.",
                        },
                        "metadata": {
                            "type": "string",
                            "description": "A JSON object for all files: keys to scalars or lists of scalars, at most "
                            f"{LARGEST_METADATA:,} bytes.",
                        },
                    },
                }
            }
        },
    }
}
_STREAM_SCHEMA: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def add_upload_routes(
    router: APIRouter,
    *,
    ingestion: Ingestion,
    shelf: Shelf,
    access: Access,
    settings: Settings,
    place_seconds: float = 0.3,
) -> None:
    """Adds `POST /documents` and `PUT /documents/{collection}/{name}`.

    `place_seconds`: where a server tells the place in the queue, an upload is answered without it after that.
    """
    within_seconds = place_seconds if settings.store_is_remote else None

    @router.post(
        DOCUMENTS_PATH,
        status_code=202,
        response_model=Uploaded,
        responses={**responses(*_UPLOAD_ERRORS), 200: {"model": Uploaded, "description": "All were there already"}},
        openapi_extra=_FORM_SCHEMA,
        max_body_size=_COUNTED_HERE,
        tags=["documents"],
    )
    async def upload_documents(
        request: Request,
        response: Response,
        principal: Annotated[Principal, Depends(access.writer)],
        query: Annotated[UploadQuery, Query()],
    ) -> Uploaded:
        """Uploads one or many files. Each is accepted or refused on its own."""
        limit = settings.max_upload_bytes + _FORM_OVERHEAD
        body = body_of(
            request,
            declared=declared_size(request, limit),
            idle_timeout_seconds=settings.upload_idle_timeout_seconds,
            max_bytes=limit,
        )
        reader = FormReader(fields=("collection", "metadata"), file_field="files", store=ingestion.store)
        form = await reader.read(request.headers.get("content-type", ""), body)
        collection = collection_name(form.fields.get("collection", DEFAULT_COLLECTION))
        principal.must_see_to_write(collection)
        metadata = _metadata(form.fields.get("metadata"))
        if not form.files:
            raise InvalidInput("The form has no file.", errors=(FieldError("files", "is missing"),))

        async def accept(file: FormFile) -> Submission:
            if isinstance(file.stored, DomainError):
                raise file.stored
            return await ingestion.accept(collection, file.name, file.stored, metadata, early=query.early)

        results = await _each(form.files, accept)
        accepted = [result for result in results if isinstance(result, Submission)]
        if not accepted:
            _refuse_all(form.files, [result for result in results if isinstance(result, DomainError)])
        if all(submission.duplicate for submission in accepted):
            response.status_code = 200
        documents = (submission.document for submission in accepted)
        places = await shelf.see(*documents, within_seconds=within_seconds)
        seen = dict(zip(map(id, accepted), places, strict=True))
        views: list[DocumentView] = []
        for file, result in zip(form.files, results, strict=True):
            if isinstance(result, DomainError):
                views.append(refused_view(file.name, collection, result))
            else:
                views.append(document_view(seen[id(result)], duplicate=result.duplicate))
        return Uploaded(documents=views, after=after_token(submission.document for submission in accepted))

    @router.put(
        DOCUMENTS_PATH + "/{collection}/{name:path}",
        status_code=202,
        response_model=UploadedOne,
        responses={
            **responses(*_UPLOAD_ERRORS, 412),
            200: {"model": UploadedOne, "description": "It was there already"},
        },
        openapi_extra=_STREAM_SCHEMA,
        max_body_size=_COUNTED_HERE,
        dependencies=[Depends(_not_a_part_of_a_document)],
        tags=["documents"],
    )
    async def upload_document(
        collection: CollectionInPath,
        name: NameInPath,
        request: Request,
        response: Response,
        principal: Annotated[Principal, Depends(access.writer)],
        query: Annotated[UploadQuery, Query()],
    ) -> UploadedOne:
        """Uploads the body as one document. The same bytes under the same name change nothing.

        With `If-None-Match: *` an existing name is left as it is, with `If-Match` other content than named (412).
        """
        refuse_a_piece(request)
        collection, name = collection_name(collection), document_name(name)
        principal.must_see_to_write(collection)
        declared = declared_size(request, settings.max_upload_bytes)
        body = body_of(
            request,
            declared=declared,
            idle_timeout_seconds=settings.upload_idle_timeout_seconds,
            max_bytes=settings.max_upload_bytes,
        )
        submission = await ingestion.submit(
            collection,
            name,
            body,
            declared_size=declared,
            condition=condition_of(request),
            early=query.early,
        )
        if submission.duplicate:
            response.status_code = 200
        seen = (await shelf.see(submission.document, within_seconds=within_seconds))[0]
        fields = document_fields(seen, duplicate=submission.duplicate)
        return UploadedOne(**fields, after=after_token((submission.document,)))


async def _not_a_part_of_a_document(request: Request) -> None:
    """Raises 405 for what has another meaning: `/documents/ID/text` is of this document, not of a collection `ID`."""
    named = is_document_id(request.path_params["collection"])
    if named and request.method not in allowed_methods(request.app.routes, request.scope["path"]):
        raise HTTPException(405)


def _metadata(text: str | None) -> dict[str, Any] | None:
    if text is None or not text.strip():
        return None
    try:
        metadata = json.loads(text)
        return None if metadata is None else checked_metadata(metadata)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            "The field `metadata` is not a JSON object.", errors=(FieldError("metadata", "is not JSON"),)
        ) from error


async def _each(
    files: list[FormFile], accept: Callable[[FormFile], Awaitable[Submission]]
) -> list[Submission | DomainError]:
    """Several at once: their commits and fsyncs share groups. What follows from one another goes in its order."""
    room = asyncio.Semaphore(_ACCEPTED_AT_ONCE)
    results: dict[int, Submission | DomainError] = {}

    async def one_after_another(places: list[int]) -> None:
        for place in places:
            async with room:
                try:
                    results[place] = await accept(files[place])
                except DomainError as error:
                    results[place] = error

    await asyncio.gather(*(one_after_another(places) for places in _related(files)))
    return [results[place] for place in range(len(files))]


def _related(files: list[FormFile]) -> list[list[int]]:
    """Places of files that share a name or bytes, directly or by way of others: of two of one name the last wins."""
    group_of = list(range(len(files)))
    first: dict[tuple[str, str], int] = {}

    def group(place: int) -> int:
        while group_of[place] != place:
            place = group_of[place]
        return place

    for place, file in enumerate(files):
        marks = [("name", unicodedata.normalize("NFC", file.name))]
        if not isinstance(file.stored, DomainError):
            marks.append(("bytes", file.stored.sha256))
        for mark in marks:
            group_of[group(place)] = group(first.setdefault(mark, place))
    groups: dict[int, list[int]] = {}
    for place in range(len(files)):
        groups.setdefault(group(place), []).append(place)
    return list(groups.values())


def _refuse_all(files: list[FormFile], errors: list[DomainError]) -> None:
    """One file: its own problem. Several: the status they share, else 422, and each file's reason."""
    if len(errors) == 1:
        raise errors[0]
    fields = [FieldError(file.name, error.detail) for file, error in zip(files, errors, strict=True)]
    kinds = {problem_of(error).status for error in errors}
    kind = type(errors[0]) if len(kinds) == 1 else InvalidInput
    raise kind(f"None of the {len(errors)} files was accepted.", code=errors[0].specific_code, errors=fields)
