"""Workbooks and delimited text made here come out as tables with the values that people see."""

import datetime
import io
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.drawing.image import Image as SheetImage
from PIL import Image

from process.infrastructure.parsers.draft import Unreadable
from process.infrastructure.parsers.number_formats import shower
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def saved(book: Any) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def a_book(*rows: list[Any]) -> Any:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def test_values_come_as_they_are_shown(parse_bytes: ParseBytes) -> None:
    book = a_book(
        ["품목", "세율", "금액", "신고일", "완료"], ["노트북", 0.08, 1200000, datetime.date(2026, 3, 4), True]
    )
    sheet = book.active
    sheet["B2"].number_format = "0.0%"
    sheet["C2"].number_format = '#,##0"원"'
    sheet["D2"].number_format = 'yyyy"년" m"월" d"일"'
    document = parse_bytes(saved(book), XLSX)
    assert blocks(document) == [
        ("heading", "Sheet"),
        ("table", "품목\t세율\t금액\t신고일\t완료\n노트북\t8.0%\t1,200,000원\t2026년 3월 4일\tTRUE"),
    ]


def test_a_formula_shows_the_value_that_was_saved_with_it(parse_bytes: ParseBytes) -> None:
    raw = saved(a_book(["sum"], ["=1+1"]))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    members[name] = (
        members[name]
        .replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>")
        .replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>")
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    assert parse_bytes(packed.getvalue(), XLSX).text.endswith("sum\n\n2")


def test_tables_are_parted_by_empty_rows_and_columns_and_named_by_the_line_above(parse_bytes: ParseBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for place, value in {
        "A1": "Rates of 2026", "A2": "code", "B2": "rate", "A3": "8471", "B3": 0,
        "D2": "port", "E2": "days", "D3": "Busan", "E3": 3,
        "A6": "unit", "B6": "price", "A7": "kg", "B7": 2.5,
    }.items():  # fmt: skip
        sheet[place] = value
    assert blocks(parse_bytes(saved(book), XLSX))[1:] == [
        ("caption", "Rates of 2026"),
        ("table", "code\trate\n8471\t0"),
        ("table", "port\tdays\nBusan\t3"),
        ("table", "unit\tprice\nkg\t2.5"),
    ]


def test_a_merged_cell_does_not_part_its_table(parse_bytes: ParseBytes) -> None:
    book = a_book(["품목", "수입", None, "비고"], [None, "수량", "금액", None], ["책", 1, 2, "x"])
    book.active.merge_cells("B1:C1")
    book.active.merge_cells("A1:A2")
    assert blocks(parse_bytes(saved(book), XLSX))[1:] == [("table", "품목\t수입\t\t비고\n\t수량\t금액\n책\t1\t2\tx")]


def test_a_hidden_sheet_is_marked_and_comments_and_charts_are_read(parse_bytes: ParseBytes) -> None:
    from openpyxl.chart import BarChart, Reference

    book = a_book(["year", "ducks"], ["2025", 120], ["2026", 135])
    book.active["B2"].comment = Comment("counted twice", "a")
    chart = BarChart()
    chart.title = "Ducks by year"
    chart.add_data(Reference(book.active, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    book.active.add_chart(chart, "D2")
    hidden = book.create_sheet("draft")
    hidden.append(["secret"])
    hidden.sheet_state = "hidden"
    text = parse_bytes(saved(book), XLSX).text
    assert "counted twice" in text and "Ducks by year" in text
    assert "draft (hidden sheet)\n\nsecret" in text


def test_a_workbook_without_values_a_locked_and_a_damaged_one_are_refused(parse_bytes: ParseBytes) -> None:
    cut = saved(a_book(["x"]))[:-200]
    locked = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
    for raw, code in ((saved(openpyxl.Workbook()), "no_text"), (cut, "corrupt"), (locked, "encrypted")):
        with pytest.raises(Unreadable) as refusal:
            parse_bytes(raw, XLSX)
        assert refusal.value.data["code"] == code


def test_a_broken_sheet_leaves_the_others(parse_bytes: ParseBytes) -> None:
    book = a_book(["first"])
    book.create_sheet("second").append(["word"])
    raw = saved(book)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"<worksheet><she" if name.endswith("sheet1.xml") else source.read(name))
    assert "second\n\nword" in parse_bytes(packed.getvalue(), XLSX).text


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("#,##0", 1234567.5, "1,234,568"), ("#,##0.00", -1234.5, "-1,234.50"), ("0.00", 1.005, "1.01"),
        ("0%", 0.125, "13%"), ("#,##0_);(#,##0)", -3, "(3)"), ('_(* "-"_);_(* "-"_);_(* "-"_)', 0, "-"),
        ("yyyy-mm-dd", 45292, "2024-01-01"), ("yyyy/m/d h:mm", 45292.75, "2024/1/1 18:00"), ("[h]:mm", 1.5, "36:00"),
        ("h:mm AM/PM", 0.75, "6:00 PM"), ("[$₩-412]#,##0", 5000, "₩5,000"), ('0000"."00', 847130, "8471.30"),
        ("# ?/?", 1.5, "1 1/2"), ("0.0E+00", 12345, "1.2E+04"), ("#,##0,", 1234567, "1,235"), ("0.##", 3.1, "3.1"),
        ("[>=100]0.0;0", 99.6, "100"), ("General", 0.1 + 0.2, "0.3"), ("aaaa", 45292, "월요일"),
        ("yyyy-mm-dd", 1e9, "1000000000"), ("mmm-yy", 45292, "Jan-24"), ("\\a0", 7, "a7"), ("0;;", 3, "3"),
        ('[$-412]yyyy"년" mmmm dddd', 46083, "2026년 3월 월요일"), ("[$-412]AM/PM h:mm", 0.6, "오후 2:24"),
        ("[$-409]mmmm dddd", 46083, "March Monday"), ("[DBNum4]General", 123456, "일십이만삼천사백오십육"),
        ('[DBNum4]"금 "General"원정"', 10050000, "금 일천오만원정"), ("[DBNum1][$-412]General", 2026, "二千二十六"),
        ("[DBNum2]#,##0", 105, "壹百伍"), ("[DBNum4]General", 1.5, "1.5"), ("[DBNum4]General", 0, "영"),
    ],
)  # fmt: skip
def test_number_formats(code: str, value: float, shown: str) -> None:
    assert shower(code)(value) == shown


@pytest.mark.parametrize(
    "raw",
    [
        '품목,세율\n"노트북, 15인치",0\n',
        '품목;세율\n"노트북, 15인치";0\n',
        "품목\t세율\n노트북, 15인치\t0\n",
        "품목|세율\n노트북, 15인치|0\n",
        "sep=;\n품목;세율\n노트북, 15인치;0\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_any_delimiter_in_any_encoding(parse_bytes: ParseBytes, raw: str, encoding: str) -> None:
    assert blocks(parse_bytes(raw.encode(encoding), "text/csv")) == [("table", "품목\t세율\n노트북, 15인치\t0")]


def test_lines_in_quotes_are_one_value_and_a_lost_quote_takes_nothing_with_it(parse_bytes: ParseBytes) -> None:
    assert blocks(parse_bytes(b'a,b\n"two\nlines",2\n', "text/csv")) == [("table", "a\tb\ntwo lines\t2")]
    text = parse_bytes(b'a,b\n"inch,2\nc,3\n' + b"d,4\n" * 9, "text/csv").text
    assert text.startswith('a\tb\n"inch\t2\nc\t3\nd\t4')


def test_lines_above_a_table_are_paragraphs_and_longer_rows_a_warning(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(b"Report of 2026\n\ncode,rate\n1,2\n3,4,5\n6,7\n", "text/csv")
    assert blocks(document) == [("paragraph", "Report of 2026"), ("table", "code\trate\n1\t2\n3\t4\t5\n6\t7")]
    assert document.warnings == ("Rows with more than the 2 columns of the others: 1.",)


def test_headers_footers_and_what_is_said_of_pictures(parse_bytes: ParseBytes) -> None:
    book = a_book(["a", "b"], [1, 2])
    book.active.oddHeader.center.text = '&"맑은 고딕,굵게"&14대외비 R&&D'
    book.active.oddFooter.left.text = "Page &P of &N"
    book.active.oddFooter.right.text = "&D 한빛무역"
    book.create_sheet("둘").append(["c", "d"])
    book.worksheets[1].oddHeader.center.text = "대외비 R&&D"
    picture = io.BytesIO()
    Image.new("RGB", (40, 40)).save(picture, "PNG")
    book.active.add_image(SheetImage(picture), "D4")
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(book))) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b'descr="Picture"', 'descr="반입 절차"'.encode()))
    document = parse_bytes(out.getvalue(), XLSX)
    told = [block for block in blocks(document) if block[0] not in ("heading", "table")]
    assert told == [("picture", "반입 절차"), ("header", "대외비 R&D"), ("footer", "한빛무역")]


def test_formulas_without_a_saved_value_are_told(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(saved(a_book(["sum", "words"], ["=1+1", "a"], ["=A2", "b"])), XLSX)
    assert "1+1" not in document.text
    (warning,) = document.warnings
    assert warning.startswith("Formulas without a saved value, which were left out: 2.")


def test_codes_that_are_kept_from_being_numbers(parse_bytes: ParseBytes) -> None:
    assert parse_bytes(b'code,name\n="00123",a\n"=""0045""",b\n', "text/csv").text == ("code\tname\n00123\ta\n0045\tb")
