"""What HTTP shows of near-duplicates."""

from collections.abc import Iterable

from ingest.application.ports import Similar
from shared.web.shapes import Shape


class SimilarDocument(Shape):
    """A document whose text is nearly the same."""

    id: str
    """Its UUID."""
    name: str
    """The name it was uploaded with last."""
    collection: str
    """The collection it is in."""
    similarity: float
    """Estimated share of the shingles of both texts together that is in both: 1 is the same text."""


def similar_documents(similar: Iterable[Similar] | None) -> list[SimilarDocument] | None:
    """In their order; None for None."""
    if similar is None:
        return None
    return [
        SimilarDocument(
            id=one.document.id,
            name=one.document.name,
            collection=one.document.collection,
            similarity=round(one.similarity, 3),
        )
        for one in similar
    ]
