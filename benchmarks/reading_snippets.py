"""What of real documents is read: expected snippets found in their text, white space removed, by format and by OCR."""

import asyncio
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure
from process.application.stages.ocr import OcrStage
from process.application.stages.stage import Way
from process.infrastructure.parser_child import read
from process.infrastructure.parsers.draft import Unreadable
from process.infrastructure.parsers.parts import Parts
from shared.artefacts.parsed import ParsedDocument
from shared.events.ingest import DocumentReceived, Labels
from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.pages.renderer import PageRenderer
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId, DomainError, utc_now
from shared.model.manager import ModelManager
from shared.ports.model import ModelDescription
from shared.settings import Settings

_FOLDER: Final = Path(__file__).parents[2] / "shared" / "data" / "documents"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_OASIS: Final = "application/vnd.oasis.opendocument."
_TYPES: Final = {
    "pdf": "application/pdf",
    "docx": _OFFICE + "wordprocessingml.document",
    "pptx": _OFFICE + "presentationml.presentation",
    "xlsx": _OFFICE + "spreadsheetml.sheet",
    "doc": "application/msword",
    "ppt": "application/vnd.ms-powerpoint",
    "xls": "application/vnd.ms-excel",
    "odt": _OASIS + "text",
    "odp": _OASIS + "presentation",
    "ods": _OASIS + "spreadsheet",
    "csv": "text/csv",
    "html": "text/html",
    "md": "text/markdown",
    "txt": "text/plain",
    "eml": "message/rfc822",
    "msg": "application/vnd.ms-outlook",
    "epub": "application/epub+zip",
    "hwp": "application/x-hwp",
    "hwpx": "application/hwp+zip",
    "tif": "image/tiff",
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
}
_BY_OCR: Final = frozenset(("scanned", "image"))
_WANTED: Final = {True: 0.85, False: 0.97}
_MOST_NAMED: Final = 6


def measure() -> list[Figure]:
    """Of files with text and of those that only OCR reads; pictures in documents are read, too."""
    entries = [json.loads(line) for line in (_FOLDER / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    return asyncio.run(_measured([entry for entry in entries if entry["expect"] and entry["status"] != "password"]))


async def _measured(entries: list[dict[str, Any]]) -> list[Figure]:
    found, expected = Counter[tuple[bool, str]](), Counter[tuple[bool, str]]()
    missed: dict[bool, list[str]] = {True: [], False: []}
    settings = Settings(_env_file=None)  # type: ignore[call-arg,unused-ignore]  # pydantic-settings' own argument
    with tempfile.TemporaryDirectory(prefix="seoga-reading-") as folder:
        async with (
            FileBlobs(Path(folder) / "blobs") as blobs,
            PageRenderer(timeout_seconds=120, memory_bytes=1 << 30, most_pixels=settings.image_pixels) as pages,
            ModelManager(settings, PrometheusMetrics()) as images,
        ):
            stage = OcrStage(blobs, pages, images, reader="measured")
            for entry in entries:
                key = entry["status"] in _BY_OCR, entry["fmt"]
                text = "".join((await _text(entry, stage, blobs, Path(folder))).split())
                hits = sum("".join(snippet.split()) in text for snippet in entry["expect"])
                found[key] += hits
                expected[key] += len(entry["expect"])
                if hits < len(entry["expect"]):
                    missed[key[0]].append(f"{Path(entry['file']).name} {hits}/{len(entry['expect'])}")
    return [_figure(by_ocr, found, expected, missed[by_ocr]) for by_ocr in (False, True)]


def _figure(
    by_ocr: bool, found: Counter[tuple[bool, str]], expected: Counter[tuple[bool, str]], missed: list[str]
) -> Figure:
    kinds = [kind for kind in expected if kind[0] is by_ocr]
    share = sum(found[kind] for kind in kinds) / max(1, sum(expected[kind] for kind in kinds))
    short = [f"{kind[1]} {found[kind]}/{expected[kind]}" for kind in kinds if found[kind] < expected[kind]]
    note = f"{sum(expected[kind] for kind in kinds)} snippets; short of all: {', '.join(short) or 'none'}"
    if missed:
        note += f"; {', '.join(missed[:_MOST_NAMED])}"
    name, what = ("reading_ocr", "OCR files") if by_ocr else ("reading_text", "files with text")
    return Figure(
        name, f"snippets found in {what}", share, "", None, f"≥ {_WANTED[by_ocr]}", share >= _WANTED[by_ocr], note
    )


async def _text(entry: dict[str, Any], stage: OcrStage, blobs: FileBlobs, folder: Path) -> str:
    path, media_type = _FOLDER / entry["file"], _TYPES[entry["fmt"]]

    async def content() -> Any:
        yield path.read_bytes()

    stored = await blobs.store(content(), max_bytes=1 << 30)
    parts = Parts(folder / "parts", most=100, most_bytes=1 << 28)
    try:
        parsed = ParsedDocument.from_bytes(read(path, media_type, most_characters=50_000_000, parts=parts))
        labels = Labels(
            collection="c", document_name=path.name, names=(path.name,), media_type=media_type, metadata={},
            received_at=utc_now(),
        )  # fmt: skip
        event = DocumentReceived(
            document_id=DocumentId("d"), document_version=1, revision=1, sha256=stored.sha256, size=1, labels=labels
        )
        way = Way(event, ModelDescription("none", 1, 1, frozenset(), "none"), ())
        way.keep(parsed)
        return (await stage.work(way)).text if stage.is_needed(way) else parsed.text
    except (Unreadable, DomainError):
        return ""
