"""The stages that every document passes, in their order."""

from collections.abc import Sequence

from process.application.ports import DocumentParser
from process.application.stages.chunk import ChunkStage
from process.application.stages.embed import EmbedStage
from process.application.stages.parse import ParseStage
from process.application.stages.stage import Artefact, Stage
from shared.ports.model import Model
from shared.ports.storage import BlobStore


def in_order(*, blobs: BlobStore, parser: DocumentParser, model: Model) -> Sequence[Stage[Artefact]]:
    """Each stage stands behind those whose artefacts it reads."""
    return (ParseStage(blobs, parser), ChunkStage(model), EmbedStage(model))
