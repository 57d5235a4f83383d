"""A whole Ingest in the test's folder, with a bus, blobs and a relay, and what tells it of progress."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI

from ingest.application.collector import BlobCollector
from ingest.application.ingestion import Ingestion
from ingest.application.ports import DocumentStore
from ingest.container import IngestContainer
from shared.artefacts.chunks import Chunk, ChunkedDocument
from shared.events.catalogue import decode
from shared.events.envelope import Event, wrap
from shared.events.ingest import Labels
from shared.events.process import DocumentProcessed, ProcessingFailed, StageFinished
from shared.events.search import DocumentIndexed, DocumentRemoved
from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.files.mark import FolderMark
from shared.infrastructure.memory_passwords import MemoryPasswords
from shared.infrastructure.pages.renderer import PageRenderer
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.kernel import DocumentId
from shared.ports.passwords import Opener
from shared.runtime.belonging import BLOBS, Belonging, Part
from shared.runtime.module import Module
from shared.settings import Settings
from shared.web.access import Access
from shared.web.audit_trail import AuditTrail
from shared.web.problems import install_problem_handlers

STAGES = ("parse", "ocr", "chunk", "embed")


@dataclass
class AnIngest:
    """Ingest without the rest of Seoga: the test plays Process and Search."""

    container: Any
    module: Module
    bus: SqliteEventLog
    blobs: FileBlobs
    web: FastAPI
    client: httpx.AsyncClient

    @property
    def documents(self) -> DocumentStore:
        store: DocumentStore = self.container.documents()
        return store

    @property
    def ingestion(self) -> Ingestion:
        ingestion: Ingestion = self.container.ingestion()
        return ingestion

    @property
    def collector(self) -> BlobCollector:
        collector: BlobCollector = self.container.collector()
        return collector

    async def facts(self) -> list[Event]:
        """What Ingest saved to tell, oldest first."""
        assert self.module.outbox is not None
        return [decode(fact.envelope) for fact in await self.module.outbox.pending_facts(10_000)]

    async def hears(self, *events: Event, publish: bool = False) -> None:
        """Events reach the handlers, in order (and the bus, for those who tail it)."""
        for event in events:
            if publish:
                await self.bus.publish(wrap(event, producer="test"))
            await self.module.subscriptions[type(event)](event)

    async def put(self, name: str, content: bytes, collection: str = "default") -> httpx.Response:
        """PUT with a name that is quoted whole."""
        return await self.client.put(f"/api/v1/documents/{collection}/{quote(name, safe='')}", content=content)

    async def document(self, document_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/api/v1/documents/{document_id}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def becomes_searchable(self, document_id: str) -> None:
        """Process and Search did their work on its present content."""
        document = await self.documents.load(DocumentId(document_id))
        await self.hears(*work_on(document.id, document.content_version, document.revision.number))

    async def fails(self, document_id: str) -> None:
        """Process could not read its present content."""
        document = await self.documents.load(DocumentId(document_id))
        await self.hears(a_failure(document.id, document.content_version))


def work_on(
    document_id: DocumentId,
    version: int,
    revision: int = 1,
    chunks: str = "artefacts/none",
    text: str | None = None,
    signature: str | None = None,
) -> list[Event]:
    """All that Process and Search tell of a document that becomes searchable."""
    stages = [
        StageFinished(document_id=document_id, document_version=version, stage=stage, seconds=0.1, done=done, total=4)
        for done, stage in enumerate(STAGES, start=1)
    ]
    return [
        *stages,
        a_processed(document_id, version, revision, chunks, text, signature),
        an_indexed(document_id, version, revision),
    ]


def a_processed(
    document_id: DocumentId,
    version: int,
    revision: int,
    chunks: str,
    text: str | None = None,
    signature: str | None = None,
) -> DocumentProcessed:
    return DocumentProcessed(
        document_id=document_id, document_version=version, revision=revision, sha256="0" * 64,
        labels=Labels(collection="default", document_name="n", names=("n",), media_type="text/plain", metadata={},
                      received_at=datetime(2026, 1, 2, tzinfo=UTC)),
        language="ko", pages=None, characters=10, chunk_count=1, chunks_artefact=chunks, vectors_artefact=None,
        fingerprint=None, warnings=("one",), text_artefact=text, signature=signature,
    )  # fmt: skip


def an_indexed(document_id: DocumentId, version: int, revision: int = 1) -> DocumentIndexed:
    return DocumentIndexed(
        document_id=document_id, document_version=version, revision=revision, chunk_count=1, seconds=0.1
    )


def a_failure(document_id: DocumentId, version: int, code: str = "encrypted") -> ProcessingFailed:
    return ProcessingFailed(
        document_id=document_id, document_version=version, stage="parse", code=code,
        reason=f"The file is {code}.", retryable=False,
    )  # fmt: skip


def a_removal(document_id: DocumentId, version: int) -> DocumentRemoved:
    return DocumentRemoved(document_id=document_id, document_version=version)


def some_chunks(count: int) -> ChunkedDocument:
    return ChunkedDocument(
        title=None,
        chunks=tuple(
            Chunk(ordinal=n, kind="paragraph", text=f"piece {n}", start=n * 10, end=n * 10 + 7, page=None,
                  headings=("A",), language="en")
            for n in range(count)
        ),
    )  # fmt: skip


@contextlib.asynccontextmanager
async def an_ingest(
    folder: Path,
    access: Access | None = None,
    headers: dict[str, str] | None = None,
    opener: Opener | None = None,
    **settings: Any,
) -> AsyncIterator[AnIngest]:
    """Ingest on real files, entered as main.py does, behind an HTTP application."""
    given = Settings(data_dir=folder, _env_file=None, min_free_bytes=0, **settings)  # type: ignore[call-arg,unused-ignore]  # pydantic-settings' own argument
    bus = SqliteEventLog(folder / "events.sqlite")
    blobs = FileBlobs(folder / "blobs", min_free_bytes=0)
    async with AsyncExitStack() as stack:
        for adapter in (bus, blobs):
            if isinstance(adapter, contextlib.AbstractAsyncContextManager):
                await stack.enter_async_context(adapter)
        metrics = PrometheusMetrics()
        belonging = Belonging(metrics)
        pages = await stack.enter_async_context(
            PageRenderer(timeout_seconds=30, memory_bytes=1 << 30, most_pixels=50_000_000)
        )
        container = IngestContainer(
            settings=given, bus=bus, blobs=blobs, access=access or Access(None), metrics=metrics, belonging=belonging,
            pages=pages, passwords=MemoryPasswords(), opener=opener, audit=AuditTrail(None),
        )  # fmt: skip
        container.check_dependencies()
        module = container.module()
        for resource in module.resources:
            await stack.enter_async_context(resource)
        mark = await stack.enter_async_context(FolderMark(folder / "blobs", ("originals/*/*",)))
        await belonging.settle([*module.parts, Part(BLOBS, mark)])
        web = FastAPI(max_body_size=1 << 16)
        install_problem_handlers(web)
        assert module.router is not None
        web.include_router(module.router)
        transport = httpx.ASGITransport(app=web)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)
        )
        yield AnIngest(container, module, bus, blobs, web, client)


async def told(ingest: AnIngest, kind: type[Event]) -> list[Any]:
    """The facts of one kind."""
    return [fact for fact in await ingest.facts() if isinstance(fact, kind)]
