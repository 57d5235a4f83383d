"""How the weights of "nothing found" are made: `python -m benchmarks.answer_signs look FILE`, then `… fit FILE …`.

`look` asks a shelf (SEOGA_BENCH_SHELF, built with the model of SEOGA_MODEL_NAME if it is not there) and writes what
`answers` weighs for each question: with its answer on the shelf, with that taken away, and asked of another subject.
Only sets in languages that the model reads are looked at. `fit` makes a logistic rule of half of the questions,
whichever models they were looked at with, and tells how it fares with the other half; then how many others are answered
where so many are missed, each question tried by weights of the folds that it is not in. A rule of four signs is wanted
that none of them can make less likely; sets count the same.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.answer_shelf import SETS, a_full_shelf
from benchmarks.raw_engine import model_cache
from benchmarks.retrieval import read_set
from benchmarks.server import data_folder
from search.chat.application.answering import MOST_PASSAGES
from search.chat.application.ports.answer_generator import Task
from search.chat.domain.asking import Asking
from search.chat.domain.choosing import covered_by_the_best
from search.chat.infrastructure.extractive import ExtractiveGenerator
from search.chat.infrastructure.model_likeness import ModelLikeness
from search.chat.infrastructure.shelf_passages import ShelfPassages
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.manager import ModelManager
from shared.settings import Settings, load_settings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from search_builders import a_search

Kind = Literal["on the shelf", "taken away", "another subject"]
Numbers = npt.NDArray[np.float64]
_QUESTIONS: Final = 160
"""Of each set, at most."""
_SEED: Final = 23
_OTHER: Final[Mapping[str, str]] = {"korquad": "sci_ko", "sci_ko": "korquad", "msmarco_ko": "korquad"}
_COUNTS: Final[Mapping[Kind, float]] = {"on the shelf": 1.0, "taken away": 0.6, "another subject": 0.4}
"""What all of a kind count in a set: as much is answered as is not."""
_MISSED: Final = 0.02
"""Of the questions whose answer is there."""
_STEPS: Final = 4_000
_FOLDS: Final = 5
_MISSES: Final = (0.0, 0.01, 0.02, 0.03, 0.05)
"""Shares of the questions whose answer is there, of all sets together."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is weighed for one question."""

    set: str
    question: str
    kind: Kind
    signs: tuple[float, float, float, float]
    """Cover, `decided`, nearness, closeness."""

    @property
    def is_fitted(self) -> bool:
        """Whether it is of the half that the rule is made of."""
        return zlib.crc32(self.question.encode()) % 2 == 0


async def looked_at(folder: Path, settings: Settings) -> AsyncIterator[Seen]:
    """The shelf's server must have ended."""
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(ModelManager(settings, PrometheusMetrics()))
        await model.load()
        search = await stack.enter_async_context(a_search(folder, model=model, settings=settings, works=False))
        # However busy the machine is: what is measured here is what it says, not how soon.
        likeness = ModelLikeness(model, seconds=60)
        generator = ExtractiveGenerator(search.container.analyzer())
        passages = ShelfPassages(search.retrieval, search.index)
        for name in SETS:
            judged = read_set(data_folder() / "ir" / name)
            keys = random.Random(_SEED).sample(sorted(judged.queries), min(_QUESTIONS, len(judged.queries)))
            for key in keys:
                question = judged.queries[key]
                scale = await likeness.scale(question)
                if scale is None:
                    continue
                without = {"not": {"name": [f"{passage}.md" for passage in judged.gains[key]]}}
                askings: dict[Kind, Asking] = {
                    "on the shelf": Asking(question, (name,)),
                    "taken away": Asking(question, (name,), without),
                }
                if name in _OTHER:
                    askings["another subject"] = Asking(question, (_OTHER[name],))
                for kind, asking in askings.items():
                    found = await passages.find(asking, question, limit=MOST_PASSAGES)
                    scores = found.scores
                    if scores is None or scores.nearness is None or scores.nearest is None:
                        continue
                    asked, candidates = await generator.candidates(Task(question, "en", found.passages))
                    covered = covered_by_the_best(question, asked, candidates)
                    signs = covered, scores.decided, scores.nearness, scale.share(scores.nearest)
                    yield Seen(name, question, kind, signs)


def fitted(seen: Sequence[Seen]) -> tuple[Numbers, float]:
    """Weights of the signs, none negative, and the sum that is wanted: the greatest that misses no more than it may."""
    signs = np.array([one.signs for one in seen])
    is_there = np.array([one.kind == "on the shelf" for one in seen])
    counts = Counter((one.set, one.kind) for one in seen)
    counting = np.array([_COUNTS[one.kind] / counts[one.set, one.kind] for one in seen])
    spread = signs.std(axis=0)
    scaled, share = signs / spread, counting / counting.sum()
    # Logistic regression by projected gradients: the weights of a sign that would count against an answer end at 0.
    weights, bias = np.zeros(signs.shape[1]), 0.0
    centre = scaled.mean(axis=0)
    for _ in range(_STEPS):
        wrong = share * (1 / (1 + np.exp(-((scaled - centre) @ weights + bias))) - is_there)
        weights = np.maximum(weights - 2 * ((scaled - centre).T @ wrong + 0.001 * weights), 0)
        bias -= 2 * float(wrong.sum())
    weights = np.round(weights / spread, 1)
    sums = signs @ weights
    order = np.argsort(sums[is_there])
    missed = np.cumsum(counting[is_there][order]) / counting[is_there].sum()
    return weights, float(sums[is_there][order][np.searchsorted(missed, _MISSED)])


def told(seen: Sequence[Seen], weights: Numbers, wanted: float) -> str:
    """What share of each set and kind is answered."""
    lines = []
    for name in sorted({one.set for one in seen}):
        kinds = []
        for kind in _COUNTS:
            sums = [float(np.dot(weights, one.signs)) for one in seen if (one.set, one.kind) == (name, kind)]
            if sums:
                kinds.append(f"{kind} {np.mean([one >= wanted for one in sums]):.3f} of {len(sums)}")
        lines.append(f"{name}: {', '.join(kinds)}")
    return "\n".join(lines)


def trade_off(seen: Sequence[Seen]) -> str:
    """A line for each share that is missed: what is answered of all else, by rules that its questions did not make."""
    folds = np.array([zlib.crc32(f"fold {one.question}".encode()) % _FOLDS for one in seen])
    signs, sums = np.array([one.signs for one in seen]), np.zeros(len(seen))
    for fold in range(_FOLDS):
        weights, _ = fitted([one for one, its in zip(seen, folds, strict=True) if its != fold])
        # Of one size, so that the folds' sums are told by one limit.
        sums[folds == fold] = signs[folds == fold] @ (weights / weights.sum())
    is_there = np.array([one.kind == "on the shelf" for one in seen])
    there = np.sort(sums[is_there])
    lines = []
    for missed in _MISSES:
        wanted = there[int(missed * len(there))]
        shares = []
        for kind in sorted({(one.set, one.kind) for one in seen if one.kind != "on the shelf"}):
            is_kind = np.array([(one.set, one.kind) == kind for one in seen])
            shares.append(f"{' '.join(kind)} {np.mean(sums[is_kind] >= wanted):.3f}")
        lines.append(f"{np.mean(there < wanted):.3f} missed: {', '.join(shares)}")
    return "\n".join(lines)


def look(path: Path) -> None:
    """Writes a line a question and kind."""
    folder = Path(os.environ["SEOGA_BENCH_SHELF"])
    with a_full_shelf():
        pass  # it is there now
    settings = load_settings().model_copy(update={"data_dir": folder, "model_cache_dir": model_cache()})

    async def write() -> None:
        with path.open("w", encoding="utf-8") as file:
            async for one in looked_at(folder, settings):
                file.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")

    asyncio.run(write())


def fit(paths: Sequence[Path]) -> None:
    """Prints the rule, and what it does to the questions that it was made of and to the others."""
    seen = []
    for path in paths:
        with path.open(encoding="utf-8") as file:
            for row in map(json.loads, file):
                seen.append(Seen(f"{row['set']} ({path.stem})", row["question"], row["kind"], tuple(row["signs"])))
    weights, wanted = fitted([one for one in seen if one.is_fitted])
    print(f"weights {weights.tolist()}, wanted {wanted:.2f}")
    print("\nfitted on:", told([one for one in seen if one.is_fitted], weights, wanted), sep="\n")
    print("\nthe others:", told([one for one in seen if not one.is_fitted], weights, wanted), sep="\n")
    print("\nin folds:", trade_off(seen), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("look", "fit"))
    parser.add_argument("files", nargs="+", type=Path)
    arguments = parser.parse_args()
    if arguments.action == "look":
        look(arguments.files[0])
    else:
        fit(arguments.files)
