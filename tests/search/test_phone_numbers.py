"""Phone numbers find one another, however they are written."""

import pytest
from httpx import AsyncClient
from search_builders import OTHERS, ASearch, found, hits, in_a_collection

from search.domain.phone_numbers import phone_numbers

SEOUL = (
    "02-123-4567", "02)123-4567", "(02) 123-4567", "+82-2-123-4567", "021234567", "02.123.4567", "+82 2 123 4567",
    "+82(0)2-123-4567", "02 123 4567", "T.02-123-4567", "tel:+82-2-123-4567",
)  # fmt: skip
MOBILE = ("010-1234-5678", "01012345678", "+82-10-1234-5678", "010.1234.5678", "010 1234 5678", "+821012345678")
AMERICAN = ("(212) 555-0123", "212-555-0123", "+1 212 555 0123", "1-212-555-0123", "212.555.0123")
NONE = (
    "2026-03-05", "123-45-67890", "8471.30.1000", "02-12-3456", "2024-123-4567", "850101-1234567", "1.02-123-4567",
    "PO02-123-4567", "",
)  # fmt: skip


@pytest.mark.parametrize(
    ("writings", "digits"), [(SEOUL, "021234567"), (MOBILE, "01012345678"), (AMERICAN, "2125550123")]
)
def test_a_number(writings: tuple[str, ...], digits: str) -> None:
    for one in (*writings, *(f"전화 {one}, 팩스" for one in writings), *(f"({one})" for one in writings)):
        assert [number.digits for number in phone_numbers(one)] == [digits], one


@pytest.mark.parametrize("text", NONE)
def test_what_only_looks_alike(text: str) -> None:
    assert list(phone_numbers(text)) == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("writings", [SEOUL, MOBILE, AMERICAN, ("제Ⅱ장", "제2장", "제II장", "第二章")])
async def test_writings_of_one_find_one_another(
    word_search: ASearch, word_client: AsyncClient, writings: tuple[str, ...]
) -> None:
    documents = {f"{number}.txt": f"연락처는 {one} 이다." for number, one in enumerate(writings)}
    others = {"other.txt": "연락처는 02-4567-1230 이다.", "code.txt": "품번 123-4567 이다.", **OTHERS}
    collection = await in_a_collection(word_search, {**documents, **others})
    for query in writings:
        names = await found(word_client, collection, query, limit=50)
        assert documents.keys() <= set(names), query
        assert names[0] in documents, query


@pytest.mark.asyncio(loop_scope="module")
async def test_a_number_is_marked_as_it_stands(word_search: ASearch, word_client: AsyncClient) -> None:
    text = "문의 (02) 123-4567, 팩스 02-123-4568"
    collection = await in_a_collection(word_search, {"a.txt": text})
    asked = {"query": "+82-2-123-4567", "filters": {"collection": collection}}
    (hit,) = hits(await word_client.post("/api/v1/search", json=asked))
    assert "(02) 123-4567" in [text[one["start"] : one["end"]] for one in hit["highlights"]]
