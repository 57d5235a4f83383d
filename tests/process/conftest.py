"""Fixtures of the tests of Process."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from ocr_builders import Reading
from pipeline_builders import House, InProcessParser
from process_builders import SmallModel

from process.infrastructure.parser_child import read
from shared.artefacts.parsed import ParsedDocument
from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.pages.renderer import PageRenderer
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.jobs import SqliteJobs

ParseBytes = Callable[..., ParsedDocument]


@pytest.fixture
def model() -> SmallModel:
    return SmallModel()


@pytest.fixture
def parse_bytes(tmp_path: Path) -> ParseBytes:
    """Parses bytes in this process, as a child would. Raises Unreadable."""

    def parse(raw: bytes, media_type: str = "text/plain", *, most_characters: int = 50_000_000) -> ParsedDocument:
        path = tmp_path / "original"
        path.write_bytes(raw)
        return ParsedDocument.from_bytes(read(path, media_type, most_characters=most_characters))

    return parse


@pytest.fixture
async def pages() -> AsyncIterator[PageRenderer]:
    async with PageRenderer(timeout_seconds=60, memory_bytes=1 << 30, most_pixels=20_000_000) as one:
        yield one


@pytest.fixture
def reading(tmp_path: Path, pages: PageRenderer) -> Reading:
    return Reading(tmp_path, pages)


@pytest.fixture
async def house(tmp_path: Path, model: SmallModel) -> AsyncIterator[House]:
    database = SqliteDatabase(tmp_path / "process.sqlite", schema=SqliteFacts.SCHEMA + SqliteJobs.SCHEMA)
    async with database, FileBlobs(tmp_path / "blobs") as blobs:
        facts = SqliteFacts(database, producer="process")
        yield House(tmp_path / "blobs", blobs, SqliteJobs(database, facts), facts, model, InProcessParser())
