"""What Search needs: an index of chunks, a store of what is live, an analyser of text. Promises in docstrings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from search.domain.filters import Filters
from search.domain.terms import SparseVector, Stem
from shared.artefacts.chunks import Chunk
from shared.events.envelope import Event
from shared.events.ingest import Labels
from shared.kernel import DocumentId

DocumentVersion = tuple[DocumentId, int]
"""One version of one document."""


class DenseVector(NamedTuple):
    """A vector and the space it belongs to: vectors of two spaces have nothing to say to each other."""

    space: str
    """The fingerprint of the model that made it."""
    values: bytes
    """Little-endian float32, of Euclidean length 1."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What is matched: it has a dense vector, a sparse one or both, and stands for one or more chunks."""

    document_id: DocumentId
    version: int
    ordinal: int
    """0-based among the units of this kind."""
    kind: str
    chunk_ordinals: tuple[int, ...]
    """The chunks it stands for, the one to show first."""
    dense: DenseVector | None
    sparse: SparseVector | None
    language: str | None
    page: int | None
    labels: Labels


class ScoredUnit(NamedTuple):
    """One entry of a list, as the index scored it."""

    document_id: DocumentId
    version: int
    ordinal: int
    kind: str
    chunk_ordinals: tuple[int, ...]
    score: float


@dataclass(frozen=True, slots=True)
class IndexAnswer:
    """Both lists, best first; `total` counts the distinct units that match, up to the window asked for."""

    dense: Sequence[ScoredUnit]
    sparse: Sequence[ScoredUnit]
    total: int
    total_is_exact: bool
    """False when there are more than the window."""


@dataclass(frozen=True, slots=True)
class IndexCapabilities:
    """In what indexes differ."""

    survives_kill_unflushed: bool
    """Whether what was acknowledged but not flushed survives a kill of the index's process."""


class ChunkIndex(Protocol):
    """Finds units by dense and by sparse vectors. Knows nothing of what is live.

    It serves one vector space at a time, the model's. When the model is another one than before, its units stay
    and are found by their sparse vectors without a gap; dense vectors of the former space go.

    Every call raises Unavailable while the index cannot be reached; calls that change something may then have
    had their effect, and can be repeated.
    """

    @property
    def capabilities(self) -> IndexCapabilities:
        """Constant."""
        ...

    @property
    def fingerprint(self) -> str | None:
        """The vector space in which `search` finds now; None: none."""
        ...

    async def ready(self) -> None:
        """Returns once it answers, and takes vectors of the space that the model has now. Raises Unavailable."""
        ...

    async def upsert(self, units: Sequence[Unit]) -> None:
        """Adds or replaces units; the same (document, version, ordinal, kind) is the same unit. Found at once.

        Dense vectors of another space than the model's are left out. At most 500 units a call.
        """
        ...

    async def delete(self, versions: Sequence[DocumentVersion]) -> None:
        """Removes all units of these versions; those that are not there do not matter."""
        ...

    async def set_labels(self, document_id: DocumentId, labels: Labels) -> None:
        """Replaces the labels of all units of the document, of every version; vectors stay."""
        ...

    async def flush(self) -> None:
        """Whatever was acknowledged before is on disk when it returns."""
        ...

    async def search(
        self,
        *,
        dense: DenseVector | None,
        sparse: SparseVector | None,
        filters: Filters = (),
        limit: int = 100,
        window: int = 1000,
    ) -> IndexAnswer:
        """The nearest units by each vector given (None: an empty list), only those that pass all filters.

        Dense scores are inner products. A sparse score is the sum over shared terms of the query's weight, the
        unit's weight and the term's inverse document frequency; units that share no term are not listed. A
        longer limit continues the same list. In another space than `fingerprint` the dense list is empty.
        """
        ...

    async def versions(self, *, after: str | None, limit: int) -> tuple[Sequence[DocumentVersion], str | None]:
        """Which versions have units: a page of them (repeats possible) and where the next page begins."""
        ...

    async def size(self) -> int:
        """How many units there are."""
        ...


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


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """A version that searches see, and what builds its units again."""

    document_id: DocumentId
    version: int
    language: str | None
    chunk_count: int
    sources: Sources


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


class LiveStore(Protocol):
    """Which version of each document searches see. Versions only rise: what is older changes nothing.

    `index_version` counts every change that a search could notice. A search reads *at* the number it began
    with, and sees for each document the version that was live then, for as long as `forget` has not removed it.
    """

    async def index_version(self) -> int:
        """Rises with each switch, withdrawal and finished change of labels, whichever process makes it; durable."""
        ...

    async def document(self, document_id: DocumentId) -> DocumentState | None:
        """None: never heard of."""
        ...

    async def label(self, document_id: DocumentId, version: int, labels: Labels) -> bool:
        """Keeps the labels unless as new ones are known; the document's collection exists from now on.

        Whether the document is live with units that carry older labels than are known.
        """
        ...

    async def labelled(self, document_id: DocumentId, labels_version: int) -> None:
        """The units carry the labels of this version now."""
        ...

    async def to_label(self) -> Sequence[DocumentId]:
        """Live documents whose units carry older labels than are known."""
        ...

    async def switch(self, new: NewVersion, *facts: Event) -> int | None:
        """Makes the version live, the former one retired, and saves the facts, in one write.

        Returns the version of the newest labels known. None, and nothing changed, when this or a newer version is
        live, or the document is withdrawn.
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

    async def unsettled(self, versions: Sequence[DocumentVersion]) -> Sequence[DocumentVersion]:
        """Those that are neither live, failed nor withdrawn at that version or a newer one."""
        ...

    async def wait_for_change(self, timeout_seconds: float) -> None:
        """Returns when something was written in this process since the call began, or after the timeout.

        May return earlier where other processes write too.
        """
        ...

    async def unknown_collections(self, names: Sequence[str]) -> Sequence[str]:
        """Those without a document that is not withdrawn; `default` is always known."""
        ...

    async def hits(
        self, at: int, chunks: Sequence[tuple[DocumentId, int, int]], *, context: int = 0
    ) -> Sequence[HitRecord | None]:
        """For each (document, version, chunk ordinal) what to show, or None when it was not live at that number."""
        ...

    async def labels_at(self, at: int, versions: Sequence[DocumentVersion]) -> Sequence[tuple[Labels, str | None]]:
        """Labels and language of those that were live at that number."""
        ...

    async def live(self, *, after: DocumentId | None, limit: int) -> Sequence[LiveVersion]:
        """All live versions, a page at a time, in the order of their ids."""
        ...

    async def retired(self, *, before: int, limit: int) -> Sequence[DocumentVersion]:
        """Versions that no search which began at `before` or later can see, in this process or another."""
        ...

    async def unrecorded(self, versions: Sequence[DocumentVersion]) -> Sequence[DocumentVersion]:
        """Those that are neither live, nor about to be, nor retired and not yet forgotten."""
        ...

    async def forget(self, versions: Sequence[DocumentVersion]) -> None:
        """Their units are gone: removes what was kept to show them. What is live, or may become so, keeps it."""
        ...


class RenewalStore(Protocol):
    """Which live versions were processed for another model, and whose renewal was asked for. Beside the LiveStore."""

    async def count_outdated(self, fingerprint: str, *, most: int) -> int:
        """How many live versions were processed for another model than this; counted no further than `most`."""
        ...

    async def not_asked(self, fingerprint: str, *, limit: int) -> Sequence[LiveVersion]:
        """Some of those: the ones nobody was asked to renew for this model."""
        ...

    async def ask(self, version: DocumentVersion, fingerprint: str, *facts: Event) -> bool:
        """Keeps that the renewal of a live version was asked for, with the facts that ask, in one write.

        False, and nothing saved, when the version is not live or its renewal for this model was asked for.
        """
        ...

    async def chunks_under_way(self, fingerprint: str) -> int:
        """The chunks of what was asked for and has neither come nor failed; a document counts for one at least."""
        ...


@dataclass(frozen=True, slots=True)
class AnalysedQuery:
    """A query as the sparse index and the highlighter need it."""

    sparse: SparseVector
    words: frozenset[str]
    """Terms of words and codes."""
    morphemes: tuple[str, ...]
    """Korean surfaces."""


class Analyzer(Protocol):
    """Turns text into sparse vectors. What a language needs is loaded when its first text comes."""

    @property
    def version(self) -> str:
        """Names the rules: units of another version do not belong into the same index."""
        ...

    @property
    def stem(self) -> Stem:
        """The stem of a lower-case English word; safe from any thread."""
        ...

    async def chunks(self, texts: Sequence[str]) -> Sequence[SparseVector]:
        """One vector per text, in their order. Raises Unavailable while an analyser cannot be loaded."""
        ...

    async def query(self, text: str) -> AnalysedQuery:
        """Raises Unavailable while an analyser cannot be loaded."""
        ...
