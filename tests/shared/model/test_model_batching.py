"""Many callers merged into batches: who goes first, who waits how long, who is let go."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import wait as wait_for

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel import Unavailable
from shared.model.embedding.batching import Batcher
from shared.model.engine import EngineChoice, PreparedText
from shared.ports.model import TextKind, Vectors

TOKENS_A_BATCH = 64


class LetterEngine:
    """An engine of its own kind: a text's tokens are its letters, its vector their count and their sum.

    While `gate` is shut, `run` stays inside; `ran` has the texts of each batch.
    """

    choice = EngineChoice("onnx", "fp32")
    device = "cpu"
    batch_tokens = TOKENS_A_BATCH

    def __init__(self, streams: int = 1) -> None:
        self.streams = streams
        self.ran: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.inside = threading.Event()
        self.closed = False

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        if "unreadable" in texts:
            raise ValueError("no letters")
        return [PreparedText(text, [ord(letter) for letter in "^" + text]) for text in texts]

    def run(self, batch: Sequence[PreparedText]) -> Vectors:
        self.ran.append([item.text for item in batch])
        self.inside.set()
        self.gate.wait()
        if any(item.text == "poison" for item in batch):
            raise RuntimeError("it broke")
        nan = any(item.text == "nan" for item in batch)
        return np.array([[np.nan if nan else len(item.ids), sum(item.ids)] for item in batch], dtype=np.float32)

    def close(self) -> None:
        self.closed = True


def expected(text: str) -> list[float]:
    return [len(text) + 1, sum(map(ord, "^" + text))]


class Bench:
    """A batcher over the letter engine, and a way to keep it busy."""

    def __init__(self, streams: int = 1, most_waiting: int = 10_000) -> None:
        self.engine = LetterEngine(streams)
        self.reports: list[tuple[int, int]] = []
        self.errors: list[Exception] = []
        self.waits: list[float] = []
        self.batcher = Batcher(self.engine, 2, report=self, most_waiting=most_waiting)

    def ran(self, *, texts: int, tokens: int, seconds: float) -> None:
        self.reports.append((texts, tokens))

    def failed(self, error: Exception) -> None:
        self.errors.append(error)

    def waited(self, seconds: float, kind: TextKind) -> None:
        self.waits.append(seconds)

    def ask(self, *texts: str, kind: TextKind = "passage") -> "Asked":
        return Asked(self.batcher, texts, kind)

    def occupy(self) -> "Asked":
        """Its only stream is inside a batch until the gate opens."""
        self.engine.gate.clear()
        self.engine.inside.clear()
        asked = self.ask("busy")
        assert self.engine.inside.wait(10)
        return asked


class Asked:
    def __init__(self, batcher: Batcher, texts: Sequence[str], kind: TextKind) -> None:
        self.texts = texts
        self.future = batcher.submit(texts, kind).future

    def is_answered_rightly(self) -> bool:
        answer = self.future.result(10)
        rows = [expected(text) for text in self.texts]
        return bool(answer.vectors.tolist() == rows and answer.tokens == sum(row[0] for row in rows))


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.engine.gate.set()
    made.batcher.close()


def test_an_idle_model_runs_a_call_at_once_and_alone(bench: Bench) -> None:
    assert bench.ask("one").is_answered_rightly()
    assert bench.engine.ran == [["one"]]
    assert bench.reports == [(1, 4)]


def test_calls_that_wait_share_a_batch(bench: Bench) -> None:
    busy = bench.occupy()
    asked = [bench.ask(f"text {number}") for number in range(6)]
    bench.engine.gate.set()
    assert all(one.is_answered_rightly() for one in [busy, *asked])
    assert [sorted(batch) for batch in bench.engine.ran] == [["busy"], [f"text {number}" for number in range(6)]]


def test_a_batch_holds_no_more_padded_tokens_than_the_engine_likes(bench: Bench) -> None:
    texts = ["x" * length for length in (3, 60, 1, 31, 15, 15, 15, 200, 2, 2, 2)]
    assert bench.ask(*texts).is_answered_rightly()
    for batch in bench.engine.ran:
        assert len(batch) * (max(map(len, batch)) + 1) <= TOKENS_A_BATCH or len(batch) == 1


def test_short_texts_are_not_padded_to_a_long_one(bench: Bench) -> None:
    busy = bench.occupy()
    long, short = bench.ask("y" * 25), bench.ask("z")
    bench.engine.gate.set()
    assert all(one.is_answered_rightly() for one in (busy, long, short))
    assert bench.engine.ran[1:] == [["y" * 25], ["z"]]


def test_queries_go_before_passages(bench: Bench) -> None:
    bench.occupy()
    passage, query = bench.ask("passage"), bench.ask("query", kind="query")
    bench.engine.gate.set()
    assert passage.is_answered_rightly()
    assert query.is_answered_rightly()
    assert bench.engine.ran == [["busy"], ["query"], ["passage"]]


def test_queries_without_end_do_not_keep_passages_out(bench: Bench) -> None:
    bench.occupy()
    passage = bench.ask("passage")
    queries = [bench.ask("q" * 63, kind="query") for _ in range(30)]
    bench.engine.gate.set()
    assert all(query.is_answered_rightly() for query in queries)
    assert passage.is_answered_rightly()
    assert bench.engine.ran.index(["passage"]) < 15


def test_a_caller_with_much_keeps_another_waiting_for_one_batch_only(bench: Bench) -> None:
    bench.occupy()
    much, little = bench.ask(*(["m" * 63] * 50)), bench.ask("l" * 40)
    bench.engine.gate.set()
    assert much.is_answered_rightly()
    assert little.is_answered_rightly()
    assert bench.engine.ran.index(["l" * 40]) <= 2


def test_callers_with_much_take_turns(bench: Bench) -> None:
    bench.occupy()
    asked = [bench.ask(*([letter * 63] * 20)) for letter in "abc"]
    bench.engine.gate.set()
    assert all(one.is_answered_rightly() for one in asked)
    assert {batch[0][0] for batch in bench.engine.ran[1:4]} == {"a", "b", "c"}


def test_a_cancelled_call_is_not_run(bench: Bench) -> None:
    busy = bench.occupy()
    gone, stays = bench.ask(*(["gone"] * 100)), bench.ask("stays")
    assert bench.batcher.waiting_texts == 102
    assert gone.future.cancel()
    assert bench.batcher.waiting_texts == 2
    bench.engine.gate.set()
    assert busy.is_answered_rightly()
    assert stays.is_answered_rightly()
    assert bench.engine.ran == [["busy"], ["stays"]]
    with pytest.raises(CancelledError):
        gone.future.result()


def test_a_call_cancelled_while_it_runs_disturbs_nobody(bench: Bench) -> None:
    busy = bench.occupy()
    assert busy.future.cancel()
    bench.engine.gate.set()
    assert bench.ask("next").is_answered_rightly()


@pytest.mark.parametrize("text", ["poison", "nan", "unreadable"])
def test_a_failing_batch_fails_its_callers_alone(bench: Bench, text: str) -> None:
    bad = bench.ask(text)
    with pytest.raises(Unavailable):
        bad.future.result(10)
    assert bench.ask("good").is_answered_rightly()
    assert bench.batcher.waiting_texts == 0


def test_a_failing_engine_is_reported(bench: Bench) -> None:
    for _ in range(2):
        bench.ask("poison").future.exception(10)
    assert [str(error) for error in bench.errors] == ["it broke", "it broke"]


def test_how_long_each_caller_waited_is_reported_once(bench: Bench) -> None:
    assert bench.ask(*(["m" * 63] * 20)).is_answered_rightly()
    assert bench.ask("next").is_answered_rightly()
    assert len(bench.waits) == 2
    assert all(wait >= 0 for wait in bench.waits)


def test_more_than_may_wait_is_refused_with_a_time_to_come_back() -> None:
    bench = Bench(most_waiting=5)
    busy = bench.occupy()
    waiting = bench.ask(*(["text"] * 4))
    with pytest.raises(Unavailable, match="busy") as caught:
        bench.ask("one more")
    assert (caught.value.specific_code, caught.value.retry_after_seconds > 0) == ("model_busy", True)
    bench.engine.gate.set()
    assert busy.is_answered_rightly()
    assert waiting.is_answered_rightly()
    assert bench.ask(*(["text"] * 50)).is_answered_rightly(), "a call that finds nobody waiting is taken"
    bench.batcher.close()


def test_a_closed_batcher_takes_nothing() -> None:
    bench = Bench(streams=2)
    assert bench.ask("text").is_answered_rightly()
    bench.batcher.close()
    assert bench.engine.closed
    with pytest.raises(Unavailable, match="unloaded"):
        bench.ask("late")


def test_closing_fails_what_has_not_run() -> None:
    bench = Bench()
    busy = bench.occupy()
    waiting = bench.ask("waiting")
    closing = threading.Thread(target=bench.batcher.close)
    closing.start()
    wait_for([waiting.future], 10)
    bench.engine.gate.set()
    closing.join(10)
    with pytest.raises(Unavailable, match="unloaded"):
        waiting.future.result(0)
    assert isinstance(busy.future.exception(0), Unavailable)
    assert bench.engine.ran == [["busy"]]


@given(
    calls=st.lists(
        st.tuples(st.lists(st.text(alphabet="abc", max_size=40), min_size=1, max_size=90), st.booleans()), max_size=6
    ),
    streams=st.integers(1, 3),
)
def test_every_caller_gets_its_own_rows_in_its_own_order(calls: list[tuple[list[str], bool]], streams: int) -> None:
    bench = Bench(streams)
    asked = [bench.ask(*texts, kind="query" if query else "passage") for texts, query in calls]
    assert all(one.is_answered_rightly() for one in asked)
    bench.batcher.close()
    assert sum(texts for texts, _ in bench.reports) == sum(len(texts) for texts, _ in calls)
