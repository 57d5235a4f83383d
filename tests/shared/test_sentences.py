"""Sentences end where people end them."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sentences import sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text, 0, len(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is late. We go home.", ["It is late.", "We go home."]),
        ("Heading 8471.30 covers them. See also 8471.41.", ["Heading 8471.30 covers them.", "See also 8471.41."]),
        ("Dr. Kim met Mr. Lee, e.g. in Seoul. They spoke.", ["Dr. Kim met Mr. Lee, e.g. in Seoul.", "They spoke."]),
        ("J. K. Rowling wrote it. Fine.", ["J. K. Rowling wrote it.", "Fine."]),
        ("He said “No!” Then he left.", ["He said “No!”", "Then he left."]),
        ("관세를 납부한다. 기한은 15일이다.", ["관세를 납부한다.", "기한은 15일이다."]),
        ("신고했어요.그리고 갔죠.끝", ["신고했어요.", "그리고 갔죠.", "끝"]),
        ("언제 오나요? 내일 올까요?", ["언제 오나요?", "내일 올까요?"]),
        ("2024. 3. 5. 시행한다. 끝.", ["2024. 3. 5. 시행한다.", "끝."]),
        ("進口貨物。繳納關稅！好", ["進口貨物。", "繳納關稅！", "好"]),
        ("No end at all", ["No end at all"]),
        ("   \n ", []),
    ],
)
def test_splits_into_sentences(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@given(st.text(alphabet="aB1 .!?。다요\n\"'(", max_size=300))
def test_every_visible_character_is_in_exactly_one_sentence(text: str) -> None:
    spans = list(sentences(text, 0, len(text)))
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())


@pytest.mark.parametrize("unit", [".", "a.", '."', "다.", " ", "a ", ". "])
def test_takes_time_in_proportion_to_length(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        started = time.process_time()
        for _ in sentences(text, 0, len(text)):
            pass
        return time.process_time() - started

    seconds(10_000)
    # Eight times the text in at most forty times the time: quadratic would be sixty-four.
    assert seconds(800_000) <= 40 * max(seconds(100_000), 0.005)
