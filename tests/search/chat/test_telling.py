"""An answer while it streams: marks go, sentences end where they end, whatever the pieces it comes in."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.chat.domain.telling import SentenceEnded, Telling, Told

ANSWER = "세율은 8%이다. [1] 제8471호에 든다[2]. Maru Co., Ltd. pays 3.5 percent [1, 3]. It ends"
TEXT = "세율은 8%이다. 제8471호에 든다. Maru Co., Ltd. pays 3.5 percent. It ends"
SENTENCES = [
    ("세율은 8%이다.", (1,)),
    ("제8471호에 든다.", (2,)),
    ("Maru Co., Ltd. pays 3.5 percent.", (1, 3)),
    ("It ends", ()),
]


def told(pieces: list[str]) -> list[Told | SentenceEnded]:
    telling = Telling()
    return [*(event for piece in pieces for event in telling.feed(piece)), *telling.finish()]


@given(st.lists(st.integers(0, len(ANSWER)), max_size=40))
def test_however_it_is_cut_the_same_is_told(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(ANSWER)]
    events = told([ANSWER[start:end] for start, end in pairwise(places)])
    assert "".join(event.text for event in events if isinstance(event, Told)) == TEXT
    assert [(event.text, event.marks) for event in events if isinstance(event, SentenceEnded)] == SENTENCES


@given(st.text(alphabet="가나다. [1]2,\nab?", max_size=60), st.integers(1, 5))
def test_nothing_but_marks_is_lost_and_no_word_comes_before_its_turn(text: str, size: int) -> None:
    events = told([text[at : at + size] for at in range(0, len(text), size)])
    so_far = ""
    ended = 0
    for event in events:
        if isinstance(event, Told):
            so_far += event.text
        else:
            at = so_far.find(event.text, ended)
            assert at >= 0 and not so_far[at + len(event.text) :].strip()
            ended = at + len(event.text)
    assert so_far == "".join(event.text for event in told([text]) if isinstance(event, Told))


@pytest.mark.parametrize("text", ["", "   ", "[1]"])
def test_an_empty_answer_has_no_sentence(text: str) -> None:
    assert not [event for event in told([text]) if isinstance(event, SentenceEnded)]
