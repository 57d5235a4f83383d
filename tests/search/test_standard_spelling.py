"""Korean words that many write otherwise than the rules say."""

import pytest

from search.domain.standard_spelling import in_standard_spelling, other_spellings, spelled_otherwise


@pytest.mark.parametrize(
    ("text", "standard"),
    [
        ("컨텐츠 제작", "콘텐츠 제작"),
        ("디지탈컨텐츠의 라이센스", "디지털콘텐츠의 라이선스"),
        ("악세사리와 밧데리", "액세서리와 배터리"),
        ("텔레비젼과 비젼", "텔레비전과 비전"),
        ("로얄티, 로얄", "로열티, 로열"),
        ("컨셉트와 컨셉", "콘셉트와 콘셉트"),
        ("합격자 갯수의 최대값", "합격자 개수의 최댓값"),
        ("콘텐츠", "콘텐츠"),
        ("조세포탈과 심장마비, 히타이트", "조세포탈과 심장마비, 히타이트"),
        ("plain text", "plain text"),
        ("", ""),
    ],
)
def test_words_become_what_the_rules_have(text: str, standard: str) -> None:
    assert in_standard_spelling(text) == standard
    assert in_standard_spelling(standard) == standard


def test_each_is_told_as_often_as_it_stands_there() -> None:
    assert sorted(spelled_otherwise("컨텐츠, 컨텐츠와 텔레비젼")) == ["콘텐츠", "콘텐츠", "텔레비전"]
    assert [*spelled_otherwise("콘텐츠와 텔레비전")] == []


def test_all_other_spellings_of_a_word_are_known() -> None:
    assert {"컨텐츠", "컨텐트"} <= set(other_spellings("콘텐츠 제작"))
    assert [*other_spellings("수입 신고")] == []
