"""What HTTP shows of documents: the shapes of product.md, and nothing of the domain's inside."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from ingest.application.ports import CollectionCounts
from ingest.application.shelf import Seen
from ingest.domain.document import Document, Revision
from ingest.domain.standing import Status
from shared.events.receipt import write_receipt
from shared.kernel import DomainError, Refused, Unavailable
from shared.web.problems import ProblemField, problem_of

DOCUMENTS_PATH = "/api/v1/documents"


class DocumentProgress(BaseModel):
    """How far the newest revision has come."""

    done: int
    total: int
    unit: Literal["stages"] = "stages"
    queue_position: int | None
    """How many unfinished documents were received before it; null once it is finished."""
    remaining_seconds: float | None
    """An estimate from the recent rate; null when there is none."""


class DocumentProblem(BaseModel):
    """Why a document failed, or a file was refused; RFC 9457 with the stage and whether a retry can help."""

    type: str = "about:blank"
    title: str
    status: int | None = None
    """The HTTP status this file would have got alone; null for a failed document."""
    detail: str
    code: str
    stage: str | None = None
    retryable: bool = False
    errors: list[ProblemField] = []


class DocumentLinks(BaseModel):
    """Paths on this server."""

    self: str
    content: str
    revisions: str
    chunks: str
    events: str


class DocumentView(BaseModel):
    """One document. A refused file has only `name`, `collection`, `status` and `problem`."""

    id: str | None = None
    name: str
    names: list[str] = []
    collection: str
    revision: int | None = None
    searchable_revision: int | None = None
    """What search serves now."""
    sha256: str | None = None
    size: int | None = None
    media_type: str | None = None
    language: str | None = None
    metadata: dict[str, Any] = {}
    status: Literal["received", "processing", "searchable", "failed", "withdrawn", "refused"]
    stage: str | None = None
    progress: DocumentProgress | None = None
    problem: DocumentProblem | None = None
    warnings: list[str] = []
    duplicate: bool = False
    received_at: datetime | None = None
    searchable_at: datetime | None = None
    links: DocumentLinks | None = None


class Uploaded(BaseModel):
    """The answer to an upload of several files."""

    documents: list[DocumentView]
    after: str
    """For `after` of a search: it waits until these are searchable or failed."""


class UploadedOne(DocumentView):
    """The answer to an upload of one stream."""

    after: str


class RevisionView(BaseModel):
    """One set of bytes the document had."""

    revision: int
    name: str
    sha256: str
    size: int
    media_type: str
    received_at: datetime
    content: str
    """Where its bytes are."""


class ChunkView(BaseModel):
    """A piece of the document's text; offsets are code points of the normalised text."""

    ordinal: int
    kind: str
    text: str
    start: int
    end: int
    page: int | None
    headings: list[str]
    language: str | None


class DocumentList(BaseModel):
    """A page of documents, newest first."""

    items: list[DocumentView]
    next_cursor: str | None
    total: int


class RevisionList(BaseModel):
    """A page of revisions, newest first."""

    items: list[RevisionView]
    next_cursor: str | None
    total: int


class ChunkList(BaseModel):
    """A page of chunks, in reading order."""

    items: list[ChunkView]
    next_cursor: str | None
    total: int
    revision: int
    """Whose chunks these are: the newest revision that was processed."""


class CollectionView(BaseModel):
    """What a collection holds."""

    name: str
    documents: dict[Status, int]
    bytes: int
    """Of the newest revisions."""


class CollectionList(BaseModel):
    """A page of collections, in order of their names."""

    items: list[CollectionView]
    next_cursor: str | None
    total: int


class CollectionRemoval(BaseModel):
    """The deletion of a collection that was not finished within the time a request may wait."""

    name: str
    remaining: int
    """Documents that are withdrawn but not yet gone from search."""


def document_fields(seen: Seen, *, duplicate: bool = False) -> dict[str, Any]:
    """The fields of DocumentView."""
    document, standing = seen.document, seen.document.standing
    path = f"{DOCUMENTS_PATH}/{document.id}"
    return {
        "id": document.id,
        "name": document.name,
        "names": list(document.names),
        "collection": document.collection,
        "revision": document.revision.number,
        "searchable_revision": standing.searchable_revision,
        "sha256": document.content.sha256,
        "size": document.content.size,
        "media_type": document.content.media_type,
        "language": standing.language,
        "metadata": document.metadata,
        "status": standing.status,
        "stage": standing.stage,
        "progress": DocumentProgress(
            done=standing.done,
            total=standing.stages_total,
            queue_position=seen.queue_position,
            remaining_seconds=seen.remaining_seconds,
        ),
        "problem": _failure(document),
        "warnings": list(standing.warnings),
        "duplicate": duplicate,
        "received_at": document.revision.received_at,
        "searchable_at": standing.searchable_at,
        "links": DocumentLinks(
            self=path,
            content=f"{path}/content",
            revisions=f"{path}/revisions",
            chunks=f"{path}/chunks",
            events=f"{path}/events",
        ),
    }


def document_view(seen: Seen, *, duplicate: bool = False) -> DocumentView:
    """The document as it is now."""
    return DocumentView(**document_fields(seen, duplicate=duplicate))


def refused_view(name: str, collection: str, error: DomainError) -> DocumentView:
    """One bad file among several."""
    problem = problem_of(error)
    return DocumentView(
        name=name,
        collection=collection,
        status="refused",
        problem=DocumentProblem(
            title=problem.title,
            status=problem.status,
            detail=problem.detail,
            code=problem.code,
            retryable=isinstance(error, Unavailable),
            errors=problem.errors,
        ),
    )


def revision_view(document: Document, revision: Revision) -> RevisionView:
    """One row of a document's history."""
    return RevisionView(
        revision=revision.number,
        name=revision.name,
        sha256=revision.content.sha256,
        size=revision.content.size,
        media_type=revision.content.media_type,
        received_at=revision.received_at,
        content=f"{DOCUMENTS_PATH}/{document.id}/content?revision={revision.number}",
    )


def collection_view(counts: CollectionCounts) -> CollectionView:
    """Every status is there, also with none."""
    statuses: tuple[Status, ...] = ("received", "processing", "searchable", "failed")
    return CollectionView(
        name=counts.name,
        documents={status: counts.documents.get(status, 0) for status in statuses},
        bytes=counts.size,
    )


def after_token(documents: Iterable[Document]) -> str:
    """For `after` of a search that is to come behind these."""
    return write_receipt((document.id, document.content_version) for document in documents)


def _failure(document: Document) -> DocumentProblem | None:
    failure = document.standing.problem
    if failure is None or document.status == "withdrawn":
        return None
    return DocumentProblem(
        title=Refused.title,
        detail=failure.reason,
        code=failure.code,
        stage=failure.stage,
        retryable=failure.retryable,
    )
