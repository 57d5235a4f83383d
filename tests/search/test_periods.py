"""Quarters, halves and spans of months find one another, however they are written."""

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from search_builders import OTHERS, ASearch, found, in_a_collection

from search.domain.folding import fold
from search.domain.periods import periods

QUARTER = (
    "2026년 1분기", "2026년 1/4분기", "2026년 ¼분기", "'26년 1분기", "26년 1분기", "2026 1분기", "2026년도 제1분기",
    "Q1 2026", "Q1'26", "1Q26", "1Q 2026", "2026Q1", "2026-Q1", "2026.1Q", "26.1Q", "'26.1Q", "FY2026 Q1", "Q1 FY2026",
    "first quarter of 2026", "1st quarter 2026", "2026년 1분기말",
)  # fmt: skip
HALF = ("2026년 상반기", "2026 상반기", "'26년 상반기", "1H26", "H1 2026", "2026 1H", "first half of 2026")
MONTHS = [
    ("2026년 3~5월", ["2026-03", "2026-04", "2026-05"]),
    ("2026년 3월 ~ 5월", ["2026-04", "2026-05"]),
    ("2026. 3월부터 5월까지", ["2026-04", "2026-05"]),
    ("March to May 2026", ["2026-03", "2026-04"]),
    ("Nov-Dec 2025", ["2025-11"]),
]
NONE = (
    "3H26",
    "Q1 25",
    "Q5 2026",
    "품번 1Q26A",
    "AQ1 2026",
    "수의 1/4분기",
    "2026년 3월~5월 10일",
    "the first half",
    "",
)


def written(text: str) -> list[str]:
    return [one.written for one in periods(fold(text))]


@pytest.mark.parametrize("text", QUARTER)
def test_a_quarter(text: str) -> None:
    assert written(f"({text} 매출)") == ["2026-Q1"]


@pytest.mark.parametrize("text", HALF)
def test_a_half(text: str) -> None:
    assert set(written(f"매출은 {text}에")) == {"2026-H1"}


@pytest.mark.parametrize(("text", "months"), MONTHS)
def test_the_months_of_a_span(text: str, months: list[str]) -> None:
    assert written(text) == months


@pytest.mark.parametrize("text", NONE)
def test_what_only_looks_alike(text: str) -> None:
    assert written(text) == []


@given(st.text(alphabet="2026'년 1분기상반QH34/.-~월 first quarter of", max_size=40))
def test_each_stands_where_it_is_said_to(text: str) -> None:
    folded = fold(text)
    for one in periods(folded):
        assert 0 <= one.start < one.end <= len(folded)
        assert len(one.written) == len("2026-Q1")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("writings", [QUARTER, HALF, ("2026년 4월", "April 2026", "2026-04")])
async def test_writings_of_one_thing_find_one_another(
    word_search: ASearch, word_client: AsyncClient, writings: tuple[str, ...]
) -> None:
    documents = {f"{number}.txt": f"여기에 {one} 항목이 있다." for number, one in enumerate(writings)}
    others = {"other.txt": "2025년 1분기 26 항목", "half.txt": "2025년 상반기 항목", "month.txt": "2025-04-06 항목"}
    collection = await in_a_collection(word_search, {**documents, **others, **OTHERS})
    for query in writings:
        names = await found(word_client, collection, query, limit=50)
        missing = [text for name, text in documents.items() if name not in names]
        assert missing == [], query


@pytest.mark.asyncio(loop_scope="module")
async def test_a_month_finds_the_span_that_it_is_in(word_search: ASearch, word_client: AsyncClient) -> None:
    documents = {"ko.txt": "전시 기간: 2026년 3~5월", "en.txt": "on show March to May 2026", **OTHERS}
    collection = await in_a_collection(word_search, documents)
    for query in ("2026년 4월", "2026-04", "2026. 3.", "May 2026"):
        assert {"ko.txt", "en.txt"} <= set(await found(word_client, collection, query)), query
