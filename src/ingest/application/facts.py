"""What others are told of a change of a document."""

from ingest.domain.document import Decision, Document, Received, Withdrawn
from shared.events.ingest import DocumentChanged, DocumentEvent, DocumentReceived, DocumentWithdrawn, Labels
from shared.kernel import utc_now


def fact_of(document: Document, decision: Decision) -> DocumentEvent:
    """The event that tells the decision about the document as it is now."""
    if isinstance(decision, Withdrawn):
        return DocumentWithdrawn(
            document_id=document.id, document_version=document.version, collection=document.collection
        )
    labels = Labels(
        collection=document.collection,
        document_name=document.name,
        names=document.names,
        media_type=document.content.media_type,
        metadata=document.metadata,
        received_at=document.revision.received_at,
    )
    if isinstance(decision, Received):
        return DocumentReceived(
            document_id=document.id,
            document_version=document.version,
            revision=document.revision.number,
            sha256=document.content.sha256,
            size=document.content.size,
            labels=labels,
            fresh=decision.fresh,
            background=decision.background,
            early_versions=decision.early_versions,
            asked_at=utc_now(),
        )
    return DocumentChanged(document_id=document.id, document_version=document.version, labels=labels)
