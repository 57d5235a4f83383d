"""What the chosen engine costs in retrieval: nDCG@10 by its vectors alone, against the exact engine's."""

from typing import Final

import numpy as np

from benchmarks.figures import Figure
from benchmarks.raw_engine import encode_raw, exact_engine, raw_engine
from benchmarks.retrieval import ndcg, read_set
from benchmarks.server import data_folder
from shared.model.engine import Engine
from shared.ports.model import Vectors

_SETS: Final = ("cranfield", "med")
_LOSS: Final = 0.005


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


def _score(engine: Engine, name: str) -> float:
    """Whole passages, cut where the model stops reading; exact search."""
    judged = read_set(data_folder() / "ir" / name)
    names = list(judged.corpus)
    passages = _unit(encode_raw(engine, [f"{title}\n{text}" for title, text in judged.corpus.values()]))
    queries = _unit(encode_raw(engine, list(judged.queries.values())))
    total = 0.0
    for key, scores in zip(judged.queries, queries @ passages.T, strict=True):
        ranked = [names[place] for place in np.argsort(-scores)[:10]]
        total += ndcg(ranked, judged.gains[key])
    return total / len(judged.queries)


def measure() -> list[Figure]:
    """The chosen engine may lose at most 0.005 on each set."""
    chosen, exact = raw_engine(), exact_engine()
    figures = []
    for name in _SETS:
        seen, baseline = _score(chosen, name), _score(exact, name)
        what = f"nDCG@10 by vectors alone, {name} ({chosen.choice})"
        note = f"{exact.choice}; difference {seen - baseline:+.4f}"
        wanted, holds = f"≥ baseline − {_LOSS}", seen >= baseline - _LOSS
        figures.append(Figure("S4", what, seen, "", baseline, wanted, holds, note))
    return figures
