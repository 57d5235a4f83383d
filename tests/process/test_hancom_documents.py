"""Hancom documents made here, HWPX by another library and HWP record by record, come out whole."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hancom_builders import HWP, HWPX, a_control, a_line, a_list, a_record, an_hwp, an_hwp_line, an_hwpx
from hwpx.document import HwpxDocument
from ole_builder import an_ole_file

from process.infrastructure.parsers.draft import Unreadable
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def test_hwpx_of_another_library_with_header_footnote_and_table(parse_bytes: ParseBytes) -> None:
    written = HwpxDocument.new()
    written.page.set_header(text="머리글 하나")
    written.add_paragraph("수입 신고 안내")
    table = written.add_table(2, 2)
    for row in range(2):
        for column in range(2):
            table.set_cell_text(row, column, f"칸{row}{column}")
    written.notes.add_footnote("각주 글", paragraph=written.add_paragraph("본문"))
    assert blocks(parse_bytes(written.to_bytes(), HWPX)) == [
        ("paragraph", "수입 신고 안내"),
        ("table", "칸00\t칸01\n칸10\t칸11"),
        ("paragraph", "본문"),
        ("footnote", "각주 글"),
        ("header", "머리글 하나"),
    ]


def inside(text: str) -> str:
    return f"<hp:subList>{text}</hp:subList>"


def test_memos_descriptions_and_forms_are_told(parse_bytes: ParseBytes) -> None:
    runs = (
        f'<hp:ctrl><hp:fieldBegin type="MEMO">{inside(a_line("메모 내용"))}</hp:fieldBegin></hp:ctrl><hp:t>본문</hp:t>'
        '<hp:checkBtn caption="동의함" value="CHECKED"/><hp:radioBtn caption="아니오" value="UNCHECKED"/>'
        '<hp:edit><hp:text>입력값</hp:text></hp:edit><hp:comboBox selectedValue="2"><hp:listItem displayText="부산" '
        'value="2"/></hp:comboBox><hp:pic><hp:shapeComment>그림입니다.\n원본 그림의 이름: a</hp:shapeComment></hp:pic>'
        "<hp:container><hp:pic><hp:shapeComment>반입 절차 흐름도</hp:shapeComment></hp:pic></hp:container>"
    )
    assert blocks(parse_bytes(an_hwpx(f"<hp:p><hp:run>{runs}</hp:run></hp:p>"), HWPX)) == [
        ("paragraph", "본문 ☑ 동의함  ☐ 아니오  입력값  부산"),
        ("comment", "메모 내용"),
        ("picture", "반입 절차 흐름도"),
    ]


def test_an_empty_cell_shows_the_number_of_its_row(parse_bytes: ParseBytes) -> None:
    head = (
        '<hh:paraPr id="5"><hh:heading type="NUMBER" idRef="1" level="0"/></hh:paraPr><hh:numbering id="1">'
        '<hh:paraHead level="1" numFormat="DIGIT">^1</hh:paraHead></hh:numbering>'
    )
    rows = "".join(
        f"<hp:tr>{''.join(a_cell(at, column, line) for column, line in enumerate((number, a_line(text))))}</hp:tr>"
        for at, (number, text) in enumerate(((a_line("연번"), "품명"), (EMPTY, "볼트"), (EMPTY, "너트")))
    )
    document = parse_bytes(an_hwpx(f"<hp:p><hp:run><hp:tbl>{rows}</hp:tbl></hp:run></hp:p>", head), HWPX)
    assert document.text == "연번\t품명\n1\t볼트\n2\t너트"


EMPTY = a_line("", 'paraPrIDRef="5"')


def a_cell(row: int, column: int, content: str) -> str:
    return f'<hp:tc>{inside(content)}<hp:cellAddr rowAddr="{row}" colAddr="{column}"/></hp:tc>'


def test_a_chart_is_its_numbers(parse_bytes: ParseBytes) -> None:
    series = (
        '<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"><c:chart><c:plotArea><c:barChart>'
        "<c:ser><c:tx><c:v>반입량</c:v></c:tx><c:cat><c:pt idx='0'><c:v>1월</c:v></c:pt></c:cat>"
        "<c:val><c:pt idx='0'><c:v>46</c:v></c:pt></c:val></c:ser></c:barChart></c:plotArea></c:chart></c:chartSpace>"
    )
    body = '<hp:p><hp:run><hp:chart chartIDRef="Chart/chart1.xml"/></hp:run></hp:p>'
    document = parse_bytes(an_hwpx(a_line("글") + body, **{"Chart/chart1.xml": series}), HWPX)
    assert "1월\t46" in document.text


def test_automatic_numbers_stand_before_their_lines(parse_bytes: ParseBytes) -> None:
    head = (
        '<hh:style id="1" name="개요 1"/>'
        '<hh:paraPr id="7"><hh:heading type="OUTLINE" idRef="0" level="0"/></hh:paraPr>'
        '<hh:paraPr id="8"><hh:heading type="NUMBER" idRef="2" level="1"/></hh:paraPr>'
        '<hh:numbering id="1"><hh:paraHead level="1" numFormat="DIGIT">제^1조</hh:paraHead></hh:numbering>'
        '<hh:numbering id="2"><hh:paraHead level="1" numFormat="DIGIT">^1.</hh:paraHead>'
        '<hh:paraHead level="2" numFormat="HANGUL_SYLLABLE">^2.</hh:paraHead></hh:numbering>'
    )
    first, second = 'paraPrIDRef="7" styleIDRef="1"', 'paraPrIDRef="8"'
    body = a_line("목적", first) + a_line("물품", second) + a_line("세율", second) + a_line("정의", first)
    assert blocks(parse_bytes(an_hwpx(body, head), HWPX)) == [
        ("heading", "제1조 목적"),
        ("list_item", "가. 물품"),
        ("list_item", "나. 세율"),
        ("heading", "제2조 정의"),
    ]


def test_private_use_hangul_boxes_and_tracked_deletions(parse_bytes: ParseBytes) -> None:
    box = f"<hp:rect><hp:drawText><hp:subList>{a_line('글상자')}</hp:subList></hp:drawText></hp:rect>"
    body = (
        "<hp:p><hp:run><hp:t>\uf53a글 문서<hp:deleteBegin/>지운 말<hp:deleteEnd/>와<hp:tab/>표</hp:t>"
        + f"{box}</hp:run></hp:p><hp:p><hp:run><hp:tbl><hp:tr><hp:tc><hp:subList>"
        + a_line("틀 안의 글")
        + "</hp:subList></hp:tc></hp:tr></hp:tbl></hp:run></hp:p>"
    )
    assert blocks(parse_bytes(an_hwpx(body), HWPX)) == [
        ("paragraph", "한글 문서와\t표"),
        ("paragraph", "글상자"),
        ("paragraph", "틀 안의 글"),
    ]


def test_locked_and_broken_hwpx(parse_bytes: ParseBytes) -> None:
    locked = an_hwpx(a_line("x"), **{"META-INF/manifest.xml": "<manifest><encryption-data/></manifest>"})
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("mimetype", "application/hwp+zip")
    for raw, code in ((locked, "encrypted"), (empty.getvalue(), "corrupt")):
        with pytest.raises(Unreadable) as refusal:
            parse_bytes(raw, HWPX)
        assert refusal.value.data["code"] == code
    two = an_hwpx(a_line("첫 구역"), **{"Contents/section1.xml": ""})
    document = parse_bytes(two, HWPX)
    assert (document.text, document.warnings) == ("첫 구역", ("Section 2 could not be read.",))


def test_hwp_paragraphs_tables_notes_and_headers(parse_bytes: ParseBytes) -> None:
    table = a_control(
        b"tbl ", 1, a_record(77, 2, bytes(8)),
        *(a_list(2, (column, row, 1, 1)) + an_hwp_line(f"칸{row}{column}", 2) for row in (0, 1) for column in (0, 1)),
    )  # fmt: skip
    raw = an_hwp(
        an_hwp_line("수입 \uf53a글 안내", controls=1) + a_control(b"head", 1, a_list(2), an_hwp_line("머리말", 2)),
        an_hwp_line("", controls=1) + table,
        an_hwp_line("본문", controls=1) + a_control(b"fn  ", 1, a_list(2), an_hwp_line("각주 글", 2)),
        an_hwp_line("상자", controls=1)
        + a_control(b"gso ", 1, a_record(76, 2), a_list(3), an_hwp_line("상자 안의 글", 3)),
    )
    assert blocks(parse_bytes(raw, HWP)) == [
        ("paragraph", "수입 한글 안내"),
        ("table", "칸00\t칸01\n칸10\t칸11"),
        ("paragraph", "본문"),
        ("footnote", "각주 글"),
        ("paragraph", "상자"),
        ("paragraph", "상자 안의 글"),
        ("header", "머리말"),
    ]


def test_hwp_automatic_numbers(parse_bytes: ParseBytes) -> None:
    levels = b"".join(
        struct.pack("<I8xH", form << 5, len(pattern)) + pattern.encode("utf-16-le")
        for pattern, form in (("제^1조", 0), ("^2.", 8), *[("", 0)] * 5)
    )
    info = a_record(23, 0, levels + struct.pack("<H", 1))
    info += a_record(25, 0, struct.pack("<I26xH", 2 << 23, 1)) + a_record(
        25, 0, struct.pack("<I26xH", 2 << 23 | 1 << 25, 1)
    )
    raw = an_hwp(an_hwp_line("목적"), an_hwp_line("물품", shape=1), an_hwp_line("정의"), info=info)
    assert blocks(parse_bytes(raw, HWP)) == [
        ("list_item", "제1조 목적"),
        ("list_item", "가. 물품"),
        ("list_item", "제2조 정의"),
    ]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (an_hwp(an_hwp_line("x"), flags=1 | 2), "encrypted"),
        (an_hwp(an_hwp_line("이 문서는 배포용 문서입니다."), flags=1 | 4), "distribution_document"),
        (an_hwp(an_hwp_line("x"))[:1500], "corrupt"),
        (b"HWP Document File V3.00 \x1a\1\2\3\4\5" + bytes(300), "corrupt"),
        (an_hwp(b"\xff" * 900), "no_text"),
    ],
)
def test_hwp_that_cannot_be_read_says_why(parse_bytes: ParseBytes, raw: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(raw, HWP)
    assert refusal.value.data["code"] == code


def test_an_hwp_cut_in_its_text_gives_what_is_before(parse_bytes: ParseBytes) -> None:
    lines = [an_hwp_line("앞부분")] + [an_hwp_line(f"줄 {number} {number * 7919}") for number in range(4000)]
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = (packing.compress(b"".join(lines)) + packing.flush())[:20_000]
    header = b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05000300, 1)
    raw = an_ole_file({"FileHeader": header, "DocInfo": b"", "BodyText/Section0": body})
    assert parse_bytes(raw, HWP).text.startswith("앞부분\n\n줄 0 0")
