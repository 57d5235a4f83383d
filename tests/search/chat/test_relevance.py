"""When nothing relevant was found: signs that mean the same on any shelf, of which more never means less."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from hypothesis import assume, given
from hypothesis import strategies as st
from search_builders import a_search

from builders import labels
from search.chat.application.answering import Answering
from search.chat.domain.asking import AnswerEnded, AnswerText, Asking
from search.chat.domain.closeness import Scale
from search.chat.domain.relevance import Scores, answers
from search.chat.infrastructure.extractive import ExtractiveGenerator
from search.chat.infrastructure.shelf_passages import ShelfPassages

ENOUGH = 0.28
SHARES = st.floats(0, 1)
# A score that is not zero is no smaller than any that a search gives: half of the smallest number is zero.
LISTS = st.lists(st.just(0.0) | st.floats(1e-6, 60), max_size=16)
COSINES = st.lists(st.floats(-1, 1), max_size=16)
SCORES = st.builds(Scores, LISTS, COSINES, st.floats(0.5, 40), st.integers(0, 10**7))


SCALES = st.none() | st.builds(
    lambda apart, wide: Scale(apart, apart + wide), st.floats(-0.2, 0.8), st.floats(0.02, 0.6)
)


def signs(scores: Scores) -> tuple[float, float, float, float]:
    return scores.support, scores.decidedness, scores.decided, scores.nearness or 0.0


@given(SCORES)
def test_signs_are_shares(scores: Scores) -> None:
    assert scores.support >= 0 and 0 <= scores.decided <= scores.decidedness <= 1
    assert scores.nearness is None or 0 <= scores.nearness <= 1
    assert (scores.nearness is None) == (scores.nearest is None) == (not scores.dense)


@given(SCORES)
def test_the_order_of_hits_does_not_matter(scores: Scores) -> None:
    turned = replace(scores, sparse=list(reversed(scores.sparse)), dense=sorted(scores.dense))
    assert signs(turned) == pytest.approx(signs(scores))


@given(SCORES, st.floats(0.1, 10))
def test_weights_that_are_all_multiplied_change_nothing(scores: Scores, by: float) -> None:
    turned = replace(scores, sparse=[by * one for one in scores.sparse], asked=by * scores.asked)
    assert signs(turned) == pytest.approx(signs(scores), abs=1e-9)


@given(SCORES, SCALES, SHARES, SHARES)
def test_more_words_never_answer_less(scores: Scores, scale: Scale | None, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert answers(more, scores, scale, enough=ENOUGH) >= answers(less, scores, scale, enough=ENOUGH)
    assert answers(more, None, enough=ENOUGH) >= answers(less, None, enough=ENOUGH)


@pytest.mark.parametrize("name", ["sparse", "dense"])
@given(scores=SCORES, scale=SCALES, covered=SHARES, more=st.floats(0, 1))
def test_a_better_best_hit_never_answers_less(
    name: str, scores: Scores, scale: Scale | None, covered: float, more: float
) -> None:
    given_ = sorted(getattr(scores, name), reverse=True)
    assume(given_)
    best = given_[0] + more * (20 if name == "sparse" else 1 - given_[0])
    changed = [best, *given_[1:]]
    better = replace(scores, sparse=changed) if name == "sparse" else replace(scores, dense=changed)
    assert all(after >= before - 1e-9 for before, after in zip(signs(scores), signs(better), strict=True))
    assert answers(covered, better, scale, enough=ENOUGH) >= answers(covered, scores, scale, enough=ENOUGH)


@given(SCORES, SCALES)
def test_a_sentence_with_all_the_words_answers_whatever_scores_say(scores: Scores, scale: Scale | None) -> None:
    assert answers(1.0, scores, scale, enough=ENOUGH)


@given(SCORES, SCALES, SHARES)
def test_what_a_cosine_is_counted_from_does_not_matter(scores: Scores, scale: Scale | None, covered: float) -> None:
    """A model whose cosines all lie between 0.7 and 1 is told from one whose lie between 0 and 1 by its scale alone."""
    assume(scale is not None and scores.dense)
    assert scale is not None and scores.nearest is not None
    narrow = replace(scores, dense=[0.7 + 0.3 * one for one in scores.dense])
    moved = Scale(0.7 + 0.3 * scale.apart, 0.7 + 0.3 * scale.answering)
    assert moved.share(narrow.nearest or 0.0) == pytest.approx(scale.share(scores.nearest), abs=1e-6)


@given(st.floats(0, 0.4), st.floats(0.02, 0.5), st.floats(-0.1, 0.8))
def test_words_that_are_there_do_not_answer_where_all_is_as_far_as_what_has_nothing_to_do_with_it(
    covered: float, wide: float, apart: float
) -> None:
    scores = Scores([150.0, *[30.0] * 7], [apart] * 8, 25.0, 10_000)
    assert not answers(covered, scores, Scale(apart, apart + wide), enough=ENOUGH)
    near = replace(scores, dense=[apart + 1.2 * wide, *[apart] * 7])
    assert answers(0.4, near, Scale(apart, apart + wide), enough=ENOUGH)


@given(st.floats(0, 0.4), st.integers(100, 10**6), st.booleans())
def test_hits_of_which_none_stands_out_and_that_have_few_of_the_words_do_not_answer(
    covered: float, units: int, is_read: bool
) -> None:
    alike = Scores([20.0] * 8, [0.3] * 8 if is_read else (), 25.0, units)
    assert not answers(covered, alike, Scale(0.05, 0.55), enough=ENOUGH)


def test_a_shelf_with_one_document_is_neither_decided_nor_near_by_itself() -> None:
    alone = Scores([5.0], [0.5], 10.0, 1)
    assert alone.decidedness == alone.nearness == pytest.approx(0.35)
    assert Scores((), (), 10.0, 0).decidedness == 0


SHELF = {
    "guide.txt": "The warranty of the pump lasts 24 months. It covers the motor and the seals.",
    "lease.txt": "The lease of the warehouse ends in March. Either side gives 30 days of notice.",
    "tea.txt": "Green tea is steamed and dried. It is kept in a cool and dark room.",
    "세율.txt": "노트북 컴퓨터의 기본 세율은 8%이다. 수입 신고는 입항 전에 할 수 있다.",
    "보세.txt": "보세 창고에 물품을 둘 수 있는 기간은 1년이다. 기간은 한 번 늘릴 수 있다.",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def answering(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Answering]:
    """Over a shelf of five documents."""
    async with a_search(tmp_path_factory.mktemp("search")) as search:
        for name, text in SHELF.items():
            await search.add(text, given=labels(document_name=name))
        analyzer = search.container.analyzer()
        passages = ShelfPassages(search.retrieval, search.index)
        yield Answering(passages, analyzer, ExtractiveGenerator(analyzer))


async def told_by(answering: Answering, question: str) -> tuple[str, str]:
    """Why it ended, and what it says."""
    parts = [part async for part in answering.answer(Asking(question))]
    end = parts[-1]
    assert isinstance(end, AnswerEnded)
    return end.finish_reason, "".join(part.text for part in parts if isinstance(part, AnswerText))


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("How long does the warranty of the pump last?", "24 months"),
        ("When does the lease of the warehouse end?", "March"),
        ("노트북의 기본 세율은 얼마인가요?", "8%"),
        ("보세 창고에 물품을 얼마나 둘 수 있나요?", "1년"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_stands_on_a_small_shelf_is_told(answering: Answering, question: str, told: str) -> None:
    reason, text = await told_by(answering, question)
    assert reason == "stop" and told in text


@pytest.mark.parametrize(
    "question",
    [
        "How many months does it take to learn the violin?",
        "Who won the chess championship in Reykjavik in 1972?",
        "Which notice do astronauts read before a launch?",
        "조선 시대에 한양의 인구는 몇 명이었나요?",
        "기간 안에 도서관 책을 돌려주지 않으면 어떻게 되나요?",
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_stands_nowhere_is_said_not_to_be_found(answering: Answering, question: str) -> None:
    reason, _ = await told_by(answering, question)
    assert reason == "nothing_found"
