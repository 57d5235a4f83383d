"""What HTTP shows of documents: the shapes of product.md, and nothing of the domain's inside."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field

from ingest.application.ports import CollectionCounts, Removal, Similar
from ingest.application.shelf import Seen
from ingest.domain.document import Document, Revision
from ingest.domain.standing import Status
from ingest.interface.progress_shapes import DocumentFirstPages, DocumentProgress, first_pages_view, progress_view
from ingest.interface.similar_shapes import SimilarDocument, similar_documents
from shared.artefacts.chunks import Chunk
from shared.artefacts.tables import chunk_markdown
from shared.events.receipt import write_receipt
from shared.kernel import DomainError, Refused, Unavailable
from shared.web.page_box import PageBox, page_box
from shared.web.problems import ProblemField, problem_of
from shared.web.shapes import Shape

DOCUMENTS_PATH = "/api/v1/documents"


class DocumentProblem(Shape):
    """Why a document failed, or a file was refused; RFC 9457 with the stage and whether a retry can help."""

    type: str = "about:blank"
    """Always `about:blank`."""
    title: str
    """What kind of problem it is, for people."""
    status: int | None = None
    """The HTTP status this file would have got alone; null for a failed document."""
    detail: str
    """Why, and what can be done, for people."""
    code: str
    """Why, for programs."""
    stage: str | None = None
    """Where it failed: `parse`, `ocr`, `chunk`, `embed` or `index`."""
    retryable: bool = False
    """Whether trying again can help."""
    errors: list[ProblemField] = Field(default_factory=list)
    """The wrong fields of a refused file."""


class DocumentLinks(Shape):
    """Paths on this server."""

    self: str
    """The document."""
    content: str
    """Its original bytes."""
    revisions: str
    """Every set of bytes it had."""
    chunks: str
    """Its pieces."""
    text: str
    """Its text."""
    tables: str
    """Its tables."""
    events: str
    """Server-sent events of its progress."""


class DocumentView(Shape):
    """One document. A refused file has only `name`, `collection`, `status` and `problem`."""

    id: str | None = None
    """A UUID; null for a refused file."""
    name: str
    """The name it was uploaded with last."""
    names: list[str] = Field(default_factory=list)
    """Every name that points to it."""
    collection: str
    """The collection it is in."""
    revision: int | None = None
    """The number of its newest set of bytes, from 1."""
    searchable_revision: int | None = None
    """What search serves now."""
    early: DocumentFirstPages | None = None
    """Search serves only the first pages of that revision so far; null: the whole, or nothing."""
    sha256: str | None = None
    """Of the newest revision, in hexadecimal."""
    size: int | None = None
    """Of the newest revision, in bytes."""
    media_type: str | None = None
    """What the bytes are, by looking at them."""
    language: str | None = None
    """Of most of its text, ISO 639-1; null while it is not known."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """What the uploader said of it."""
    parent: str | None = None
    """The id of the document that it was found in (an archive, a mail); null for an upload."""
    children: int = 0
    """How many documents were found in it."""
    status: Literal["received", "processing", "searchable", "failed", "withdrawn", "refused"]
    """Where it stands; `refused` only in the answer to an upload."""
    stage: str | None = None
    """The stage that is at work."""
    progress: DocumentProgress | None = None
    """How far the newest revision has come."""
    problem: DocumentProblem | None = None
    """Why it failed or was refused."""
    warnings: list[str] = Field(default_factory=list)
    """What could not be read or was read by guess."""
    duplicate: bool = False
    """These bytes were there already; nothing is done again."""
    similar: list[SimilarDocument] | None = None
    """Documents whose text is nearly this one's, the most similar first; null where they are not looked for (lists)."""
    received_at: datetime | None = None
    """When the newest revision came."""
    searchable_at: datetime | None = None
    """When search first served the newest revision."""
    links: DocumentLinks | None = None
    """Where more of it is."""


class Uploaded(Shape):
    """The answer to an upload of several files."""

    documents: list[DocumentView]
    """One entry for each file, in the order of the form."""
    after: str
    """For `after` of a search: it waits until these are searchable or failed."""


class UploadedOne(DocumentView):
    """The answer to an upload of one stream."""

    after: str
    """For `after` of a search: it waits until this is searchable or failed."""


class RevisionView(Shape):
    """One set of bytes the document had."""

    revision: int
    """Its number, from 1."""
    name: str
    """The name it came with."""
    sha256: str
    """Of its bytes, in hexadecimal."""
    size: int
    """In bytes."""
    media_type: str
    """What the bytes are."""
    received_at: datetime
    """When it came."""
    content: str
    """Where its bytes are."""


class ChunkView(Shape):
    """A piece of the document's text; offsets are code points of the normalised text."""

    ordinal: int
    """Its place among the document's chunks, from 0."""
    kind: str
    """What it is: paragraph, heading, table, …"""
    text: str
    """Its text."""
    start: int
    """Where it begins in the document's text."""
    end: int
    """Where it ends, exclusive."""
    page: int | None
    """The page it begins on, from 1; null where there are none."""
    box: PageBox | None = None
    """Where it stands on that page; null where the format has no positions."""
    headings: list[str]
    """The headings it stands under, the outermost first."""
    language: str | None
    """ISO 639-1, where it is known."""
    markdown: str | None = None
    """The text with its tables as Markdown, each under its header; null where there is no table in it."""


class DocumentList(Shape):
    """A page of documents, newest first."""

    items: list[DocumentView]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""
    total: int
    """How many there are on all pages."""


class RevisionList(Shape):
    """A page of revisions, newest first."""

    items: list[RevisionView]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""
    total: int
    """How many there are on all pages."""


class ChunkList(Shape):
    """A page of chunks, in reading order."""

    items: list[ChunkView]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""
    total: int
    """How many there are on all pages."""
    revision: int
    """Whose chunks these are: the newest revision that was processed."""


class CollectionView(Shape):
    """What a collection holds."""

    name: str
    """Its name."""
    documents: dict[Status, int]
    """How many documents have each status."""
    bytes: int
    """Of the newest revisions."""


class CollectionList(Shape):
    """A page of collections, in order of their names."""

    items: list[CollectionView]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""
    total: int
    """How many there are on all pages."""


class CollectionRemoval(Shape):
    """The deletion of a collection, which goes on by itself."""

    name: str
    """The collection."""
    total: int
    """Documents that it had."""
    remaining: int
    """Of those, the ones that are not gone from search."""
    started_at: datetime
    """When it was asked for."""
    finished_at: datetime | None
    """When the last one was gone from search; null while some are not."""
    accepts_uploads: bool
    """False while its documents are withdrawn: uploads into it are refused so long."""
    progress: str
    """Where this is told."""


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
        "early": first_pages_view(document),
        "sha256": document.content.sha256,
        "size": document.content.size,
        "media_type": document.content.media_type,
        "language": standing.language,
        "metadata": document.metadata,
        "parent": document.parent.document_id if document.parent is not None else None,
        "children": seen.children,
        "status": standing.status,
        "stage": standing.stage,
        "progress": progress_view(seen),
        "problem": _failure(document),
        "warnings": [*standing.warnings, *standing.parts_warnings],
        "duplicate": duplicate,
        "received_at": document.revision.received_at,
        "searchable_at": standing.searchable_at,
        "links": DocumentLinks(
            self=path,
            content=f"{path}/content",
            revisions=f"{path}/revisions",
            chunks=f"{path}/chunks",
            text=f"{path}/text",
            tables=f"{path}/tables",
            events=f"{path}/events",
        ),
    }


def document_view(seen: Seen, *, duplicate: bool = False, similar: Iterable[Similar] | None = None) -> DocumentView:
    """The document as it is now."""
    return DocumentView(
        **document_fields(seen, duplicate=duplicate),
        similar=similar_documents(similar),
    )


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


def removal_view(removal: Removal) -> CollectionRemoval:
    """As far as it has come."""
    return CollectionRemoval(
        name=removal.collection,
        total=removal.total,
        remaining=removal.remaining,
        started_at=removal.started_at,
        finished_at=removal.finished_at,
        accepts_uploads=removal.withdrawn_at is not None,
        progress=f"/api/v1/collections/{quote(removal.collection, safe='')}/removal",
    )


def chunk_view(chunk: Chunk) -> ChunkView:
    """As it was left by processing."""
    fields = {name: getattr(chunk, name) for name in ChunkView.model_fields if name not in ("box", "markdown")}
    return ChunkView(**fields, box=page_box(chunk), markdown=chunk_markdown(chunk))


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
