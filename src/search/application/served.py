"""What searches show, for whoever compares it with the list of documents."""

from collections.abc import Mapping, Sequence

from typing_extensions import override

from search.application.ports.live_store import LiveInventory
from shared.artefacts.address import sha256_of
from shared.kernel import DocumentId
from shared.ports.served import Served, ServedDocuments, Shown


class LiveDocuments(ServedDocuments):
    """ServedDocuments over the store of what is live."""

    def __init__(self, store: LiveInventory) -> None:
        self._store = store

    @override
    async def served(self, documents: Sequence[DocumentId]) -> Mapping[DocumentId, Served]:
        found: dict[DocumentId, Served] = {}
        for document_id in documents:
            state = await self._store.document(document_id)
            if state is not None:
                versions = (state.labels_version, state.live_version, state.failed_version, state.withdrawn_version)
                newest = max(version or 0 for version in versions)
                found[document_id] = Served(newest, state.live_version, state.labels)
        return found

    @override
    async def shown(self, *, after: DocumentId | None, limit: int) -> Sequence[Shown]:
        live = await self._store.live(after=after, limit=limit)
        return [Shown(one.document_id, sha256_of(one.sources.chunks_artefact)) for one in live]
