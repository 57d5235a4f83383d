"""What is known of documents and of their versions, wherever it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.artefacts.chunks import Chunk
from shared.events.ingest import Labels
from shared.kernel import DocumentId

DocumentVersion = tuple[DocumentId, int]
"""One version of one document."""


@dataclass(frozen=True, slots=True)
class DocumentState:
    """What Search knows of a document."""

    document_id: DocumentId
    labels: Labels | None
    labels_version: int
    indexed_labels_version: int
    """The labels that its units carry; behind `labels_version` while a change is under way."""
    live_version: int | None
    failed_version: int | None
    withdrawn_version: int | None

    def supersedes(self, version: int) -> bool:
        """Whether this version has nothing to say any more."""
        return (self.withdrawn_version or 0) >= version or (self.live_version or 0) >= version


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the artefacts of a version are, to build its units again."""

    chunks_artefact: str
    vectors_artefact: str | None
    fingerprint: str | None
    """Of the model that it was processed for; None is some model of earlier days."""


@dataclass(frozen=True, slots=True)
class FirstPages:
    """A version that is only the first pages of its document, the rest of which is still being read."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version about to become live; its units are in the index and flushed."""

    document_id: DocumentId
    version: int
    revision: int
    language: str | None
    sources: Sources
    labels_version: int
    """Of the labels its units carry."""
    chunks: Sequence[Chunk]
    first_pages: FirstPages | None = None
    """None: the whole document."""
    base_version: int = 0
    """Takes the place of nothing, or of a version above this one: what is older stays."""

    def may_replace(self, live_version: int | None) -> bool:
        """Whether it becomes live where this version is (None or 0: nothing)."""
        if not live_version:
            return True
        return live_version < self.version and (self.first_pages is None or live_version > self.base_version)


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """A version that searches see, and what builds its units again."""

    document_id: DocumentId
    version: int
    language: str | None
    chunk_count: int
    sources: Sources
