"""What tests of the OCR stage share: a reader that knows what it will read, and a file's way to it."""

from collections.abc import Sequence
from pathlib import Path

from pipeline_builders import InProcessParser
from process_builders import NoReader, SmallModel, stream

from builders import a_document_received, labels
from process.application.stages.ocr import OcrStage
from process.application.stages.order import in_order
from process.application.stages.stage import Way
from process.infrastructure.parser_child import read
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.recognised import RecognisedDocument
from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.pages.renderer import PageRenderer
from shared.ports.images import ImageModels, PictureText, TextBox

LINES = ("The importer declares the goods", "within thirty days of arrival.")


class KnownText(NoReader):
    """Reads the same in every picture."""

    def __init__(self, *readings: PictureText) -> None:
        self.readings = list(readings)
        self.seen: list[bytes] = []

    async def read_text(self, images: Sequence[bytes], languages: str | None = None) -> list[PictureText]:
        self.seen.extend(images)
        return [self.readings[0] if len(self.readings) == 1 else self.readings.pop(0) for _ in images]


def a_reading(*lines: str, confidence: float = 0.9, paragraph_of: Sequence[int] = ()) -> PictureText:
    boxes = [
        TextBox(word, confidence, (10 * place, 100 * line, 10 * place + 9, 100 * line + 20), 1,
                paragraph_of[line] if paragraph_of else 1, line + 1)
        for line, text in enumerate(lines)
        for place, word in enumerate(text.split())
    ]  # fmt: skip
    return PictureText("\n".join(lines), tuple(boxes), 1_000, 1_000, "eng", confidence if lines else 0.0)


class Reading:
    """A file that passes the parser and the OCR stage."""

    def __init__(self, folder: Path, pages: PageRenderer) -> None:
        self._folder = folder
        self._pages = pages

    async def of(
        self, raw: bytes, media_type: str, images: ImageModels, *, captions: bool = False
    ) -> RecognisedDocument:
        async with FileBlobs(self._folder / "blobs", min_free_bytes=0) as blobs:
            stored = await blobs.store(stream(raw), max_bytes=1 << 30)
            stages = in_order(
                blobs=blobs,
                parser=InProcessParser(),
                model=SmallModel(),
                pages=self._pages,
                images=images,
                reader="test",
                captions=captions,
                scratch=self._folder / "scratch",
            )
            event = a_document_received(
                sha256=stored.sha256, size=stored.size, labels=labels(media_type=media_type, name="a scan")
            )
            way = Way(event, SmallModel().describe(), stages)
            path = Path(await blobs.local_path(stored.key))
            way.keep(ParsedDocument.from_bytes(read(path, media_type, most_characters=100_000)))
            stage = stages[1]
            assert isinstance(stage, OcrStage) and stage.is_needed(way)
            return await stage.work(way)
