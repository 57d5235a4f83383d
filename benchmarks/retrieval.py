"""Retrieval quality through the HTTP API: `python -m benchmarks.retrieval korquad cranfield …`.

nDCG@10 as in BEIR: gains are the graded judgements, discounted by log2(rank + 1); the ideal order of all
judged documents is 1.
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from benchmarks.server import RunningServer, a_server, data_folder

_DEPTH: Final = 10
_WANTED: Final = {"korquad": 0.95, "cranfield": 0.54}


@dataclass(frozen=True, slots=True)
class Judged:
    """A retrieval set: passages, questions, and which passages answer which question how well."""

    corpus: dict[str, tuple[str, str]]
    """Id → title, text."""
    queries: dict[str, str]
    gains: dict[str, dict[str, int]]


def read_set(folder: Path) -> Judged:
    """Reads `corpus.jsonl`, `queries.jsonl` and `qrels.tsv` in BEIR's form."""

    def lines(name: str) -> Iterator[dict[str, str]]:
        with (folder / name).open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)

    corpus = {row["_id"]: (row.get("title") or "", row["text"]) for row in lines("corpus.jsonl")}
    queries = {row["_id"]: row["text"] for row in lines("queries.jsonl")}
    gains: dict[str, dict[str, int]] = defaultdict(dict)
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, passage, gain = line.split("\t")
        if int(gain) > 0:
            gains[query][passage] = int(gain)
    return Judged(corpus, {key: text for key, text in queries.items() if key in gains}, dict(gains))


def ndcg(ranked: list[str], gains: dict[str, int]) -> float:
    """nDCG@10 of one ranking, in 0..1."""

    def discounted(values: list[int]) -> float:
        return sum(value / math.log2(rank + 2) for rank, value in enumerate(values[:_DEPTH]))

    ideal = discounted(sorted(gains.values(), reverse=True))
    return discounted([gains.get(name, 0) for name in ranked]) / ideal


def as_files(judged: Judged) -> Iterator[tuple[str, bytes]]:
    """Each passage as a Markdown file whose first heading is its title; empty ones cannot be uploaded."""
    for key, (title, text) in judged.corpus.items():
        body = f"# {title}\n\n{text}\n" if title else f"{text}\n"
        if body.strip():
            yield f"{key}.md", body.encode()


def score(server: RunningServer, name: str, mode: str) -> float:
    """Mean nDCG@10 of the set's questions, asked over HTTP, one hit a document."""
    judged = read_set(data_folder() / "ir" / name)
    total = 0.0
    for key, text in judged.queries.items():
        hits = server.search(text, mode=mode, limit=_DEPTH, group_by="document", filters={"collection": name})["hits"]
        ranked = [Path(hit["document"]["name"]).stem for hit in hits]
        total += ndcg(ranked, judged.gains[key])
    return total / len(judged.queries)


def upload_set(server: RunningServer, name: str) -> int:
    """Uploads the set into a collection of its name and waits until it is searchable; its size."""
    documents = server.upload(as_files(read_set(data_folder() / "ir" / name)), collection=name)
    # The same passage twice in a corpus is one document here.
    count = len({document["id"] for document in documents})
    server.wait_until_searchable(count, collection=name)
    return count


def scores(names: Sequence[str], modes: Sequence[str]) -> dict[str, dict[str, float]]:
    """Set → mode → nDCG@10, each set in a fresh server."""
    results: dict[str, dict[str, float]] = {}
    for name in names:
        with a_server() as server:
            upload_set(server, name)
            results[name] = {mode: round(score(server, name, mode), 4) for mode in modes}
            print(name, results[name], flush=True)
    return results


def measure() -> list[Figure]:
    """The two sets that every change must keep up."""
    seen = scores(tuple(_WANTED), ("hybrid",))
    return [
        Figure(
            f"IR {name}",
            "nDCG@10 over HTTP, hybrid",
            seen[name]["hybrid"],
            "",
            None,
            f"≥ {limit}",
            seen[name]["hybrid"] >= limit,
        )
        for name, limit in _WANTED.items()
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(_WANTED))
    parser.add_argument("--modes", nargs="*", default=["hybrid", "keyword", "vector"])
    arguments = parser.parse_args()
    scores(arguments.names, arguments.modes)
