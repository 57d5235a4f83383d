"""How much the vectors count beside the words: the rule, whatever the lists are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.domain.fusion import decidedness, support, weighed

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


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 10))
def test_vectors_count_less_the_more_decided_the_words_are(one: float, other: float, supported: float) -> None:
    less, more = sorted((one, other))
    assert weighed(less, supported).dense >= weighed(more, supported).dense


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 1))
def test_vectors_count_more_the_fewer_of_the_words_are_found(one: float, other: float, decided: float) -> None:
    fewer, more = sorted((one, other))
    assert weighed(decided, fewer).dense >= weighed(decided, more).dense


@given(st.floats(0, 1), st.floats(0, 1e6))
def test_both_lists_always_count(decided: float, supported: float) -> None:
    weights = weighed(decided, supported)
    assert weights.dense + weights.sparse == pytest.approx(1.0)
    assert min(weights.dense, weights.sparse) >= 0.14


def test_words_that_nobody_asked_for_support_nothing() -> None:
    assert support(0.0, 0.0) == support(0.0, 3.0) == 0.0 and support(6.0, 3.0) == 2.0
