"""Days, months and sums in millions find one another, however they are written."""

import pytest
from httpx import AsyncClient
from hypothesis import example, given
from hypothesis import strategies as st
from search_builders import OTHERS, ASearch, found, hits, in_a_collection

from search.domain.dates import dates, maybe_months
from search.domain.folding import fold
from search.domain.quantities import with_magnitude
from search.domain.references import asked_references, references
from search.domain.yearless_days import yearless_days

_on_one_loop = pytest.mark.asyncio(loop_scope="module")


DAY = (
    "2026년 3월 5일", "2026-03-05", "2026.03.05", "2026. 3. 5.", "2026/3/5", "2026년 3월5일", "20260305",
    "March 5, 2026", "5 March 2026", "Mar 5, 2026", "5 Mar. 2026", "March 5th, 2026", "5th of March, 2026",
    "march 5 2026", "05MAR2026", "5-Mar-2026", "'26. 3. 5.", "’26.3.5", "2026年 3月 5日", "2026 년 3 월 5 일",
    "2026 . 3 . 5 .", "2026.3월 5일", "2026-3-5",
)  # fmt: skip
AMONG_OTHERS = ("2026-03-05T10:00:00Z", "IMG_20260305_1234.jpg")
MONTH = (
    "2026년 3월", "2026-03", "2026. 3.", "2026.3.", "2026.03", "March 2026", "Mar. 2026", "march, 2026", "2026年 3月",
    "'26년 3월", "2026.3월", "2026년도 3월",
)  # fmt: skip
SAME = [
    (*DAY, *AMONG_OTHERS),
    MONTH,
    ("1592년 4월 13일", "1592年 4月 13日", "April 13, 1592"),
    (
        "3월 5일",
        "3월5일",
        "3 월 5 일",
        "March 5",
        "Mar. 5th",
        "5 March",
        "5th of March",
        "3/5(목)",
        "3. 5.(목요일)",
        "3.5(목)",
    ),
    ("5 million", "5,000,000", "$5M", "USD 5M", "5M won", "5m달러", "5 million dollars", "500만 달러", "5-million"),
    ("1.5 million", "1,500,000", "$1.5m", "1500000", "1.5million", "$1.5 million", "€1.5mn", "150만원"),
    ("2 billion", "2,000,000,000", "2bn", "2.0 bn", "$2B", "20억", "US$2 billion"),
    ("3 thousand", "3,000", "$3k", "3k USD", "3천"),
]


@_on_one_loop
@pytest.mark.parametrize("writings", SAME, ids=lambda writings: writings[0])
async def test_writings_of_one_thing_find_one_another(
    word_search: ASearch, word_client: AsyncClient, writings: tuple[str, ...]
) -> None:
    documents = {f"{number}.txt": f"여기에 {one} 항목이 있다." for number, one in enumerate(writings)}
    collection = await in_a_collection(word_search, {**documents, **OTHERS})
    for query in writings:
        names = await found(word_client, collection, query, limit=50)
        assert documents.keys() <= set(names), (query, [documents[name] for name in documents.keys() - set(names)])


MIXED_UP = ("2026년 5월 3일 회의", "2026-03-15 회의", "2025-03-05 회의", "3 of 2026, 5 pieces", "2026년 3월 회의")


@_on_one_loop
@pytest.mark.parametrize("written", [*DAY, *AMONG_OTHERS])
async def test_a_day_comes_before_the_same_numbers_elsewhere(
    word_search: ASearch, word_client: AsyncClient, written: str
) -> None:
    others = {f"{number}.txt": other for number, other in enumerate(MIXED_UP)}
    collection = await in_a_collection(word_search, {"right.txt": f"출고 {written} 예정이며 늦어질 수 있다.", **others})
    for query in DAY:
        assert (await found(word_client, collection, query))[:1] == ["right.txt"], query


FIRST = [
    ("2026년 3월", "계약은 2026. 3. 5.에 끝난다", ("2026년 5월 3일", "3월 2026개", "2025-03-05")),
    ("2026-03", "signed on March 5, 2026 there", ("3 of 2026", "May 3, 2026", "2026-05-03")),
    ("2026.3", "계약은 2026-03-05에 끝난다", ("2026년 5월 3일", "2026개와 3개")),
    ("2026.3", "값은 2026.3 이다", ("2026년 3월에 끝난다", "2026-03-05")),
    ("20260305", "품번 20260305 부품", ("2026년 3월 5일 회의", "March 5, 2026", "20260306")),
    ("20260305", "2026년 3월 5일 회의", ("2026년 5월 3일 회의", "20260306", "2026 03 05")),
    ("3월 5일 회의", "2026-03-05 회의", ("5월 3일 회의", "3월 회의 5건", "회의 3 5")),
    ("3월 5일", "on March 5, 2026", ("May 3", "3월 15일", "5일 3월")),
    ("2026-03-05 회의", "3월 5일 회의", ("5월 3일 회의", "2025-03-05 회의", "2026년 회의")),
    ("2026년 3월 5일", "signed on March 5", ("2025년 5월 3일", "May 3", "2026개")),
    ("2026-03-05 회의록", "2026년 3월 5일 회의록", ("2026년 5월 3일 회의록", "회의록 작성", "회의록 3 5 2026")),
    ("2026년 3월 5일 회의록", "2026-03-05 회의록", ("2026년 5월 3일 회의록", "2026년 3월 회의록", "2025-03-05 회의록")),
    ("minutes of March 5, 2026", "minutes, 2026-03-05", ("minutes of May 3, 2026", "minutes of March, 5 of 2026")),
    ("2026.3.5.~3.10.", "2026년 3월 5일 ~ 10일 접수", ("2026년 10월 3일", "2026. 5. 3. ~ 5. 10.")),
    ("March 10, 2026", "접수: 2026. 3. 5.(목) ~ 3. 10.(화)", ("2026. 10. 3.", "3. 10. 2026")),
    ("2026년 4월 2일", "from March 31 to April 2, 2026", ("2026년 2월 4일", "April 2026")),
    ("$5M", "a fund of $5 million", ("5 m of cable", "M 5", "500 million")),
    ("$1.5 million", "USD 1,500,000 paid", ("$1.5 paid", "1.5 usd a box")),
]


@_on_one_loop
@pytest.mark.parametrize(("query", "right", "others"), FIRST)
async def test_the_whole_comes_before_its_parts(
    word_search: ASearch, word_client: AsyncClient, query: str, right: str, others: tuple[str, ...]
) -> None:
    documents = {"right.txt": right, **{f"{number}.txt": other for number, other in enumerate(others)}}
    collection = await in_a_collection(word_search, documents)
    assert (await found(word_client, collection, query))[:1] == ["right.txt"]


APART = [
    ("March 5, 2026", "품번 PO20260305 부품"),
    ("May 3, 2026", "품번 20260305 부품"),
    ("2026년 3월", "the value 2026.3"),
    ("5,000,000", "a cable of 5M"),
]


@_on_one_loop
@pytest.mark.parametrize(("query", "text"), APART)
async def test_what_only_looks_alike_is_not_found(
    word_search: ASearch, word_client: AsyncClient, query: str, text: str
) -> None:
    collection = await in_a_collection(word_search, {"a.txt": text, **OTHERS})
    assert await found(word_client, collection, query) == []


@_on_one_loop
async def test_a_date_is_highlighted_as_it_stands(word_search: ASearch, word_client: AsyncClient) -> None:
    text = "계약일 2026. 3. 5.(목), 납기 2026년 4월 1일 ~ 10일, 선적 20260501, signed May 2nd, 2026, ’26.6.1 end."
    collection = await in_a_collection(word_search, {"a.txt": text})
    for query, wanted in {
        "2026-03-05": "2026. 3. 5.",
        "April 1, 2026": "2026년 4월 1일",
        "2026.04.10": "10일",
        "2026년 5월 1일": "20260501",
        "2026-05-02": "May 2nd, 2026",
        "2026년 6월 1일": "’26.6.1",
        "2026-04": "2026년 4월 1일",
    }.items():
        asked = {"query": query, "filters": {"collection": collection}}
        (hit,) = hits(await word_client.post("/api/v1/search", json=asked))
        marked = [text[one["start"] : one["end"]] for one in hit["highlights"]]
        assert wanted in marked, (query, marked)


YEARLESS = [
    ("회의는 3월 5일에 한다", ["03-05"]),
    ("March 5th and 6 May; Sept. 3: ok", ["03-05", "05-06", "09-03"]),
    ("3/5(목) 14:00, 3. 6.(금), 12.25(일요일)", ["03-05", "03-06", "12-25"]),
    ("2월 29일", ["02-29"]),
    ("3월 5일간, 13월 5일, 2월 30일, 3/5, 3.5 (주)", []),
    ("of the 12, 5 may be late; May 2026; march of 5; March 5,000; June 5%", []),
    ("2026년 3월 5일, 2026-03-06, March 7, 2026, 8 March 2026", []),
    ("2026 May sales, 1,012 June, A12 July, 3:12 August", []),
    ("on the 3rd of June", ["06-03"]),
]


@pytest.mark.parametrize(("text", "days"), YEARLESS)
def test_a_day_without_a_year(text: str, days: list[str]) -> None:
    found = sorted(yearless_days(text, list(dates(text))))
    assert [one.written for one in found] == days


def written(text: str) -> list[str]:
    return [one.written for one in dates(fold(text))]


@pytest.mark.parametrize("text", [*DAY, *AMONG_OTHERS])
def test_a_day(text: str) -> None:
    assert written(f"그날은 {text} 이다.") == ["2026-03-05"]
    assert written(f"({text}에)") == ["2026-03-05"]


@pytest.mark.parametrize("text", MONTH)
def test_a_month(text: str) -> None:
    assert written(f"그달은 {text} 이다.") == ["2026-03"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-13-45", "2026-02-30", "2026. 2. 30.", "2026년 3월 45일", "March 45, 2026", "PO-2026-03-05-1",
        "2026-03-051", "1.2026.3.5", "v2026.3.5", "8471.30.2026", "192.168.20.26", "010-2026-0305", "2026-0305-01",
        "978-89-2026-03-5", "20260305-001", "PO-20260305", "20260305123000", "20261345", "26.3.5", "'10-11-12'",
        "제2026-03호", "2026-03호", "2010-11 season", "2001–05", "2026.3", "2026.10", "2026.05 USD", "$2026.05",
        "2026.05%", "in 2026. 3. Then", "1,998-03-05", "1998년", "may 1200 men", "1234-05-06", "2026년 3개월", "3/2026",
    ],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert written(f"그것은 {text} 이다.") == []
    assert written(text) == []


@pytest.mark.parametrize(
    ("text", "both"),
    [
        ("2026.3.5.~3.10.", ["2026-03-05", "2026-03-10"]),
        ("2026년 3월 5일 ~ 10일", ["2026-03-05", "2026-03-10"]),
        ("2026년 3월 5일(목)부터 4월 1일까지", ["2026-03-05", "2026-04-01"]),
        ("2026.12.28. ~ 1.3.", ["2026-12-28", "2027-01-03"]),
        ("2026.03.05-2026.03.10", ["2026-03-05", "2026-03-10"]),
        ("2026-03-05 ~ 03-10", ["2026-03-05", "2026-03-10"]),
        ("2026.03 ~ 2026.05", ["2026-03", "2026-05"]),
        ("March 5-7, 2026", ["2026-03-05", "2026-03-07"]),
        ("5 and 7 March 2026", ["2026-03-05", "2026-03-07"]),
        ("2026-03-05 ~ 10:00", ["2026-03-05"]),
        ("2026년 3월 5일간", ["2026-03"]),
        ("2026년 3월 5일부터 9일 동안", ["2026-03-05"]),
    ],
)
def test_the_ends_of_a_time(text: str, both: list[str]) -> None:
    assert written(text) == both


def test_a_document_has_a_day_and_its_month_and_a_query_the_day_alone() -> None:
    assert [one.term[1:] for one in references("2026. 3. 5.")] == ["2026-03-05", "2026-03", "*-03-05"]
    assert [one.term[1:] for one in asked_references("2026. 3. 5.")] == ["2026-03-05"]
    assert list(asked_references("20260305")) == []


_PIECES = st.sampled_from(
    [
        *DAY,
        *MONTH,
        "2026",
        "19",
        "3",
        "05",
        ".",
        "-",
        "/",
        " ",
        "'",
        "~",
        "년",
        "월 ",
        "일",
        "Mar",
        "th",
        ",",
        "(",
        "T1",
    ]
)


@given(st.one_of(st.text(), st.lists(_PIECES).map("".join)))
@example("2026-12-31 ~ 1. 40.")
@example("9999년 12월 31일 ~ 1일")
def test_dates_lie_within_their_text(text: str) -> None:
    for one in (*dates(text), *maybe_months(text)):
        assert 0 <= one.start < one.end <= len(text)
        assert one.written.startswith(one.month)


@given(st.text(), st.integers(0, 5))
def test_any_text_may_stand_where_a_magnitude_is_looked_for(text: str, start: int) -> None:
    assert all(term[0].isdigit() for term in with_magnitude(text, start))
