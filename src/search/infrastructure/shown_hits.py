"""From the chunks around a hit to what is shown of it; the same for every store."""

from collections.abc import Iterator, Sequence

from search.application.ports.live_store import HitRecord
from search.application.ports.versions import FirstPages
from shared.artefacts.chunks import Chunk
from shared.events.ingest import Labels
from shared.kernel import DocumentId


def shown_hit(
    document_id: DocumentId,
    version: int,
    ordinal: int,
    *,
    revision: int,
    language: str | None,
    labels: Labels,
    chunks: Sequence[Chunk],
    first_pages: FirstPages | None = None,
) -> HitRecord | None:
    """`chunks`: the hit's and its neighbours, in order; None when the hit's own is not among them."""
    chunk = next((one for one in chunks if one.ordinal == ordinal), None)
    if chunk is None:
        return None
    return HitRecord(
        document_id=document_id,
        version=version,
        revision=revision,
        language=language,
        labels=labels,
        chunk=chunk,
        before=_joined([one for one in chunks if one.ordinal < ordinal], until=chunk.start),
        after=_joined([one for one in chunks if one.ordinal > ordinal], begin=chunk.end),
        around=tuple(one for one in chunks if one.ordinal != ordinal),
        first_pages=first_pages,
    )


def names_in(labels: Labels | None) -> Iterator[str]:
    """Every name of a document, each once."""
    if labels is not None:
        yield from dict.fromkeys((labels.document_name, *labels.names))


def _joined(chunks: Sequence[Chunk], *, begin: int = 0, until: int | None = None) -> str:
    """The chunks' texts one after the other; overlaps count once, gaps of the text become a space."""
    pieces: list[str] = []
    place = begin
    for chunk in chunks:
        end = chunk.end if until is None else min(chunk.end, until)
        start = max(chunk.start, place)
        if start < end:
            if pieces and start > place:
                pieces.append("\n")
            pieces.append(chunk.text[start - chunk.start : end - chunk.start])
            place = end
    return "".join(pieces)
