"""A document's way through Process, with real jobs and blobs: stages, artefacts, resuming, refusals."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from pipeline_builders import ENGLISH, Crash, House, InProcessParser
from process_builders import SmallModel, stream

from builders import eventually, labels
from shared.artefacts.address import original_key
from shared.artefacts.chunks import ChunkedDocument
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.vectors import ChunkVectors
from shared.events.envelope import Event
from shared.events.ingest import DocumentReceived
from shared.events.process import DocumentProcessed, ProcessingFailed, StageFinished
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId, Refused, Unavailable
from shared.ports.model import TextKind, Vectors
from shared.runtime.worker import Worker
from shared.vocabulary import OCR, PROCESS_STAGES

KOREAN = "노트북 관세율\n\n노트북 컴퓨터의 관세율은 0%이다. 품목번호는 8471.30이다.".encode("cp949")


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
    assert fact.signature is None  # the text is too short for one
    assert chunks.title == "Duties"
    assert chunks.chunks[0].text == ENGLISH.decode()
    assert vectors.ordinals.tolist() == [0]
    assert house.model.embedded == [ENGLISH.decode()]
    assert stages(house.reported) == [("parse", False), ("ocr", False), ("chunk", False), ("embed", False)]
    assert [(fact.done, fact.total) for fact in house.reported if isinstance(fact, StageFinished)] == [
        (1, 4),
        (2, 4),
        (3, 4),
        (4, 4),
    ]


def test_each_stage_stands_behind_those_whose_artefacts_it_reads(house: House) -> None:
    left: list[object] = []
    for stage in house.stages():
        assert set(stage.made_from) <= set(left)
        assert stage.artefact not in left
        left.append(stage.artefact)


async def test_a_longer_text_is_signed_also_where_its_stages_were_done_before(house: House) -> None:
    text = " ".join(f"Heading {number} of the tariff." for number in range(100)).encode()
    signatures = []
    for version in (1, 2):
        await house.arrives(text, version=version)
        signatures.append(processed(await house.run(await house.claim())).signature)
    assert [reused for _, reused in stages(house.reported)] == [False] * 4 + [True, False, True, True]
    assert signatures[0] is not None and signatures[0] == signatures[1]


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


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4])
async def test_a_crash_after_a_stage_resumes_behind_it(house: House, crash_after: int) -> None:
    await house.arrives(ENGLISH)
    with pytest.raises(Crash):
        await house.run(await house.claim(), crash_after=crash_after)
    await house.jobs.void_leases(except_owner="after the crash")
    house.reported.clear()
    fact = processed(await house.run(await house.claim()))
    # OCR had nothing to do, and left nothing that could be used again.
    assert stages(house.reported) == [
        (stage, number < crash_after and stage != OCR) for number, stage in enumerate(PROCESS_STAGES)
    ]
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
        "chunk-4-93dcb33a79e301b6",
        "chunk-renewed-1-c7680f39fc006b37",
        "embed-2-983cd69ffbd66b8c",
        "embed-renewed-1-c7680f39fc006b37",
        "parse-8-8975d50ffb79bac5",
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


async def test_of_a_large_document_each_stage_is_told_before_the_next_one_begins(house: House) -> None:
    house.telling_seconds, house.parser = 60, InProcessParser(most_characters=1_000_000)
    house.__post_init__()
    await house.arrives(b"The duty on notebook computers is zero. " * 8_000)
    await house.run(await house.claim())
    told = [fact.stage for fact in await house.saved_facts() if isinstance(fact, StageFinished)]
    assert told == ["parse", "ocr", "chunk"]


@pytest.mark.parametrize("crash_after", [1, 2, 3, 4])
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
    assert [type(fact) for fact in await house.saved_facts()] == [*[StageFinished] * 4, DocumentProcessed]


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


class RefusingParser(InProcessParser):
    """Refuses everything."""

    def __init__(self, error: Refused) -> None:
        super().__init__()
        self._error = error
        self.asked = 0

    async def parse(self, path: str, media_type: str, name: str, **_: Any) -> ParsedDocument:
        self.asked += 1
        raise self._error


async def _has(house: House, kind: Callable[..., Event]) -> bool:
    return any(type(fact) is kind for fact in await house.saved_facts())
