"""The JSON that Monitor answers with, and how it is made from what the application knows."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from monitor.application.dead_letters import Letter
from monitor.application.health import HealthReport
from monitor.application.journeys import JourneyView
from monitor.application.overview import Latency, Summary
from monitor.domain.journey import State
from shared.web.requests import RequestFields

ShownState = Literal["received", "processing", "searchable", "failed", "withdrawing", "withdrawn", "superseded"]


class ComponentBody(BaseModel):
    """One component."""

    ready: bool
    required: bool
    detail: str
    seconds: float


class HealthBody(BaseModel):
    """All components, by name."""

    ready: bool
    checked_at: datetime
    components: dict[str, ComponentBody]


class StepBody(BaseModel):
    """One step of a journey."""

    step: str
    stage: str | None
    at: datetime
    seconds: float | None = Field(description="Work time, where it is known.")
    elapsed_seconds: float = Field(description="Since the step before, waiting included.")
    detail: str | None


class JourneyProblem(BaseModel):
    """Why a journey ended in `failed`."""

    stage: str
    detail: str


class JourneyBody(BaseModel):
    """The journey of one version of a document."""

    document_id: str
    version: int
    collection: str | None
    name: str | None
    state: ShownState
    stuck: bool
    waits_for: str | None
    started_at: datetime
    last_event_at: datetime
    finished_at: datetime | None
    total_seconds: float | None
    stage_seconds: dict[str, float]
    problem: JourneyProblem | None
    steps: list[StepBody]


class JourneyListBody(BaseModel):
    """One page."""

    items: list[JourneyBody]
    next_cursor: str | None
    total: int


class DocumentJourneysBody(BaseModel):
    """Every version of one document, newest first."""

    items: list[JourneyBody]


class LetterBody(BaseModel):
    """One dead letter."""

    id: str
    kind: Literal["event", "job"]
    module: str
    subject: str
    document_id: str | None
    document_version: int | None
    reason: str
    attempts: int
    buried_at: datetime
    replayed_at: datetime | None
    content: dict[str, Any] | str


class LetterListBody(BaseModel):
    """One page, newest first."""

    items: list[LetterBody]
    next_cursor: str | None


class ReplayQuery(BaseModel):
    """Which dead letters to replay."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500)
    """Words that their reason contains, in whatever case."""
    dry_run: bool = False
    limit: int = Field(default=500, ge=1, le=500)


class ReplayBody(BaseModel):
    """What was replayed, or would be."""

    dry_run: bool
    matching: int
    left: int
    """How many still match: ask again."""
    items: list[LetterBody]


class LatencyBody(BaseModel):
    """Of the newest samples."""

    samples: int
    p50_seconds: float | None
    p95_seconds: float | None


class QueueBody(BaseModel):
    """Jobs of one kind."""

    module: str
    kind: str
    waiting: int
    running: int
    buried: int
    oldest_waiting_at: datetime | None


class SearchesBody(BaseModel):
    """Searches of the last five minutes."""

    per_minute: float
    seconds_p50: float | None
    seconds_p95: float | None
    cached_share: float | None
    degraded_share: float | None


class SystemBody(BaseModel):
    """What the server's processes use."""

    cpu_percent: float = Field(description="Of one core.")
    memory_bytes: int
    processes: int
    threads: int
    open_files: int
    disk_free_bytes: int
    disk_total_bytes: int


class RemoteBody(BaseModel):
    """One server that this process calls."""

    name: str
    state: Literal["closed", "open", "half-open"] = Field(description="Of its circuit breaker.")
    failures: int = Field(description="Failed attempts in a row.")
    opened_at: datetime | None
    last_failure: str | None


class SummaryBody(BaseModel):
    """What the system is doing."""

    at: datetime
    degraded: list[str] = Field(
        description="Why some numbers are not of now; they are the last ones known, or 0 before there were any."
    )
    version: str
    data_dir: str
    documents: dict[str, int]
    stuck: int
    searchable_per_minute: float
    failed_per_minute: float
    stages: dict[str, LatencyBody]
    total: LatencyBody
    queues: list[QueueBody]
    dead_letters: int
    searches: SearchesBody
    system: SystemBody
    remotes: list[RemoteBody]
    health: HealthBody


class JourneyListQuery(RequestFields):
    """Parameters of the list of journeys."""

    state: State | None = None
    stuck: bool = False
    limit: int = Field(default=50, ge=1, le=500)
    cursor: str | None = None


class LetterListQuery(RequestFields):
    """Parameters of the list of dead letters."""

    limit: int = Field(default=50, ge=1, le=500)
    cursor: str | None = None


def health_body(report: HealthReport) -> HealthBody:
    """All components."""
    return HealthBody(
        ready=report.ready,
        checked_at=report.checked_at,
        components={
            component.name: ComponentBody(
                ready=component.ready,
                required=component.required,
                detail=component.detail,
                seconds=round(component.seconds, 4),
            )
            for component in report.components
        },
    )


def journey_body(view: JourneyView) -> JourneyBody:
    """A version that was overtaken before it was finished is `superseded`."""
    known, journey = view.known, view.known.journey
    superseded = not known.is_newest and not journey.is_finished
    problem = journey.problem
    return JourneyBody(
        document_id=journey.document_id,
        version=journey.version,
        collection=known.collection,
        name=known.name,
        state="superseded" if superseded else journey.state.value,
        stuck=view.stuck,
        waits_for=None if superseded else journey.waits_for,
        started_at=journey.started_at,
        last_event_at=journey.last_event_at,
        finished_at=journey.finished_at,
        total_seconds=journey.total_seconds,
        stage_seconds=journey.stage_seconds,
        problem=None if problem is None else JourneyProblem(stage=problem.stage, detail=problem.detail),
        steps=[
            StepBody(
                step=timed.step.kind,
                stage=timed.step.stage or None,
                at=timed.step.occurred_at,
                seconds=timed.step.seconds,
                elapsed_seconds=timed.elapsed_seconds,
                detail=timed.step.detail or None,
            )
            for timed in journey.timed_steps
        ],
    )


def letter_body(letter: Letter) -> LetterBody:
    """One dead letter."""
    return LetterBody.model_validate(letter, from_attributes=True)


def summary_body(summary: Summary, *, version: str, data_dir: str) -> SummaryBody:
    """The whole summary."""
    return SummaryBody(
        at=summary.at,
        degraded=list(summary.degraded),
        version=version,
        data_dir=data_dir,
        documents={state.value: number for state, number in summary.documents.items()},
        stuck=summary.stuck,
        searchable_per_minute=summary.searchable_per_minute,
        failed_per_minute=summary.failed_per_minute,
        stages={stage: _latency(latency) for stage, latency in summary.stages.items()},
        total=_latency(summary.total),
        queues=[QueueBody.model_validate(queue, from_attributes=True) for queue in summary.queues],
        dead_letters=summary.dead_letters,
        searches=SearchesBody.model_validate(summary.searches, from_attributes=True),
        system=SystemBody.model_validate(summary.system, from_attributes=True),
        remotes=[RemoteBody.model_validate(remote, from_attributes=True) for remote in summary.remotes],
        health=health_body(summary.health),
    )


def _latency(latency: Latency) -> LatencyBody:
    return LatencyBody.model_validate(latency, from_attributes=True)
