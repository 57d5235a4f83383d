"""Finding a document for someone: what they may not see does not exist."""

from uuid import UUID

from ingest.application.shelf import Shelf
from ingest.domain.document import Document
from shared.kernel import DocumentId, NotFound
from shared.web.access import Principal


async def visible_document(shelf: Shelf, document_id: UUID, principal: Principal) -> Document:
    """Raises NotFound for one that is not there and, in the same words, for one of a hidden collection."""
    document = await shelf.document(DocumentId(str(document_id)))
    if not principal.sees(document.collection):
        raise NotFound(f"There is no document with the id {str(document_id)!r}.", code="document_not_found")
    return document
