"""How much the vectors count beside the words: the rule, whatever the lists are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.domain.feedback import strength
from search.domain.fusion import RANGE_DEPTH, decidedness, support, weighed

best_scores = st.lists(st.floats(0, 100), max_size=15)


@given(best_scores, st.floats(0.01, 100))
def test_how_decided_a_list_is_hangs_on_no_unit(listed: list[float], factor: float) -> None:
    decided = decidedness(listed)
    assert 0 <= decided <= 1
    if max(listed, default=0.0) > 1e-3:
        assert decidedness([one * factor for one in reversed(listed)]) == pytest.approx(decided, abs=1e-9)


@given(best_scores, st.floats(0.1, 50))
def test_a_list_is_more_decided_the_further_its_best_stands_above(others: list[float], more: float) -> None:
    best = max([*others, 1.0])
    assert decidedness([*others, best + more]) >= decidedness([*others, best]) - 1e-9


shares = st.floats(0, 1)
weights_asked = st.floats(0, 50)


@given(shares, shares, st.floats(0, 10), weights_asked)
def test_vectors_count_less_the_more_decided_the_words_are(
    one: float, other: float, supported: float, asked: float
) -> None:
    less, more = sorted((one, other))
    assert weighed(less, supported, asked).dense >= weighed(more, supported, asked).dense


@given(st.floats(0, 10), st.floats(0, 10), shares, weights_asked)
def test_vectors_count_more_the_fewer_of_the_words_are_found(
    one: float, other: float, decided: float, asked: float
) -> None:
    fewer, more = sorted((one, other))
    assert weighed(decided, fewer, asked).dense >= weighed(decided, more, asked).dense


@given(weights_asked, weights_asked, shares, st.floats(0, 10))
def test_vectors_count_more_the_shorter_the_query_is(
    one: float, other: float, decided: float, supported: float
) -> None:
    shorter, longer = sorted((one, other))
    assert weighed(decided, supported, shorter).dense >= weighed(decided, supported, longer).dense


@given(shares, st.floats(0, 1e6), st.floats(0, 1e6))
def test_both_lists_always_count(decided: float, supported: float, asked: float) -> None:
    weights = weighed(decided, supported, asked)
    assert weights.dense + weights.sparse == pytest.approx(1.0)
    assert min(weights.dense, weights.sparse) >= 0.049


def a_dense_list(best: float, others: float) -> list[float]:
    """Of 150 documents: the best, nine that follow, and the long rest."""
    return [best, *[others] * 9, *[0.2 - number / 1000 for number in range(140)]]


@given(st.floats(0.3, 1), st.floats(0.2, 0.3), st.floats(0, 10), st.floats(0.5, 3), st.floats(-2, 2))
def test_how_far_a_query_moves_hangs_on_no_unit(
    best: float, others: float, supported: float, factor: float, more: float
) -> None:
    listed = a_dense_list(best, others)
    far = strength(listed, listed, supported)
    assert 0 <= far <= 0.5
    scaled = [factor * score + more for score in listed]
    assert strength(scaled, scaled, supported) == pytest.approx(far, abs=1e-6)


def test_a_query_moves_where_many_passages_are_about_it_and_its_words_are_found() -> None:
    crowded, decided = a_dense_list(0.40, 0.35), a_dense_list(0.9, 0.3)
    assert strength(crowded, crowded, 3.0) == 0.5
    assert strength(decided, decided, 3.0) == 0.0
    assert strength(crowded, crowded, 0.1) == 0.0
    short = crowded[: RANGE_DEPTH - 1]
    assert strength(short, short, 3.0) == 0.0


def test_words_that_nobody_asked_for_support_nothing() -> None:
    assert support(0.0, 0.0) == support(0.0, 3.0) == 0.0 and support(6.0, 3.0) == 2.0
