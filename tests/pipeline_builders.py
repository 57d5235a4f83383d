"""Process with its stores, as tests of it drive it: what arrives, is claimed, run, and crashes."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from process_builders import NoReader, SmallModel, stream

from builders import a_document_received
from process.application.intake import Intake
from process.application.pipeline import DocumentProcessing
from process.application.ports import DocumentParser, ManyPages, PageRange
from process.application.stages.order import in_order
from process.infrastructure.parser_child import assemble, read, read_range
from process.infrastructure.parsers.draft import ManyPages as TooManyPages
from process.infrastructure.parsers.draft import Unreadable
from process.interface.events import subscriptions
from shared.artefacts.parsed import ParsedDocument
from shared.events.catalogue import decode
from shared.events.envelope import Event
from shared.events.ingest import DocumentReceived
from shared.events.process import StageFinished
from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.memory_passwords import MemoryPasswords
from shared.infrastructure.pages.renderer import PageRenderer
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteFacts
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.kernel import Refused
from shared.ports.images import ImageModels
from shared.ports.jobs import Job
from shared.vocabulary import PROCESS_STAGES

ENGLISH = b"Duties\n\nThe duty on notebook computers is zero. It is in heading 8471.30 of the tariff."


@dataclass
class InProcessParser(DocumentParser):
    """Without a child; it counts."""

    parsed: int = 0
    pages_read: list[int] = field(default_factory=list)
    """Of documents that are read a range at a time."""
    most_characters: int = 100_000
    at_once: int = 2

    async def parse(
        self,
        path: str,
        media_type: str,
        name: str,
        *,
        parts_folder: str | None = None,
        password: str | None = None,
        most_pages: int | None = None,
    ) -> ParsedDocument | ManyPages:
        self.parsed += 1
        try:
            with refusing():
                raw = read(Path(path), media_type, most_pages=most_pages, **self._given(password))
        except TooManyPages as many:
            return ManyPages(many.pages)
        return ParsedDocument.from_bytes(raw)

    async def read_pages(
        self, path: str, media_type: str, name: str, pages: PageRange, *, password: str | None = None
    ) -> bytes:
        await asyncio.sleep(0)  # a child would take some time
        self.pages_read += range(pages.first, pages.last + 1)
        with refusing():
            return read_range(Path(path), media_type, range(pages.first - 1, pages.last), **self._given(password))

    async def assemble(
        self,
        path: str,
        media_type: str,
        name: str,
        ranges: Sequence[bytes],
        *,
        parts_folder: str | None = None,
        password: str | None = None,
    ) -> ParsedDocument:
        with refusing():
            return ParsedDocument.from_bytes(assemble(Path(path), media_type, ranges, **self._given(password)))

    def _given(self, password: str | None) -> dict[str, Any]:
        return {"most_characters": self.most_characters, "password": password}


@contextmanager
def refusing() -> Iterator[None]:
    """As the pool refuses what a child cannot read."""
    try:
        yield
    except Unreadable as error:
        raise Refused(str(error), stage="parse", **error.data) from error


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
    images: ImageModels = field(default_factory=NoReader)
    pages: PageRenderer = field(
        default_factory=lambda: PageRenderer(timeout_seconds=30, memory_bytes=1 << 30, most_pixels=1_000_000)
    )
    telling_seconds: float = 0
    passwords: MemoryPasswords = field(default_factory=MemoryPasswords)
    reported: list[Event] = field(default_factory=list)

    @property
    def scratch(self) -> Path:
        return self.root.parent / "scratch"

    def stages(self) -> Sequence[Any]:
        return in_order(
            blobs=self.blobs,
            parser=self.parser,
            model=self.model,
            pages=self.pages,
            images=self.images,
            reader="none",
            scratch=self.scratch,
        )

    def __post_init__(self) -> None:
        self.processing = DocumentProcessing(
            blobs=self.blobs,
            stages=self.stages(),
            model=self.model,
            metrics=PrometheusMetrics(),
            passwords=self.passwords,
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
