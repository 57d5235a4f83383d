"""The three tasks of an answer with Context7 beside the packaged nomenclature: `python -m benchmarks side_by_side`.

Context7 is its real MCP server from npm where `make test-clients` has put it, else a stand-in of that; the REST API
behind it is a loopback stand-in, so that its answers cost what the way to them costs. Each of 30 questions of the
shelf and about goods is asked four times, mixed, in conversations that are kept: three of four times the answer of
Context7 may come from the cache.
"""

import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.answer_shelf import a_full_shelf
from benchmarks.answer_times import questions
from benchmarks.asking import Asked, ask
from benchmarks.figures import Figure, median, percentile
from benchmarks.server import RunningServer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from context7_stand_in import REAL_SERVER, StandIn, a_stand_in, the_real_server

_DIFFERENT: Final = 30
_TIMES: Final = 4
_SEED: Final = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer, and whether anything was asked of Context7 for it."""

    answer: Asked
    is_cached: bool

    @property
    def button_milliseconds(self) -> float:
        """What the buttons' task took."""
        return float(self.answer.end["tasks"]["detail_pages"]["milliseconds"])


def mix() -> list[str]:
    """Half from the shelf's own questions, half about goods."""
    rows = Path(__file__).with_name("goods_ko.tsv").read_text("utf-8").splitlines()
    dice = random.Random(_SEED)
    goods = [row.partition("\t")[0] for row in dice.sample(rows, _DIFFERENT // 2)]
    different = [*questions(_DIFFERENT - len(goods), _SEED), *(f"{one} 수입하면 관세율이 얼마인가요?" for one in goods)]
    asked = different * _TIMES
    dice.shuffle(asked)
    return asked


@contextmanager
def context7() -> Iterator[tuple[StandIn, str, str]]:
    """What answers in the end, where it is asked, and what that is."""
    with a_stand_in() as upstream:
        if REAL_SERVER.exists() and shutil.which("node"):
            with the_real_server(upstream) as url:
                yield upstream, url, "its server from npm"
        else:
            yield upstream, f"{upstream.url}/mcp", "a stand-in of its server"


def seen(server: RunningServer, upstream: StandIn, texts: Sequence[str]) -> list[Seen]:
    """Of each question in turn."""
    answers = []
    for text in texts:
        before = len(upstream.asked)
        answer = ask(server.client, text, remember=True)
        answers.append(Seen(answer, len(upstream.asked) == before))
    return answers


def measure() -> list[Figure]:
    """Four."""
    with context7() as (upstream, url, kind), a_full_shelf(SEOGA_CONTEXT7_URL=url) as server:
        ask(server.client, "노트북", remember=True)  # the history is opened, and words can be analysed
        answers = seen(server, upstream, mix())
    whole = [one.answer.seconds for one in answers]
    without = [one for one in answers if "context7" in one.answer.end["degraded"]]
    buttons = [one.button_milliseconds for one in answers if one.is_cached]
    asked = [one.button_milliseconds for one in answers if not one.is_cached]
    hits = len(buttons) / len(answers)
    efficiency = [float(one.answer.end["parallel_efficiency"]) for one in answers]
    spread = ", ".join(f"{share:.0%} {percentile(efficiency, share):.2f}" for share in (0.05, 0.25, 0.75))
    speedup = median([float(one.answer.end["speedup"]) for one in answers])
    return [
        Figure(
            "C16",
            "all three tasks done, Context7 included, the slowest",
            round(max(whole), 2),
            "s",
            None,
            "≤ 3 s",
            max(whole) <= 3 and not without,
            f"{len(answers)} answers, {kind}, {len(without)} without it; median {median(whole) * 1000:.0f} ms",
        ),
        Figure(
            "C17",
            "buttons from the cache, p95",
            percentile(buttons, 0.95),
            "ms",
            None,
            "≤ 100 ms",
            percentile(buttons, 0.95) <= 100,
            f"median {median(buttons):.0f} ms; where Context7 is asked {median(asked):.0f} ms",
        ),
        Figure(
            "C18",
            "answers for which Context7 was in the cache",
            round(hits, 3),
            "",
            None,
            "≥ 0.70",
            hits >= 0.70,
            f"each question {_TIMES} times, so that {1 - 1 / _TIMES:.2f} is the most",
        ),
        Figure(
            "C19",
            "parallel efficiency, median",
            round(median(efficiency), 3),
            "",
            None,
            "≥ 0.6",
            median(efficiency) >= 0.6,
            f"{spread}; {sum(one >= 0.6 for one in efficiency) / len(efficiency):.0%} have 0.6; speedup {speedup:.2f}",
        ),
    ]


if __name__ == "__main__":
    for figure in measure():
        print(figure)
