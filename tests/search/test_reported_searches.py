"""Searches that failed once, as JSON of documents and questions; and others of the same kinds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from search_builders import OTHERS, ASearch, found, hits, in_a_collection

from builders import labels
from shared.events.ingest import DocumentChanged

REPORTED = Path(__file__).parent / "reported"
pytestmark = pytest.mark.asyncio(loop_scope="module")


def cases() -> Iterator[Any]:
    for path in sorted(REPORTED.glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        yield pytest.param(case["docs"], case["qs"], id=case["id"])


@pytest.mark.parametrize(("documents", "questions"), list(cases()))
async def test_what_was_reported_is_found(
    word_search: ASearch, word_client: AsyncClient, documents: dict[str, str], questions: list[Any]
) -> None:
    collection = await in_a_collection(word_search, documents)
    wrong = []
    for query, wanted in questions:
        names = await found(word_client, collection, query)
        if wanted == "ok":
            continue
        if isinstance(wanted, str) or wanted[0] == "hyb":
            is_right = names[:1] == [wanted if isinstance(wanted, str) else wanted[1]]
        else:
            is_right = wanted[1] not in names if wanted[0] == "not" else set(wanted) <= set(names)
        if not is_right:
            wrong.append((query, wanted, names[:4]))
    assert wrong == []


# Writings that find one another, whichever of them is the document's.
SAME = [
    ("1,200,000원", "1,200,000 원", "1200000원", "1200000 원", "120만원"),
    ("2,400kg", "2,400 kg", "2400kg", "2400 kg", "2,400㎏"),
    ("약1,500달러", "1,500 달러", "1500달러"),
    ("USD1,500", "USD 1,500", "1,500 USD", "$1,500"),
    ("1,200TEU", "1,200 TEU", "1200teu"),
    ("3.5mm", "3.5 mm", "3.5㎜"),
    ("15%", "15 %", "15％"),
    ("20℃", "20 °C", "20°C"),
    ("2,000,000.00", "2,000,000", "2000000"),
    ("12,345㎡", "12345 ㎡", "12,345m2"),
    ("7년", "7 년"),
    ("250페이지", "250 페이지"),
    ("1'250'000", "1,250,000", "1.250.000", "1 250 000", "1\u202f250\u202f000"),
    ("1.250,00", "1,250.00", "1250.00"),
    ("18 250 kg", "18,250 kg", "18250kg"),
    ("84.99㎡", "84.99 m2", "84.99m²"),
    ("USB3.0", "USB 3.0", "usb3.0"),
    ("PO#1234", "PO 1234", "PO# 1234", "PO-1234"),
    ("No. 5", "No.5", "no 5", "№5", "No5"),
    ("wifi", "Wi-Fi", "wi fi"),
    ("e-mail", "email", "E-Mail"),
    ("reexports", "re-export", "re exports"),
    ("airfreight", "air-freight", "air freight"),
    ("on-board", "onboard", "on board"),
    ("node.js", "nodejs", "Node.JS"),
    ("vue.js", "vuejs"),
    ("U.S.A.", "USA"),
    ("a.m.", "am"),
    ("R&D", "r&d", "R & D"),
    ("T-shirt", "T shirt", "tshirt"),
    ("X-ray", "X ray", "xray"),
    ("follow-up", "follow up", "followup"),
    ("AT&T", "at&t"),
    ("O'Neill", "ONeill", "O’Neill"),
    ("co‑operation", "co-operation", "cooperation"),
    ("cross‐border", "cross-border", "crossborder"),
    ("getUserName", "user name", "get_user_name"),
    ("shippingOrderV2", "shipping order V2"),
    ("ISO-9001", "ISO 9001", "ISO9001", "iso9001"),
    ("010-1234-5678", "01012345678"),
    ("2026-03-05", "20260305", "2026.03.05"),
    ("B/L", "BL"),
    ("café", "cafe", "CAFÉ", "cafe\u0301"),
    ("Łódź", "Lodz", "ŁÓDŹ"),
    ("Straße", "STRASSE", "strasse"),
    ("İstanbul", "istanbul", "ISTANBUL"),
    ("Diyarbakır", "Diyarbakir"),
    ("Tromsø", "Tromso"),
    ("Đà Nẵng", "Da Nang"),
    ("São Paulo", "Sao Paulo"),
    ("Kraków", "Krakow"),
    ("Škoda", "skoda"),
    ("Besançon", "besancon"),
    ("œuvre", "oeuvre"),
    ("Æsop", "aesop"),
    ("Þór", "Thor"),
    ("Αθήνα", "ΑΘΗΝΑ", "Αθηνα"),
    ("Ёлка", "елка"),
    ("Saint-Étienne", "saint etienne", "Saint-Etienne"),
    ("ＡＢＣ　１２３", "ABC 123"),
    ("children", "child"),
    ("criteria", "criterion"),
    ("women", "woman"),
    ("policemen", "policeman"),
    ("wharves", "wharf"),
    ("analyses", "analysis"),
    ("🚢", "🚢🚢"),
    ("🇰🇷", "부산🇰🇷"),
    ("👍🏽", "👍"),
    ("C++", "c++"),
    ("제3조의2", "제 3 조의 2", "제3조 의2"),
    ("제5항", "제 5 항"),
    ("제12조", "第十二條", "제十二조"),
    ("Article 3(2)", "Art. 3 (2)", "ARTICLE III (2)"),
    ("Section 14", "§ 14", "§14", "Sec. 14"),
    ("Annex IV", "Annex 4", "annex iv"),
    ("별표 7", "별표7", "[별표 제7호]"),
    ("별지 제12호서식", "별지 12호 서식", "별지 제12호 서식"),
    ("第3條", "제3조"),
    ("수입신고", "수입 신고"),
    ("개인 정보", "개인정보"),
    ("원산지증명서", "원산지 증명서"),
    ("as-is", "as is"),
    ("and/or", "and or"),
    ("AS-IS TO-BE", "as is to be"),
    ("so-so", "so so"),
    ("pick-up", "pickup", "pick up"),
    ("cut-off", "cutoff", "cut off"),
    ("drop-offs", "dropoff", "drop off"),
    ("A/B 테스트", "A / B 테스트", "a/b 테스트"),
    ("N/A", "n/a", "N / A"),
    ("I/O", "IO"),
    ("AC/DC", "ACDC", "AC-DC", "AC / DC"),
    ("D/O", "d/o", "D / O"),
    ("A/S 센터", "AS 센터"),
    ("AT & T", "AT&T"),
    ("S & P", "S&P"),
    ("Q & A", "Q&A"),
    ("todo", "to-do", "to do"),
    ("login", "log-in", "log in"),
    ("mockup", "mock-up", "mock up"),
    ("filename", "file-name", "file name"),
    ("username", "user-name", "user name"),
    ("smartphones", "smart-phone", "smart phones"),
    ("barcode", "bar-code", "bar code"),
    ("spreadsheet", "spread-sheet", "spread sheet"),
    ("Metadata", "meta-data", "Meta Data"),
    ("deadlines", "dead-line", "dead line"),
    ("percent", "per cent"),
    ("4×4", "4x4", "4 x 4", "4X4", "4*4"),
    ("1920×1080", "1920x1080", "1920*1080", "1920 × 1080"),
    ("210×297 mm", "210x297mm", "210 mm × 297 mm", "210*297"),
    ("1,200×800", "1200 x 800"),
    ("v2.14.3", "2.14.3", "V2.14.3", "ver. 2.14.3"),
    ("PO-4500-0123", "PO45000123", "45000123"),
    ("AB-1234-C", "AB1234C"),
    ("REF/2026/0099", "REF20260099", "20260099"),
    ("№ 12", "№12", "No. 12"),
    ("※ 주의", "※주의"),
    ("U.S.", "US"),
    ("U.S.A.", "USA", "usa", "US"),
    ("Ph.D.", "PhD"),
    (".NET", "dotnet"),
    ("10⁶", "10^6"),
    ("10⁻³", "10^-3"),
    ("x²", "x^2", "x2"),
    ("CO₂", "CO2"),
    ("SO₄²⁻", "SO4"),
    ("½", "1/2"),
    ("1½", "1 1/2", "1.5"),
    ("a, 1¾", "a, 1 3/4", "1.75"),
    ("API키", "API 키"),
    ("aluminium tyres", "aluminum tires"),
    ("한·중·일", "한중일", "한-중-일"),
    ("컨텐츠", "콘텐츠"),
    ("메세지", "메시지"),
    ("악세사리", "액세서리", "악세서리"),
    ("밧데리", "배터리"),
    ("제3조제2항", "제3조 제2항"),
]


@pytest.mark.parametrize("writings", SAME, ids=lambda writings: writings[0])
async def test_writings_of_one_thing_find_one_another(
    word_search: ASearch, word_client: AsyncClient, writings: tuple[str, ...]
) -> None:
    documents = {f"{number}.txt": f"여기에 {one} 항목이 있다." for number, one in enumerate(writings)}
    collection = await in_a_collection(word_search, {**documents, **OTHERS})
    for query in writings:
        missing = documents.keys() - set(await found(word_client, collection, query))
        assert not missing, (query, [documents[name] for name in missing])


FIRST = [
    (".NET", "needs the .NET runtime", ("a net weight", "net net net", "the net of the ship")),
    ("C#", "written in C# only", ("written in C", "grade C of C", "C++ it is")),
    ("F#", "written in F# only", ("key of F", "F and F")),
    ("제3조", "제3조(정의) 용어", ("제13조 제3항", "3조 원 3조", "제3장 조사 3개 조", "제3조의2 특례")),
    ("제3조의2", "제3조의2 특례", ("제3조 제2항", "제3조(정의)", "제2조의3")),
    ("제5조제2항", "법 제5조제2항에 따른", ("제2조 제5항", "제5조 및 제3조제2항")),
    ("별표 7", "별표 7과 같다", ("별표 17", "표 7 별도", "별표 70")),
    ("별지 제3호서식", "별지 제3호서식에 쓴다", ("별지 제13호서식", "제3호 서식 별도 보관")),
    (
        "Article 3(2)",
        "under Article 3(2) of it",
        ("Article 13(2)", "Articles 2 and 32", "Article 2(3)", "3 articles, 2 of"),
    ),
    ("§ 14", "by § 14 of it", ("§ 141", "14 sections", "§ 4 of 14")),
    ("3.5mm", "두께 3.5mm 판", ("두께 3.15mm 판", "폭 35mm", "3 mm와 5 mm")),
    ("30일", "기한은 30일 이내", ("30회 3일", "30개 품목")),
    ("USD 1,500", "fee of USD 1,500 per box", ("1,500 boxes per USD", "USD 150", "USD 15,000")),
    ("1,500 USD", "fee of $1,500 per box", ("1,500 boxes a day", "USD 150", "$15,000")),
    ("€99.50", "about EUR 99.50 each", ("99.50 each in EUR", "EUR 9.50")),
    ("café", "the café is open", ("the cafe is open",)),
    ("as-is sale", "an as-is sale of it", ("sale of it", "as it is a sale")),
    ("U.S.", "the U.S. economy", ("tell us, give us", "let us see the economy")),
    ("US tariff", "a US tariff", ("give us a tariff", "tell us of the tariff")),
    ("us tariff", "a US tariff", ("the tariff", "tariff for them")),
    ("10⁶", "about 10⁶ cells", ("about 106 cells", "10 of 6")),
    ("106", "about 106 cells", ("about 10⁶ cells",)),
    ("1½", "1½ cups", ("1 of 2", "2 cups", "12 cups")),
    ("4x4", "a 4×4 grid", ("4 and 4", "44 items", "4 x 5")),
    ("1920x1080", "해상도 1920×1080 지원", ("해상도 1920×1200 지원", "1080 1920")),
    ("net", "the net weight", ("the .NET runtime",)),
    ("A/S 센터", "가까운 A/S 센터", ("데이터 센터", "센터 안내")),
    ("IT 부서", "우리 IT 부서", ("우리 부서", "it is 부서")),
    ("2.14", "since v2.14.3-rc1", ("since v2.1.4", "214 items")),
    ("to-do", "my todo list", ("the list", "a thing done")),
    ("54-OR323014", "part 54-OR323014", ("part 54-OR399999", "part 54-OR323")),
]


@pytest.mark.parametrize(("query", "right", "others"), FIRST, ids=lambda value: value if isinstance(value, str) else "")
async def test_the_whole_comes_before_its_parts(
    word_search: ASearch, word_client: AsyncClient, query: str, right: str, others: tuple[str, ...]
) -> None:
    documents = {"right.txt": right, **{f"{number}.txt": other for number, other in enumerate(others)}}
    collection = await in_a_collection(word_search, documents)
    assert (await found(word_client, collection, query))[:1] == ["right.txt"]


SYLLABLES = (
    "섬비해별눈손발입코귀배목강산논밭집문창길잠꿈빛색맛힘돈옷떡죽국밥차술잔컵병약침붕벌파콩팥무박쥐소말양개닭곰범"
)


async def test_nouns_of_one_syllable_are_found_alone(word_search: ASearch, word_client: AsyncClient) -> None:
    contexts = ("{}을 샀다.", "{}에 대한 세율", "새 {} 하나", "올해는 {}가 많다")
    collection = await in_a_collection(
        word_search,
        {f"{noun}.txt": contexts[number % len(contexts)].format(noun) for number, noun in enumerate(SYLLABLES)},
    )
    missed = [noun for noun in SYLLABLES if f"{noun}.txt" not in await found(word_client, collection, noun)]
    assert missed == []


PARTS = [
    ("pH7.4에서 배양", "7.4"),
    ("iPhone15Pro 입고", "iphone"),
    ("품번 HS8471.30 신고", "847130"),
    ("HSK8471.30-0000 신고", "8471.30"),
    ("전용 84.99㎡형", "84.99"),
    ("Ver2.5판", "2.5"),
    ("총 1.250,00 EUR", "1250"),
    ("INVOICE#2291(final)", "invoice"),
    ("Order# 77 is late", "orders"),
    ("fee EUR1.250,00 a lot", "1,250.00"),
    ("an I/O board", "I O"),
    ("paid by D/A", "d a"),
    ("wait for the N/A", "N A"),
    ("since v2.14.3-rc1", "2.14"),
    ("log4j-2.17.1.jar", "2.17"),
    ("python3.12.1 only", "3.12"),
    ("크기 210×297 mm", "297"),
    ("크기 210×297 mm", "297mm"),
    ("in 2019³ the", "2019"),
    ("IT/OT 통합", "IT"),
]

SPACED_OUT = [
    ("부 칙\n이 규정은 공포한 날부터 시행한다.", "부칙"),
    ("입 찰 공 고\n다음과 같이 한다.", "입찰공고"),
    ("제 1 장  총 칙\n제1조(목적)", "총칙"),
    ("사 업 자 등 록 증\n(일반과세자)", "사업자 등록증"),
    ("위 임 장\n아래와 같이 맡긴다.", "위임장"),
    ("| 대 표 이 사 | 홍길동 |", "대표이사"),
    ("I N V O I C E\nNo. 123", "invoices"),
    ("목차", "목 차"),
]


APART = [("106", "about 10⁶ cells"), ("U.S.", "let us go"), ("net", "a .NET runtime"), ("C", "in C++ and C#")]


@pytest.mark.parametrize(("query", "text"), APART)
async def test_what_only_looks_alike_is_not_found(
    word_search: ASearch, word_client: AsyncClient, query: str, text: str
) -> None:
    collection = await in_a_collection(word_search, {"a.txt": text, **OTHERS})
    assert await found(word_client, collection, query) == []


@pytest.mark.parametrize(("text", "query"), [*PARTS, *SPACED_OUT])
async def test_what_is_glued_to_others_or_has_spaces_between_its_letters_is_found(
    word_search: ASearch, word_client: AsyncClient, text: str, query: str
) -> None:
    collection = await in_a_collection(word_search, {"a.txt": text, **OTHERS})
    assert await found(word_client, collection, query) == ["a.txt"]


MIDDLES = ["M5799", "5799DWF", "WF-M5799", "m579", "799dw", "wf m5799dwf", "WFM5799DWF"]


@pytest.mark.parametrize("query", MIDDLES)
async def test_codes_are_found_by_their_middle(word_search: ASearch, word_client: AsyncClient, query: str) -> None:
    collection = await in_a_collection(
        word_search, {"a.txt": "프린터 WF-M5799DWF 흑백", "b.txt": "프린터 ML-2010 흑백"}
    )
    assert (await found(word_client, collection, query))[:1] == ["a.txt"]


NAMES = {
    "2026_임금협상_최종.hwp": ("임금협상", "임금 협상", "최종"),
    "getUserName.py": ("user name", "getUserName"),
    "contracts/2026/KR-2026-0417 Agreement.pdf": ("KR-2026-0417", "agreement", "contracts 2026"),
    "Besançon-Tarif.docx": ("besancon", "tarif"),
    "별표 3 요율표.xlsx": ("별표 3", "요율표"),
}


@pytest.mark.parametrize(("name", "queries"), NAMES.items(), ids=NAMES)
async def test_documents_are_found_by_their_names(
    word_search: ASearch, word_client: AsyncClient, name: str, queries: tuple[str, ...]
) -> None:
    collection = await in_a_collection(word_search, {name: "자세한 것은 아래를 본다.", **OTHERS})
    for query in queries:
        assert (await found(word_client, collection, query))[:1] == [name], query


async def test_a_renamed_document_is_found_by_its_new_name_and_not_by_the_old(
    word_search: ASearch, word_client: AsyncClient
) -> None:
    event = await word_search.add(
        "Nothing to see.", "And more.", given=labels(name="before.txt", collection="renaming")
    )
    assert await found(word_client, "renaming", "before") == ["before.txt"]
    renamed = labels(name="afterwards.txt", collection="renaming")
    await word_search.hear(DocumentChanged(document_id=event.document_id, document_version=2, labels=renamed))
    assert await found(word_client, "renaming", "afterwards") == ["afterwards.txt"]
    assert await found(word_client, "renaming", "before") == []
    assert await found(word_client, "renaming", "nothing") == ["afterwards.txt"]


async def test_what_was_found_by_another_writing_is_highlighted(word_search: ASearch, word_client: AsyncClient) -> None:
    text = "The Wi-Fi of the café costs 1,200,000원 (제3조의2), WF-M5799DWF for children."
    await word_search.add(text, given=labels(collection="marked"))
    for query, wanted in {
        "wifi": "Wi-Fi",
        "cafe": "café",
        "1200000": "1,200,000",
        "제3조의2": "제3조의2",
        "m5799": "WF-M5799DWF",
        "child": "children",
    }.items():
        (hit,) = hits(
            await word_client.post("/api/v1/search", json={"query": query, "filters": {"collection": "marked"}})
        )
        marked = [text[one["start"] : one["end"]] for one in hit["highlights"]]
        assert wanted in marked, (query, marked)
