"""The job "index": a processed version becomes searchable, whole and at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from typing_extensions import override

from search.application.cleaning import Cleaning
from search.application.index_writer import IndexWriter
from search.application.labelling import Labelling
from search.application.ports.analysis import Analyzer
from search.application.ports.chunk_index import ChunkIndex
from search.application.ports.live_store import LiveRecord
from search.application.ports.versions import FirstPages, NewVersion, Sources
from search.application.units import build_units, read_artefacts
from shared.events.envelope import Event
from shared.events.ingest import Labels
from shared.events.process import DocumentProcessed, PagesProcessed
from shared.events.search import ArtefactsLost, DocumentIndexed, PagesIndexed
from shared.kernel import Refused, utc_now
from shared.ports.handlers import JobHandler, Report
from shared.ports.jobs import Job
from shared.ports.storage import BlobStore
from shared.telemetry import Metrics, get_log
from shared.vocabulary import INDEX_JOB

T = TypeVar("T")
_CONCURRENCY: Final = 96
"""Many, because a flush costs 20–100 ms for however many documents wait for it; memory is bounded by chunks."""
_MOST_CHUNKS: Final = 20_000
_FIRST_VERSION: Final = 1

_log = get_log("search")


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Waits for the outcome also when cancelled: whether units and record were written must be settled by then."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


class _Room:
    """Lets as many documents in as have room together; one alone always has."""

    def __init__(self, size: int) -> None:
        self._free = self._size = size
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def take(self, wanted: int) -> AsyncIterator[None]:
        wanted = min(wanted, self._size)
        async with self._freed:
            await self._freed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            self._free += wanted
            async with self._freed:
                self._freed.notify_all()


class Indexing(JobHandler):
    """A JobHandler. Units of the new version are written beside the old, flushed, then the record is switched."""

    kind = INDEX_JOB
    concurrency = _CONCURRENCY

    def __init__(
        self,
        *,
        blobs: BlobStore,
        analyzer: Analyzer,
        index: ChunkIndex,
        writer: IndexWriter,
        store: LiveRecord,
        labelling: Labelling,
        cleaning: Cleaning,
        metrics: Metrics,
    ) -> None:
        self._blobs = blobs
        self._analyzer = analyzer
        self._index = index
        self._writer = writer
        self._store = store
        self._labelling = labelling
        self._cleaning = cleaning
        self._metrics = metrics
        self._room = _Room(_MOST_CHUNKS)

    @override
    async def run(self, job: Job, report: Report) -> Sequence[Event]:
        """The fact is saved with the switch, so there is none left for the end of the job."""
        kind = PagesProcessed if "whole_version" in job.payload else DocumentProcessed
        event = kind.model_validate(job.payload)
        async with self._room.take(event.chunk_count):
            await self._index_document(event)
        return ()

    async def _index_document(self, event: DocumentProcessed) -> None:
        started = time.perf_counter()
        state = await self._store.document(event.document_id)
        first_pages, base_version = _first_pages(event)
        if state is not None and state.supersedes(event.document_version):
            return
        if first_pages is not None and state is not None and 0 < (state.live_version or 0) <= base_version:
            return
        labels, labels_version = event.labels, event.document_version
        if state is None or state.labels_version < labels_version:
            # What said so first is still on its way.
            await self._store.label(event.document_id, labels_version, labels)
        elif state.labels is not None:
            labels, labels_version = state.labels, state.labels_version

        await self._index.ready()
        sources = Sources(event.chunks_artefact, event.vectors_artefact, event.fingerprint)
        artefacts = await read_artefacts(self._blobs, sources)
        units = await build_units(
            self._analyzer,
            artefacts,
            document_id=event.document_id,
            version=event.document_version,
            language=event.language,
            labels=labels,
        )
        version = (event.document_id, event.document_version)
        with self._cleaning.sparing(version):
            await _to_the_end(self._writer.write(units))
            new = NewVersion(
                document_id=event.document_id,
                version=event.document_version,
                revision=event.revision,
                language=event.language,
                sources=sources,
                labels_version=labels_version,
                chunks=artefacts.chunks.chunks,
                first_pages=first_pages,
                base_version=base_version,
            )
            seconds = time.perf_counter() - started
            newest_labels = await _to_the_end(self._store.switch(new, _fact(event, len(new.chunks), seconds)))
            if newest_labels is None:
                # Withdrawn or replaced while it was being written: nobody will ever see these units.
                self._cleaning.doubt(version)
        if newest_labels is None:
            # Or live already, by a claim that came after this one was lost: then its units were overwritten.
            await self._labelling.apply(event.document_id, carried=labels_version)
            return
        self._metrics.observe("index_document_seconds", seconds)
        self._metrics.count("index_chunks_total", len(new.chunks))
        _tell_end(event, labels, len(new.chunks), seconds)
        if event.document_version > _FIRST_VERSION:
            # Before the first there was nothing that could be retired.
            self._cleaning.wake()
        if newest_labels > labels_version:
            await self._labelling.apply(event.document_id)

    def refused(self, job: Job, error: Refused) -> Sequence[Event]:
        """What processing left cannot be read: it is asked for anew, and comes as another version."""
        _log.warning("cannot index", action="search.refused", document_id=job.document_id, reason=error.detail)
        return (ArtefactsLost(document_id=job.document_id, document_version=job.document_version, reason=error.detail),)


def _first_pages(event: DocumentProcessed) -> tuple[FirstPages | None, int]:
    """And above which versions what is live may be replaced; (None, 0) for a whole."""
    if not isinstance(event, PagesProcessed):
        return None, 0
    return FirstPages(event.pages_done, event.pages or event.pages_done), event.base_version


def _fact(event: DocumentProcessed, chunk_count: int, seconds: float) -> Event:
    """Which goes with the switch."""
    common: dict[str, Any] = {
        "document_id": event.document_id,
        "document_version": event.document_version,
        "revision": event.revision,
        "chunk_count": chunk_count,
        "seconds": seconds,
    }
    if not isinstance(event, PagesProcessed):
        return DocumentIndexed(**common)
    return PagesIndexed(
        **common,
        whole_version=event.whole_version,
        pages_done=event.pages_done,
        pages_total=event.pages or event.pages_done,
        language=event.language,
        chunks_artefact=event.chunks_artefact,
        text_artefact=event.text_artefact,
    )


def _tell_end(event: DocumentProcessed, labels: Labels, chunks: int, seconds: float) -> None:
    first_pages, _ = _first_pages(event)
    _log.info(
        "document searchable" if first_pages is None else "first pages searchable",
        action="document.searchable" if first_pages is None else "document.early",
        document_id=event.document_id,
        version=event.document_version,
        name=labels.document_name,
        collection=labels.collection,
        pages=event.pages if first_pages is None else first_pages.done,
        chunks=chunks,
        # From when it was asked for; of one that an older version was asked for, what indexing took.
        seconds=round((utc_now() - event.asked_at).total_seconds() if event.asked_at else seconds, 3),
    )
