"""Writes the committed JSON schemas of events, artefacts and events of streams, and first samples of the former.

Run `python -m tests.architecture.write_event_schemas` after adding an event, or a field with a default. A sample
that is there is never written again: it stands for what older versions have stored. A change that older stored
events would not survive is refused: give the class a new `version` instead.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from search.chat.domain.events import EventName
from search.chat.interface.event_shapes import STREAM_EVENTS, event_schema
from shared.artefacts.chunks import Chunk, ChunkedDocument
from shared.artefacts.parsed import Block, ParsedDocument, Span, Table, TablePart
from shared.events.catalogue import EVENTS
from shared.events.chat import MessageAnswered
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.envelope import Envelope, Event
from shared.events.ingest import DocumentChanged, DocumentReceived, DocumentWithdrawn, Labels
from shared.events.process import (
    ChunksEmbedded,
    DocumentProcessed,
    PagesProcessed,
    PagesRead,
    ProcessingFailed,
    StageFinished,
)
from shared.events.search import (
    ArtefactsLost,
    DocumentIndexed,
    DocumentRemoved,
    PagesIndexed,
    SearchPerformed,
    VectorsOutdated,
)
from shared.kernel import DocumentId

EVENT_FOLDER: Final = Path(__file__).parent / "events"
ARTEFACT_FOLDER: Final = Path(__file__).parent / "artefacts"
STREAM_FOLDER: Final = Path(__file__).parent / "stream_events"
"""Of the streams that answer questions: read by clients, and stored by nobody."""

_AT: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_DOCUMENT: Final = DocumentId("6f1c2a34-5b6d-4e7f-8a90-b1c2d3e4f506")
_SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_OF: Final[dict[str, Any]] = {"document_id": _DOCUMENT, "document_version": 3}
_LABELS: Final = Labels(
    collection="default",
    document_name="관세/노트북 안내.pdf",
    names=("관세/노트북 안내.pdf", "notebooks.pdf"),
    media_type="application/pdf",
    metadata={"department": "customs", "year": 2026},
    received_at=_AT,
)
_DEAD: Final[dict[str, Any]] = {
    **_OF,
    "group": "process",
    "dead_letter_id": "0d9c8b7a-6f5e-4d3c-8b1a-09f8e7d6c5b4",
    "subject": "DocumentReceived",
}
SAMPLE_EVENTS: Final[tuple[Event, ...]] = (
    DocumentReceived(**_OF, revision=2, sha256=_SHA256, size=48_213, labels=_LABELS),
    DocumentChanged(**_OF, labels=_LABELS),
    DocumentWithdrawn(**_OF, collection="default"),
    StageFinished(**_OF, stage="parse", seconds=0.42, done=1, total=3),
    ChunksEmbedded(**_OF, done=512, total=2_048),
    PagesRead(**_OF, stage="parse", done=96, total=2_000),
    DocumentProcessed(
        **_OF,
        revision=2,
        sha256=_SHA256,
        labels=_LABELS,
        language="ko",
        pages=2,
        characters=1893,
        chunk_count=5,
        chunks_artefact=f"artefacts/9f/{_SHA256}/chunk-1-0011223344556677",
        vectors_artefact=None,
        fingerprint=None,
        warnings=("page 2 has no text",),
    ),
    PagesProcessed(
        **_OF,
        whole_version=17,
        base_version=0,
        pages_done=64,
        revision=2,
        sha256=_SHA256,
        labels=_LABELS,
        language="ko",
        pages=2_000,
        characters=61_893,
        chunk_count=70,
        chunks_artefact=f"artefacts/9f/{_SHA256}.chunk-early-2-0011223344556677.piece",
        vectors_artefact=None,
        fingerprint=None,
    ),
    ProcessingFailed(**_OF, stage="parse", code="encrypted", reason="The PDF needs a password.", retryable=False),
    DocumentIndexed(**_OF, revision=2, chunk_count=5, seconds=0.08),
    PagesIndexed(
        **_OF,
        whole_version=17,
        revision=2,
        pages_done=64,
        pages_total=2_000,
        chunk_count=70,
        seconds=0.4,
        chunks_artefact=f"artefacts/9f/{_SHA256}.chunk-early-2-0011223344556677.piece",
    ),
    DocumentRemoved(**_OF),
    VectorsOutdated(**_OF, fingerprint="3b1f0c9d8e7a6b5c4d3e2f1a0b9c8d7e"),
    ArtefactsLost(**_OF, reason="What processing left cannot be read: the blob is not what was written."),
    SearchPerformed(
        search_id="1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9", mode="hybrid", characters=7, hits=3, seconds=0.012
    ),
    MessageAnswered(
        message_id="1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9",
        answered_by="extractive",
        state="done",
        finish_reason="stop",
        remembered=True,
        question_characters=14,
        answer_characters=180,
        passages=8,
        citations=3,
        unsupported_sentences=0,
        buttons=2,
        first_words_seconds=0.08,
        seconds=0.12,
        task_seconds={"answer": 0.1, "detail_pages": 0.05, "history": 0.02},
        task_statuses={"answer": "done", "detail_pages": "done", "history": "done"},
        parallel_efficiency=0.83,
    ),
    EventDeadLettered(**_DEAD, reason="the payload does not fit"),
    DeadLetterReplayed(**_DEAD),
)
SAMPLE_ARTEFACTS: Final[tuple[ParsedDocument | ChunkedDocument, ...]] = (
    ParsedDocument(
        text="안내\n\n노트북은 8471.30호이다.\n\n세율\n\n품목\t세율\n\t기본\t협정\n노트북\t0 %\n\n관세청",
        blocks=(
            Block(kind="heading", start=0, end=2, level=1, page=1, language="ko"),
            Block(kind="paragraph", start=4, end=19, page=1, box=(0.1, 0.2, 0.9, 0.25), language="ko"),
            Block(kind="caption", start=21, end=23, page=1, language="ko"),
            Block(kind="table", start=25, end=45, page=1, box=(0.1, 0.3, 0.9, 0.9), language="ko"),
            Block(kind="picture", start=47, end=50, page=2, confidence=0.87, language="ko"),
        ),
        media_type="application/pdf",
        language="ko",
        pages=2,
        title="안내",
        tables=(
            Table(
                start=25,
                end=45,
                columns=3,
                header_rows=2,
                caption="세율",
                page=1,
                box=(0.1, 0.3, 0.9, 0.9),
                spans=(Span(row=0, column=0, row_span=2), Span(row=0, column=1, column_span=2)),
                parts=(TablePart(row=2, page=2, box=(0.1, 0.1, 0.9, 0.2)),),
            ),
        ),
    ),
    ChunkedDocument(
        title="안내",
        chunks=(
            Chunk(
                ordinal=0,
                kind="paragraph",
                text="노트북은 8471.30호이다.",
                start=4,
                end=19,
                page=1,
                headings=("안내",),
                language="ko",
            ),
        ),
    ),
)


def event_stem(event: type[Event]) -> str:
    """The file name of an event's schema and sample, without ending."""
    return f"{event.name}.v{event.version}"


def artefact_stem(artefact: type[ParsedDocument] | type[ChunkedDocument]) -> str:
    """The file name of an artefact's schema and sample, without ending."""
    return f"{artefact.__name__}.v{artefact.schema_version}"


def stream_schema_path(name: EventName) -> Path:
    """The committed schema of a stream's events of this name."""
    return STREAM_FOLDER / f"{name}.schema.json"


def schema_text(model: type[BaseModel]) -> str:
    """What the committed schema file of the model holds."""
    return written(model.model_json_schema())


def written(schema: dict[str, Any]) -> str:
    """A schema as its file has it."""
    return json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def breaking_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Why things written under the old schema would not be read, or lose meaning, under the new one."""
    found = [f"`{name}` is required now" for name in sorted({*new.get("required", ())} - {*old.get("required", ())})]
    for name, was in old.get("properties", {}).items():
        now = new.get("properties", {}).get(name)
        if now is None:
            found.append(f"`{name}` is gone")
        elif _shape(was) != _shape(now):
            found.append(f"`{name}` has another type")
    for name, was in old.get("$defs", {}).items():
        if name in new.get("$defs", {}):
            found.extend(f"{name}: {change}" for change in breaking_changes(was, new["$defs"][name]))
    return found


def lost_to_readers(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What clients that were written for the old schema would miss under the new one; fields that are new they skip."""
    return [change for change in breaking_changes(old, new) if not change.endswith("is required now")]


def _shape(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("default", "description", "title")}


def _write_schema(path: Path, model: type[BaseModel]) -> list[str]:
    if path.exists():
        changes = breaking_changes(json.loads(path.read_text(encoding="utf-8")), model.model_json_schema())
        if changes:
            return [f"{path.stem}: {change}; raise its version" for change in changes]
    path.write_text(schema_text(model), encoding="utf-8")
    return []


def _write_stream_schema(name: EventName) -> list[str]:
    path, schema = stream_schema_path(name), event_schema(name)
    if path.exists() and (changes := lost_to_readers(json.loads(path.read_text(encoding="utf-8")), schema)):
        return [f"{name}: {change}; clients of this version of the API would miss it" for change in changes]
    path.write_text(written(schema), encoding="utf-8")
    return []


def _envelope(event: Event) -> str:
    envelope = Envelope(
        id="a1b2c3d4-e5f6-4789-8abc-def012345678",
        name=event.name,
        version=event.version,
        topic=event.topic,
        key=event.key,
        occurred_at=_AT,
        correlation_id="c0ffee00-1234-4567-89ab-cdef01234567",
        causation_id=None,
        producer="search" if event.topic.startswith("chat.") else event.topic.partition(".")[0],
        payload=event.model_dump(mode="json"),
    )
    return json.dumps(envelope.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"


def main() -> int:
    """Writes what is missing or renewed; 1 when a class needs a new version first."""
    EVENT_FOLDER.mkdir(exist_ok=True)
    ARTEFACT_FOLDER.mkdir(exist_ok=True)
    STREAM_FOLDER.mkdir(exist_ok=True)
    refused: list[str] = []
    for name in STREAM_EVENTS:
        refused += _write_stream_schema(name)
    for kind in EVENTS:
        refused += _write_schema(EVENT_FOLDER / f"{event_stem(kind)}.schema.json", kind)
    for event in SAMPLE_EVENTS:
        sample = EVENT_FOLDER / f"{event_stem(type(event))}.sample.json"
        if not sample.exists():
            sample.write_text(_envelope(event), encoding="utf-8")
    for artefact in SAMPLE_ARTEFACTS:
        stem = artefact_stem(type(artefact))
        refused += _write_schema(ARTEFACT_FOLDER / f"{stem}.schema.json", type(artefact))
        sample = ARTEFACT_FOLDER / f"{stem}.sample.json"
        if not sample.exists():
            sample.write_bytes(artefact.to_bytes() + b"\n")
    print("\n".join(refused) or "Schemas and samples are up to date.")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
