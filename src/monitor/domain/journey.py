"""The journey of one version of a document: its steps, the time they took, its state, and whether it is stuck.

A journey is a function of the set of its steps, and of when it last got on between two of them: the order in which they
became known changes nothing.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from shared.kernel import DocumentId
from shared.vocabulary import INDEX, PROCESS, SEARCH


class StepKind(StrEnum):
    """What happened to a version."""

    # As the text that it is: an enumeration hashes its name in Python, several times for each step of an ingest.
    __hash__ = str.__hash__

    RECEIVED = "received"
    STAGE = "stage"
    EARLY = "early"
    """Its first pages are searchable, the whole is not yet."""
    PROCESSED = "processed"
    INDEXED = "indexed"
    FAILED = "failed"
    DEAD_LETTERED = "dead_lettered"
    REPLAYED = "replayed"
    WITHDRAWN = "withdrawn"
    REMOVED = "removed"


class State(StrEnum):
    """Where a version is now."""

    __hash__ = str.__hash__

    RECEIVED = "received"
    PROCESSING = "processing"
    SEARCHABLE = "searchable"
    FAILED = "failed"
    WITHDRAWING = "withdrawing"
    """The withdrawal is accepted, search may still show the document."""
    WITHDRAWN = "withdrawn"


UNFINISHED: Final = frozenset((State.RECEIVED, State.PROCESSING, State.WITHDRAWING))
_FOR_SEARCH: Final = frozenset((StepKind.PROCESSED, StepKind.WITHDRAWN))
"""After these it is Search's turn."""
_REPEATABLE: Final = frozenset((StepKind.FAILED, StepKind.DEAD_LETTERED, StepKind.REPLAYED))
_DECIDES: Final = _REPEATABLE | {StepKind.WITHDRAWN, StepKind.REMOVED, StepKind.INDEXED}
_ONLY_RECEIVED: Final = frozenset((StepKind.RECEIVED,))
_ENDS: Final = {
    State.SEARCHABLE: (StepKind.INDEXED,),
    State.FAILED: (StepKind.FAILED, StepKind.DEAD_LETTERED),
    State.WITHDRAWN: (StepKind.REMOVED,),
}
_ORDER: Final = {kind: place for place, kind in enumerate(StepKind)}


class Step(NamedTuple):
    """One thing that happened, as the event that told it says."""

    kind: StepKind
    occurred_at: datetime
    stage: str = ""
    """Of a stage or a failure: parse, chunk, embed, …; of a dead letter: the module that gave up."""
    seconds: float | None = None
    """Work time, where the event knows it; waiting is not in it."""
    detail: str = ""
    """A reason in words, for failures and dead letters; a line for each warning, of what was processed; how many pages,
    of first ones."""
    event_id: str = ""

    @property
    def identity(self) -> str:
        """Two steps of one version with the same identity are one step; the earlier instant counts.

        Work that was done again after a crash is the same step. What may truly happen again (a failure,
        a dead letter, a replay) is told apart by its event.
        """
        if self.kind in _REPEATABLE:
            return f"{self.kind}:{self.event_id}"
        if self.kind is StepKind.EARLY:
            return f"{self.kind}:{self.detail}"
        return f"{self.kind}:{self.stage}" if self.stage else str(self.kind)


@dataclass(frozen=True, slots=True)
class Progress:
    """A version got on within a stage: pages were read, chunks embedded. No step, but a sign of life."""

    document_id: DocumentId
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class TimedStep:
    """A step and how long after the one before it came, waiting included."""

    step: Step
    elapsed_seconds: float


@dataclass(frozen=True)
class Journey:
    """All known steps of one version, in the order in which they happened. Never empty."""

    document_id: DocumentId
    version: int
    steps: tuple[Step, ...]
    progress_at: datetime | None = None
    """When it last got on within a stage; None while nothing told of that."""
    state: State = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Now: everybody asks for it, and `cached_property` takes a lock, which costs more than this.
        object.__setattr__(self, "state", _state_of(self.steps))

    @classmethod
    def of(
        cls,
        document_id: DocumentId,
        version: int,
        steps: Set[Step] | tuple[Step, ...],
        progress_at: datetime | None = None,
    ) -> "Journey":
        """From steps in any order, doubles included. Raises ValueError when there is none."""
        if not steps:
            raise ValueError("a journey has at least one step")
        earliest: dict[str, Step] = {}
        for step in sorted(steps, key=lambda step: (step.occurred_at, step.event_id)):
            earliest.setdefault(step.identity, step)
        return cls.of_each(document_id, version, earliest, progress_at)

    @classmethod
    def of_each(
        cls, document_id: DocumentId, version: int, steps: Mapping[str, Step], progress_at: datetime | None = None
    ) -> "Journey":
        """From steps in any order, of each identity the one that counts."""
        placed = sorted((step.occurred_at, _ORDER[step.kind], identity) for identity, step in steps.items())
        return cls(document_id, version, tuple(steps[identity] for _, _, identity in placed), progress_at)

    @property
    def is_finished(self) -> bool:
        """Whether nothing more is expected."""
        return self.state not in UNFINISHED

    @property
    def started_at(self) -> datetime:
        """When its first step happened."""
        return self.steps[0].occurred_at

    @property
    def last_event_at(self) -> datetime:
        """When its newest step happened, or it got on within a stage, whichever came later."""
        newest = self.steps[-1].occurred_at
        return newest if self.progress_at is None else max(newest, self.progress_at)

    @property
    def finished_at(self) -> datetime | None:
        """When it reached its state, or None while it is on its way."""
        ends = _ENDS.get(self.state)
        if ends is None:
            return None
        return max(step.occurred_at for step in self.steps if step.kind in ends)

    @property
    def total_seconds(self) -> float | None:
        """From its first step to its end, or None while it is on its way."""
        end = self.finished_at
        return None if end is None else (end - self.started_at).total_seconds()

    @property
    def timed_steps(self) -> tuple[TimedStep, ...]:
        """Each step with the time since the one before."""
        before = self.started_at
        timed = []
        for step in self.steps:
            timed.append(TimedStep(step, (step.occurred_at - before).total_seconds()))
            before = step.occurred_at
        return tuple(timed)

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Work time of each stage that told it; indexing is the stage `index`."""
        return {
            INDEX if step.kind is StepKind.INDEXED else step.stage: step.seconds
            for step in self.steps
            if step.seconds is not None
        }

    @property
    def problem(self) -> Step | None:
        """Why it failed, when it did."""
        if self.state is not State.FAILED:
            return None
        return next(step for step in reversed(self.steps) if step.kind in _REPEATABLE)

    @property
    def attempts(self) -> int:
        """How often it was begun: once, and once more for each replay."""
        return 1 + sum(step.kind is StepKind.REPLAYED for step in self.steps)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What Process said of the file, though it could read it."""
        return tuple(
            line for step in self.steps if step.kind is StepKind.PROCESSED for line in step.detail.split("\n") if line
        )

    @property
    def waits_for(self) -> str | None:
        """The module whose word comes next, or None when it is finished."""
        if self.is_finished:
            return None
        return SEARCH if any(step.kind in _FOR_SEARCH for step in self.steps) else PROCESS


def _state_of(steps: Sequence[Step]) -> State:
    """Withdrawal and searchability are final; a failure stands until something is replayed after it."""
    kinds = {step.kind for step in steps}
    if kinds.isdisjoint(_DECIDES):
        return State.RECEIVED if kinds == _ONLY_RECEIVED else State.PROCESSING
    if StepKind.WITHDRAWN in kinds:
        return State.WITHDRAWN if StepKind.REMOVED in kinds else State.WITHDRAWING
    if StepKind.REMOVED in kinds:
        return State.WITHDRAWN
    if StepKind.INDEXED in kinds:
        return State.SEARCHABLE
    verdicts = [step.kind for step in steps if step.kind in _REPEATABLE]
    return State.FAILED if verdicts[-1] is not StepKind.REPLAYED else State.PROCESSING


def is_stuck(journey: Journey, *, now: datetime, after_seconds: float, busy: Set[str] = frozenset()) -> bool:
    """Unfinished, and neither a step nor progress within a stage for longer than `after_seconds`.

    Who merely waits its turn is not stuck: `busy` names the modules that have work queued and are getting on
    with it.
    """
    if journey.is_finished or journey.waits_for in busy:
        return False
    return (now - journey.last_event_at).total_seconds() > after_seconds


_SLOW_TIMES: Final = 2
_LEAST_SLOW_SECONDS: Final = 10.0
_FEWEST_SAMPLES: Final = 20


def slow_after_seconds(total_seconds: list[float], *, otherwise: float) -> float:
    """How long a journey may be under way before it counts as slow: twice what 19 of 20 took lately.

    Never less than 10 s; `otherwise` while fewer than 20 journeys say how long they took.
    """
    usual = percentile(total_seconds, 0.95)
    if usual is None or len(total_seconds) < _FEWEST_SAMPLES:
        return otherwise
    return max(_LEAST_SLOW_SECONDS, _SLOW_TIMES * usual)


def percentile(samples: list[float], share: float) -> float | None:
    """The nearest-rank percentile (share in 0..1), or None without samples."""
    if not samples:
        return None
    ordered = sorted(samples)
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]
