"""The store of what is live, by its users: searches see it, facts and jobs change it, the cleaner clears up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from search.application.ports.versions import DocumentState, DocumentVersion, FirstPages, LiveVersion, NewVersion
from shared.artefacts.chunks import Chunk
from shared.events.envelope import Event
from shared.events.ingest import Labels
from shared.kernel import DocumentId


@dataclass(frozen=True, slots=True)
class HitRecord:
    """Everything that is shown of a hit."""

    document_id: DocumentId
    version: int
    revision: int
    language: str | None
    labels: Labels
    chunk: Chunk
    before: str
    """The text of the chunks before it, without what it overlaps; empty unless asked for."""
    after: str
    around: tuple[Chunk, ...] = ()
    """The same chunks, before and after it, in order."""
    first_pages: FirstPages | None = None
    """What was searched, where it was not the whole document."""


class LiveView(Protocol):
    """What searches see: the version of each document that was live at the index version they read at.

    `index_version` counts every change that a search could notice. A search reads *at* the number it began
    with, and sees for each document the version that was live then, for as long as `forget` has not removed it.
    """

    async def index_version(self) -> int:
        """Rises with each switch, withdrawal and finished change of labels, whichever process makes it; durable.

        And with each word of `mark_whole`.
        """
        ...

    async def is_whole(self) -> bool:
        """What `mark_whole` said last, in any process, as far as it was known when `index_version` answered last."""
        ...

    async def has_retired(self) -> bool:
        """Whether versions are retired and not yet forgotten: the index may hold their units."""
        ...

    async def hits(
        self, at: int, chunks: Sequence[tuple[DocumentId, int, int]], *, context: int = 0
    ) -> Sequence[HitRecord | None]:
        """For each (document, version, chunk ordinal) what to show, or None when it was not live at that number."""
        ...

    async def texts(self, at: int, chunks: Sequence[tuple[DocumentId, int, int]]) -> Sequence[str | None]:
        """Of each what `hits` shows of its words alone: its headings and its text, a line each. None as there."""
        ...

    async def labels_at(
        self, at: int, documents: Sequence[DocumentId]
    ) -> Sequence[tuple[DocumentId, Labels, str | None]]:
        """Labels and language of those documents that were live at that number, each once; in no order."""
        ...

    async def names(self, collection: str) -> Mapping[str, DocumentId]:
        """Every name of every document of the collection that is not withdrawn."""
        ...

    async def unknown_collections(self, names: Sequence[str]) -> Sequence[str]:
        """Those without a document that is not withdrawn; `default` is always known."""
        ...

    async def unsettled(self, versions: Sequence[DocumentVersion]) -> Sequence[DocumentVersion]:
        """Those that are neither live, failed nor withdrawn at that version or a newer one."""
        ...

    async def wait_for_change(self, timeout_seconds: float) -> None:
        """Returns when something was written in this process since the call began, or after the timeout.

        May return earlier where other processes write too.
        """
        ...


class KnownDocuments(Protocol):
    """What the record says of a document, for those who change it and those who clear up after it."""

    async def document(self, document_id: DocumentId) -> DocumentState | None:
        """None: never heard of."""
        ...

    async def live_version(self, document_id: DocumentId) -> LiveVersion | None:
        """The version that searches see; None: there is none."""
        ...


class LiveRecord(KnownDocuments, Protocol):
    """Which version of each document is live. Versions only rise: what is older changes nothing."""

    async def label(self, document_id: DocumentId, version: int, labels: Labels) -> bool:
        """Keeps the labels unless as new ones are known; the document's collection exists from now on.

        Whether the document is live with units that carry older labels than are known.
        """
        ...

    async def labelled(self, document_id: DocumentId, labels_version: int) -> None:
        """The units carry the labels of this version now."""
        ...

    async def switch(self, new: NewVersion, *facts: Event) -> int | None:
        """Makes the version live, the former one retired, and saves the facts, in one write.

        Returns the version of the newest labels known. None, and nothing changed, when this or a newer version is
        live, the document is withdrawn, or first pages would take the place of something else (`may_replace`).
        """
        ...

    async def withdraw(self, document_id: DocumentId, version: int, *facts: Event) -> bool:
        """Leaves a tombstone, retires the live version and saves the facts, in one write; False when there was one."""
        ...

    async def fail(self, document_id: DocumentId, version: int) -> None:
        """This version will not become live."""
        ...

    async def unfail(self, document_id: DocumentId, version: int) -> None:
        """This version is being tried again."""
        ...


class LiveInventory(KnownDocuments, Protocol):
    """What the index should hold, to compare it with: what is missing there, and what may go."""

    async def live(self, *, after: DocumentId | None, limit: int) -> Sequence[LiveVersion]:
        """All live versions, a page at a time, in the order of their ids."""
        ...

    async def mark_whole(self, whole: bool) -> None:
        """Whether the index holds units of everything that is live. Durable, with the rise of the index version."""
        ...

    async def to_label(self) -> Sequence[DocumentId]:
        """Live documents whose units carry older labels than are known."""
        ...

    async def unrecorded(self, versions: Sequence[DocumentVersion]) -> Sequence[DocumentVersion]:
        """Those that are neither live, nor about to be, nor retired and not yet forgotten."""
        ...

    async def retired(self, *, before: int, limit: int) -> Sequence[DocumentVersion]:
        """Versions that no search which began at `before` or later can see, in this process or another."""
        ...

    async def forget(self, versions: Sequence[DocumentVersion]) -> None:
        """Their units are gone: removes what was kept to show them. What is live, or may become so, keeps it."""
        ...


class LiveStore(LiveView, LiveRecord, LiveInventory, Protocol):
    """One store is all three: what is written through one is seen through the others."""
