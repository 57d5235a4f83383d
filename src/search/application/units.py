"""From a version's artefacts to the units that the index matches."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic import ValidationError

from search.application.ports.analysis import Analyzer
from search.application.ports.chunk_index import DenseVector, Unit
from search.application.ports.versions import Sources
from shared.artefacts.chunks import Chunk, ChunkedDocument
from shared.artefacts.vectors import ChunkVectors
from shared.events.ingest import Labels
from shared.kernel import Damaged, DocumentId, NotFound, Refused
from shared.ports.storage import BlobStore
from shared.vocabulary import INDEX

CHUNK_UNIT = "chunk"
_ENDING: Final = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_MOST_NAMES: Final = 10


@dataclass(frozen=True, slots=True)
class Artefacts:
    """What Process left: the chunks, and a vector for each that the model reads."""

    chunks: ChunkedDocument
    vectors: dict[int, DenseVector]
    """By chunk ordinal."""


async def read_artefacts(blobs: BlobStore, sources: Sources) -> Artefacts:
    """Raises Refused when an artefact is gone or damaged."""
    try:
        keys = [key for key in (sources.chunks_artefact, sources.vectors_artefact) if key is not None]
        raw_chunks, *rest = await blobs.read_all(keys)
        raw_vectors = rest[0] if rest else None
        space = sources.fingerprint or ""
        if len(raw_chunks) > 100_000:
            return await asyncio.to_thread(_decode, raw_chunks, raw_vectors, space)
        return _decode(raw_chunks, raw_vectors, space)
    except (NotFound, Damaged, ValidationError, ValueError, EOFError) as error:
        raise Refused(f"What processing left cannot be read: {error}", code="artefact_damaged", stage=INDEX) from error


def _decode(raw_chunks: bytes, raw_vectors: bytes | None, space: str) -> Artefacts:
    chunks = ChunkedDocument.from_bytes(raw_chunks)
    vectors: dict[int, DenseVector] = {}
    if raw_vectors is not None:
        stored = ChunkVectors.from_bytes(raw_vectors)
        rows = np.ascontiguousarray(stored.vectors, dtype="<f4")
        vectors = {
            int(ordinal): DenseVector(space, rows[place].tobytes()) for place, ordinal in enumerate(stored.ordinals)
        }
    return Artefacts(chunks, vectors)


def name_to_analyse(labels: Labels) -> str:
    """What the document is called, once as it is and once in words: without its ending, `_` and `/` as spaces."""
    names = [_ENDING.sub("", name) for name in labels.names[-_MOST_NAMES:] or (labels.document_name,)]
    written = (re.sub(r"[_/]+", " ", name) for name in names)
    return "\n".join(dict.fromkeys((*names, *written)))


def text_to_analyse(chunk: Chunk, title: str | None) -> str:
    """The chunk below its title, its headings and the header of the table it goes on with, each said once."""
    lines = (title, *chunk.headings, chunk.table_header)
    above = dict.fromkeys(line for line in lines if line and line not in chunk.text)
    return "\n".join((*above, chunk.text))


async def build_units(
    analyzer: Analyzer,
    artefacts: Artefacts,
    *,
    document_id: DocumentId,
    version: int,
    language: str | None,
    labels: Labels,
    most: int | None = None,
) -> Sequence[Unit]:
    """One unit per chunk, of the first `most`; the first of all is found by the document's name too.

    Raises Unavailable while an analyser cannot be loaded.
    """
    chunks = artefacts.chunks.chunks[:most]
    texts = [text_to_analyse(chunk, artefacts.chunks.title) for chunk in chunks]
    sparse = await analyzer.chunks(texts, name=name_to_analyse(labels))
    return [
        Unit(
            document_id=document_id,
            version=version,
            ordinal=chunk.ordinal,
            kind=CHUNK_UNIT,
            chunk_ordinals=(chunk.ordinal,),
            dense=artefacts.vectors.get(chunk.ordinal),
            sparse=vector if vector.indices else None,
            language=chunk.language or language,
            page=chunk.page,
            labels=labels,
        )
        for chunk, vector in zip(chunks, sparse, strict=True)
    ]
