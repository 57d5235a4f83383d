"""A document's way through Process, with real jobs and blobs: stages, artefacts, resuming, refusals."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from process_builders import SmallModel, stream

from builders import a_document_received, eventually, labels
from process.application.intake import Intake
from process.application.pipeline import DocumentProcessing
from process.application.stages.order import in_order
from process.infrastructure.parser_child import read
from process.interface.events import subscriptions
from shared.artefacts.address import original_key
from shared.artefacts.chunks import ChunkedDocument
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.vectors import ChunkVectors
from shared.events.catalogue import decode
from shared.events.envelope import Event
from shared.events.ingest import DocumentReceived, DocumentWithdrawn
from shared.events.process import DocumentProcessed, ProcessingFailed, StageFinished
from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.kernel import DocumentId, Refused, Unavailable
from shared.ports.jobs import Job
from shared.ports.model import TextKind, Vectors
from shared.runtime.worker import Worker
from shared.vocabulary import PROCESS_STAGES

ENGLISH = b"Duties\n\nThe duty on notebook computers is zero. It is in heading 8471.30 of the tariff."
KOREAN = "노트북 관세율\n\n노트북 컴퓨터의 관세율은 0%이다. 품목번호는 8471.30이다.".encode("cp949")


@dataclass
class InProcessParser:
    """DocumentParser without a child, which counts."""

    parsed: int = 0
    most_characters: int = 100_000

    async def parse(self, path: str, media_type: str, name: str) -> ParsedDocument:
        self.parsed += 1
        return ParsedDocument.from_bytes(read(Path(path), media_type, most_characters=self.most_characters))


class Crash(BaseException):
    """The process ends here."""


@dataclass
class House:
    """Process with its stores, as main.py would wire it."""

    root: Path
    """Of the blobs."""
    blobs: FileBlobs
    jobs: SqliteJobs
    facts: SqliteFacts
    model: SmallModel
    parser: Any
    telling_seconds: float = 0
    reported: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.processing = DocumentProcessing(
            blobs=self.blobs,
            stages=in_order(blobs=self.blobs, parser=self.parser, model=self.model),
            model=self.model,
            metrics=PrometheusMetrics(),
            telling_seconds=self.telling_seconds,
        )
        self.handlers = subscriptions(Intake(self.jobs))

    async def arrives(self, content: bytes, **changes: Any) -> DocumentReceived:
        stored = await self.blobs.store(stream(content), max_bytes=1 << 30)
        event = a_document_received(sha256=stored.sha256, size=stored.size, **changes)
        await self.handlers[DocumentReceived](event)
        return event

    async def claim(self) -> Job:
        (job,) = await self.jobs.claim("process", owner="test", limit=1, lease_seconds=30)
        return job

    async def run(self, job: Job, *, crash_after: int | None = None) -> Sequence[Event]:
        """The handler's facts; dies as the report after that many stages was made."""

        async def report(fact: Event) -> None:
            assert await self.jobs.report(job, fact)
            self.reported.append(fact)
            if crash_after is not None and isinstance(fact, StageFinished) and fact.done == crash_after:
                raise Crash

        facts = await self.processing.run(job, report)
        self.reported.extend(facts)
        if crash_after == len(PROCESS_STAGES):
            raise Crash
        return facts

    async def saved_facts(self) -> list[Event]:
        return [decode(fact.envelope) for fact in await self.facts.pending_facts(1_000)]


@pytest.fixture
async def house(tmp_path: Path, model: SmallModel) -> AsyncIterator[House]:
    database = SqliteDatabase(tmp_path / "process.sqlite", schema=SqliteFacts.SCHEMA + SqliteJobs.SCHEMA)
    async with database, FileBlobs(tmp_path / "blobs") as blobs:
        facts = SqliteFacts(database, producer="process")
        yield House(tmp_path / "blobs", blobs, SqliteJobs(database, facts), facts, model, InProcessParser())


@contextlib.asynccontextmanager
async def working(house: House) -> AsyncIterator[None]:
    worker = Worker(
        house.jobs,
        house.processing,
        group="process",
        owner="test",
        metrics=PrometheusMetrics(),
        first_retry_seconds=0.01,
    )
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def processed(facts: Sequence[Event]) -> DocumentProcessed:
    _, fact = facts
    assert isinstance(fact, DocumentProcessed)
    return fact


def stages(events: Sequence[Event]) -> list[tuple[str, bool]]:
    return [(event.stage, event.reused) for event in events if isinstance(event, StageFinished)]


async def test_a_document_leaves_text_chunks_and_vectors(house: House) -> None:
    event = await house.arrives(ENGLISH)
    fact = processed(await house.run(await house.claim()))
    chunks = ChunkedDocument.from_bytes(await house.blobs.read(fact.chunks_artefact))
    assert fact.vectors_artefact is not None
    vectors = ChunkVectors.from_bytes(await house.blobs.read(fact.vectors_artefact))
    assert (fact.document_id, fact.document_version, fact.labels) == (event.document_id, 1, event.labels)
    assert (fact.language, fact.chunk_count, fact.fingerprint) == ("en", 1, "small-1")
    assert chunks.title == "Duties"
    assert chunks.chunks[0].text == ENGLISH.decode()
    assert vectors.ordinals.tolist() == [0]
    assert house.model.embedded == [ENGLISH.decode()]
    assert stages(house.reported) == [("parse", False), ("chunk", False), ("embed", False)]
    assert [(fact.done, fact.total) for fact in house.reported if isinstance(fact, StageFinished)] == [
        (1, 3),
        (2, 3),
        (3, 3),
    ]


def test_each_stage_stands_behind_those_whose_artefacts_it_reads(house: House) -> None:
    left: list[object] = []
    for stage in in_order(blobs=house.blobs, parser=house.parser, model=house.model):
        assert set(stage.made_from) <= set(left)
        assert stage.artefact not in left
        left.append(stage.artefact)


async def test_what_the_model_does_not_read_gets_no_vector(house: House) -> None:
    await house.arrives(KOREAN)
    fact = processed(await house.run(await house.claim()))
    assert (fact.language, fact.vectors_artefact, fact.fingerprint, fact.warnings) == ("ko", None, "small-1", ())
    assert house.model.embedded == []
    assert [stage for stage, _ in stages(house.reported)] == list(PROCESS_STAGES)


async def test_a_mixed_document_has_vectors_for_what_the_model_reads(house: House) -> None:
    korean = "수입자는 물품이 도착한 날부터 삼십 일 이내에 세관에 신고하여야 한다. " * 40
    english = "The importer shall declare the goods to customs within thirty days of arrival. " * 40
    await house.arrives(f"{korean}\n\n{english}".encode())
    fact = processed(await house.run(await house.claim()))
    chunks = ChunkedDocument.from_bytes(await house.blobs.read(fact.chunks_artefact)).chunks
    assert fact.vectors_artefact is not None
    vectors = ChunkVectors.from_bytes(await house.blobs.read(fact.vectors_artefact))
    assert vectors.ordinals.tolist() == [chunk.ordinal for chunk in chunks if chunk.language == "en"]
    assert 0 < len(vectors.ordinals) < len(chunks)


@pytest.mark.parametrize("crash_after", [1, 2, 3])
async def test_a_crash_after_a_stage_resumes_behind_it(house: House, crash_after: int) -> None:
    await house.arrives(ENGLISH)
    with pytest.raises(Crash):
        await house.run(await house.claim(), crash_after=crash_after)
    await house.jobs.void_leases(except_owner="after the crash")
    house.reported.clear()
    fact = processed(await house.run(await house.claim()))
    assert stages(house.reported) == [(stage, number < crash_after) for number, stage in enumerate(PROCESS_STAGES)]
    assert house.parser.parsed == 1
    assert len(house.model.embedded) == 1
    assert fact.chunk_count == 1


async def test_the_same_bytes_elsewhere_are_neither_parsed_nor_embedded_again(house: House) -> None:
    await house.arrives(ENGLISH)
    first = processed(await house.run(await house.claim()))
    await house.arrives(ENGLISH, labels=labels(collection="other", name="b.txt"))
    second = processed(await house.run(await house.claim()))
    assert (second.chunks_artefact, second.vectors_artefact) == (first.chunks_artefact, first.vectors_artefact)
    assert (house.parser.parsed, len(house.model.embedded)) == (1, 1)


async def test_the_same_bytes_as_another_type_are_another_artefact(house: House) -> None:
    await house.arrives(ENGLISH)
    first = processed(await house.run(await house.claim()))
    await house.arrives(ENGLISH, labels=labels(name="a.md", media_type="text/markdown"))
    assert processed(await house.run(await house.claim())).chunks_artefact != first.chunks_artefact


async def test_artefacts_stay_where_earlier_releases_left_them(house: House) -> None:
    """Another key for the same work would have a whole library parsed and embedded again."""
    await house.arrives(ENGLISH, document_id=DocumentId("a-document"), fresh=True)
    await house.run(await house.claim())
    for stage in (
        "chunk-1-4cdd3917a8b54ebb",
        "chunk-renewed-1-c7680f39fc006b37",
        "embed-1-65333b5107788926",
        "embed-renewed-1-c7680f39fc006b37",
        "parse-1-8975d50ffb79bac5",
        "parse-renewed-1-c7680f39fc006b37",
    ):
        sha256 = "0d6edf82df5eba654ed829d79c0aea92949e08242672b72b0f7f3357d614f5c2"
        assert await house.blobs.exists(f"artefacts/0d/{sha256}.{stage}")


async def test_a_small_document_is_saved_in_one_file(house: House) -> None:
    house.telling_seconds = 60
    house.__post_init__()
    await house.arrives(ENGLISH)
    await house.run(await house.claim())
    assert len([path for path in (house.root / "artefacts").rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("crash_after", [1, 2, 3])
async def test_work_asked_for_anew_is_done_anew_and_only_once(house: House, crash_after: int) -> None:
    event = await house.arrives(ENGLISH)
    job = await house.claim()
    await house.jobs.finish(job, *await house.run(job))
    await house.handlers[DocumentReceived](event.model_copy(update={"document_version": 2, "fresh": True}))
    with pytest.raises(Crash):
        await house.run(await house.claim(), crash_after=crash_after)
    await house.jobs.void_leases(except_owner="after the crash")
    await house.run(await house.claim())
    assert (house.parser.parsed, len(house.model.embedded)) == (2, 2)


async def test_a_damaged_artefact_is_made_again(house: House) -> None:
    event = await house.arrives(ENGLISH)
    job = await house.claim()
    first = processed(await house.run(job))
    await house.jobs.finish(job)
    assert first.vectors_artefact is not None
    await house.blobs.put(first.chunks_artefact, b"{")
    await house.blobs.put(first.vectors_artefact, b"")
    await house.handlers[DocumentReceived](event.model_copy(update={"document_version": 2}))
    second = processed(await house.run(await house.claim()))
    assert second.chunk_count == 1
    assert ChunkVectors.from_bytes(await house.blobs.read(first.vectors_artefact)).ordinals.tolist() == [0]


async def test_the_worker_carries_a_document_to_its_end(house: House) -> None:
    await house.arrives(ENGLISH)
    async with working(house):
        await eventually(lambda: _has(house, DocumentProcessed))
    assert [type(fact) for fact in await house.saved_facts()] == [*[StageFinished] * 3, DocumentProcessed]


async def test_an_unreadable_document_fails_with_its_stage_code_and_reason(house: House) -> None:
    await house.arrives(b"\x00\x01\x02" * 400)
    house.parser = RefusingParser(Refused("It is broken. Save it again.", code="corrupt", stage="parse"))
    house.__post_init__()
    async with working(house):
        await eventually(lambda: _has(house, ProcessingFailed))
    (fact,) = await house.saved_facts()
    assert isinstance(fact, ProcessingFailed)
    assert (fact.stage, fact.code, fact.reason, fact.retryable) == (
        "parse",
        "corrupt",
        "It is broken. Save it again.",
        False,
    )
    assert house.parser.asked == 1


async def test_a_parser_that_keeps_crashing_fails_the_document_after_its_attempts(house: House) -> None:
    house.parser = RefusingParser(Refused("It crashed.", code="parser_crashed", stage="parse", retryable=True))
    house.__post_init__()
    await house.arrives(ENGLISH)
    async with working(house):
        await eventually(lambda: _has(house, ProcessingFailed))
    assert house.parser.asked == 3
    assert (await house.jobs.counts("process")).buried == 0


async def test_a_model_that_is_away_delays_and_fails_nothing(house: House) -> None:
    class AwayOnce(SmallModel):
        away = True

        async def embed(self, texts: Sequence[str], *, kind: TextKind) -> Vectors:
            if self.away:
                self.away = False
                raise Unavailable("The model is loading.")
            return await super().embed(texts, kind=kind)

    house.model = AwayOnce()
    house.telling_seconds = 60  # what was done is saved all the same
    house.__post_init__()
    await house.arrives(ENGLISH)
    async with working(house):
        await eventually(lambda: _has(house, DocumentProcessed))
    assert house.parser.parsed == 1


async def test_a_withdrawn_document_is_not_processed(house: House) -> None:
    event = await house.arrives(ENGLISH)
    await house.handlers[DocumentWithdrawn](
        DocumentWithdrawn(document_id=event.document_id, document_version=2, collection="default")
    )
    await house.handlers[DocumentReceived](event)
    assert await house.jobs.claim("process", owner="test", limit=1, lease_seconds=30) == []


async def test_a_newer_version_replaces_the_waiting_one(house: House) -> None:
    event = await house.arrives(ENGLISH)
    await house.handlers[DocumentReceived](event.model_copy(update={"document_version": 2, "revision": 2}))
    await house.handlers[DocumentReceived](event)
    job = await house.claim()
    assert job.document_version == 2
    assert await house.jobs.claim("process", owner="test", limit=1, lease_seconds=30) == []


async def test_small_documents_go_first(house: House) -> None:
    await house.arrives(ENGLISH * 50)
    small = await house.arrives(b"small")
    assert (await house.claim()).document_id == small.document_id


async def test_what_is_in_the_background_goes_behind_every_upload(house: House) -> None:
    renewed = [await house.arrives(ENGLISH * times, background=True, version=2) for times in (2, 1)]
    upload = await house.arrives(ENGLISH * 50)
    order = [(await house.claim()).document_id for _ in range(3)]
    assert order == [upload.document_id, renewed[1].document_id, renewed[0].document_id]


async def test_another_model_chunks_and_embeds_anew_and_parses_nothing(house: House) -> None:
    event = await house.arrives(ENGLISH)
    job = await house.claim()
    first = processed(await house.run(job))
    await house.jobs.finish(job)
    house.model.fingerprint = "small-2"
    await house.handlers[DocumentReceived](event.model_copy(update={"document_version": 2, "background": True}))
    job = await house.claim()
    second = processed(await house.run(job))
    await house.jobs.finish(job)
    assert (house.parser.parsed, len(house.model.embedded)) == (1, 2)
    assert (first.fingerprint, second.fingerprint) == ("small-1", "small-2")
    assert second.vectors_artefact != first.vectors_artefact
    # And back: what the first model left is there.
    house.model.fingerprint = "small-1"
    await house.handlers[DocumentReceived](event.model_copy(update={"document_version": 3, "background": True}))
    assert processed(await house.run(await house.claim())).vectors_artefact == first.vectors_artefact
    assert (house.parser.parsed, len(house.model.embedded)) == (1, 2)


async def test_the_original_is_where_its_hash_says(house: House) -> None:
    stored = await house.blobs.store(stream(ENGLISH), max_bytes=1_000)
    assert stored.key == original_key(stored.sha256)


@dataclass
class RefusingParser:
    """DocumentParser that refuses everything."""

    error: Refused
    asked: int = 0
    most_characters: int = 100_000

    async def parse(self, path: str, media_type: str, name: str) -> ParsedDocument:
        self.asked += 1
        raise self.error


async def _has(house: House, kind: Callable[..., Event]) -> bool:
    return any(type(fact) is kind for fact in await house.saved_facts())
