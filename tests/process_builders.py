"""What the tests of Process share: a small model, the real documents."""

import json
import os
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.kernel import Unavailable
from shared.ports.images import Caption, ImageModels, PictureText
from shared.ports.model import Embedded, ModelDescription, TextKind, Vectors

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF = "application/pdf"


@dataclass
class SmallModel:
    """A Model that counts a token for every five characters of a word and embeds by hashing."""

    embedded: list[str] = field(default_factory=list)
    languages: frozenset[str] = frozenset(("en",))
    is_loaded: bool = True
    fingerprint: str = "small-1"
    max_tokens: int = 256

    def describe(self) -> ModelDescription:
        return ModelDescription("small", 4, self.max_tokens, self.languages, self.fingerprint)

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> Vectors:
        assert kind == "passage" and len(texts) <= 256
        self.embedded.extend(texts)
        rows = np.array([[len(text), text.count(" ") + 1, 1, 1] for text in texts], dtype=np.float32)
        rows = rows.reshape(len(texts), 4)
        return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    async def embed_counted(
        self, texts: Sequence[str], *, kind: TextKind, prompt: bool = True, normalise: bool = True
    ) -> Embedded:
        return Embedded(await self.embed(texts, kind=kind), sum(count_tokens(texts)))

    async def check(self, deadline_seconds: float) -> None:
        return None

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return count_tokens(texts)


class NoReader(ImageModels):
    """A machine that has no data to read text in pictures with."""

    async def caption(self, images: Sequence[bytes]) -> list[Caption]:
        raise Unavailable("There are no weights.", code="weights_not_found")

    async def read_text(self, images: Sequence[bytes], languages: str | None = None) -> list[PictureText]:
        raise Unavailable("Install the data of kor and eng.", code="weights_not_found")


def count_tokens(texts: Sequence[str]) -> list[int]:
    """As SmallModel counts."""
    return [sum(-(-len(word) // 5) for word in re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def data_folder(name: str) -> Path:
    """A folder of the real data; skips the test when it is not on this machine."""
    root = os.environ.get("SEOGA_TEST_DATA")
    base = Path(root) if root else Path(__file__).parents[1].parent / "shared" / "data"
    folder = base / name
    if not (folder / "manifest.jsonl").is_file():
        pytest.skip(f"no test data in {base} (set SEOGA_TEST_DATA)")
    return folder


def manifest(folder: Path) -> list[dict[str, Any]]:
    """The entries of its manifest."""
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


async def stream(content: bytes) -> AsyncIterator[bytes]:
    """The bytes as an upload brings them."""
    yield content
