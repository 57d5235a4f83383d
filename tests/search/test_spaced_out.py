"""Words with spaces between their letters: told from words of one letter that stand side by side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.domain.english import singular
from search.domain.highlight import Highlighter
from search.domain.spaced_out import spaced_out

WORDS = [
    ("부 칙\n이 규정은 공포한 날부터 시행한다.", ["부칙"]),
    ("목     차\n1. 개요 3", ["목차"]),
    ("입 찰 공 고\n다음과 같이 입찰한다.", ["입찰공고"]),
    ("제 1 장 총 칙", ["총칙"]),
    ("제2장  보 칙", ["보칙"]),
    ("청  구 서\n금액: 3,000원", ["청구서"]),
    ("사 업 자 등 록 증\n( 일반과세자 )", ["사업자등록증"]),
    ("대 표 이 사  김 철 수 (인)", ["대표이사", "김철수"]),
    ("대 표 이 사 홍길동", ["대표이사"]),
    ("주 소 : 서울시 중구", ["주소"]),
    ("| 성 명 | 홍길동 |\n| 전 화 | 02-123 |", ["성명", "전화"]),
    ("성 명\t홍길동", ["성명"]),
    ("[별 표 1] 과태료의 부과 기준", ["별표"]),
    ("한·중·일 협력", ["한중일"]),
    ("한-미 FTA와 노/사/정 회의", ["한미", "노사정"]),
    ("I N V O I C E\nNo. 123", ["INVOICE"]),
    ("T A B L E   O F   C O N T E N T S", ["TABLE", "OF", "CONTENTS"]),
]
NONE = [
    "그렇게 할 수 있다.",
    "몇 년 전 그 때 일이다.",
    "한 번 더 해 보자.",
    "제3조 제2항",
    "3 월 2 일",
    "vitamin A B C",
    "a, b, c, d",
    "수입 신고",
    "위·변조와 의약품·의료기기, 가-나다",
    "",
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_letters_that_stand_apart_are_a_word(text: str, words: list[str]) -> None:
    assert [one.word for one in spaced_out(text)] == words


@pytest.mark.parametrize("text", NONE)
def test_words_of_one_letter_are_none(text: str) -> None:
    assert [*spaced_out(text)] == []


@given(st.text(alphabet="가나다 :\n\t1장AB·-", max_size=60))
def test_every_letter_is_where_it_is_said_to_be(text: str) -> None:
    for word, places in spaced_out(text):
        assert len(word) >= 2
        assert "".join(text[place] for place in places) == word
        assert [*places] == sorted(set(places))
        between = text[places[0] : places[-1] + 1]
        assert word in (between.replace(" ", ""), between.replace("·", "").replace("-", ""))


@pytest.mark.parametrize(
    ("text", "words", "morphemes", "marked"),
    [
        ("목     차\n1. 개요", [], ["목차"], ["목     차"]),
        ("사 업 자 등 록 증", [], ["사업자", "등록증"], ["사 업 자", "등 록 증"]),
        ("위 임 장\n그리고", [], ["위임"], ["위 임"]),
        ("I N V O I C E", ["invoice"], [], ["I N V O I C E"]),
    ],
)
def test_they_are_marked_as_they_stand(text: str, words: list[str], morphemes: list[str], marked: list[str]) -> None:
    highlighter = Highlighter(words, morphemes, singular)
    assert [text[one.start : one.end] for one in highlighter.highlights(text)] == marked
    assert highlighter.is_in(text)
