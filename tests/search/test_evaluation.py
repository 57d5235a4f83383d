"""How good rankings are: the measures themselves, and `seoga eval` over a real server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import a_served_directory, seoga, seoga_json
from hypothesis import given, settings
from hypothesis import strategies as st
from model_builders import a_tiny_model

from search.domain.judging import MEASURES, difference, interval, measured

NAMES = st.lists(st.sampled_from("abcdefghijklmnop"), unique=True)
GRADES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3), min_size=1)
VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(NAMES, GRADES)
def test_measures_lie_between_none_and_all(ranked: list[str], grades: dict[str, int]) -> None:
    values = measured(ranked, grades)
    assert set(values) == set(MEASURES)
    assert all(0 <= value <= 1 for value in values.values())
    assert values["recall_10"] <= values["recall_100"]
    assert (values["ndcg_10"] > 0) == (values["recall_10"] > 0) == (values["mrr_10"] > 0)


@given(GRADES, NAMES)
def test_the_ideal_order_is_one_and_no_other_is_better(grades: dict[str, int], others: list[str]) -> None:
    ideal = sorted(grades, key=lambda name: -grades[name])
    best = measured([*ideal, *(name for name in others if name not in grades)], grades)
    assert best["ndcg_10"] == pytest.approx(1)
    assert best["mrr_10"] == best["recall_100"] == 1
    assert measured(others, grades)["ndcg_10"] <= best["ndcg_10"] + 1e-9


def test_a_ranking_worked_out_by_hand() -> None:
    # Gains 1 and 2 at ranks 2 and 4; the ideal is 2 at rank 1 and 1 at rank 2.
    values = measured(["x", "a", "y", "b"], {"a": 1, "b": 2, "c": 1})
    assert values["mrr_10"] == 0.5
    assert values["recall_10"] == pytest.approx(2 / 3)
    assert values["ndcg_10"] == pytest.approx((1 / 1.58496 + 2 / 2.32193) / (2 + 1 / 1.58496 + 1 / 2), abs=1e-5)


@given(VALUES)
@settings(max_examples=20)
def test_an_interval_is_around_what_is_seen_and_comes_out_the_same_twice(values: list[float]) -> None:
    low, high = interval(values)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert interval(values) == (low, high)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
@settings(max_examples=15)
def test_a_difference_turns_round_with_its_runs(pairs: list[tuple[float, float]]) -> None:
    before, after = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    there, back = difference(before, after), difference(after, before)
    assert there.mean == pytest.approx(-back.mean)
    assert there.p == back.p
    assert 0 < there.p <= 1
    assert difference(before, before).p == 1


def test_a_difference_that_is_always_there_is_told_from_chance() -> None:
    assert difference([0.2] * 20, [0.4] * 20).p < 0.001
    assert difference([0.2, 0.4] * 10, [0.4, 0.2] * 10).p > 0.9


DOCUMENTS = {
    "duty": "The customs duty on notebooks is charged when they are imported.",
    "harbour": "An old map of the harbour shows a chapel beside the fish market.",
    "관세": "노트북을 수입할 때 관세는 통관하는 날에 낸다.",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("evaluated")
    with a_served_directory(folder / "data", model_path=a_tiny_model(folder / "model")):
        yield folder / "data"


def a_set(folder: Path, *, corpus: bool = True, relevant: dict[str, dict[str, int]] | None = None) -> Path:
    folder.mkdir(parents=True)
    questions = {"q1": "customs duty on notebooks", "q2": "map of the harbour", "q3": "수입 관세", "q4": "zanzibar"}
    judged = relevant or {"q1": {"duty": 1}, "q2": {"harbour": 2}, "q3": {"관세": 1}}
    lines(folder / "queries.jsonl", [{"_id": key, "text": text} for key, text in questions.items()])
    if corpus:
        lines(folder / "corpus.jsonl", [{"_id": key, "title": "", "text": text} for key, text in DOCUMENTS.items()])
    rows = [f"{question}\t{name}\t{grade}\n" for question, found in judged.items() for name, grade in found.items()]
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(rows), encoding="utf-8")
    return folder


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def test_a_set_is_uploaded_asked_and_compared_with_an_earlier_run(data: Path, tmp_path: Path) -> None:
    folder = a_set(tmp_path / "tariffs")
    first = seoga_json(data, "eval", folder, "--mode", "keyword")
    assert (first["collection"], first["questions"], first["without_answer"]) == ("eval-tariffs", 3, 1)
    assert first["metrics"] == {"ndcg_10": 1.0, "recall_10": 1.0, "recall_100": 1.0, "mrr_10": 1.0}
    assert first["intervals"]["ndcg_10"] == [1.0, 1.0]
    assert {code: said["questions"] for code, said in first["per_language"].items()} == {"en": 2, "ko": 1}
    earlier = tmp_path / "base.json"
    worse = [{**question, "ndcg_10": 0.5 if question["id"] == "q1" else 1.0} for question in first["per_question"]]
    earlier.write_text(json.dumps({**first, "per_question": worse}))
    second = seoga_json(data, "eval", folder, "--mode", "keyword", "--compare", earlier)
    assert second["comparison"]["differences"]["ndcg_10"]["difference"] == pytest.approx(1 / 6)
    assert [each["id"] for each in second["comparison"]["winners"]] == ["q1"]
    shown, _ = seoga(data, "eval", folder, "--mode", "keyword", "--compare", earlier)
    assert "winner  0.500 → 1.000  q1  customs duty on notebooks" in shown


def test_a_golden_set_judges_ones_own_collection(data: Path, tmp_path: Path) -> None:
    seoga(data, "eval", a_set(tmp_path / "own"))
    golden = a_set(tmp_path / "golden", corpus=False, relevant={"q2": {"harbour.md": 1, "lost.md": 1}})
    outcome = seoga_json(data, "eval", golden, "-c", "eval-own", "--mode", "keyword")
    assert (outcome["unknown_documents"], outcome["metrics"]["recall_10"]) == (1, 0.5)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "qrels.tsv").write_text("a\tb\tc\nq1\tduty\tmuch\n"), "qrels.tsv', line 2"),
        (lambda folder: (folder / "qrels.tsv").write_text("a\tb\tc\nq1\tduty\t0\n"), "no document is relevant"),
        (lambda folder: (folder / "qrels.tsv").unlink(), "qrels.tsv' cannot be read"),
        (lambda folder: (folder / "queries.jsonl").write_text('{"_id": "q1"}\n'), "line 1: `text` is missing"),
        (lambda folder: (folder / "queries.jsonl").write_text("[]\n"), "line 1: an object is wanted"),
        (lambda folder: (folder / "corpus.jsonl").unlink(), "name a collection with --collection"),
        (lambda folder: (folder / "corpus.jsonl").write_bytes(b"\xff\n"), "is not in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_set_is_one_line(data: Path, tmp_path: Path, spoil: Any, said: str) -> None:
    folder = a_set(tmp_path / "wrong")
    spoil(folder)
    _, errors = seoga(data, "eval", folder, code=1)
    assert said in errors
    assert len(errors.splitlines()) == 1


def test_what_is_no_earlier_run_is_said(data: Path, tmp_path: Path) -> None:
    folder = a_set(tmp_path / "set")
    base = tmp_path / "base.json"
    for content in ("{", "{}", '{"per_question": [{"id": "q1"}]}', '{"per_question": 3}'):
        base.write_text(content)
        assert "is not what `seoga eval --json` prints" in seoga(data, "eval", folder, "--compare", base, code=1)[1]
