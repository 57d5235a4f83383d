"""From the chunks around a hit to what is shown of it; the same for every store."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from search.application.ports.live_store import HitRecord
from search.application.ports.versions import FirstPages
from shared.artefacts.chunks import Chunk
from shared.events.ingest import Labels
from shared.kernel import DocumentId


class _Words(TypedDict):
    """What of a chunk is words."""

    headings: tuple[str, ...]
    text: str


_ALL_WORDS: Final = TypeAdapter(list[_Words])


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


def searched_texts(chunks: Iterable[bytes]) -> list[str]:
    """Of the JSON of each chunk its headings and its text, a line each. Raises ValidationError.

    Making whole chunks of them takes six times as long.
    """
    words = _ALL_WORDS.validate_json(b"[%s]" % b",".join(chunks))
    return ["\n".join((*one["headings"], one["text"])) for one in words]


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
