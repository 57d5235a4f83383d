"""A retrieval set as it lies in a folder: questions, judgements, and maybe the documents themselves.

BEIR's form (arXiv:2104.08663): `queries.jsonl {_id, text}`, `qrels.tsv` with a line of names, `corpus.jsonl {_id,
title, text}`. Without a corpus the judgements name documents of one's own collection.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.kernel import InvalidInput


@dataclass(frozen=True, slots=True)
class Judged:
    """What is asked and what is right."""

    questions: dict[str, str]
    """Id → text; only those that something is relevant to."""
    grades: dict[str, dict[str, int]]
    """Question's id → document's name → grade above 0."""
    corpus: dict[str, bytes]
    """Name → content of each document; empty where the set judges a collection that is there."""
    without_answer: int
    """Questions left out, because nothing is relevant to them."""


def read_judged(folder: Path) -> Judged:
    """Raises InvalidInput saying which file and line is wrong, or that no question has a relevant document."""
    texts = {_field(row, "_id", at): _field(row, "text", at) for at, row in _lines(folder / "queries.jsonl")}
    corpus = dict(_documents(folder / "corpus.jsonl")) if (folder / "corpus.jsonl").exists() else {}
    grades: dict[str, dict[str, int]] = {}
    path = folder / "qrels.tsv"
    for number, line in enumerate(_text_of(path).splitlines()[1:], start=2):
        try:
            question, document, grade = line.split("\t")
            value = int(grade)
        except ValueError:
            where = f"'{path}', line {number}"
            raise InvalidInput(f"{where}: a question, a document and a whole number are wanted.") from None
        if value > 0 and question in texts:
            name = f"{document}.md" if f"{document}.md" in corpus else document
            grades.setdefault(question, {})[name] = value
    questions = {key: text for key, text in texts.items() if key in grades}
    if not questions:
        raise InvalidInput(f"In '{folder}' no document is relevant to any question.")
    return Judged(questions, grades, corpus, len(texts) - len(questions))


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each as a Markdown file whose first heading is its title; an empty one cannot be uploaded."""
    for at, row in _lines(path):
        title, text = row.get("title") or "", _field(row, "text", at)
        body = f"# {title}\n\n{text}\n" if title else f"{text}\n"
        if body.strip():
            yield f"{_field(row, '_id', at)}.md", body.encode("utf-8", "replace")


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(_text_of(path).split("\n"), start=1):
        if not line.strip():
            continue
        at = f"'{path}', line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidInput(f"{at}: {error}.") from error
        if not isinstance(row, dict):
            raise InvalidInput(f"{at}: an object is wanted.")
        yield at, row


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"'{path}' is not in UTF-8.") from error
    except OSError as error:
        raise InvalidInput(f"'{path}' cannot be read: {error.strerror}.") from error


def _field(row: dict[str, Any], name: str, at: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or (name == "_id" and not value):
        raise InvalidInput(f"{at}: `{name}` is missing.")
    return value
