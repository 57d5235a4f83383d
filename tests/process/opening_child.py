"""A process that opens a file with a password, for tests: what it is told comes by standard input."""

import asyncio
import json
import sys
from pathlib import Path

from ocr_builders import LINES, KnownText, a_reading
from pipeline_builders import InProcessParser
from process_builders import SmallModel

from process.application.opening import Opening
from process.application.stages.order import in_order
from shared.events.ingest import DocumentReceived
from shared.infrastructure.files.blobs import FileBlobs
from shared.infrastructure.pages.renderer import PageRenderer


async def _open(root: str, event: str, password: str) -> None:
    async with (
        FileBlobs(Path(root)) as blobs,
        PageRenderer(timeout_seconds=60, memory_bytes=1 << 30, most_pixels=20_000_000) as pages,
    ):
        stages = in_order(
            blobs=blobs,
            parser=InProcessParser(),
            model=SmallModel(),
            pages=pages,
            images=KnownText(a_reading(*LINES)),
            reader="none",
            scratch=Path(root).parent / "opening",
        )
        await Opening(blobs, stages).open(DocumentReceived.model_validate_json(event), password)


if __name__ == "__main__":
    asyncio.run(_open(**json.load(sys.stdin)))
