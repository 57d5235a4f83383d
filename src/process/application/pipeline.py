"""The way of a document through Process: stage by stage, each leaves an artefact and is told of."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Final

from typing_extensions import override

from process.application.signing import signature_of
from process.application.stages.first_pages import FirstPages
from process.application.stages.stage import Artefact, Stage, Way
from process.application.stages.text import text_kind, text_of
from shared.artefacts.address import artefact_key
from shared.artefacts.chunks import ChunkedDocument
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.vectors import ChunkVectors
from shared.events.envelope import Event
from shared.events.ingest import DocumentReceived
from shared.events.process import ChunksEmbedded, DocumentProcessed, PagesRead, ProcessingFailed, StageFinished
from shared.kernel import Damaged, DomainError, NotFound, Refused
from shared.ports.handlers import JobHandler, Report
from shared.ports.jobs import Job
from shared.ports.model import Model
from shared.ports.passwords import Passwords
from shared.ports.storage import BlobStore
from shared.telemetry import Metrics, get_log
from shared.vocabulary import EMBED, PROCESS_JOB

_CONCURRENCY: Final = 32
"""Enough single-chunk documents at once that the model finds texts of like length for its batches."""
_SMALL: Final = 256 << 10
"""Bytes; what a smaller document leaves is written on the event loop in a millisecond or two."""
_LARGE: Final = 8 << 20
"""Bytes; documents from here on go through one at a time, so that memory holds one of them."""
_LONG: Final = 1 << 14
"""Code points; the signature of a shorter text takes two milliseconds at most."""
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
    beginnings: FirstPages | None = None
    """Where its first pages are to be searchable before the whole is."""
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
        passwords: Passwords,
        telling_seconds: float = 0.25,
    ) -> None:
        """A stage that finishes within `telling_seconds` of what was told before is saved and told with the next.

        Nobody follows a document more closely than that, and a crash costs no more work than that.
        """
        self._blobs = blobs
        self._stages = stages
        self._model = model
        self._metrics = metrics
        self._passwords = passwords
        self._telling_seconds = telling_seconds
        self._one_large = asyncio.Lock()
        for outcome in ("processed", "failed"):
            metrics.count("process_documents_total", 0, outcome=outcome, code="")

    @override
    async def run(self, job: Job, report: Report) -> Sequence[Event]:
        """Raises Refused, Unavailable."""
        event = DocumentReceived.model_validate(job.payload)
        way = Way(event, self._model.describe(), self._stages)
        way.password = self._passwords.of(event.document_id)
        way.is_unlocked = way.password is not None
        run = _Run(way, report, told_at=perf_counter())
        way.tell = partial(self._advanced, run)
        if event.early_versions:
            run.beginnings = way.beginnings = FirstPages(way, self._blobs, report)
        if event.size < _LARGE:
            return await self._process(run)
        async with self._one_large:
            return await self._process(run)

    async def _process(self, run: _Run) -> Sequence[Event]:
        try:
            facts = await self._pass_all(run)
            self._forget_password(run)
            return facts
        except DomainError as error:
            if isinstance(error, Refused) and not error.retryable:
                self._forget_password(run)
                if run.beginnings is not None:
                    run.way.leftovers.extend(run.beginnings.keys(but_newest=True))
            # What was done is not done again when the job is tried again.
            with contextlib.suppress(DomainError):
                await self._save(run)
            raise

    def _forget_password(self, run: _Run) -> None:
        # One that came since this run began is for the next.
        if run.way.password is not None:
            self._passwords.forget(run.way.event.document_id)

    @override
    def refused(self, job: Job, error: Refused) -> Sequence[Event]:
        self._metrics.count("process_documents_total", outcome="failed", code=error.specific_code)
        stage, labels = error.stage or self._stages[0].name, job.payload.get("labels", {})
        _log.info(
            "document failed",
            action="document.failed",
            document_id=job.document_id,
            version=job.document_version,
            name=labels.get("document_name"),
            collection=labels.get("collection"),
            stage=stage,
            code=error.specific_code,
            reason=error.detail,
        )
        return (
            ProcessingFailed(
                document_id=job.document_id,
                document_version=job.document_version,
                stage=stage,
                code=error.specific_code,
                reason=error.detail,
                retryable=error.retryable,
            ),
        )

    async def _pass_all(self, run: _Run) -> Sequence[Event]:
        for stage in run.way.stages:
            # Where the next stage takes long, it is not to look as if one before it were at work still.
            await self._tell(run, at_once=run.way.event.size >= _SMALL)
            await self._pass(run, stage)
            if run.beginnings is not None and stage.artefact is ParsedDocument:
                await run.beginnings.recall(run.way.left(ParsedDocument).pages)
        if run.beginnings is not None:
            run.way.leftovers.extend(run.beginnings.keys())
        await self._save(run)
        self._metrics.count("process_documents_total", outcome="processed", code="")
        # What was not told yet goes with the job's end, in one write.
        way, event = run.way, run.way.event
        parsed, chunks = text_of(way), way.left(ChunkedDocument).chunks
        # Each time, not kept as an artefact: it takes less than to read one, and documents from before get theirs.
        is_long = len(parsed.text) > _LONG
        signature = await asyncio.to_thread(signature_of, parsed.text) if is_long else signature_of(parsed.text)
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
                text_artefact=way.address(text_kind(way)),
                parts=len(parsed.parts),
                asked_at=event.asked_at,
                signature=None if signature is None else str(signature),
            ),
        )

    async def _pass(self, run: _Run, stage: Stage[Artefact]) -> None:
        """The stage's artefact is what is there already, else what the work gives."""
        if not stage.is_needed(run.way):
            self._finished(run, stage, seconds=0.0, reused=False)
            return
        started = perf_counter()
        key = run.way.address(stage.artefact)
        # What only a password opens is as it was left by who had it.
        is_fixed = stage.reads_original and run.way.is_shut
        artefact = None if run.anew and not is_fixed else await self._left_behind(run, stage, key, anyway=is_fixed)
        reused = artefact is not None
        if artefact is None:
            run.anew = True
            artefact = await stage.work(run.way)
            # Where it lies may have come out only now: what was under a password is this document's alone.
            await self._keep(run, stage, run.way.address(stage.artefact), artefact)
        run.way.keep(artefact)
        seconds = perf_counter() - started - self._seconds_of_beginnings(run)
        self._metrics.observe("process_stage_seconds", seconds, stage=stage.name, reused=str(reused).lower())
        self._finished(run, stage, seconds=seconds, reused=reused)

    def _seconds_of_beginnings(self, run: _Run) -> float:
        """Work of all stages that was done meanwhile; told once."""
        if run.beginnings is None or not run.beginnings.seconds:
            return 0.0
        seconds, run.beginnings.seconds = run.beginnings.seconds, 0.0
        self._metrics.observe("process_first_pages_seconds", seconds)
        return seconds

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
        # What they were made of piece by piece goes when they are durable; what stays of it goes with the original.
        while run.way.leftovers:
            with contextlib.suppress(DomainError):
                await self._blobs.delete(run.way.leftovers.pop())

    async def _left_behind(self, run: _Run, stage: Stage[Artefact], key: str, *, anyway: bool) -> Artefact | None:
        # Work asked for anew is done once: a mark tells a resumed job that this version has done the stage.
        event = run.way.event
        if event.fresh and not anyway and not await self._blobs.exists(_renewal_key(event, stage)):
            return None
        try:
            artefact = stage.artefact.from_bytes(await self._blobs.read(key))
            return artefact if await stage.is_whole(artefact) else None
        except NotFound:
            return None
        except (Damaged, ValueError, EOFError) as error:
            _log.warning("artefact damaged", action="artefact.damaged", key=key, error=str(error))
            return None

    def _finished(self, run: _Run, stage: Stage[Artefact], *, seconds: float, reused: bool) -> None:
        """Told of stages that had nothing to do too: progress counts them."""
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

    async def _advanced(self, run: _Run, stage: str, done: int, total: int) -> None:
        if perf_counter() - run.told_at < self._telling_seconds:
            return  # what is told later tells more
        document_id, version = run.way.event.document_id, run.way.event.document_version
        run.facts.append(
            ChunksEmbedded(document_id=document_id, document_version=version, done=done, total=total)
            if stage == EMBED
            else PagesRead(document_id=document_id, document_version=version, stage=stage, done=done, total=total)
        )
        await self._tell(run)

    async def _tell(self, run: _Run, *, at_once: bool = False) -> None:
        if run.facts and (at_once or perf_counter() - run.told_at >= self._telling_seconds):
            await self._save(run)
            while run.facts:
                await run.report(run.facts.pop(0))
            run.told_at = perf_counter()


def _renewal_key(event: DocumentReceived, stage: Stage[Artefact]) -> str:
    return artefact_key(
        event.sha256, f"{stage.name}-renewed", 1, {"document": event.document_id, "version": event.document_version}
    )
