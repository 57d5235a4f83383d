"""Words that nobody wrote, and how Hangul is compared: as it is typed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.domain.keystrokes import initials, keystrokes
from search.domain.spelling import (
    Spelling,
    corrected,
    corrections,
    edits,
    forms,
    most_common,
    unknown_words,
    written_words,
)
from search.infrastructure.kiwi_analyzer import english_stem

TEXTS = (
    "노트북의 관세율은 0퍼센트이다.",
    "수입 신고를 한다. 수입신고서는 따로 낸다.",
    "고양이가 고양이를 보았다. 효과가 있다.",
    "The customs duties on notebooks are charged. Customs duties!",
    "An old map of the harbour shows a chapel beside the fish market; the harbour is closed.",
)
COUNTS = Counter(word for text in TEXTS for word in set(written_words(text)))
SPELLING = Spelling(COUNTS, english_stem)


def meant(query: str) -> str:
    return corrected(query, corrections(unknown_words(query, [SPELLING]), [SPELLING]))


@pytest.mark.parametrize(
    ("query", "instead"),
    [
        ("관셰율", "관세율"),
        ("노트뷱 관세", "노트북 관세"),
        ("노트북 관세률은?", "노트북 관세율은?"),
        ("괸세율", "관세율"),
        ("고얗이가", "고양이가"),
        ("수입 싱고를", "수입 신고를"),
        ("harbor", "harbour"),
        ("the harbuor map", "the harbour map"),
        ("custims dutties", "customs duties"),
        ("CUSTIMS", "customs"),
        ("chapl, market", "chapel, market"),
    ],
)
def test_what_stands_nowhere_is_taken_for_the_word_next_to_it(query: str, instead: str) -> None:
    assert meant(query) == instead


@pytest.mark.parametrize(
    "query",
    [
        "관세율",
        "관세",
        "노트북의",
        "노트북에서도",
        "수입신고",
        "수입신고서에는",
        "수입하려면",
        "효과",
        "customs duty",
        "noteboks-2000",
        "custims.org",
        "8471.30",
        "HARBO",
        "harbo",
        "map",
        "mpa",
        "zanzibar",
        "a harbo1r",
        "@harbor",
        "",
        "…",
        "🙂",
    ],
)
def test_known_words_codes_acronyms_and_what_is_near_to_nothing_stay(query: str) -> None:
    # "harbo" lacks two letters, and is a short word.
    assert meant(query) == query


@given(st.sampled_from(sorted(COUNTS)), st.text("abcdefg가나다라마", min_size=0, max_size=8))
def test_a_word_that_stands_somewhere_is_never_changed(word: str, other: str) -> None:
    assert meant(f"{word} {other}").startswith(word)


@given(st.text("abㄱㅏ", max_size=7), st.text("abㄱㅏ", max_size=7))
def test_edits_are_a_distance(one: str, other: str) -> None:
    distance = edits(one, other, 20)
    assert distance == edits(other, one, 20)
    assert (distance == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance <= max(len(one), len(other))
    for most in (1, 2):
        assert edits(one, other, most) == min(distance, most + 1)


def test_exchanged_neighbours_are_one_mistake() -> None:
    assert edits("harbuor", "harbour", 3) == 1


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(0, 5))
def test_the_most_common_are_those_of_a_counter_in_its_order(drawn: list[str], most: int) -> None:
    numbers = Counter("abc".index(one) for one in drawn)
    assert most_common(numbers, most) == [number for number, _ in numbers.most_common(most)]


def test_hangul_is_typed_letter_by_letter() -> None:
    assert keystrokes("관세") == "ㄱㅗㅏㄴㅅㅔ"
    assert keystrokes("값") == "ㄱㅏㅂㅅ"
    assert keystrokes("까닭") == "ㄲㅏㄷㅏㄹㄱ"
    assert keystrokes("  Zürich  ZOLL ") == "zurich zoll"
    assert initials("관세율 8471") == "ㄱㅅㅇ"


@given(st.text("가각간갈값괜뷁한글 ab", max_size=6), st.text("가각간갈값괜뷁한글", min_size=1, max_size=3))
def test_what_is_typed_first_begins_what_is_typed_in_the_end(begun: str, more: str) -> None:
    assert keystrokes(f"x{begun}{more}").startswith(keystrokes(f"x{begun}").rstrip())


def test_forms_leave_words_of_two_syllables() -> None:
    assert list(forms("관세율은")) == ["관세율은", "관세율"]
    assert list(forms("나는")) == ["나는"]
