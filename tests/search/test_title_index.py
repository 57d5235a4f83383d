"""The packaged index of titles: of this analysis, and looked up as its rules say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.application.title_analysis import glossary
from search.application.title_index import TitleIndex, Tree, ranked
from search.domain.tariff.confidence import lookup_confidence
from search.domain.tariff.nomenclature import Nomenclature
from search.domain.tariff.wording import goods_of
from search.domain.terms import SparseVector
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer
from search.infrastructure.nomenclature import PackagedNomenclature

_SMALL = Nomenclature(
    {
        code: f"{code}\t{title}"
        for code, title in {
            "09": "Coffee", "0901": "Coffee", "090111": "Raw", "0901110000": "Green", "090190": "Other",
            "10": "Cereals", "1006": "Rice", "100610": "Husked",
        }.items()
    },
    {},
)  # fmt: skip
_COFFEE, _RAW, _GREEN, _RICE, _KOPI = 1, 2, 3, 4, 5
_WORDS = {"09": (_COFFEE,), "0901": (_COFFEE,), "090111": (_RAW,), "0901110000": (_GREEN,), "1006": (_RICE,)}


def _index() -> TitleIndex:
    vectors = [SparseVector(_WORDS.get(code, ()), (1.0,) * len(_WORDS.get(code, ()))) for code in _SMALL]
    return TitleIndex.build(vectors, {(_KOPI, _COFFEE): 0.9}, "1")


def _found(*words: int, level: int = 6) -> list[str]:
    return [one.code for one in ranked(_index(), Tree(_SMALL), dict.fromkeys(words, 1.0), level=level, limit=9)]


def test_it_is_of_the_analysis_that_asks() -> None:
    """Else lookups analyse all titles first: run `python -m benchmarks.make_nomenclature` after a change of it."""
    packaged = PackagedNomenclature()
    assert packaged.titles().analysis == KiwiAnalyzer.version
    assert packaged.titles().codes == len(packaged.nomenclature())


def test_other_takes_the_words_of_its_parent() -> None:
    assert _found(_COFFEE) == ["090111", "090190"]
    assert _found(_COFFEE, _RAW)[0] == "090111"


def test_words_of_national_lines_count_for_their_subheading_and_heading() -> None:
    assert _found(_GREEN) == ["090111"]
    assert _found(_GREEN, level=4) == ["0901"]
    assert _found(_COFFEE, _GREEN, level=10) == ["0901110000"]


def test_a_word_is_found_by_its_translation() -> None:
    assert _found(_KOPI) == ["090111", "090190"]
    assert _found(99) == _found() == []


@given(st.lists(st.sampled_from([_COFFEE, _RAW, _GREEN, _RICE, _KOPI, 77]), unique=True))
def test_scores_fall_and_shares_are_shares(words: list[int]) -> None:
    found = ranked(_index(), Tree(_SMALL), dict.fromkeys(words, 1.0), level=6, limit=9)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(0 <= one.share <= 1 + 1e-6 for one in found)


def test_it_is_the_same_after_it_was_kept() -> None:
    again = TitleIndex.from_bytes(_index().to_bytes())
    assert again.to_bytes() == _index().to_bytes()
    with pytest.raises(ValueError):
        TitleIndex.from_bytes(b"not an index")


def test_a_glossary_is_learnt_from_titles_in_two_languages() -> None:
    # 1 means 10 and 2 means 20; 3 is said with both, of anything.
    pairs = [((1, 3), (10,)), ((2, 3), (20,)), ((1,), (10,)), ((2,), (20,)), ((1, 2), (10, 20)), ((), (30,))]
    learnt = glossary(pairs)
    assert learnt[1, 10] > 0.8 and learnt[2, 20] > 0.8
    assert (1, 20) not in learnt and (2, 10) not in learnt


@given(st.floats(0, 1), st.integers(1, 20), st.floats(0, 1), st.integers(0, 400))
def test_confidence_is_a_probability_that_falls_with_rivals(
    share: float, peers: int, relative: float, words: int
) -> None:
    one = lookup_confidence(share=share, peers=peers, relative=relative, words=words)
    assert 0 < one < 1
    assert lookup_confidence(share=share, peers=peers + 1, relative=relative, words=words) < one


@pytest.mark.parametrize(
    ("question", "goods"),
    [
        ("노트북을 수입하면 관세율이 얼마인가요?", "자동자료처리기계"),
        ("What is the import duty on green tea?", "green tea"),
        ("lithium battery 48V", "accumulators"),
        ("관세율", "관세율"),
    ],
)
def test_a_question_is_about_its_goods(question: str, goods: str) -> None:
    meant = goods_of(question)
    assert goods in meant
    assert question == "관세율" or not any(word in meant for word in ("관세율", "얼마", "import", "duty", "48V"))
