"""The job "index": a processed version becomes searchable, whole and at once."""

import time
from collections.abc import Sequence
from typing import Final

from search.application.cleaning import Cleaning
from search.application.index_writer import IndexWriter
from search.application.labelling import Labelling
from search.application.ports import Analyzer, ChunkIndex, LiveStore, NewVersion, Sources
from search.application.units import build_units, read_artefacts
from shared.events.envelope import Event
from shared.events.process import DocumentProcessed
from shared.events.search import DocumentIndexed
from shared.kernel import Refused
from shared.ports.jobs import Job
from shared.ports.storage import BlobStore
from shared.runtime.module import Report
from shared.telemetry import Metrics, get_log

INDEX_JOB: Final = "index"
_CONCURRENCY: Final = 32

_log = get_log("search")


class Indexing:
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
        store: LiveStore,
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

    async def run(self, job: Job, report: Report) -> Sequence[Event]:
        """See JobHandler. The fact is saved with the switch, so there is none left for the end of the job."""
        event = DocumentProcessed.model_validate(job.payload)
        started = time.perf_counter()
        state = await self._store.document(event.document_id)
        if state is not None and state.supersedes(event.document_version):
            return ()
        labels, labels_version = event.labels, event.document_version
        if state is not None and state.labels is not None and state.labels_version > labels_version:
            labels, labels_version = state.labels, state.labels_version

        await self._index.ready()
        sources = Sources(event.chunks_artefact, event.vectors_artefact, event.fingerprint)
        artefacts = await read_artefacts(self._blobs, sources, fingerprint=self._index.fingerprint)
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
            await self._writer.write(units)
            new = NewVersion(
                document_id=event.document_id,
                version=event.document_version,
                revision=event.revision,
                language=event.language,
                sources=sources,
                labels_version=labels_version,
                chunks=artefacts.chunks.chunks,
            )
            seconds = time.perf_counter() - started
            indexed = DocumentIndexed(
                document_id=event.document_id,
                document_version=event.document_version,
                revision=event.revision,
                chunk_count=len(new.chunks),
                seconds=seconds,
            )
            switched = await self._store.switch(new, indexed)
            if not switched:
                # Withdrawn or replaced while it was being written: nobody will ever see these units.
                self._cleaning.doubt(version)
        if not switched:
            return ()
        self._metrics.observe("index_document_seconds", seconds)
        self._metrics.count("index_chunks_total", len(new.chunks))
        self._cleaning.wake()
        await self._labelling.apply(event.document_id)
        return ()

    def refused(self, job: Job, error: Refused) -> Sequence[Event]:
        """None: what processing left cannot be indexed, so it becomes a dead letter."""
        _log.error("cannot index", action="search.refused", document_id=job.document_id, reason=error.detail)
        return ()
