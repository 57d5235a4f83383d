"""A document that takes long says how many of its chunks have vectors, and not too often."""

from collections.abc import Sequence
from pathlib import Path

from pipeline_builders import InProcessParser
from process_builders import NoReader, SmallModel, stream

from builders import a_document_received
from process.application.pipeline import DocumentProcessing
from process.application.stages.order import in_order
from shared.events.envelope import Event
from shared.events.process import ChunksEmbedded, DocumentProcessed, StageFinished
from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.memory_passwords import MemoryPasswords
from shared.infrastructure.pages.renderer import PageRenderer
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.ports.jobs import Job

_LONG = "\n\n".join(f"## Part {number}\n\n" + "Duties are paid at the border. " * 40 for number in range(600)).encode()


async def told(folder: Path, model: SmallModel, content: bytes, *, telling_seconds: float) -> Sequence[Event]:
    """What is told of a document, in order."""
    events: list[Event] = []

    async def report(event: Event) -> None:
        events.append(event)

    async with FileBlobs(folder) as blobs:
        stored = await blobs.store(stream(content), max_bytes=1 << 30)
        received = a_document_received(sha256=stored.sha256, size=stored.size)
        processing = DocumentProcessing(
            blobs=blobs,
            stages=in_order(
                blobs=blobs,
                parser=InProcessParser(most_characters=10_000_000),
                model=model,
                pages=PageRenderer(timeout_seconds=30, memory_bytes=1 << 30, most_pixels=1_000_000),
                images=NoReader(),
                reader="none",
                scratch=folder / "scratch",
            ),
            model=model,
            metrics=PrometheusMetrics(),
            passwords=MemoryPasswords(),
            telling_seconds=telling_seconds,
        )
        payload = received.model_dump(mode="json")
        job = Job("j", "process", received.document_id, received.document_version, payload, 0, 0, "lease", "c")
        last = await processing.run(job, report)
    return [*events, *last]


async def test_a_large_document_tells_how_many_chunks_have_vectors(tmp_path: Path, model: SmallModel) -> None:
    events = await told(tmp_path, model, _LONG, telling_seconds=0)
    processed = events[-1]
    assert isinstance(processed, DocumentProcessed)
    total = processed.chunk_count
    assert total > 2 * 256
    chunks = [event for event in events if isinstance(event, ChunksEmbedded)]
    assert [event.done for event in chunks] == list(range(256, total, 256))
    assert {event.total for event in chunks} == {total}
    # In the order in which it happened: the stages before come first.
    assert [event.stage for event in events[: events.index(chunks[0])] if isinstance(event, StageFinished)] == [
        "parse",
        "ocr",
        "chunk",
    ]


async def test_nobody_is_told_more_often_than_of_stages(tmp_path: Path, model: SmallModel) -> None:
    events = await told(tmp_path, model, _LONG, telling_seconds=3_600)
    assert not [event for event in events if isinstance(event, ChunksEmbedded)]
