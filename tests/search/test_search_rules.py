"""The plain rules of Search: fusion, languages, terms, highlights, cursors, filters."""

import itertools
import re
import unicodedata
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.domain.chunk_id import chunk_id
from search.domain.cursor import WINDOW, Cursor
from search.domain.filters import Condition, parse_filters
from search.domain.folding import fold, fold_with_offsets
from search.domain.fusion import RANGE_DEPTH, Fused, ScoreRange, Weights, fuse, weights
from search.domain.hangul import bigrams
from search.domain.highlight import Highlighter
from search.domain.language import language_of, model_reads
from search.domain.tokens import TOKEN, terms_of, tokens
from search.infrastructure.kiwi_analyzer import english_stem
from shared.kernel import InvalidInput

Scores = dict[str, float]
scores = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.floats(-2, 50), max_size=30)
EQUAL = Weights(0.5, 0.5)
_ONE_SIGN = {"’": "'", "‐": "-", "\u200b": "", "½": "1/2"}


def fused(dense: Scores, sparse: Scores, by: Weights = EQUAL) -> list[Fused[str]]:
    return fuse(
        dense,
        sparse,
        weights=by,
        dense_range=ScoreRange.of(list(dense.values())),
        sparse_range=ScoreRange.of(list(sparse.values()), absent=0.0),
    )


@given(scores, scores, st.randoms())
def test_fusion_does_not_depend_on_the_order_of_its_lists(dense: Scores, sparse: Scores, chance) -> None:  # type: ignore[no-untyped-def]  # hypothesis's Random
    def shuffled(given_scores: Scores) -> Scores:
        items = list(given_scores.items())
        chance.shuffle(items)
        return dict(items)

    assert fused(dense, sparse) == fused(shuffled(dense), shuffled(sparse))


@given(scores, scores)
def test_fused_scores_lie_between_zero_and_one_and_fall(dense: Scores, sparse: Scores) -> None:
    found = fused(dense, sparse)
    assert {one.key for one in found} == dense.keys() | sparse.keys()
    assert all(0 <= one.score <= 1 for one in found)
    assert all(first.score >= second.score for first, second in itertools.pairwise(found))


@given(scores, scores)
def test_who_is_at_least_as_good_in_both_lists_never_ranks_below(dense: Scores, sparse: Scores) -> None:
    place = {one.key: number for number, one in enumerate(fused(dense, sparse))}
    for better, worse in itertools.permutations(dense.keys() & sparse.keys(), 2):
        if dense[better] > dense[worse] and sparse[better] > sparse[worse]:
            assert place[better] < place[worse]


@given(scores, scores)
def test_a_list_of_weight_zero_says_nothing(dense: Scores, sparse: Scores) -> None:
    assert {one.key for one in fused(dense, sparse, Weights(0, 1))} == sparse.keys()
    assert fused(dense, sparse, Weights(0, 1)) == fused({}, sparse, Weights(0, 1))


def test_a_deeper_reading_of_the_lists_changes_no_order() -> None:
    dense = {f"d{number}": 1 - number / 1000 for number in range(400)}
    sparse = {f"d{number}": 20 - number / 50 for number in range(399, -1, -1)}
    top = [dict(sorted(one.items(), key=lambda item: -item[1])[:RANGE_DEPTH]) for one in (dense, sparse)]
    ranges = [ScoreRange.of(list(top[0].values())), ScoreRange.of(list(top[1].values()), absent=0.0)]

    def keys(dense: Scores, sparse: Scores) -> list[str]:
        found = fuse(dense, sparse, weights=EQUAL, dense_range=ranges[0], sparse_range=ranges[1])
        return [one.key for one in found]

    shallow, deep = keys(*top), keys(dense, sparse)
    assert deep[: len(shallow) - 2] == shallow[: len(shallow) - 2]


def test_weights_are_shared_among_the_lists_there_are() -> None:
    assert weights(dense=True, sparse=True) == EQUAL
    assert weights(dense=False, sparse=True) == Weights(0, 1)
    assert weights(dense=False, sparse=False) == Weights(0, 0)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("notebook tariff", "en"),
        ("노트북 관세율", "ko"),
        ("HS 8471.30 관세율", "ko"),
        ("sentence-transformers 사용법", "ko"),
        ("What does 관 mean in the customs act of Korea?", "en"),
        ("8471.30-0000", None),
        ("ISO-9001 get_user_by_id", "en"),
        ("???", None),
        ("東京の天気", "ja"),
        ("关税", "zh"),
        ("таможня", "ru"),
        ("naïve café", "en"),
    ],
)
def test_tells_the_language_of_a_query(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_codes_alone_say_nothing_to_a_model() -> None:
    assert not model_reads(None, {"en"}) and not model_reads("ko", {"en"}) and model_reads("en", {"en"})


def terms(text: str) -> list[str]:
    return [term for token in tokens(fold(text), english_stem) for term in token.terms]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running runners", ["run", "runner"]),
        ("8471.30", ["8471.30", "8471", "847130"]),
        ("8471.30-0000", ["8471.30-0000", "8471", "847130", "8471300000"]),
        ("제8471.30-0000호", ["8471.30-0000", "8471", "847130", "8471300000"]),
        ("get_user_by_id()", ["getuserbyid", "get", "user", "by", "id"]),
        ("ISO-9001:2015", ["iso9001", "iso", "9001", "2015"]),
        ("1,000 and 1000", ["1000", "and", "1000"]),
        ("12,345,678.90", ["12345678.90"]),
        ("3.14", ["3.14"]),
        ("2026-01-31", ["2026-01-31", "20260131", "2026", "01", "31"]),
        ("C++ and C#", ["c++", "and", "c#"]),
        ("Ｆｕｌｌ　Ｗｉｄｔｈ", ["full", "width"]),
        ("users' user’s user's", ["user", "user", "user"]),
        ("漢字語 関", ["漢字", "字語", "関"]),
        ("таможня", ["таможня"]),
        ("GPT4 RTX4090", ["gpt4", "rtx4090"]),
        ("4×4 4x4 4 * 4", ["4x4", "4x4", "4x4"]),
        ("1,920 × 1,080 px", ["1920x1080", "px"]),
        ("0x1F 4x4-2", ["0x1f", "4x42", "4x4", "2"]),
        ("10⁶ 10^-3 m² CO₂", ["10^6", "10^-3", "m2", "co2"]),
        ("v2.14.3", ["v2143", "2.14.3", "v2", "14", "3"]),
        ("U.S. us US USA", ["u.s.", "us", "u.s.", "usa"]),
        ("IT it A/S as D/O do", ["i.t.", "it", "a.s.", "as", "d.o.", "do"]),
        ("AS-IS", ["asi", "as", "is"]),
        ("AT & T, C & F", ["att", "at", "t", "cf"]),
    ],
)
def test_words_and_codes_become_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_bigrams_stay_inside_words_and_are_no_words() -> None:
    assert [pair[1:] for pair in bigrams("관세율 표 a가나")] == ["관세", "세율", "가나"]
    assert all(not pair[0].isalpha() for pair in bigrams("관세율"))


@given(st.text(max_size=200) | st.text("ab가①½²³…™ﬁ\u0301\u1100\u1161", max_size=20))
def test_folded_offsets_point_into_the_text(text: str) -> None:
    folded, offsets = fold_with_offsets(text)
    if not unicodedata.is_normalized("NFKC", text):
        # What stands behind a digit may be parted from it (a power, a fraction), and the mark of a note from its word.
        signs = []
        for place, sign in enumerate(text):
            former = text[max(0, place - 4) : place] if sign in "¹²³⁴⁵⁶⁷⁸⁹" else ""
            former = text[place - 1] if place and text[place - 1] in "0123456789₀₁₂₃₄₅₆₇₈₉" else former
            signs.append(fold(former + sign).removeprefix(fold(former)))
        assert folded == "".join(signs)
        assert offsets in (None, [place for place, sign in enumerate(signs) for _ in sign])
    if offsets is None:
        assert folded == text
    else:
        assert len(offsets) == len(folded) and offsets == sorted(offsets)
        assert all(0 <= offset < len(text) for offset in offsets)


@given(
    st.text(max_size=200),
    st.lists(st.sampled_from(["run", "a", "0", "8471"]), max_size=3),
    st.lists(st.text("가나다라", min_size=1, max_size=3), max_size=3),
)
def test_highlights_are_ordered_and_inside_the_text(text: str, words: list[str], morphemes: list[str]) -> None:
    found = Highlighter(words, morphemes, english_stem).highlights(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(first.end < second.start for first, second in itertools.pairwise(found))


PIECES = (
    *("run", "runs", "Running", "dying", "tied", "happy", "happiness", "éclair", "get_user_by_id", "iso-9001", "C++"),
    *("8471", "8471.30-0000", "847130", "1,000", "1000", "漢字語", "관세", ".", ",", "(", ")", "①"),
)


@given(
    st.lists(
        st.sampled_from(PIECES),
        max_size=20,
    ),
    st.sampled_from([" ", "", ".", "-", "관"]),
    st.sets(
        st.sampled_from(
            [
                "run",
                "die",
                "tie",
                "847130",
                "1000",
                "user",
                "iso",
                "漢字",
                "happi",
                "c++",
                "eclair",
                "iso9001",
                "getuserbyid",
            ]
        )
    ),
)
def test_highlights_every_token_that_has_a_term(parts: list[str], between: str, wanted: set[str]) -> None:
    text = fold(between.join(parts))
    expected = [
        text[match.start() : match.end()]
        for match in TOKEN.finditer(text)
        if match.lastgroup != "hangul"
        and wanted & set(sum(terms_of(match.group(), match.lastgroup or "other", english_stem), ()))
    ]
    found = Highlighter(wanted, [], english_stem).highlights(text)
    assert Highlighter(wanted, [], english_stem).is_in(text) == bool(expected)
    # Touching highlights are joined.
    assert "".join(text[one.start : one.end] for one in found) == "".join(expected)


@given(st.text(st.sampled_from("aé e\u0301½’‐\u200b가ㄱ각ﬁ①·")) | st.text("aé e\u0301\u0345½가ㄱ\u1100\u1161ﬁ"))
def test_folding_makes_one_sign_of_those_of_one_meaning(text: str) -> None:
    apart = "".join(_ONE_SIGN.get(sign, sign) for sign in text)
    assert fold(text) == unicodedata.normalize("NFKC", apart)
    # Sign by sign, so that marks that stand alone stay so.
    folded = "".join(unicodedata.normalize("NFKC", _ONE_SIGN.get(sign, sign)) for sign in text)
    assert fold_with_offsets(text)[0] == folded


@given(
    st.lists(st.sampled_from(["e", "mail", "E-mails", "email", "Emailing", "mice", "mouse", "x", "é", "ß", "관", "2"])),
    st.sampled_from(["", " ", "-", ".", "'", "_", "e\u0301"]),
    st.sampled_from(["email", "mous", "mail", "ss"]),
)
def test_a_word_is_in_a_text_where_there_is_anything_to_mark(parts: list[str], between: str, word: str) -> None:
    text = between.join(parts)
    highlighter = Highlighter([word], ["관"], english_stem)
    assert highlighter.is_in(text) == bool(highlighter.highlights(text))


def test_a_word_begins_behind_a_number_with_commas() -> None:
    assert highlighted("fined 1,000won in all", ["won"], []) == ["won"]


def test_a_word_with_an_accent_is_a_part_of_a_code() -> None:
    assert highlighted("see get_user_by_éclair", ["eclair"], []) == ["get_user_by_éclair"]


def highlighted(text: str, words: list[str], morphemes: list[str]) -> list[str]:
    found = Highlighter(words, morphemes, english_stem).highlights(text)
    return [text[one.start : one.end] for one in found]


def test_highlights_stems_codes_and_morphemes() -> None:
    assert highlighted("He runs, RUNNING 🏃 run", ["run"], []) == ["runs", "RUNNING", "run"]
    assert highlighted("code 8471.30-0000 here", ["847130"], []) == ["8471.30-0000"]
    assert highlighted("😀 수입품의 관세율표", [], ["수입", "관세율"]) == ["수입", "관세율"]
    assert highlighted("Ｔａｒｉｆｆ ①", ["tariff", "1"], []) == ["Ｔａｒｉｆｆ", "①"]


def test_highlights_other_writings() -> None:
    assert highlighted("a 4×4 and 4 x 4", ["4x4"], []) == ["4×4", "4 x 4"]
    assert highlighted("the U.S. and US, not us", ["u.s."], []) == ["U.S", "US"]
    assert highlighted("10⁶ of 106", ["10^6"], []) == ["10⁶"]
    assert highlighted("per m² or m^2", ["m2"], []) == ["m²", "m^2"]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("10⁶ 10⁻³ 2¹⁰", "10^6 10^-3 2^10"),
        ("m² CO₂ SO₄²⁻ Fe³⁺", "m2 CO2 SO4^2- Fe3+"),
        ("각주¹ tariffs¹² Café³ kWh² mol⁻¹", "각주 1 tariffs 12 Café 3 kWh2 mol-1"),
        ("½ 1½ 2⅛", "1/2 1 1/2 2 1/8"),
    ],
)
def test_powers_and_fractions_stay_apart_from_their_number(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold_with_offsets(text)[0] == folded


def test_a_single_syllable_is_highlighted_only_as_a_word() -> None:
    assert highlighted("차를 마시는 자동차 차량 차", [], ["차"]) == ["차", "차"]


@given(st.text("가나 a", max_size=30), st.lists(st.text("가나", min_size=2, max_size=3), min_size=1, max_size=4))
def test_of_morphemes_that_overlap_the_first_and_longest_is_highlighted(text: str, morphemes: list[str]) -> None:
    longest_first = re.compile("|".join(sorted(morphemes, key=len, reverse=True)))
    found = longest_first.findall(text)
    if found or " " not in text:  # else words may be marked that have spaces between their letters
        assert "".join(highlighted(text, [], morphemes)) == "".join(found)


@given(st.text(), st.text(), st.integers(0, 1 << 40), st.integers())
def test_a_cursor_fits_its_own_query_within_the_window(name: str, other: str, version: int, offset: int) -> None:
    cursor = Cursor(name, version, offset)
    assert cursor.fits(name) == (1 <= offset <= WINDOW)
    assert not Cursor(name, version, 1).fits(other) or name == other
    assert not Cursor(name, -1, 1).fits(name)


def test_reads_filters() -> None:
    assert parse_filters({"page": 3, "collection": ["a", "b", "a"]}) == (
        Condition("collection", any_of=("a", "b")),
        Condition("page", any_of=(3,)),
    )
    (date,) = parse_filters({"received_at": {"gte": "2026-01-01", "lt": "2026-02-01T09:00:00+09:00"}})
    assert isinstance(date, Condition)
    assert (date.gte, date.lt) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    with pytest.raises(InvalidInput) as wrong:
        parse_filters({"page": True, "nothing": 1, "metadata.": 1, "metadata.x": {"a": 1}})
    assert len(wrong.value.errors) == 4


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"or": []}, "filters.or"),
        ({"or": {"page": 1}}, "filters.or"),
        ({"not": 1}, "filters.not"),
        ({"and": [{}]}, "filters.and"),
        ({"or": [{"page": 1}, {"nothing": 1}]}, "filters.or.1.nothing"),
        ({"not": {"or": [{"page": "one"}]}}, "filters.not.0.or.0.page"),
        ({"or": [{"page": number} for number in range(40)]}, "filters"),
        ({"not": {"not": {"not": {"not": {"not": {"not": {"page": 1}}}}}}}, "filters.not.0.not"),
        ({'metadata."': 1}, "filters.metadata"),
    ],
)
def test_filters_that_mean_nothing_are_refused_where_they_do(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_filters(wrong)
    assert any(error.field.startswith(field) for error in refused.value.errors)


@given(st.uuids(), st.integers(1, 1 << 40), st.integers(0, 1 << 20))
def test_a_chunk_s_id_is_the_uuid_of_its_place(document: UUID, version: int, ordinal: int) -> None:
    assert chunk_id(str(document), version, ordinal) == str(uuid5(NAMESPACE_OID, f"{document}:{version}:{ordinal}"))
