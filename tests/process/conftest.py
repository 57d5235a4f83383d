"""Fixtures of the tests of Process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from process_builders import SmallModel

from process.infrastructure.parser_child import read
from shared.artefacts.parsed import ParsedDocument

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
