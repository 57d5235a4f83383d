"""What Monitor needs: a store of journeys, and what the machine says of this process."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol, runtime_checkable

from monitor.domain.journey import Journey, Progress, State, Step
from shared.kernel import DocumentId

_SHORTEST_ID: Final = 4


def folded(text: str) -> str:
    """As names and words are compared: in whatever case, and Hangul in one form."""
    return unicodedata.normalize("NFC", text).casefold()


class DocumentLabels(NamedTuple):
    """What a document is called; the newest version's word counts. A withdrawn document has no name."""

    document_id: DocumentId
    version: int
    collection: str
    name: str | None


class ToldStep(NamedTuple):
    """A step of one version of a document, and the document's labels where it brings them."""

    document_id: DocumentId
    version: int
    step: Step
    labels: DocumentLabels | None = None


@dataclass(frozen=True, slots=True)
class KnownJourney:
    """A journey and what is known of its document."""

    journey: Journey
    is_newest: bool
    """Whether no newer version of the document is on its way."""
    collection: str | None
    """None until the event that names it has arrived."""
    name: str | None


@dataclass(frozen=True, slots=True)
class JourneyQuery:
    """Which newest journeys are asked for."""

    states: frozenset[State] | None = None
    silent_since: datetime | None = None
    """Only those whose newest step, and newest progress within a stage, are older."""
    not_waiting_for: frozenset[str] = frozenset()
    """None of those that wait for these modules."""
    collections: frozenset[str] | None = None
    """None is every collection, unknown ones included."""
    words: tuple[str, ...] = ()
    """As `folded` makes them: all are in the name so made; or the one word begins the id, of which it has four signs
    and more."""

    @property
    def id_begins(self) -> str | None:
        """How the id of a document that the words mean may begin."""
        return self.words[0] if len(self.words) == 1 and len(self.words[0]) >= _SHORTEST_ID else None


@dataclass(frozen=True, slots=True)
class Recent:
    """What the newest steps tell: enough for rates and latencies."""

    stage_seconds: Mapping[str, Sequence[float]]
    total_seconds: Sequence[float]


class JourneyStore(Protocol):
    """Keeps steps; adding one again, or late, leaves the same journeys."""

    async def add(self, document_id: DocumentId, version: int, step: Step, labels: DocumentLabels | None) -> bool:
        """Keeps the step (the earlier instant of the same step counts) and the labels if they are newer.

        Durable on return. False when the step was known.
        """
        ...

    async def add_all(self, told: Sequence[ToldStep]) -> Sequence[bool]:
        """As `add` for each of them, at less cost. When it raises, some may be kept."""
        ...

    async def advance(self, progress: Collection[Progress]) -> None:
        """Keeps of each when it got on, unless later progress is known.

        What has no journey gets none by it, nor does an overtaken version: nobody waits for that.
        """
        ...

    async def label(self, labels: DocumentLabels) -> None:
        """Keeps the labels if they are newer."""
        ...

    async def of_document(self, document_id: DocumentId) -> Sequence[KnownJourney]:
        """Every version, oldest first; empty when the document is not known."""
        ...

    async def newest(
        self, query: JourneyQuery, *, after: tuple[str, str] | None, limit: int
    ) -> Sequence[tuple[tuple[str, str], KnownJourney]]:
        """The newest journey of each document, last started first, each with its place for `after`."""
        ...

    def place_of(self, instant: datetime) -> tuple[str, str]:
        """For `after` of `newest`: behind it come the journeys that started before that instant."""
        ...

    async def count(self, query: JourneyQuery) -> int:
        """How many `newest` would give without a limit."""
        ...

    async def count_by_state(self, collections: frozenset[str] | None) -> Mapping[State, int]:
        """Newest journeys of each state."""
        ...

    async def count_finished(self, state: State, since: datetime, collections: frozenset[str] | None) -> int:
        """Journeys that reached the state since that instant."""
        ...

    async def recent(self, limit: int) -> Recent:
        """Of the newest `limit` steps and journeys."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Deletes up to `limit` journeys that nothing was heard of since that instant, and their steps; how many.

        Only of overtaken versions and of withdrawn documents: the present journey of a document stays. With its last
        journey a document's labels go.
        """
        ...

    async def collections_of(self, documents: Collection[DocumentId]) -> Mapping[DocumentId, str]:
        """The collection of each document that is known."""
        ...


@runtime_checkable
class Lagging(Protocol):
    """A bus that tells each group's lag when it is asked; one that does not keeps the gauge by itself."""

    async def lags(self) -> Mapping[str, int]:
        """By group, how many published events it has not committed. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process and its children use, and the room on the data directory's disk."""

    cpu_percent: float
    """Of one core, since the sample before."""
    memory_bytes: int
    processes: int
    threads: int
    open_files: int
    disk_free_bytes: int
    disk_total_bytes: int


class UsageMeter(Protocol):
    """Measures the machine. Blocks for milliseconds: call it in a thread."""

    def measure(self) -> Usage:
        """The present usage; the first call gives 0 % CPU."""
        ...

    def memory_by_kind(self) -> Mapping[str, int]:
        """Proportional set size (PSS) of the process (`server`) and of its children by what they do, in bytes.

        A page that several share counts once in all. Costs 25 ms a gigabyte.
        """
        ...
