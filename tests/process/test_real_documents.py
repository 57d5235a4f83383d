"""The real documents and the hostile ones, through the parser pool."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from process_builders import data_folder, manifest

from ingest.domain.media_types import (
    CSV,
    DOC,
    DOCX,
    EML,
    EPUB,
    HWP,
    HWPX,
    MSG,
    ODP,
    ODS,
    ODT,
    PDF,
    PPT,
    PPTX,
    RTF,
    XLS,
    XLSX,
    ZIP,
)
from process.infrastructure.parser_pool import ParserPool
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Refused

MEDIA_TYPES = {
    "pdf": PDF, "docx": DOCX, "html": "text/html", "md": "text/markdown", "txt": "text/plain", "csv": CSV, "xlsx": XLSX,
    "xls": XLS, "pptx": PPTX, "ppt": PPT, "doc": DOC, "hwp": HWP, "hwpx": HWPX, "odt": ODT, "ods": ODS, "odp": ODP,
    "epub": EPUB, "rtf": RTF, "eml": EML, "msg": MSG, "zip": ZIP,
}  # fmt: skip
NOT_IN_THE_FILE = {
    # What another reader says of a chart or picture, what is locked, and a table of empty cells.
    "files/pptx_chart.pptx", "files/sample-5017-pics.hwp", "files/viewtext.hwp", "files/table.hwp",
}  # fmt: skip


@pytest.fixture
async def pool() -> AsyncIterator[ParserPool]:
    async with ParserPool(
        workers=2, timeout_seconds=30, memory_bytes=1 << 30, most_characters=50_000_000, metrics=PrometheusMetrics()
    ) as pool:
        yield pool


async def test_expected_words_are_found_in_the_real_documents(pool: ParserPool) -> None:
    folder = data_folder("documents")
    found: dict[str, int] = {}
    expected: dict[str, int] = {}
    for entry in manifest(folder):
        if entry["fmt"] not in MEDIA_TYPES or entry["status"] != "ok" or entry["file"] in NOT_IN_THE_FILE:
            continue
        document = await pool.parse(str(folder / entry["file"]), MEDIA_TYPES[entry["fmt"]], entry["file"])
        text = "".join(document.text.split())
        hits = sum("".join(snippet.split()) in text for snippet in entry["expect"])
        found[entry["fmt"]] = found.get(entry["fmt"], 0) + hits
        expected[entry["fmt"]] = expected.get(entry["fmt"], 0) + len(entry["expect"])
        assert all(block.start < block.end for block in document.blocks)
    rates = {name: found[name] / expected[name] for name in expected}
    assert sum(found.values()) >= 0.97 * sum(expected.values()), rates


async def test_locked_documents_are_refused_and_scanned_ones_left_to_be_read(pool: ParserPool) -> None:
    folder = data_folder("documents")
    seen = 0
    for entry in manifest(folder):
        if entry["fmt"] not in MEDIA_TYPES or entry["status"] not in ("password", "scanned"):
            continue
        seen += 1
        if entry["status"] == "scanned":
            document = await pool.parse(str(folder / entry["file"]), MEDIA_TYPES[entry["fmt"]], entry["file"])
            assert [page.page for page in document.unread] == list(range(1, (document.pages or 0) + 1))
            continue
        with pytest.raises(Refused) as refusal:
            await pool.parse(str(folder / entry["file"]), MEDIA_TYPES[entry["fmt"]], entry["file"])
        assert (refusal.value.specific_code, refusal.value.retryable) == ("encrypted", False)
    assert seen >= 3


async def test_every_hostile_file_ends_in_time(pool: ParserPool) -> None:
    folder = data_folder("hostile")
    for entry in manifest(folder):
        media_type = MEDIA_TYPES.get(Path(entry["file"]).suffix[1:].lower())
        if media_type is None:
            continue
        started = time.monotonic()
        try:
            document = await pool.parse(str(folder / entry["file"]), media_type, entry["file"])
            assert document.text or document.unread
        except Refused as refusal:
            assert refusal.detail.endswith(".")
        assert time.monotonic() - started < 30, entry["file"]
