"""Facets: how many of the documents that match have which value. Over all matches, not those of the window alone."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from search.application.ports.chunk_index import ChunkIndex
from search.application.ports.live_store import LiveView
from search.application.ranking import Ranking
from search.domain.metadata_paths import metadata_paths
from shared.events.ingest import Labels
from shared.kernel import DocumentId

MOST_MATCHES: Final = 20_000
"""Documents with vectors, and units without, that are counted; where there are more, counts are of so many of them."""
_MOST_VALUES: Final = 50
_READ_TOGETHER: Final = 1_000
_MOST_KEPT: Final = 64

Counts = dict[str, list[tuple[Any, int]]]
"""By field, the most frequent values first."""


class Faceted(NamedTuple):
    """`is_exact`: every document that matches was counted, and no other."""

    counts: Counts
    is_exact: bool


class Facets:
    """Counts the documents of a ranking. In hybrid mode all that passes the filters and has a vector matches."""

    def __init__(self, index: ChunkIndex, store: LiveView) -> None:
        self._index = index
        self._store = store
        # Most queries with the same filters match the same documents.
        self._kept: OrderedDict[tuple[int, tuple[str, ...], frozenset[DocumentId]], Counts] = OrderedDict()

    async def count(self, names: Sequence[str], ranking: Ranking, at: int) -> Faceted:
        """For each field, how many documents have each of its fifty most frequent values. Raises Unavailable."""
        if ranking.sieve is not None or ranking.by_date is not None:
            # What passes or is listed is known of the window alone.
            found = frozenset(one.unit.document_id for one in ranking.entries)
            is_exact = ranking.total_is_exact
        else:
            matches = await self._index.documents(
                dense=ranking.dense, sparse=ranking.sparse, filters=ranking.filters, most=MOST_MATCHES
            )
            found, is_exact = matches.documents, matches.is_exact
        key = (at, tuple(names), found)
        counts = self._kept.get(key)
        if counts is None:
            counts = await self._counted(names, found, at)
            self._kept[key] = counts
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return Faceted(counts, is_exact)

    async def _counted(self, names: Sequence[str], documents: frozenset[DocumentId], at: int) -> Counts:
        counters: dict[str, Counter[Any]] = {name: Counter() for name in names}
        ids = sorted(documents)
        for start in range(0, len(ids), _READ_TOGETHER):
            for _, labels, language in await self._store.labels_at(at, ids[start : start + _READ_TOGETHER]):
                for name, counter in counters.items():
                    # True and 1 are equal in Python, but not as values of a facet.
                    counter.update({(type(value), value) for value in _values(name, labels, language)})
        return {name: _most_frequent(counter) for name, counter in counters.items()}


def _most_frequent(counter: Counter[Any]) -> list[tuple[Any, int]]:
    ordered = sorted(counter.items(), key=lambda item: (-item[1], str(item[0][1])))
    return [(value, count) for (_, value), count in ordered[:_MOST_VALUES]]


def _values(name: str, labels: Labels, language: str | None) -> list[Any]:
    match name:
        case "collection":
            return [labels.collection]
        case "media_type":
            return [labels.media_type]
        case "language":
            return [] if language is None else [language]
        case _:
            return [value for keys in metadata_paths(name) for value in _metadata_values(labels.metadata, keys)]


def _metadata_values(metadata: Any, keys: Sequence[str]) -> list[Any]:
    value = metadata
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return []
        value = value[key]
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str | int | float | bool)]
