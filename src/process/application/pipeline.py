"""The way of a document through Process: stage by stage, each leaves an artefact and is told of."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

from typing_extensions import override

from process.application.stages.stage import Artefact, Stage, Way
from shared.artefacts.address import artefact_key
from shared.artefacts.chunks import ChunkedDocument
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.vectors import ChunkVectors
from shared.events.envelope import Event
from shared.events.ingest import DocumentReceived
from shared.events.process import DocumentProcessed, ProcessingFailed, StageFinished
from shared.kernel import Damaged, DomainError, NotFound, Refused
from shared.ports.handlers import JobHandler, Report
from shared.ports.jobs import Job
from shared.ports.model import Model
from shared.ports.storage import BlobStore
from shared.telemetry import Metrics, get_log
from shared.vocabulary import PROCESS_JOB

_CONCURRENCY: Final = 32
"""Enough single-chunk documents at once that the model finds texts of like length for its batches."""
_SMALL: Final = 256 << 10
"""Bytes; what a smaller document leaves is written on the event loop in a millisecond or two."""
_LARGE: Final = 8 << 20
"""Bytes; documents from here on go through one at a time, so that memory holds one of them."""
_log = get_log("process")


@dataclass(slots=True)
class _Run:
    """One run of a document's job."""

    way: Way
    report: Report
    told_at: float
    facts: list[Event] = field(default_factory=list)
    """Not told yet: they go with the next report, or with the job's end."""
    unsaved: dict[str, bytes] = field(default_factory=dict)
    """By key, what stages left that is not durable yet: it goes together, before anything is told of it."""
    anew: bool = False
    """A stage was done in this run: what later ones left (if anything) was made from something else."""


class DocumentProcessing(JobHandler):
    """The job handler of kind `process`."""

    kind = PROCESS_JOB
    concurrency = _CONCURRENCY

    def __init__(
        self,
        *,
        blobs: BlobStore,
        stages: Sequence[Stage[Artefact]],
        model: Model,
        metrics: Metrics,
        telling_seconds: float = 0.25,
    ) -> None:
        """A stage that finishes within `telling_seconds` of what was told before is saved and told with the next.

        Nobody follows a document more closely than that, and a crash costs no more work than that.
        """
        self._blobs = blobs
        self._stages = stages
        self._model = model
        self._metrics = metrics
        self._telling_seconds = telling_seconds
        self._one_large = asyncio.Lock()

    @override
    async def run(self, job: Job, report: Report) -> Sequence[Event]:
        """Raises Refused, Unavailable."""
        event = DocumentReceived.model_validate(job.payload)
        way = Way(event, self._model.describe(), self._stages)
        run = _Run(way, report, told_at=perf_counter())
        if event.size < _LARGE:
            return await self._process(run)
        async with self._one_large:
            return await self._process(run)

    async def _process(self, run: _Run) -> Sequence[Event]:
        try:
            return await self._pass_all(run)
        except DomainError:
            # What was done is not done again when the job is tried again.
            with contextlib.suppress(DomainError):
                await self._save(run)
            raise

    @override
    def refused(self, job: Job, error: Refused) -> Sequence[Event]:
        self._metrics.count("process_documents_total", outcome="failed", code=error.specific_code)
        return (
            ProcessingFailed(
                document_id=job.document_id,
                document_version=job.document_version,
                stage=error.stage or self._stages[0].name,
                code=error.specific_code,
                reason=error.detail,
                retryable=error.retryable,
            ),
        )

    async def _pass_all(self, run: _Run) -> Sequence[Event]:
        for stage in run.way.stages:
            await self._tell(run)
            await self._pass(run, stage)
        await self._save(run)
        self._metrics.count("process_documents_total", outcome="processed", code="")
        # What was not told yet goes with the job's end, in one write.
        way, event = run.way, run.way.event
        parsed, chunks = way.left(ParsedDocument), way.left(ChunkedDocument).chunks
        return (
            *run.facts,
            DocumentProcessed(
                document_id=event.document_id,
                document_version=event.document_version,
                revision=event.revision,
                sha256=event.sha256,
                labels=event.labels,
                language=parsed.language,
                pages=parsed.pages,
                characters=len(parsed.text),
                chunk_count=len(chunks),
                chunks_artefact=way.address(ChunkedDocument),
                vectors_artefact=way.address(ChunkVectors) if way.has_left(ChunkVectors) else None,
                fingerprint=way.model.fingerprint,
                warnings=parsed.warnings,
            ),
        )

    async def _pass(self, run: _Run, stage: Stage[Artefact]) -> None:
        """The stage's artefact is what is there already, else what the work gives."""
        if not stage.is_needed(run.way):
            self._finished(run, stage, seconds=0.0, reused=False)
            return
        started = perf_counter()
        key = run.way.address(stage.artefact)
        artefact = None if run.anew else await self._left_behind(run, stage, key)
        reused = artefact is not None
        if artefact is None:
            run.anew = True
            artefact = await stage.work(run.way)
            await self._keep(run, stage, key, artefact)
        run.way.keep(artefact)
        self._finished(run, stage, seconds=perf_counter() - started, reused=reused)

    async def _keep(self, run: _Run, stage: Stage[Artefact], key: str, artefact: Artefact) -> None:
        event = run.way.event
        content = artefact.to_bytes() if event.size < _SMALL else await asyncio.to_thread(artefact.to_bytes)
        run.unsaved[key] = content
        if event.fresh:
            run.unsaved[_renewal_key(event, stage)] = b""
        if event.size >= _SMALL:  # its stages take long
            await self._save(run)

    async def _save(self, run: _Run) -> None:
        if run.unsaved:
            await self._blobs.put_all(run.unsaved)
            run.unsaved.clear()

    async def _left_behind(self, run: _Run, stage: Stage[Artefact], key: str) -> Artefact | None:
        # Work asked for anew is done once: a mark tells a resumed job that this version has done the stage.
        event = run.way.event
        if event.fresh and not await self._blobs.exists(_renewal_key(event, stage)):
            return None
        try:
            return stage.artefact.from_bytes(await self._blobs.read(key))
        except NotFound:
            return None
        except (Damaged, ValueError, EOFError) as error:
            _log.warning("artefact damaged", action="artefact.damaged", key=key, error=str(error))
            return None

    def _finished(self, run: _Run, stage: Stage[Artefact], *, seconds: float, reused: bool) -> None:
        self._metrics.observe("process_stage_seconds", seconds, stage=stage.name, reused=str(reused).lower())
        run.facts.append(
            StageFinished(
                document_id=run.way.event.document_id,
                document_version=run.way.event.document_version,
                stage=stage.name,
                seconds=seconds,
                done=run.way.stages.index(stage) + 1,
                total=len(run.way.stages),
                reused=reused,
            )
        )

    async def _tell(self, run: _Run) -> None:
        if run.facts and perf_counter() - run.told_at >= self._telling_seconds:
            await self._save(run)
            while run.facts:
                await run.report(run.facts.pop(0))
            run.told_at = perf_counter()


def _renewal_key(event: DocumentReceived, stage: Stage[Artefact]) -> str:
    return artefact_key(
        event.sha256, f"{stage.name}-renewed", 1, {"document": event.document_id, "version": event.document_version}
    )
