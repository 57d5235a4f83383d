"""Which document an upload is: one set of bytes is one document, and one name points to one document."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest.domain.document import Content, Decision, Document, Received
from shared.kernel import DocumentId


@dataclass(frozen=True, slots=True)
class Upload:
    """What arrived. `metadata` None says nothing about metadata."""

    collection: str
    name: str
    content: Content
    metadata: Mapping[str, Any] | None
    early: bool = False
    """The first pages of a large document are to be searchable before the whole, where nothing of it is yet."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What follows from an upload: documents to save in this order, each with what is to be told.

    A crash between two saves leaves both documents whole; the upload was not answered and comes again.
    """

    document: Document
    duplicate: bool
    """The bytes were there; no work follows."""
    saves: tuple[tuple[Document, Decision], ...]


def place(
    upload: Upload,
    *,
    same_bytes: Document | None,
    same_name: Document | None,
    new_id: DocumentId,
    now: datetime,
) -> Placement:
    """The identity table, row by row.

    `same_bytes` is the collection's live document whose newest revision has these bytes, `same_name` the one
    that has the name. Raises Conflict when the name is another document's only one while the bytes are known.
    """
    saves: list[tuple[Document, Decision]] = []
    if same_name is not None and same_name is not same_bytes and (same_bytes or len(same_name.names) > 1):
        saves.append((same_name, same_name.release(upload.name)))
        same_name = None
    if same_bytes is not None:
        decision = same_bytes.resubmit(upload.name, upload.metadata, early=upload.early)
        if decision is not None:
            saves.append((same_bytes, decision))
        return Placement(same_bytes, not isinstance(decision, Received), tuple(saves))
    if same_name is not None:
        revised = same_name.revise(upload.name, upload.content, upload.metadata, now, early=upload.early)
        saves.append((same_name, revised))
        return Placement(same_name, False, tuple(saves))
    document, received = Document.receive(
        new_id, upload.collection, upload.name, upload.content, upload.metadata, now, early=upload.early
    )
    saves.append((document, received))
    return Placement(document, False, tuple(saves))
