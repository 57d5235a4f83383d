"""Phrases and exclusions: what a query says beside its words."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from search_builders import ASearch, a_search

from builders import labels
from search.domain.hangul import has_hangul
from search.domain.query_syntax import MOST_PARTS, Phrase, QuerySyntax, read_query, squeezed


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("세율", QuerySyntax("세율")),
        ('"net weight" limit', QuerySyntax("net weight limit", ("net weight",))),
        ("“net weight”", QuerySyntax("net weight", ("net weight",))),
        ("„Zoll und Steuer“", QuerySyntax("Zoll und Steuer", ("Zoll und Steuer",))),
        ('"세율" -과일', QuerySyntax("세율", ("세율",), ("과일",))),
        ('tea -"green tea"', QuerySyntax("tea", (), ("green tea",))),
        ("tea −milk", QuerySyntax("tea", (), ("milk",))),
        ('an unclosed "quote', QuerySyntax('an unclosed "quote')),
        ("-", QuerySyntax("-")),
        ("tea - milk", QuerySyntax("tea - milk")),
        ("-milk", QuerySyntax("-milk")),
        ("below -20 degrees", QuerySyntax("below -20 degrees")),
        ("re-export KR-2026", QuerySyntax("re-export KR-2026")),
        ("ls -l", QuerySyntax("ls -l")),
        ("차 -배", QuerySyntax("차", (), ("배",))),
        ('""', QuerySyntax('""')),
        ('"" tea', QuerySyntax("tea")),
        ('"...', QuerySyntax('"...')),
    ],
)
def test_reads_phrases_and_exclusions(query: str, expected: QuerySyntax) -> None:
    assert read_query(query) == expected


@given(st.text(st.sampled_from('ab 가-"“”0.'), max_size=40) | st.text(max_size=60))
def test_no_query_is_too_odd(query: str) -> None:
    read = read_query(query)
    assert len(read.phrases) + len(read.excluded) <= MOST_PARTS
    assert read.text.strip() or not query.strip()
    for phrase in read.phrases:
        assert Phrase(phrase).is_in(f"before {phrase} behind")


@pytest.mark.parametrize(
    ("phrase", "inside", "outside"),
    [
        ("net weight", ["The NET-WEIGHT.", "net  weight"], ["net weights", "a net of weight", "bonnet weight"]),
        ("수입 신고", ["수입신고서", "수입 신고를 한다"], ["수입과 신고"]),
        ("3조 정의", ["제3조(정의)"], ["제13조(정의)"]),
        ("café", ["at the CAFE."], ["cafeteria"]),
    ],
)
def test_a_phrase_is_words_one_behind_the_other(phrase: str, inside: list[str], outside: list[str]) -> None:
    assert all(Phrase(phrase).is_in(text) for text in inside)
    assert not any(Phrase(phrase).is_in(text) for text in outside)


@given(
    st.lists(
        st.sampled_from(["net", "Weight", "wei", "ght", "é", "e\u0301", "수입", "신고", "3", "13", "조"]), min_size=1
    ),
    st.sampled_from([" ", "", "-", "_", ", "]),
    st.sampled_from(["net weight", "weight", "E", "수입 신고", "3조", "수입3", "net 신고"]),
)
def test_a_phrase_is_where_the_text_without_its_signs_has_it(parts: list[str], between: str, phrase: str) -> None:
    text = between.join(parts)
    if has_hangul(phrase):
        words, within = squeezed(phrase, spaces=False), squeezed(text, spaces=False)
        places = [place for place in range(len(within)) if within.startswith(words, place)]
        is_in = any(not (words[0].isdigit() and within[place - 1 : place].isdigit()) for place in places)
    else:
        is_in = f" {squeezed(phrase)} " in f" {squeezed(text)} "
    assert Phrase(phrase).is_in(text) == is_in


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def search(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ASearch]:
    async with a_search(tmp_path_factory.mktemp("syntax")) as one:
        await one.add(*(f"Tariff of fruit {number}: apples." for number in range(120)))
        await one.add("The tariff of tea. Net weight counts.", "The weight of the net.", given=labels(name="tea.txt"))
        await one.add(
            "과일의 세율은 8%이다.", "쌀의 세율은 5%이다.", "수입신고와 과일가게", given=labels(name="ko.txt")
        )
        yield one


@pytest.mark.asyncio(loop_scope="module")
async def test_hits_with_the_phrase_come_first_and_others_after_them(search: ASearch) -> None:
    result = await search.find('"net weight"', mode="keyword")
    texts = [hit.record.chunk.text for hit in result.hits]
    assert texts == ["The tariff of tea. Net weight counts.", "The weight of the net."]
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
    assert await search.texts("net weight", mode="keyword") != []


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_excluded_does_not_come_on_any_page(search: ASearch) -> None:
    assert await search.texts("tariff -fruit", mode="keyword") == ["The tariff of tea. Net weight counts."]
    result = await search.find("tariff -fruits", mode="keyword", limit=100)
    assert (len(result.hits), result.total, result.next_cursor) == (1, 1, None)
    assert await search.texts("세율 -과일") == ["쌀의 세율은 5%이다."]
    assert await search.texts("과일 -수입신고") == ["과일의 세율은 8%이다."]
    assert len(await search.texts("tariff -tea", mode="keyword", limit=100)) == 100


@pytest.mark.asyncio(loop_scope="module")
async def test_pages_of_a_query_with_exclusions_go_on(search: ASearch) -> None:
    seen = []
    result = await search.find("tariff -tea", mode="keyword", limit=50)
    while True:
        seen += [hit.record.chunk.text for hit in result.hits]
        if result.next_cursor is None:
            break
        result = await search.find("tariff -tea", mode="keyword", limit=50, cursor=result.next_cursor)
    assert len(seen) == len(set(seen)) == 120


@pytest.mark.asyncio(loop_scope="module")
async def test_a_document_is_found_by_the_chunk_that_has_the_phrase(search: ASearch) -> None:
    result = await search.find('net "the weight"', mode="keyword", by_document=True)
    assert result.hits[0].record.chunk.text == "The weight of the net."
