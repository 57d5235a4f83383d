"""Files on which readers of documents were seen to fail, each with what a person sees in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from process_builders import DOCX, PDF

from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
FOLDER = Path(__file__).parent / "reported"
TYPES = {
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "docx": DOCX,
    "docm": DOCX,
    "pdf": PDF,
}


@dataclass(frozen=True)
class Seen:
    """What is in the file's text, in this order, and what is not."""

    name: str
    there: tuple[str, ...]
    absent: tuple[str, ...] = ()
    warns: bool = False


CASES = (
    Seen(
        "01-e08.log.txt",
        ("첫째 줄은 유니코드로 적은", "둘째 줄은 옛 프로그램이 적었다.", "셋째 줄은"),
        ("\ufffd",),
        warns=True,
    ),
    Seen("02-e33.txt", ("화물 확인 완료 \ufffd\n화물 확인 완료 \ufffd\n",), warns=True),
    Seen("03-e34.txt", ("옛 프로그램이 적은 줄이다.\n", "접수 기록: 화물이 창고에 들어왔다."), ("\ufffd",), warns=True),
    Seen("72-e15.txt", ("창고 출입 기록: 오전 아홉 시에 문을 열었다.",), ("\0", "\ufffd"), warns=True),
    Seen(
        "37-m16.md",
        ("쓰임: List<String> **kwargs *args __init__ [x](y) \\d+\\.\\d <br> a_b_c x ` y 끝",),
    ),
    Seen(
        "38-m17.md",
        ('설명:\n\ndef __init__(self, *args, **kw):\n    return {"a*b": [1](2)}  # 주석\n\n끝',),
    ),
    Seen("39-m09.md", ("*아님*", "snake_case_name", "2 * 3 * 4", "__init__.py", "보고서_최종_v2"), ("\\*",)),
    Seen("42-m03.md", ("품명\t비고\n볼트\t국산|수입\n너트\t첫줄 둘줄 셋줄",), ("<br>", "---", "\\|")),
    Seen(
        "43-m04.md",
        ("앞말", "펼치기", "안의 굵은 글", "칸가\t칸나", "인라인 끝"),
        ("주석", "대본", "**", "<", "칸가칸나"),
    ),
    Seen("44-m24.md", ("품명\t단가\n볼트\t120원", "하나\n둘이"), ("<",)),
    Seen("45-m29.md", ("쪽\n\n상자 글",), ("color", "비밀", "감춘", "<")),
    Seen("48-m18.md", ("# 시작 [대괄호] 밑_줄 1. 역빗금\\끝 *별* `따옴` <꺾쇠>",)),
    Seen("49-m22.md", ("첫줄은 여기\n둘줄은 여기\n셋줄은 여기",), ("\\",)),
    Seen(
        "14-p02.pdf",
        (
            "The committee looked at the annual report of the port and found that the berth fees had been set without "
            "a hearing. It asked for a new tariff.",
            "Traffic on the river doubled while the lock was closed for repairs, so that barges waited for two days at "
            "the bridge. A second lock is planned.",
        ),
    ),
    Seen("15-p22.pdf", ("First line begins and second line goes on and third line ends here.",)),
    Seen("16-p27.pdf", ("Item\tPrice\tUnit\nBolt\t120\tKRW\nNut\t95\tUSD\nWasher\t11\tEUR",)),
    Seen("17-p39.pdf", ("AX-000\t100 KRW\nAX-001\t115 KRW\n", "AX-007\t205 KRW")),
    Seen("20-p05.pdf", ("Importer and lot:", "importer: Narae Trading Co", "lot: LOT-7741")),
    Seen(
        "21-p06.pdf",
        ("Storage fees as agreed.", "Ask the forwarder about demurrage", "Approved by the warehouse keeper"),
    ),
    Seen("24-p01.pdf", ("changes the climate of the harbour, and the price-determining factors apply at once.",)),
    Seen(
        "25-p18.pdf",
        (
            "Part 1. The declared net weight of the container is 2,400 kg.",
            "Part 2. The declared net weight of the container is 2,400 kg.",
            "ACME FORWARDING - CONFIDENTIAL",
            "Page 1 of 6",
        ),
        ("Page 2", "ACME FORWARDING - CONFIDENTIAL\n\nPart"),
    ),
    Seen(
        "11-d11.docx",
        ("제1조 목적", "1.1 범위를 정한다", "1.2 예외를 정한다", "제2조 정의", "2.1 용어를 정한다"),
    ),
    Seen("12-d32.docx", ("3. 보험\n\n보험은 매도인이 든다.", "4. 운송")),
    Seen("76-d14.docm", ("매크로 문서의 본문",)),
    Seen("93-d04.docx", ("단가는 협의한다.", "상한선을 정해야 합니다")),
    Seen("94-d12.docx", ("그림 위", "화물 적재 흐름도")),
    Seen("95-d25.docx", ("도식", "반입 뒤 검사")),
    Seen("98-d28.docx", ("보이는 문장이다.",), ("숨긴",)),
    Seen("99-d24.docx", ("앞 본문", "끼워 넣은 조각"), ("<",)),
    Seen("100-d34.docx", ("표 아래 도표", "월별 반입 물량")),
    Seen("96-h10.html", ("선적 안내서", "선적항 지도", "그림설명", "더보기", "접힌 내용", "기재란")),
    Seen("97-h17.html", ("도면 글자", "본문"), ("fill", "<")),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_person_sees_in_the_file_is_its_text(parse_bytes: ParseBytes, case: Seen) -> None:
    document = parse_bytes((FOLDER / case.name).read_bytes(), TYPES[case.name.rpartition(".")[2]])
    position = 0
    for piece in case.there:
        found = document.text.find(piece, position)
        assert found >= 0, f"{piece!r} is not behind {document.text[:position]!r} in {document.text!r}"
        position = found + len(piece)
    assert not [piece for piece in case.absent if piece in document.text]
    assert bool(document.warnings) is case.warns


def test_every_file_of_the_folder_is_looked_at() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(case.name for case in CASES)
