"""From the records and chunks that were read from MongoDB to what searches see of them at an index version."""

from collections.abc import Mapping, Sequence

from search.application.ports.live_store import HitRecord
from search.infrastructure.mongo.chunks import Place
from search.infrastructure.mongo.records import first_pages_of, labels_of, live_at
from search.infrastructure.shown_hits import searched_texts, shown_hit
from shared.artefacts.chunks import Chunk
from shared.infrastructure.mongo.queries import Row
from shared.kernel import DocumentId


def hit_at(at: int, place: Place, record: Row, chunks: Sequence[str]) -> HitRecord | None:
    """`chunks`: the JSON of the place's and its neighbours. None when its version was not live then."""
    labels, live = labels_of(record), live_at(record, at, place[1])
    if labels is None or live is None:
        return None
    return shown_hit(
        *place,
        revision=live["revision"],
        language=live["language"],
        labels=labels,
        chunks=[Chunk.model_validate_json(chunk) for chunk in chunks],
        first_pages=first_pages_of(live),
    )


def texts_at(
    at: int, places: Sequence[Place], records: Mapping[DocumentId, Row], chunks: Mapping[Place, Sequence[str]]
) -> list[str | None]:
    """For each place its words; None when its version was not live then. `chunks`: the JSON of each alone."""
    live = [place for place in dict.fromkeys(places) if chunks[place] and _is_live(at, place, records)]
    texts = dict(zip(live, searched_texts(chunks[place][0].encode() for place in live), strict=True))
    return [texts.get(place) for place in places]


def _is_live(at: int, place: Place, records: Mapping[DocumentId, Row]) -> bool:
    record = records.get(place[0], {})
    return record.get("labels") is not None and live_at(record, at, place[1]) is not None
