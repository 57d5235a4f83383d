"""How soon answers come from a shelf of more than 10,000 chunks, and 50 conversations at once.

The clock's figures are those of this machine as busy as it is; processor time is counted beside them, as a multiple of
one search's.
"""

import asyncio
import os
import random
from collections.abc import Sequence
from statistics import mean
from typing import Any, Final

import httpx

from benchmarks.answer_shelf import SETS, a_full_shelf, document_count
from benchmarks.asking import Asked, ask, ask_async
from benchmarks.figures import Figure, median, percentile
from benchmarks.retrieval import read_set
from benchmarks.server import RunningServer, data_folder

_QUESTIONS: Final = int(os.environ.get("SEOGA_BENCH_QUESTIONS", "200"))
_WARM: Final = 20
_AT_ONCE: Final = 50
_TURNS: Final = 4
_ROUNDS: Final = 20
_COMPARED: Final = 5
"""Rounds at the end, and as many before them: caches of so many questions fill in the first ten."""
_SEED: Final = 7


def questions(count: int, seed: int = _SEED) -> list[str]:
    """Of all sets alike, none twice."""
    dice = random.Random(seed)
    chosen: list[str] = []
    for name in SETS:
        texts = sorted(set(read_set(data_folder() / "ir" / name).queries.values()))
        chosen += dice.sample(texts, -(-count // len(SETS)))
    dice.shuffle(chosen)
    return chosen[:count]


def one_after_another(server: RunningServer, texts: Sequence[str]) -> tuple[list[Asked], float, float]:
    """Each answer; processor seconds of an answer and of a search on the same shelf."""
    warm, asked = texts[:_WARM], texts[_WARM:]
    for text in warm:
        ask(server.client, text)
    before = server.cpu_seconds()
    answers = [ask(server.client, text) for text in asked]
    between = server.cpu_seconds()
    for text in asked:
        # Another question to every cache.
        server.search(f"{text} ?", limit=16, context=1, highlight=False)
    searches = server.cpu_seconds() - between
    return answers, (between - before) / len(asked), searches / len(asked)


async def _conversation(client: httpx.AsyncClient, texts: Sequence[str]) -> list[Asked]:
    answers, session = [], None
    for text in texts:
        given: dict[str, Any] = {"remember": True} | ({"session": session} if session else {})
        answers.append(await ask_async(client, text, **given))
        session = answers[-1].session
    return answers


async def many_at_once(url: str, texts: Sequence[str]) -> list[Asked]:
    """Of 50 conversations that are begun together, each of several questions."""
    limits = httpx.Limits(max_connections=_AT_ONCE)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        parts = [texts[number::_AT_ONCE] for number in range(_AT_ONCE)]
        found = await asyncio.gather(*(_conversation(client, part) for part in parts))
    return [one for answers in found for one in answers]


def _within(id: str, what: str, seconds: Sequence[float], limit: float, note: str = "") -> Figure:
    seen = percentile(seconds, 0.95)
    note = f"{note}{', ' if note else ''}median {median(seconds) * 1000:.0f} ms"
    return Figure(id, what, round(seen * 1000, 1), "ms", None, f"≤ {limit * 1000:,.0f} ms", seen <= limit, note)


def measure() -> list[Figure]:
    """Three of one client, two of fifty."""
    texts = questions(_WARM + _QUESTIONS)
    with a_full_shelf() as server:
        documents = document_count(server)
        answers, answer_cpu, search_cpu = one_after_another(server, texts)
        memory, many = [], list[Asked]()
        for number in range(_ROUNDS):
            many += asyncio.run(many_at_once(server.url, questions(_AT_ONCE * _TURNS, number)))
            memory.append(server.pss_bytes() / 1e6)
    degraded = sum(bool(one.end["degraded"]) for one in many)
    share = len(texts[_WARM:])
    growth = (mean(memory[-_COMPARED:]) - mean(memory[-2 * _COMPARED : -_COMPARED])) / _COMPARED
    return [
        _within(
            "C6",
            "first event of an answer, p95",
            [one.first_event_seconds for one in answers],
            0.05,
            f"{share} questions, {documents:,} documents of a chunk or more",
        ),
        _within("C4", "first words, p95", [one.first_words_seconds for one in answers], 0.3),
        _within(
            "C5",
            "the whole extractive answer, p95",
            [one.seconds for one in answers],
            1.0,
            f"{answer_cpu * 1000:.0f} ms of processor, {answer_cpu / search_cpu:.1f} × a search",
        ),
        Figure(
            "C7",
            "50 conversations at once: answers that are not whole",
            degraded,
            "",
            None,
            "0",
            degraded == 0,
            f"{len(many)} answers, p95 {percentile([one.seconds for one in many], 0.95):.1f} s",
        ),
        Figure(
            "C8",
            "what memory grows by with 50 conversations more, once caches are full",
            round(growth, 1),
            "MB",
            None,
            "≤ 10 MB",
            growth <= 10,
            f"MB after each round: {', '.join(f'{one:.0f}' for one in memory)}",
        ),
    ]


if __name__ == "__main__":
    for figure in measure():
        print(figure)
