"""Changed names and metadata reach a document's units in place: nothing is embedded again."""

from collections.abc import Callable

from search.application.ports.analysis import Analyzer
from search.application.ports.chunk_index import ChunkIndex
from search.application.ports.live_store import LiveRecord
from search.application.ports.versions import DocumentVersion
from search.application.units import build_units, read_artefacts
from shared.events.ingest import Labels
from shared.kernel import DocumentId, Refused
from shared.ports.storage import BlobStore
from shared.telemetry import get_log

_log = get_log("search")


class Labelling:
    """Brings the units' labels, and the words of the name by which the first is found, up to the newest known."""

    def __init__(self, index: ChunkIndex, store: LiveRecord, blobs: BlobStore, analyzer: Analyzer) -> None:
        self._index = index
        self._store = store
        self._blobs = blobs
        self._analyzer = analyzer
        self._doubt: Callable[[DocumentVersion], None] = lambda _: None

    def attend(self, doubt: Callable[[DocumentVersion], None]) -> None:
        """`doubt` is told of a version that may have got a unit after its others were taken away."""
        self._doubt = doubt

    async def apply(self, document_id: DocumentId, *, carried: int | None = None) -> None:
        """Does nothing when they are up to date or the document is not live. Raises Unavailable.

        `carried` are the labels that its units were written with just now, whatever the record says of them.
        """
        while True:
            state = await self._store.document(document_id)
            if state is None or state.live_version is None or state.labels is None:
                return
            known = state.indexed_labels_version
            if (known if carried is None else min(carried, known)) >= state.labels_version:
                return
            losses = self._index.losses
            await self._index.set_labels(document_id, state.labels)
            await self._rename(document_id, state.labels)
            await self._index.flush()
            if self._index.losses != losses:
                continue  # it began anew before they were on disk
            await self._store.labelled(document_id, state.labels_version)
            # Another process may have been faster with newer ones, which these have replaced.
            carried = state.labels_version

    async def _rename(self, document_id: DocumentId, labels: Labels) -> None:
        live = await self._store.live_version(document_id)
        if live is None or not live.chunk_count:
            return
        try:
            artefacts = await read_artefacts(self._blobs, live.sources)
        except Refused as error:
            # Whoever misses the units asks for them anew; until then the former name finds it.
            _log.warning("cannot rename", action="search.rename", document_id=document_id, error=error.detail)
            return
        units = await build_units(
            self._analyzer,
            artefacts,
            document_id=document_id,
            version=live.version,
            language=live.language,
            labels=labels,
            most=1,
        )
        await self._index.upsert(units)
        now = await self._store.live_version(document_id)
        if now is None or now.version != live.version:
            self._doubt((document_id, live.version))
