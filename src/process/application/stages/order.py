"""The stages that every document passes, in their order."""

from collections.abc import Sequence
from pathlib import Path

from process.application.ports import DocumentParser
from process.application.stages.chunk import ChunkStage
from process.application.stages.embed import EmbedStage
from process.application.stages.ocr import OcrStage
from process.application.stages.parse import ParseStage
from process.application.stages.stage import Artefact, Stage
from shared.ports.images import ImageModels
from shared.ports.model import Model
from shared.ports.pages import PagePictures
from shared.ports.storage import BlobStore


def in_order(
    *,
    blobs: BlobStore,
    parser: DocumentParser,
    model: Model,
    pages: PagePictures,
    images: ImageModels,
    reader: str,
    captions: bool = False,
    scratch: Path,
) -> Sequence[Stage[Artefact]]:
    """Each stage stands behind those whose artefacts it reads.

    `reader` says which engine of `images` reads which languages, and what makes captions, where there are `captions`;
    `scratch` is for files on their way between processes.
    """
    return (
        ParseStage(blobs, parser, scratch),
        OcrStage(blobs, pages, images, reader=reader, captions=captions),
        ChunkStage(model),
        EmbedStage(model),
    )
