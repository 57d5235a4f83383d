"""The way of a document through Process: parse, chunk, embed; each stage leaves an artefact and tells of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from pydantic import ValidationError

from process.application.chunk_stage import chunked
from process.application.ports import DocumentParser
from process.domain.language import is_readable
from process.domain.passages import passage_text
from shared.artefacts.address import artefact_key, original_key
from shared.artefacts.chunks import Chunk, ChunkedDocument
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.vectors import ChunkVectors
from shared.events.envelope import Event
from shared.events.ingest import DocumentReceived
from shared.events.process import DocumentProcessed, ProcessingFailed, StageFinished
from shared.kernel import NotFound, Refused
from shared.ports.handlers import Report
from shared.ports.jobs import Job
from shared.ports.model import Model, ModelDescription
from shared.ports.storage import BlobStore
from shared.telemetry import Metrics, get_log
from shared.vocabulary import CHUNK, EMBED, PARSE, PROCESS_JOB, PROCESS_STAGES

VERSIONS: Final = {PARSE: 1, CHUNK: 1, EMBED: 1}
"""Raised when a stage's result changes for the same input: what older ones left is not used any more."""
_CONCURRENCY: Final = 32
"""Enough single-chunk documents at once that the model finds texts of like length for its batches."""
_TEXTS_PER_CALL: Final = 256
_SMALL: Final = 256 << 10
"""Bytes; what a smaller document leaves is written on the event loop in a millisecond or two."""
_LARGE: Final = 8 << 20
"""Bytes; documents from here on go through one at a time, so that memory holds one of them."""
_log = get_log("process")


class Artefact(Protocol):
    """What a stage leaves."""

    def to_bytes(self) -> bytes:
        """Its stored form."""
        ...


A = TypeVar("A", bound=Artefact)


@dataclass(slots=True)
class _Run:
    """One document on its way."""

    event: DocumentReceived
    report: Report
    model: ModelDescription
    told_at: float
    facts: list[Event] = field(default_factory=list)
    """Not told yet: they go with the next report, or with the job's end."""
    anew: bool = False
    """A stage was done in this run: what later ones left (if anything) was made from something else."""


class DocumentProcessing:
    """The job handler of kind `process`."""

    kind = PROCESS_JOB
    concurrency = _CONCURRENCY

    def __init__(
        self,
        *,
        blobs: BlobStore,
        parser: DocumentParser,
        model: Model,
        metrics: Metrics,
        telling_seconds: float = 0.25,
    ) -> None:
        """A stage that finishes within `telling_seconds` of what was told before is told with the next.

        Nobody follows a document more closely than that.
        """
        self._blobs = blobs
        self._parser = parser
        self._model = model
        self._metrics = metrics
        self._telling_seconds = telling_seconds
        self._one_large = asyncio.Lock()

    async def run(self, job: Job, report: Report) -> Sequence[Event]:
        """See JobHandler. Raises Refused, Unavailable."""
        event = DocumentReceived.model_validate(job.payload)
        run = _Run(event, report, self._model.describe(), told_at=perf_counter())
        if event.size < _LARGE:
            return await self._process(run)
        async with self._one_large:
            return await self._process(run)

    def refused(self, job: Job, error: Refused) -> Sequence[Event]:
        """See JobHandler."""
        self._metrics.count("process_documents_total", outcome="failed", code=error.specific_code)
        return (
            ProcessingFailed(
                document_id=job.document_id,
                document_version=job.document_version,
                stage=error.stage or PARSE,
                code=error.specific_code,
                reason=error.detail,
                retryable=error.retryable,
            ),
        )

    async def _process(self, run: _Run) -> Sequence[Event]:
        event = run.event
        # Parsing depends on the bytes, the type (which a name may choose) and the limit; each stage on the one before.
        parse_configuration: dict[str, Any] = {
            "media_type": event.labels.media_type,
            "most_characters": self._parser.most_characters,
        }
        chunk_configuration = {"parse": [VERSIONS[PARSE], parse_configuration], "model": run.model.fingerprint}
        embed_configuration = {"chunk": [VERSIONS[CHUNK], chunk_configuration]}

        parsed, _ = await self._stage(
            run, PARSE, parse_configuration, ParsedDocument.from_bytes, lambda: self._parse(event)
        )
        await self._tell(run)
        chunks, chunks_key = await self._stage(
            run, CHUNK, chunk_configuration, ChunkedDocument.from_bytes, lambda: chunked(parsed, self._model, run.model)
        )
        await self._tell(run)
        readable = [chunk for chunk in chunks.chunks if _is_readable(chunk, run.model)]
        vectors_key: str | None = None
        if readable:
            _, vectors_key = await self._stage(
                run, EMBED, embed_configuration, ChunkVectors.from_bytes, lambda: self._embed(chunks.title, readable)
            )
        else:
            self._finished(run, EMBED, seconds=0.0, reused=False)

        self._metrics.count("process_documents_total", outcome="processed", code="")
        # What was not told yet goes with the job's end, in one write.
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
                chunk_count=len(chunks.chunks),
                chunks_artefact=chunks_key,
                vectors_artefact=vectors_key,
                fingerprint=run.model.fingerprint,
                warnings=parsed.warnings,
            ),
        )

    async def _stage(
        self,
        run: _Run,
        stage: str,
        configuration: dict[str, Any],
        read: Callable[[bytes], A],
        work: Callable[[], Awaitable[A]],
    ) -> tuple[A, str]:
        """The stage's artefact (what is there already, else what the work gives, durably), and its address."""
        started = perf_counter()
        key = artefact_key(run.event.sha256, stage, VERSIONS[stage], configuration)
        artefact = None if run.anew else await self._left_behind(run, stage, key, read)
        reused = artefact is not None
        if artefact is None:
            run.anew = True
            artefact = await work()
            small = run.event.size < _SMALL
            content = artefact.to_bytes() if small else await asyncio.to_thread(artefact.to_bytes)
            await self._blobs.put(key, content)
            if run.event.fresh:
                await self._blobs.put(_renewal_key(run.event, stage), b"")
        self._finished(run, stage, seconds=perf_counter() - started, reused=reused)
        return artefact, key

    async def _left_behind(self, run: _Run, stage: str, key: str, read: Callable[[bytes], A]) -> A | None:
        # Work asked for anew is done once: a mark tells a resumed job that this version has done the stage.
        if run.event.fresh and not await self._blobs.exists(_renewal_key(run.event, stage)):
            return None
        try:
            return read(await self._blobs.read(key))
        except NotFound:
            return None
        except (ValidationError, ValueError, EOFError) as error:
            _log.warning("artefact damaged", action="artefact.damaged", key=key, error=str(error))
            return None

    def _finished(self, run: _Run, stage: str, *, seconds: float, reused: bool) -> None:
        self._metrics.observe("process_stage_seconds", seconds, stage=stage, reused=str(reused).lower())
        run.facts.append(
            StageFinished(
                document_id=run.event.document_id,
                document_version=run.event.document_version,
                stage=stage,
                seconds=seconds,
                done=PROCESS_STAGES.index(stage) + 1,
                total=len(PROCESS_STAGES),
                reused=reused,
            )
        )

    async def _tell(self, run: _Run) -> None:
        if perf_counter() - run.told_at >= self._telling_seconds:
            while run.facts:
                await run.report(run.facts.pop(0))
            run.told_at = perf_counter()

    async def _parse(self, event: DocumentReceived) -> ParsedDocument:
        path = await self._blobs.local_path(original_key(event.sha256))
        return await self._parser.parse(path, event.labels.media_type, event.labels.document_name)

    async def _embed(self, title: str | None, chunks: Sequence[Chunk]) -> ChunkVectors:
        parts = []
        for start in range(0, len(chunks), _TEXTS_PER_CALL):
            texts = [passage_text(title, chunk) for chunk in chunks[start : start + _TEXTS_PER_CALL]]
            parts.append(await self._model.embed(texts, kind="passage"))
        return ChunkVectors(
            ordinals=np.array([chunk.ordinal for chunk in chunks], dtype=np.int32),
            vectors=parts[0] if len(parts) == 1 else np.concatenate(parts),
        )


def _is_readable(chunk: Chunk, model: ModelDescription) -> bool:
    return is_readable(chunk.text, chunk.language, model.languages)


def _renewal_key(event: DocumentReceived, stage: str) -> str:
    return artefact_key(
        event.sha256, f"{stage}-renewed", 1, {"document": event.document_id, "version": event.document_version}
    )
