"""Changed names and metadata reach a document's units in place: nothing is analysed or embedded again."""

from search.application.ports.chunk_index import ChunkIndex
from search.application.ports.live_store import LiveRecord
from shared.kernel import DocumentId


class Labelling:
    """Brings the units' labels up to the newest that the store knows."""

    def __init__(self, index: ChunkIndex, store: LiveRecord) -> None:
        self._index = index
        self._store = store

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
            await self._index.set_labels(document_id, state.labels)
            await self._index.flush()
            await self._store.labelled(document_id, state.labels_version)
            # Another process may have been faster with newer ones, which these have replaced.
            carried = state.labels_version
