"""The JSON that Monitor answers with, and how it is made from what the application knows."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from monitor.application.health import HealthReport
from monitor.application.journeys import JourneyView
from monitor.application.overview import Latency, Summary
from monitor.domain.health import HealthStatus
from monitor.domain.journey import State
from shared.web.requests import CursorText, RequestFields
from shared.web.shapes import Shape

ShownState = Literal["received", "processing", "searchable", "failed", "withdrawing", "withdrawn", "superseded"]


class ComponentBody(Shape):
    """One component."""

    ready: bool
    """Whether it works."""
    required: bool
    """Whether the server is not ready without it."""
    detail: str
    """How it is, and what to do if it is not well."""
    seconds: float
    """What looking took."""
    status: HealthStatus
    """`down`: the server is not ready without it; `degraded`: slow, or Seoga works without it."""
    since: datetime
    """When it came to this status, as the process that answers has seen it."""


class HealthBody(Shape):
    """All components, by name."""

    ready: bool
    """Everything that is required works."""
    checked_at: datetime
    """When it was looked at."""
    components: dict[str, ComponentBody]
    """By name."""
    status: HealthStatus
    """The worst of all components."""
    modules: dict[str, HealthStatus]
    """Each module of this process, with what all of them stand on."""


class StepBody(Shape):
    """One step of a journey."""

    step: str
    """What happened."""
    stage: str | None
    """Which stage, of a stage or a failure."""
    at: datetime
    """When."""
    seconds: float | None = Field(description="Work time, where it is known.")
    elapsed_seconds: float = Field(description="Since the step before, waiting included.")
    detail: str | None
    """What the event told of it."""


class JourneyProblem(Shape):
    """Why a journey ended in `failed`."""

    stage: str
    """Where it failed."""
    detail: str
    """Why."""


class JourneyBody(Shape):
    """The journey of one version of a document."""

    document_id: str
    """The document."""
    version: int
    """The version of the document, which every change raises."""
    collection: str | None
    """The collection it is in, where it is known."""
    name: str | None
    """Its name, where it is known."""
    state: ShownState
    """Where this version is; `superseded`: a later one overtook it."""
    stuck: bool
    """Nothing was heard of it, progress within a stage included, for longer than SEOGA_STUCK_AFTER_SECONDS."""
    slow: bool
    """On its way for twice as long as nearly all take."""
    attempts: int
    """How often it was begun: once, and once more for each replay."""
    warnings: list[str]
    """What was said of the file, though it could be read."""
    waits_for: str | None
    """The module whose turn it is."""
    started_at: datetime
    """When it was received."""
    last_event_at: datetime
    """When something was last heard of it, progress within a stage included."""
    finished_at: datetime | None
    """When it became searchable, failed or was gone."""
    total_seconds: float | None
    """From beginning to end."""
    stage_seconds: dict[str, float]
    """Work time by stage."""
    problem: JourneyProblem | None
    """Why it failed."""
    steps: list[StepBody]
    """What happened, in order."""


class JourneyListBody(Shape):
    """One page."""

    items: list[JourneyBody]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""
    total: int | None
    """How many there are on all pages; null when `q` was asked for."""


class DocumentJourneysBody(Shape):
    """Every version of one document, newest first."""

    items: list[JourneyBody]
    """The newest version first."""


class LatencyBody(Shape):
    """Of the newest samples."""

    samples: int
    """How many were measured."""
    p50_seconds: float | None
    """Half were faster."""
    p95_seconds: float | None
    """19 of 20 were faster."""


class QueueBody(Shape):
    """Jobs of one kind."""

    module: str
    """Whose jobs they are."""
    kind: str
    """What is to be done."""
    waiting: int
    """Not yet begun."""
    running: int
    """Being done."""
    buried: int
    """Given up."""
    oldest_waiting_at: datetime | None
    """Since when the oldest waits."""


class SearchesBody(Shape):
    """Searches of the last five minutes."""

    per_minute: float
    """How many there were."""
    seconds_p50: float | None
    """Half were faster."""
    seconds_p95: float | None
    """19 of 20 were faster."""
    cached_share: float | None
    """Answered from the cache, 0 to 1."""
    degraded_share: float | None
    """Answered without something, 0 to 1."""
    empty_share: float | None
    """Found nothing, 0 to 1, of those that were not answered from the cache."""


class SystemBody(Shape):
    """What the server's processes use."""

    cpu_percent: float = Field(description="Of one core.")
    memory_bytes: int
    """Resident memory."""
    processes: int
    """The server and its children."""
    threads: int
    """Of all of them."""
    open_files: int
    """Of all of them."""
    disk_free_bytes: int
    """Of the data directory's disk."""
    disk_total_bytes: int
    """Of the data directory's disk."""


class RemoteBody(Shape):
    """One server that this process calls."""

    name: str
    """What it is to Seoga."""
    state: Literal["closed", "open", "half-open"] = Field(description="Of its circuit breaker.")
    failures: int = Field(description="Failed attempts in a row.")
    opened_at: datetime | None
    """Since when it is not called."""
    last_failure: str | None
    """What it or the network said."""


class SummaryBody(Shape):
    """What the system is doing."""

    at: datetime
    """When."""
    degraded: list[str] = Field(
        description="Why some numbers are not of now; they are the last ones known, or 0 before there were any."
    )
    version: str
    """Of Seoga."""
    data_dir: str
    """Of the process that answers."""
    documents: dict[str, int]
    """How many are in each state."""
    stuck: int
    """Documents on their way of which nothing was heard."""
    searchable_per_minute: float
    """Over the last five minutes."""
    failed_per_minute: float
    """Over the last five minutes."""
    passed_per_minute: dict[str, float]
    """Documents received, and done with each stage, over the last five minutes as far as this process ran then."""
    stages: dict[str, LatencyBody]
    """What each stage takes."""
    total: LatencyBody
    """From received to searchable."""
    queues: list[QueueBody]
    """Jobs by kind."""
    dead_letters: int
    """Events and jobs that were given up."""
    searches: SearchesBody
    """How searching went."""
    system: SystemBody
    """What the processes of this server use."""
    remotes: list[RemoteBody]
    """The servers that this process calls."""
    health: HealthBody
    """Every component."""


Limit = Annotated[int, Field(ge=1, le=500, description="How many a page has at most.")]
"""Of every list."""


class JourneyListQuery(RequestFields):
    """Parameters of the list of journeys."""

    state: State | None = Field(default=None, description="Only journeys in this state.")
    stuck: bool = Field(default=False, description="Only those of which nothing was heard.")
    q: str = Field(
        default="",
        max_length=255,
        description="Only those whose name contains these words, or whose document's id begins so.",
    )
    sort: Literal["started", "troubled"] = Field(
        default="started", description="Last started first; or `troubled`: stuck ones first, then slow ones."
    )
    limit: Limit = 50
    cursor: CursorText = None


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
                status=component.status,
                since=component.since,
            )
            for component in report.components
        },
        status=report.status,
        modules=dict(report.modules),
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
        slow=view.slow,
        attempts=journey.attempts,
        warnings=list(journey.warnings),
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
        passed_per_minute=dict(summary.passed_per_minute),
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
