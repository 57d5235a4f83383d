"""Documents like one: by what they mean and by the words they share."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from search.application.ports.analysis import Analyzer
from search.application.ports.chunk_index import ChunkIndex, DenseVector
from search.application.ports.live_store import LiveStore
from search.application.ranking import Ranking
from search.application.retrieval import Explanation, Hit, SearchResult
from search.application.snapshots import Snapshots
from search.application.units import Artefacts, read_artefacts, text_to_analyse
from search.domain.filters import Condition, Filters, Neither
from search.domain.fusion import weights
from shared.kernel import DocumentId, NotFound, Refused, Unavailable
from shared.ports.storage import BlobStore

MOST_SIMILAR: Final = 50
_CHUNKS: Final = 64
"""How many of its chunks say what a document is about."""
_CHARACTERS: Final = 2_000
"""Whose words are looked for: of its beginning."""


class Similarity:
    """Reads what processing left of the document: nothing is embedded."""

    def __init__(
        self, *, index: ChunkIndex, store: LiveStore, snapshots: Snapshots, blobs: BlobStore, analyzer: Analyzer
    ) -> None:
        self._index = index
        self._store = store
        self._snapshots = snapshots
        self._blobs = blobs
        self._analyzer = analyzer

    async def find(self, document_id: DocumentId, *, limit: int, visible: frozenset[str] | None) -> SearchResult:
        """The best chunk of each of the documents most like it, of the collections that may be seen.

        Raises NotFound for a document that is not searchable or not theirs to see, Unavailable.
        """
        async with self._snapshots.reading() as at:
            state, live = await self._store.document(document_id), await self._store.live_version(document_id)
            labels = None if state is None else state.labels
            if labels is None or live is None or (visible is not None and labels.collection not in visible):
                raise NotFound("There is no searchable document with this id.", code="document_not_found")
            try:
                artefacts = await read_artefacts(self._blobs, live.sources)
            except Refused as error:
                raise Unavailable("What this document is about is being read anew.") from error
            dense = _centre(artefacts, self._index.fingerprint)
            text = "\n".join(text_to_analyse(one, artefacts.chunks.title) for one in artefacts.chunks.chunks[:_CHUNKS])
            sparse = (await self._analyzer.query(text[:_CHARACTERS])).sparse
            ranking = Ranking(
                index=self._index,
                dense=dense,
                sparse=sparse if sparse.indices else None,
                filters=_others(document_id, visible),
                weights=weights(dense=dense is not None, sparse=bool(sparse.indices)),
                by_document=True,
                asked=sum(sparse.values),
            )
            await ranking.read(deep=False)
            hits = await self._hits(ranking, limit, at, live.language)
        degraded = ("vectors",) if live.sources.fingerprint and dense is None and artefacts.vectors else ()
        return SearchResult(
            hits=hits,
            facets={},
            facets_are_exact=True,
            total=len(hits),
            total_is_exact=False,
            next_cursor=None,
            index_version=at,
            degraded=degraded,
        )

    async def _hits(self, ranking: Ranking, limit: int, at: int, language: str | None) -> Sequence[Hit]:
        """Some of the units may not be live."""
        entries = ranking.entries[: 2 * limit]
        places = [(one.unit.document_id, one.unit.version, one.unit.chunk_ordinals[0]) for one in entries]
        records = await self._store.hits(at, places)
        return [
            Hit(one.fused.score, record, (), Explanation(one.fused.dense, one.fused.sparse, ranking.weights, language))
            for one, record in zip(entries, records, strict=True)
            if record is not None
        ][:limit]


def _others(document_id: DocumentId, visible: frozenset[str] | None) -> Filters:
    others: Filters = (Neither(((Condition("document", any_of=(document_id,)),),)),)
    return others if visible is None else (*others, Condition("collection", any_of=tuple(sorted(visible))))


def _centre(artefacts: Artefacts, space: str | None) -> DenseVector | None:
    """The mean of its vectors in the space that the index serves, of length 1; None: it has none there."""
    known = sorted(artefacts.vectors.items())[:_CHUNKS]
    rows = [np.frombuffer(vector.values, dtype="<f4") for _, vector in known if vector.space == space]
    if not rows or space is None:
        return None
    mean = np.mean(rows, axis=0, dtype=np.float32)
    length = float(np.linalg.norm(mean))
    return DenseVector(space, (mean / length).astype("<f4").tobytes()) if length > 0 else None
