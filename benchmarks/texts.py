"""English texts to measure with: abstracts of one chunk, and documents of ten chunks and more."""

import json
from collections.abc import Iterator
from typing import Final

from benchmarks.server import data_folder

_SETS: Final = ("cranfield", "med", "cacm")
_ABSTRACTS_A_DOCUMENT: Final = 14


def _texts() -> Iterator[str]:
    for name in _SETS:
        with (data_folder() / "ir" / name / "corpus.jsonl").open(encoding="utf-8") as file:
            for line in file:
                text = json.loads(line)["text"].strip()
                if 80 <= len(text.split()) <= 160:
                    yield text


def abstracts(count: int) -> list[tuple[str, bytes]]:
    """File name and content of so many abstracts (80–160 words), each its own; sets repeat with a number added."""
    texts = list(_texts())
    return [
        (f"abstract-{number:06}.txt", f"{texts[number % len(texts)]} Record {number}.".encode())
        for number in range(count)
    ]


def long_documents(count: int) -> list[tuple[str, bytes]]:
    """File name and content of so many documents of 14 abstracts under headings each."""
    texts = list(_texts())
    documents = []
    for number in range(count):
        first = number * _ABSTRACTS_A_DOCUMENT
        parts = [f"# Collected abstracts {number}\n"]
        for section in range(_ABSTRACTS_A_DOCUMENT):
            parts.append(f"## Abstract {first + section}\n\n{texts[(first + section) % len(texts)]}\n")
        documents.append((f"collected-{number:04}.md", "\n".join(parts).encode()))
    return documents


def korean_passages(count: int) -> list[str]:
    """So many passages of the Korean Wikipedia."""
    with (data_folder() / "ir" / "korquad" / "corpus.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line)["text"].strip() for line, _ in zip(file, range(count), strict=False)]


def queries() -> list[str]:
    """Real questions of the same sets."""
    found = []
    for name in _SETS:
        with (data_folder() / "ir" / name / "queries.jsonl").open(encoding="utf-8") as file:
            found += [json.loads(line)["text"].strip()[:400] for line in file]
    return found
