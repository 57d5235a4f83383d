"""Citations of answers: `python -m benchmarks answers` (part of `make bench-chat`).

How often the first citation's quote holds the known answer, and how many wrong sentences are caught. KorQuAD's
questions are asked over HTTP, each of a fresh conversation that is not kept. Wrong
sentences are made from right ones of Korean and English passages: a number changed, denied, a name or a word
exchanged for another passage's. Right ones are the same sentences as they stand, shortened, and two joined.
"""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.answer_shelf import a_full_shelf
from benchmarks.asking import Asked, ask
from benchmarks.figures import Figure
from benchmarks.retrieval import read_set
from benchmarks.server import data_folder
from search.application.ports.analysis import ContentWord
from search.chat.application.citing import Citing
from search.chat.domain.asking import Passage
from search.chat.infrastructure.model_likeness import ModelLikeness
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.manager import ModelManager
from shared.sentences import sentences
from shared.settings import Settings

_SET: Final = "korquad"
_QUESTIONS: Final = 300
_SENTENCES: Final = 150
"""Right ones, of each language."""
_SHOWN: Final = 8
_SEED: Final = 7


def _plain(text: str) -> str:
    return re.sub(r"\W", "", text).lower()


def asked_over_http(count: int = _QUESTIONS) -> list[tuple[Asked, list[str]]]:
    """Each question's answer with what is known to be right."""
    judged = read_set(data_folder() / "ir" / _SET)
    with (data_folder() / "ir" / _SET / "answers.jsonl").open(encoding="utf-8") as file:
        known = {row["_id"]: row["answers"] for row in map(json.loads, file)}
    chosen = random.Random(_SEED).sample(sorted(judged.queries), count)
    with a_full_shelf() as server:
        return [(ask(server.client, judged.queries[key], collection=_SET), known[key]) for key in chosen]


def _passages(name: str) -> list[Passage]:
    texts = [text for _, text in read_set(data_folder() / "ir" / name).corpus.values() if 200 < len(text) < 3_000]
    return [
        Passage(str(place), f"{place}.md", 1, name, f"{place}", 0, text, 0, len(text), 1.0)
        for place, text in enumerate(texts)
    ]


_ENDINGS: Final = (
    ("하였다.", "하지 않았다."),
    ("했다.", "하지 않았다."),
    ("되었다.", "되지 않았다."),
    ("됐다.", "되지 않았다."),
    ("있다.", "있지 않다."),
    ("이었다.", "이 아니었다."),
    ("이다.", "이 아니다."),
    ("한다.", "하지 않는다."),
    ("된다.", "되지 않는다."),
)


def _denied(text: str) -> str | None:
    for ending, instead in _ENDINGS:
        if text.endswith(ending):
            return text.removesuffix(ending) + instead
    changed = re.sub(r"\b(is|are|was|were|can|has|have|will|may|should)\b", r"\1 not", text, count=1)
    return changed if changed != text else None


def wrong_ones(
    text: str, words: Sequence[ContentWord], foreign: Sequence[str], dice: random.Random
) -> Iterator[tuple[str, str]]:
    """(kind, sentence): what a careless writer might make of it."""
    numbers = [word for word in words if word.is_number and text[word.start : word.end].isdigit()]
    if numbers:
        one = dice.choice(numbers)
        written = text[one.start : one.end]
        digit = str((int(written[-1]) + dice.randint(1, 8)) % 10)
        yield "number", text[: one.start] + written[:-1] + digit + text[one.end :]
    denied = _denied(text)
    if denied is not None:
        yield "denied", denied
    names = [word for word in words if word.is_name]
    if names and foreign:
        one = dice.choice(names)
        yield "name", text[: one.start] + dice.choice(foreign) + text[one.end :]
    if len(names) > 1 and text[names[0].start : names[0].end] != text[names[-1].start : names[-1].end]:
        one, two = names[0], names[-1]
        middle = text[one.end : two.start]
        yield (
            "places",
            text[: one.start] + text[two.start : two.end] + middle + text[one.start : one.end] + text[two.end :],
        )


def right_ones(text: str, following: str | None, words: Sequence[ContentWord]) -> Iterator[tuple[str, str]]:
    """(kind, sentence): the same said again."""
    yield "copied", text
    if following is not None:
        yield "joined", f"{text.rstrip('.')}, {following}"
    marked = [word.start for word in words if word.is_name or word.is_number]
    spans = [match.span() for match in re.finditer(r"\S+ ", text)][1:-1]
    plain = [
        (start, end)
        for start, end in spans
        if not any(start <= place < end for place in marked) and re.fullmatch(r"[\w]+ ", text[start:end])
    ]
    if len(words) > 8 and plain:
        start, end = plain[len(plain) // 2]
        yield "shortened", text[:start] + text[end:]


@dataclass(slots=True)
class Caught:
    """Counts by kind: how many there were, and how many were said not to be borne out."""

    wrong: Counter[str]
    wrong_caught: Counter[str]
    right: Counter[str]
    right_caught: Counter[str]
    missed: list[tuple[str, str]]

    @property
    def caught(self) -> float:
        """Of the wrong ones."""
        return self.wrong_caught.total() / max(1, self.wrong.total())

    @property
    def false_alarms(self) -> float:
        """Among the right ones."""
        return self.right_caught.total() / max(1, self.right.total())


async def planted(names: Sequence[str] = (_SET, "msmarco_en")) -> Caught:
    """Each sentence is looked for in its own passage and seven others, as an answer's are."""
    found = Caught(Counter(), Counter(), Counter(), Counter(), [])
    dice = random.Random(_SEED)
    async with AsyncExitStack() as stack:
        settings = Settings(data_dir=Path(stack.enter_context(TemporaryDirectory())), model_engine="onnx")
        analyzer = await stack.enter_async_context(KiwiAnalyzer())
        model = await stack.enter_async_context(ModelManager(settings, PrometheusMetrics()))
        await model.load()
        # However busy the machine is: what is measured here is what it says, not how soon.
        likeness = ModelLikeness(model, seconds=30)
        for name in names:
            passages = _passages(name)
            dice.shuffle(passages)
            foreign: list[str] = []
            for passage in passages[:_SENTENCES]:
                spans = list(sentences(passage.text, 0, len(passage.text)))
                texts = [passage.text[start:end] for start, end in spans]
                place = dice.randrange(len(texts))
                text = texts[place]
                following = texts[place + 1] if place + 1 < len(texts) else None
                (words,) = await analyzer.content_words([text])
                if len(words) < 5:
                    continue
                shown = [*dice.sample(passages, _SHOWN - 1), passage]
                citing = Citing(analyzer, shown, (), likeness)
                for kind, wrong in wrong_ones(text, words, foreign, dice):
                    citation = await citing.cite(wrong, ())
                    found.wrong[kind] += 1
                    found.wrong_caught[kind] += citation is None or not citation.supported
                    if citation is not None and citation.supported:
                        found.missed.append((kind, f"{wrong} <- {citation.quote}"))
                for kind, right in right_ones(text, following, words):
                    citation = await citing.cite(right, ())
                    found.right[kind] += 1
                    found.right_caught[kind] += citation is None or not citation.supported
                    if citation is None or not citation.supported:
                        found.missed.append((f"right, {kind}", right))
                foreign += [text[word.start : word.end] for word in words if word.is_name]
    return found


def _shares(of: Counter[str], all_: Counter[str]) -> str:
    return ", ".join(f"{kind} {of[kind]}/{count}" for kind, count in sorted(all_.items()))


def measure() -> list[Figure]:
    """Three figures of citations."""
    found = asyncio.run(planted())
    answers = asked_over_http()
    held = [any(_plain(one) in _plain(asked.first_quote) for one in known) for asked, known in answers]
    share = sum(held) / len(held)
    nothing = sum(not asked.first_quote for asked, _ in answers)
    return [
        Figure(
            "C1",
            "the first citation's quote holds the answer, KorQuAD, extractive",
            round(share, 3),
            "",
            None,
            "≥ 0.80",
            share >= 0.80,
            f"{len(answers)} questions, {nothing} without a citation",
        ),
        Figure(
            "C2",
            "wrong sentences that are caught",
            round(found.caught, 3),
            "",
            None,
            "≥ 0.95",
            found.caught >= 0.95,
            _shares(found.wrong_caught, found.wrong),
        ),
        Figure(
            "C3",
            "right sentences that are taken for wrong",
            round(found.false_alarms, 3),
            "",
            None,
            "≤ 0.05",
            found.false_alarms <= 0.05,
            _shares(found.right_caught, found.right),
        ),
    ]


if __name__ == "__main__":
    if Path(data_folder() / "ir" / _SET).exists():
        for figure in measure():
            print(figure)
