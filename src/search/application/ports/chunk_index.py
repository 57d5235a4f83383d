"""The index of chunks: units, and how they are found by dense and by sparse vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from search.application.ports.versions import DocumentVersion
from search.domain.filters import Filters
from search.domain.terms import SparseVector
from shared.events.ingest import Labels
from shared.kernel import DocumentId


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


class Matches(NamedTuple):
    """The documents that have a unit which a search would find."""

    documents: frozenset[DocumentId]
    """Of every version that is in the index."""
    is_exact: bool
    """False when there are more than were asked for."""


class ChunkIndex(Protocol):
    """Finds units by dense and by sparse vectors. Knows nothing of what is live.

    It serves one vector space at a time, the model's. When the model is another one than before, its units stay
    and are found by their sparse vectors without a gap; dense vectors of the former space go.

    Every call raises Unavailable while the index cannot be reached; calls that change something may then have
    had their effect, and can be repeated.
    """

    @property
    def fingerprint(self) -> str | None:
        """The vector space in which `search` finds now; None: none."""
        ...

    @property
    def losses(self) -> int:
        """How often it began anew without units that were acknowledged, since this process began."""
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
        """Whatever was acknowledged before, and since `losses` was another number, is on disk when it returns."""
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
        unit's weight and the term's inverse document frequency among the units that are there (a server may count
        deleted ones until it has tidied up); units that share no term are not listed. A longer limit continues the
        same list. In another space than `fingerprint` the dense list is empty.
        """
        ...

    async def vectors(self, units: Sequence[ScoredUnit]) -> Sequence[DenseVector | None]:
        """The dense vector of each of these units as the index has it; None: it has none, or is gone."""
        ...

    async def documents(
        self, *, dense: DenseVector | None, sparse: SparseVector | None, filters: Filters = (), most: int
    ) -> Matches:
        """Whose units `search` would find by these vectors, whatever their score and however many they are.

        Of units with a vector no more than `most` documents are told, of those without no more than `most` units.
        """
        ...

    async def versions(self, *, after: str | None, limit: int) -> tuple[Sequence[DocumentVersion], str | None]:
        """Which versions have units: a page of them (repeats possible) and where the next page begins."""
        ...

    async def size(self) -> int:
        """How many units there are."""
        ...
