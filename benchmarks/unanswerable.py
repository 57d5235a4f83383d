"""Questions whose answer is not on the shelf: how many are answered all the same, and how many others are not.

Each question is asked of its own set with the passages that answer it, then with these left out, and Korean ones also
of a set about other things. What is left of the set may speak of the same subject: where it bears the question's words,
an answer is wrong but not absurd.
"""

import random
from collections.abc import Mapping
from typing import Final

from benchmarks.answer_shelf import a_full_shelf
from benchmarks.asking import ask
from benchmarks.figures import Figure
from benchmarks.retrieval import read_set
from benchmarks.server import RunningServer, data_folder

_QUESTIONS: Final = 100
"""Of each set."""
_SEED: Final = 23
_SETS: Final = ("korquad", "msmarco_ko", "sci_ko", "msmarco_en")
_OTHER: Final[Mapping[str, str]] = {"korquad": "sci_ko", "sci_ko": "korquad"}
"""Sets that have nothing to say to each other's questions."""


def answered(server: RunningServer, name: str, count: int = _QUESTIONS) -> dict[str, float]:
    """The share of the set's questions that got an answer: `on the shelf`, `taken away`, `another subject`."""
    judged = read_set(data_folder() / "ir" / name)
    chosen = random.Random(_SEED).sample(sorted(judged.queries), count)
    found: dict[str, int] = {"on the shelf": 0, "taken away": 0}
    for key in chosen:
        question = judged.queries[key]
        without = {"not": {"name": [f"{passage}.md" for passage in judged.gains[key]]}}
        found["on the shelf"] += ask(server.client, question, collection=name).is_answered
        found["taken away"] += ask(server.client, question, collection=name, filters=without).is_answered
        if name in _OTHER:
            is_answered = ask(server.client, question, collection=_OTHER[name]).is_answered
            found["another subject"] = found.get("another subject", 0) + is_answered
    return {kind: times / count for kind, times in found.items()}


def figures(seen: Mapping[str, Mapping[str, float]]) -> list[Figure]:
    """Three, of what was seen of each set."""

    def mean(kind: str) -> tuple[float, str]:
        shares = {name: kinds[kind] for name, kinds in seen.items() if kind in kinds}
        return sum(shares.values()) / len(shares), ", ".join(f"{name} {share:.2f}" for name, share in shares.items())

    on_shelf, on_shelf_note = mean("on the shelf")
    away, away_note = mean("taken away")
    other, other_note = mean("another subject")
    missed = "questions whose answer is on the shelf and that get none"
    return [
        Figure(
            "C9", missed, round(1 - on_shelf, 3), "", None, "≤ 0.02", on_shelf >= 0.98, f"answered: {on_shelf_note}"
        ),
        Figure("C10", "answers from passages about something else", round(other, 3), "", None, "", None, other_note),
        Figure("C11", "answers from what is left of the same subject", round(away, 3), "", None, "", None, away_note),
    ]


def measure() -> list[Figure]:
    """Three figures."""
    with a_full_shelf() as server:
        return figures({name: answered(server, name) for name in _SETS})


if __name__ == "__main__":
    for figure in measure():
        print(figure)
