"""Words in Hanja are found by how they are read, and by their Hanja where they stand in Hangul."""

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from search_builders import OTHERS, ASearch, found, hits, in_a_collection

from search.domain.hanja import in_hangul

_on_one_loop = pytest.mark.asyncio(loop_scope="module")

READ = [
    ("關稅法 第3條에 따라 「輸入申告」를 한다", ["관세법", "제3조에", "수입신고"]),
    ("大韓民國은 民主共和國이다.", ["대한민국은", "민주공화국이다"]),
    ("女性 勞動 龍山 來日 年度 樓閣", ["여성", "노동", "용산", "내일", "연도", "연탁", "누각"]),
    ("2020年代 20餘年, 2026年 3月 5日", ["2020년대", "20여년"]),
    ("會計年度", ["회계년도", "회계년탁", "회계연도"]),
    ("不動産 不正 不法", ["부동산", "부정", "불법", "부법"]),
    ("比率 失敗率 法律 先烈", ["비율", "비솔", "실패율", "실패솔", "법률", "선열"]),
    ("簡易", ["간역", "간이"]),
    ("金大中·盧武鉉 政府", ["금대중", "김대중", "노무현", "정부"]),
    ("A社와 對美輸出", ["A사와", "대미수출"]),
    ("이사(理事)와 이성계(李成桂, 1335~1408), 김대중(金大中)", []),
    ("東京の大学 한국", []),
    ("我們的海關", []),
    ("中国海关总署", []),
    ("中国海关 한국", []),
    ("國際聯合敎育科學文化機構總會會議錄", []),
    ("Nothing of it. 아무것도 없다.", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "words"), READ)
def test_hanja_are_read(text: str, words: list[str]) -> None:
    assert [one.word for one in in_hangul(text)] == words


@given(st.text(alphabet="關稅不率年金的の가 (3年a·", max_size=40))
def test_each_word_stands_where_it_is_said_to(text: str) -> None:
    for word, places in in_hangul(text):
        written = text[places[0] : places[-1] + 1]
        assert len(word) == len(written) == len(places)
        assert all(
            read == sign or not sign.isalnum() or "가" <= read <= "힣" for read, sign in zip(word, written, strict=True)
        )
        assert word != written


SAME = [
    ("관세법", "關稅法"),
    ("수입신고", "輸入申告"),
    ("제3조", "第3條"),
    ("대한민국", "大韓民國"),
    ("이성계", "李成桂"),
    ("여성", "女性"),
    ("간이과세", "簡易課稅"),
    ("부동산", "不動産"),
    ("회계연도", "會計年度"),
    ("김대중", "金大中"),
    ("법률", "法律"),
]


@_on_one_loop
@pytest.mark.parametrize("writings", SAME, ids=lambda writings: writings[0])
async def test_a_word_is_found_in_either_writing(
    word_search: ASearch, word_client: AsyncClient, writings: tuple[str, str]
) -> None:
    documents = {f"{number}.txt": f"여기에 {one}에 대한 항목이 있다." for number, one in enumerate(writings)}
    collection = await in_a_collection(word_search, {**documents, **OTHERS})
    for query in writings:
        assert set((await found(word_client, collection, query))[:2]) == documents.keys(), query
        asked = {"query": query, "filters": {"collection": collection}, "highlight": True}
        for hit in hits(await word_client.post("/api/v1/search", json=asked))[:2]:
            text = hit["chunk"]["text"]
            marked = "".join(text[one["start"] : one["end"]] for one in hit["highlights"])
            assert any(marked and (marked in one or one in marked) for one in writings), (query, text, marked)
