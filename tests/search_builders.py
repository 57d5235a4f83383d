"""What the tests of Search share: a search of its own, documents as Process leaves them, a small model."""

import asyncio
import hashlib
import itertools
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from dependency_injector import providers
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from builders import eventually, labels
from search.application.cleaning import CleaningTimes
from search.application.nightly import NightlyTimes
from search.application.ports.chunk_index import ChunkIndex, Unit
from search.application.ports.live_store import LiveStore
from search.application.ports.versions import Sources
from search.application.renewal import RenewalTimes
from search.application.request import SearchRequest
from search.application.retrieval import Retrieval, RetrievalTimes, SearchResult
from search.application.units import build_units, read_artefacts
from search.application.vocabulary import VocabularyTimes
from search.container import SearchContainer
from search.domain.filters import parse_filters
from search.infrastructure.edge.times import EdgeIndexTimes
from shared.artefacts.address import artefact_key
from shared.artefacts.chunks import Chunk, ChunkedDocument
from shared.artefacts.vectors import ChunkVectors
from shared.events.envelope import Event
from shared.events.ingest import DocumentReceived, Labels
from shared.events.process import DocumentProcessed
from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.memory_cache import MemoryCache
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.kernel import DocumentId, Unavailable, new_document_id, new_id
from shared.ports.model import Embedded, Model, ModelDescription, TextKind, Vectors
from shared.ports.reranker import Reranker
from shared.ports.storage import Cache
from shared.runtime.belonging import Belonging
from shared.runtime.module import Module
from shared.runtime.resilience import Remotes
from shared.runtime.worker import Worker
from shared.settings import Settings
from shared.web.access import Access
from shared.web.problems import install_problem_handlers

DIMENSION = 32
OTHERS = {"다른1.txt": "회의실 예약은 총무과에서 받는다.", "다른2.txt": "The canteen opens at noon on weekdays."}
_NUMBERS = itertools.count(1)


@dataclass
class SmallModel:
    """A Model that reads English and embeds a text by its words: texts that share words are near each other."""

    available: bool = True
    languages: frozenset[str] = frozenset(("en",))
    fingerprint: str = "small-1"
    present: bool = True
    embedded: list[str] = field(default_factory=list)

    def describe(self) -> ModelDescription:
        if not self.present:
            raise Unavailable("There is no small model.")
        return ModelDescription("small", DIMENSION, 256, self.languages, self.fingerprint)

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> Vectors:
        if not self.available:
            raise Unavailable("The small model is switched off.")
        self.embedded.extend(texts)
        return embed(texts)

    async def embed_counted(
        self, texts: Sequence[str], *, kind: TextKind, prompt: bool = True, normalise: bool = True
    ) -> Embedded:
        return Embedded(await self.embed(texts, kind=kind), sum(await self.count_tokens(texts)))

    async def check(self, deadline_seconds: float) -> None:
        if not self.available:
            raise Unavailable("The small model is switched off.")

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    @property
    def is_loaded(self) -> bool:
        return self.available


def embed(texts: Sequence[str]) -> Vectors:
    """One row per text: the sum of its words' random directions, of length 1."""
    rows = np.full((len(texts), DIMENSION), 1e-3, dtype=np.float32)
    for place, text in enumerate(texts):
        for word in re.findall(r"\w+", text.lower()):
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
            rows[place] += np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def chunked(texts: Sequence[str], **changes: Any) -> ChunkedDocument:
    """One chunk per text, one after the other."""
    chunks, start = [], 0
    for ordinal, text in enumerate(texts):
        given: dict[str, Any] = {
            "ordinal": ordinal,
            "kind": "paragraph",
            "text": text,
            "start": start,
            "end": start + len(text),
            "page": ordinal + 1,
            "headings": (),
            "language": "ko" if re.search("[가-힣]", text) else "en",
        }
        chunks.append(Chunk(**{**given, **changes}))
        start += len(text) + 1
    return ChunkedDocument(title=None, chunks=tuple(chunks))


@dataclass
class ASearch:
    """A running search module without bus: facts go straight to its handlers, its worker runs."""

    module: Module
    container: Any
    blobs: FileBlobs
    folder: Path

    @property
    def retrieval(self) -> Retrieval:
        retrieval: Retrieval = self.container.retrieval()
        return retrieval

    @property
    def store(self) -> LiveStore:
        store: LiveStore = self.container.store()
        return store

    @property
    def index(self) -> ChunkIndex:
        index: ChunkIndex = self.container.index()
        return index

    async def hear(self, event: Event) -> None:
        """As the consumer hands it over."""
        await self.module.subscriptions[type(event)](event)

    async def processed(
        self,
        texts: Sequence[str],
        *,
        document_id: DocumentId | None = None,
        version: int = 1,
        revision: int | None = None,
        given: Labels | None = None,
        fingerprint: str | None = "small-1",
        vectors: Vectors | None = None,
        **chunk_changes: Any,
    ) -> DocumentProcessed:
        """The fact, with the artefacts it names stored. Not heard yet.

        `vectors` are those of all texts; without them, the small model's of the English ones.
        """
        document = chunked(texts, **chunk_changes)
        sha256 = hashlib.sha256("\n".join(texts).encode()).hexdigest()
        readable = [chunk.ordinal for chunk in document.chunks if vectors is not None or chunk.language == "en"]
        rows = embed([document.chunks[ordinal].text for ordinal in readable]) if vectors is None else vectors
        embedded = ChunkVectors(np.array(readable, dtype=np.int32), rows)
        chunks_key = artefact_key(sha256, "chunk", 1, {"model": fingerprint})
        vectors_key = artefact_key(sha256, "embed", 1, {"model": fingerprint})
        await self.blobs.put(chunks_key, document.to_bytes())
        await self.blobs.put(vectors_key, embedded.to_bytes())
        return DocumentProcessed(
            document_id=document_id or new_document_id(),
            document_version=version,
            revision=revision or version,
            sha256=sha256,
            labels=given or labels(),
            language=document.chunks[0].language if document.chunks else None,
            pages=None,
            characters=sum(map(len, texts)),
            chunk_count=len(document.chunks),
            chunks_artefact=chunks_key,
            vectors_artefact=vectors_key,
            fingerprint=fingerprint,
        )

    async def add(self, *texts: str, **how: Any) -> DocumentProcessed:
        """A document, searchable when this returns."""
        event = await self.processed(texts, **how)
        await self.hear(
            DocumentReceived(
                document_id=event.document_id,
                document_version=event.document_version,
                revision=event.revision,
                sha256=event.sha256,
                size=event.characters,
                labels=event.labels,
            )
        )
        await self.hear(event)
        await self.settled(event)
        return event

    async def settled(self, event: DocumentProcessed) -> None:
        """Until this version is live, failed or withdrawn."""

        async def is_settled() -> bool:
            return not await self.store.unsettled([(event.document_id, event.document_version)])

        await eventually(is_settled)

    async def counted(self) -> None:
        """Until counts are exact: a job ends a moment after its switch, and a look through the index doubts a while."""
        await eventually(self.container.wholeness().is_clean)

    async def find(self, query: str, **how: Any) -> SearchResult:
        """A search that no cache answers."""
        how["filters"] = parse_filters(how.get("filters", {}))
        return await self.retrieval.search(SearchRequest(query=query, **how))

    async def texts(self, query: str, **how: Any) -> list[str]:
        """The chunks found, best first."""
        return [hit.record.chunk.text for hit in (await self.find(query, **how)).hits]


async def units_of(search: ASearch, event: DocumentProcessed) -> Sequence[Unit]:
    """As its job builds them."""
    artefacts = await read_artefacts(search.blobs, Sources(event.chunks_artefact, None, None))
    return await build_units(
        search.container.analyzer(),
        artefacts,
        document_id=event.document_id,
        version=event.document_version,
        language=event.language,
        labels=event.labels,
    )


@asynccontextmanager
async def a_search(
    folder: Path,
    *,
    model: Model | None = None,
    access: Access | None = None,
    works: bool = True,
    settings: Settings | None = None,
    mongo: Any | None = None,
    index: ChunkIndex | None = None,
    cache: Cache | None = None,
    cleaning: CleaningTimes | None = None,
    renewal: RenewalTimes | None = None,
    retrieval: RetrievalTimes | None = None,
    edge: EdgeIndexTimes | None = None,
    vocabulary: VocabularyTimes | None = None,
    reranker: Reranker | None = None,
    nightly: NightlyTimes | None = None,
    longest_search_seconds: float | None = None,
) -> AsyncIterator[ASearch]:
    """Everything in `folder`; opened again, it is the same search after a restart.

    With a door to MongoDB and an index that is open already, it is another process of the same search.
    Its timings are those of a real one unless some are given.
    """
    metrics = PrometheusMetrics()
    belonging = Belonging(metrics)
    times = {
        "cleaning_times": cleaning,
        "renewal_times": renewal,
        "retrieval_times": retrieval,
        "edge_times": edge,
        "vocabulary_times": vocabulary,
        "nightly_times": nightly,
        "longest_search_seconds": longest_search_seconds,
    }
    async with AsyncExitStack() as stack:
        blobs = await stack.enter_async_context(FileBlobs(folder / "blobs"))
        bus = await stack.enter_async_context(SqliteEventLog(folder / "events.sqlite"))
        container = SearchContainer(
            settings=providers.Object(settings or Settings(data_dir=folder)),
            bus=providers.Object(bus),
            blobs=providers.Object(blobs),
            model=providers.Object(model or SmallModel()),
            cache=providers.Object(cache or MemoryCache(1 << 20)),
            access=providers.Object(access or Access(None)),
            metrics=providers.Object(metrics),
            belonging=providers.Object(belonging),
            remotes=providers.Object(Remotes(metrics)),
            mongo=providers.Object(mongo),
            reranker=providers.Object(reranker),
            **{name: providers.Object(given) for name, given in times.items() if given is not None},
        )
        if index is not None:
            container.index.override(providers.Object(index))
        module: Module = container.module()
        if mongo is not None:
            await stack.enter_async_context(mongo)
        for resource in module.resources:
            if index is None or resource is not container.index():
                await stack.enter_async_context(resource)
        await belonging.settle(module.parts if index is None else ())
        assert module.job_store is not None
        owner = "test" if mongo is None else new_id()
        if mongo is None:
            await module.job_store.void_leases(except_owner=owner)
        worker = Worker(module.job_store, module.jobs[0], group="search", owner=owner, metrics=metrics)
        running = asyncio.create_task(worker.run()) if works else None
        try:
            yield ASearch(module, container, blobs, folder)
        finally:
            if running is not None:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running


@asynccontextmanager
async def over_http(search: ASearch) -> AsyncIterator[AsyncClient]:
    """The module's routes alone."""
    app = FastAPI()
    install_problem_handlers(app)
    assert search.module.router is not None
    app.include_router(search.module.router)
    transport = ASGITransport(app=app)
    async with AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def hits(response: Response) -> list[dict[str, Any]]:
    """Of an answer that must be good."""
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["hits"]
    return found


async def in_a_collection(search: ASearch, documents: dict[str, str]) -> str:
    """One of their own for documents, by their names."""
    collection = f"case-{next(_NUMBERS)}"
    adding = (search.add(text, given=labels(name=name, collection=collection)) for name, text in documents.items())
    await asyncio.gather(*adding)
    return collection


async def found(client: AsyncClient, collection: str, query: str, *, limit: int = 10) -> list[str]:
    """The names of the documents of a collection's hits."""
    asked = {"query": query, "limit": limit, "filters": {"collection": collection}}
    answer = await client.post("/api/v1/search", json=asked)
    return [hit["document"]["name"] for hit in hits(answer)]
