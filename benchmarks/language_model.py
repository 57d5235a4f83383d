"""Questions about tariff codes to a server whose answers a language model writes (`make llm`, or SEOGA_TEST_LLM).

`python -m benchmarks.language_model --questions 20` asks fewer. The shelf holds paragraphs of judgments and treaties
that name codes. Half of the questions name a code, half name goods, each in Korean but for a quarter in English. What
is looked at is the order in which a client gets what it asked for: the buttons first, or the answer.
"""

import argparse
import csv
import json
import random
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks.asking import Asked, ask
from benchmarks.figures import Figure, median, percentile
from benchmarks.server import RunningServer, a_server, data_folder

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from servers import llm_url

_QUESTIONS: Final = 100
_SEED: Final = 17
_COLLECTION: Final = "customs"
_MODEL: Final = "smollm2"
_SMALL: Final = {
    # As docs/asking.md has it for small models on this machine: an answer that is over sooner leaves buttons less time.
    "SEOGA_LLM_PASSAGE_TOKENS": "500",
    "SEOGA_LLM_ANSWER_TOKENS": "80",
    # On a busy machine it may read long; how long is not what is looked at.
    "SEOGA_LLM_FIRST_TOKEN_SECONDS": "120",
    "SEOGA_LLM_BETWEEN_TOKENS_SECONDS": "60",
}


def _mentions(language: str) -> list[dict[str, Any]]:
    path = data_folder() / "hs" / f"mentions_{language}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _surfaces(language: str) -> list[str]:
    return sorted({span["surface"] for row in _mentions(language) for span in row["spans"]})


def _goods_en() -> list[str]:
    with (data_folder() / "hs" / "benchmark_cases.csv").open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file) if row["language"] == "en"]


def _goods_ko() -> list[str]:
    rows = Path(__file__).with_name("goods_ko.tsv").read_text("utf-8").splitlines()
    return [row.partition("\t")[0] for row in rows]


def questions(count: int = _QUESTIONS) -> list[str]:
    """None twice, each quarter of a kind, mixed."""
    dice = random.Random(_SEED)
    kinds = (
        [f"{code}에는 어떤 물품이 분류되나요?" for code in _surfaces("ko")],
        [f"What is said of {code}?" for code in _surfaces("en")],
        [f"{goods} 수입할 때 관세율이 얼마인가요?" for goods in _goods_ko()],
        [f"{goods} 수출하려면 어떤 코드로 신고하나요?" for goods in _goods_ko()],
        [f"Which tariff code applies to {goods}?" for goods in _goods_en()],
    )
    shares = (count // 4 + count % 4, count // 4, count // 8, count // 4 - count // 8, count // 4)
    chosen = [one for kind, share in zip(kinds, shares, strict=True) for one in dice.sample(kind, share)]
    dice.shuffle(chosen)
    return chosen


def upload(server: RunningServer) -> None:
    """Each paragraph is a document."""
    rows = [row for language in ("ko", "en") for row in _mentions(language)]
    files = ((f"{row['_id']}.txt", row["text"].encode()) for row in rows)
    documents = server.upload(files, collection=_COLLECTION)
    server.wait_until_searchable(len({one["id"] for one in documents}), collection=_COLLECTION)


def _each(server: RunningServer, texts: Sequence[str]) -> Iterator[Asked]:
    for number, text in enumerate(texts, 1):
        one = ask(server.client, text)
        tasks = {name: task["milliseconds"] for name, task in one.end["tasks"].items()}
        print(
            f"{number}: buttons {one.buttons_seconds or 0:.2f} s ({one.buttons}), first words "
            f"{one.first_words_seconds:.2f} s, last {one.answer_seconds:.2f} s, {one.end['usage']}, "
            f"{one.end['degraded']}, {tasks}: {text}",
            flush=True,
        )
        yield one


def _is_before(one: Asked) -> bool:
    """Whether no more buttons were to come when the answer's last words or its last citation came."""
    return one.buttons_seconds is not None and one.buttons_seconds < one.answer_seconds


def measure(count: int = _QUESTIONS) -> list[Figure]:
    """Four, of one client that asks one question after another."""
    with a_server(None, nothing_built=False, SEOGA_LLM_URL=llm_url(), SEOGA_LLM_MODEL=_MODEL, **_SMALL) as server:
        upload(server)
        first, *texts = questions(count + 1)
        ask(server.client, first)  # The analyser is loaded and the model's cache is warm, as with all that follow.
        answers = list(islice(_each(server, texts), count))
    written = [one for one in answers if "llm" not in one.end["degraded"]]
    before = sum(map(_is_before, answers)) / len(answers)
    buttons = [one.buttons_seconds or one.seconds for one in answers]
    words = [one.first_words_seconds for one in answers]
    efficiency = [one.end["parallel_efficiency"] for one in answers]
    share = sum(one >= 0.6 for one in efficiency) / len(efficiency)
    return [
        Figure(
            "C12",
            "buttons complete before the answer of a language model is in",
            round(before, 3),
            "",
            None,
            "≥ 0.95",
            before >= 0.95,
            f"{len(answers)} questions, {sum(one.buttons > 0 for one in answers)} with buttons; buttons complete after "
            f"{median(buttons) * 1000:.0f} ms, p95 {percentile(buttons, 0.95) * 1000:.0f} ms",
        ),
        Figure(
            "C13",
            "answers that the language model wrote",
            round(len(written) / len(answers), 3),
            "",
            None,
            "≥ 0.95",
            len(written) >= 0.95 * len(answers),
            "the others are of the passages' sentences, as it did not begin in time or broke off",
        ),
        Figure(
            "C14",
            "first words of a language model, p95",
            round(percentile(words, 0.95), 2),
            "s",
            None,
            "",
            None,
            f"median {median(words):.2f} s; the whole answer {median([one.seconds for one in answers]):.2f} s",
        ),
        Figure(
            "C15",
            "parallel efficiency of 0.6 and more, with a language model",
            round(share, 3),
            "",
            None,
            "≥ 0.95",
            share >= 0.95,
            f"lowest {min(efficiency):.2f}, 5 % {percentile(efficiency, 0.05):.2f}, median {median(efficiency):.2f}",
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=_QUESTIONS)
    for figure in measure(parser.parse_args().questions):
        print(figure)
