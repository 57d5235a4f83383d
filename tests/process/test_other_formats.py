"""OpenDocument, EPUB, RTF and old workbooks: what they show, and refusals with a reason."""

from collections.abc import Callable

import pytest
from ole_builder import an_ole_file
from opendocument_builders import NAMES, a_zip, an_opendocument

from process.infrastructure.parsers.draft import Unreadable
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
ODT, ODS, ODP = (f"application/vnd.oasis.opendocument.{kind}" for kind in ("text", "spreadsheet", "presentation"))
EPUB, RTF, XLS = "application/epub+zip", "application/rtf", "application/vnd.ms-excel"


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def an_item(text: str, inner: str = "", **about: str) -> str:
    attributes = "".join(f' text:{name.replace("_", "-")}="{value}"' for name, value in about.items())
    return f"<text:list-item{attributes}><text:p>{text}</text:p>{inner}</text:list-item>"


def a_list(items: str, style: str = "", **about: str) -> str:
    about = {"style_name": style, **about} if style else about
    attributes = "".join(f' text:{name.replace("_", "-")}="{value}"' for name, value in about.items())
    return f"<text:list{attributes}>{items}</text:list>"


def a_list_style(name: str, *levels: str) -> str:
    numbered = (
        f'<text:list-level-style-number text:level="{at}" {level}/>' for at, level in enumerate(levels, 1) if level
    )
    return f'<text:list-style style:name="{name}">{"".join(numbered)}</text:list-style>'


def test_numbers_of_lists_stand_before_their_items(parse_bytes: ParseBytes) -> None:
    styles = (
        a_list_style(
            "rules",
            'style:num-format="1" style:num-prefix="제" style:num-suffix="조"',
            'style:num-format="1" style:num-suffix="." text:display-levels="2"',
            'style:num-format="가, 나, 다, ..." loext:num-list-format="(%3%)"',
            'style:num-format="㉠, ㉡, ㉢, ..."',
        )
        + a_list_style("letters", 'style:num-format="A" style:num-suffix=")" text:start-value="3"')
        + '<text:list-style style:name="dots"><text:list-level-style-bullet text:level="1"/></text:list-style>'
    )
    third = a_list(an_item("셋째", a_list(an_item("넷째"))))
    second = a_list(an_item("첫 호") + an_item("둘째 호", third))
    body = (
        a_list(an_item("목적", second) + an_item("정의"), "rules", id="one")
        + "<text:p>사이 글</text:p>"
        + a_list(an_item("갑") + an_item("을") + an_item("다시", start_value="9"), "letters")
        + a_list(an_item("적용"), "rules", continue_numbering="true")
        + a_list("<text:list-header><text:p>머리</text:p></text:list-header>" + an_item("새로"), "rules")
        + a_list(an_item("다음"), "rules", continue_list="one")
        + a_list(an_item("점"), "dots")
    )
    document = parse_bytes(an_opendocument("text", body, styles), ODT)
    assert [text for _, text in blocks(document)] == [
        *("제1조 목적", "1.1. 첫 호", "1.2. 둘째 호", "(가) 셋째", "㉠ 넷째", "제2조 정의", "사이 글"),
        *("C) 갑", "D) 을", "I) 다시", "제3조 적용", "머리", "제1조 새로", "제4조 다음", "점"),
    ]


def test_numbers_of_headings_come_from_the_outline(parse_bytes: ParseBytes) -> None:
    outline = (
        f"<office:document-styles {NAMES}><office:styles><text:outline-style style:name='Outline'>"
        '<text:outline-level-style text:level="1" style:num-format="I" style:num-suffix="."/>'
        '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/>'
        '<text:outline-level-style text:level="3" style:num-format=""/>'
        "</text:outline-style></office:styles></office:document-styles>"
    )
    levels = (
        ("총칙", 1, ""),
        ("목적", 2, ""),
        ("차례", 1, ' text:is-list-header="true"'),
        ("정의", 2, ""),
        ("보칙", 1, ""),
    )
    body = "".join(f'<text:h text:outline-level="{level}"{more}>{text}</text:h>' for text, level, more in levels)
    body += '<text:h text:outline-level="3">번호 없는 것</text:h>'
    document = parse_bytes(an_opendocument("text", body, **{"styles.xml": outline}), ODT)
    assert [text for _, text in blocks(document)] == [
        "I. 총칙",
        "I.1 목적",
        "차례",
        "I.2 정의",
        "II. 보칙",
        "번호 없는 것",
    ]


def test_a_text_with_lists_tables_notes_and_comments(parse_bytes: ParseBytes) -> None:
    body = (
        '<text:h text:outline-level="2">수입 절차</text:h>'
        "<text:p>신고<text:s text:c='2'/>후<text:note><text:note-body><text:p>각주 글</text:p></text:note-body>"
        "</text:note>"
        " 심사<office:annotation><text:p>메모</text:p></office:annotation></text:p>"
        "<text:tracked-changes><text:p>지운 글</text:p></text:tracked-changes>"
        "<text:list><text:list-item><text:p>하나</text:p></text:list-item></text:list>"
        '<table:table><table:table-header-rows><table:table-row><table:table-cell table:number-columns-spanned="2">'
        "<text:p>품목</text:p></table:table-cell><table:covered-table-cell/></table:table-row></table:table-header-rows>"
        "<table:table-row><table:table-cell><text:p>책</text:p></table:table-cell><table:table-cell><text:p>0%</text:p>"
        "</table:table-cell></table:table-row></table:table>"
        "<text:p><draw:frame><draw:text-box><text:p>상자</text:p></draw:text-box></draw:frame></text:p>"
    )
    styles = (
        f"<office:document-styles {NAMES}><style:header><text:p>머리글</text:p></style:header></office:document-styles>"
    )
    document = parse_bytes(an_opendocument("text", body, **{"styles.xml": styles}), ODT)
    assert blocks(document) == [
        ("heading", "수입 절차"),
        ("paragraph", "신고  후 심사"),
        ("footnote", "각주 글"),
        ("comment", "메모"),
        ("list_item", "하나"),
        ("table", "품목\n책\t0%"),
        ("paragraph", "상자"),
        ("header", "머리글"),
    ]
    assert document.tables[0].spans[0].column_span == 2


def test_a_spreadsheet_with_counted_cells_and_a_hidden_sheet(parse_bytes: ParseBytes) -> None:
    def cell(text: str, attributes: str = "") -> str:
        return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"

    empty = "<table:table-cell table:number-columns-repeated='16000'/>"
    body = (
        f"<table:table table:name='세율'><table:table-row>{cell('품목')}{cell('세율')}{empty}</table:table-row>"
        f"<table:table-row table:number-rows-repeated='2'>{cell('책')}{cell('0%')}</table:table-row>"
        f"<table:table-row table:number-rows-repeated='1048000'>{empty}</table:table-row></table:table>"
        f"<table:table table:name='초안' table:style-name='h'><table:table-row>{cell('비밀')}</table:table-row>"
        "</table:table>"
    )
    styles = "<style:style style:name='h'><style:table-properties table:display='false'/></style:style>"
    assert blocks(parse_bytes(an_opendocument("spreadsheet", body, styles), ODS)) == [
        ("heading", "세율"),
        ("table", "품목\t세율\n책\t0%\n책\t0%"),
        ("heading", "초안 (hidden sheet)"),
        ("paragraph", "비밀"),
    ]


def test_slides_are_pages_with_their_notes(parse_bytes: ParseBytes) -> None:
    frame = "<draw:frame {}><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>"
    body = (
        f"<draw:page>{frame.format('', '본문')}"
        + frame.format('presentation:class="title"', "제목")
        + f"<presentation:notes>{frame.format('', '설명')}</presentation:notes></draw:page><draw:page/>"
    )
    document = parse_bytes(an_opendocument("presentation", body), ODP)
    assert blocks(document) == [("heading", "제목"), ("paragraph", "본문"), ("note", "설명")]
    assert (document.pages, document.blocks[0].page) == (2, 1)


def test_a_locked_opendocument_is_refused(parse_bytes: ParseBytes) -> None:
    locked = an_opendocument("text", "x", **{"META-INF/manifest.xml": "<manifest><encryption-data/></manifest>"})
    for raw, code in ((locked, "encrypted"), (a_zip({"mimetype": ODT}), "corrupt")):
        with pytest.raises(Unreadable) as refusal:
            parse_bytes(raw, ODT)
        assert refusal.value.data["code"] == code


def a_book(**more: str) -> bytes:
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>{}</body></html>'
    return a_zip(
        {
            "mimetype": EPUB,
            "META-INF/container.xml": '<container><rootfile full-path="OPS/book.opf"/></container>',
            "OPS/book.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>책 이름</dc:title>'
            '<manifest><item id="b" href="b%20b.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
            '<item id="n" href="n.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>'
            '<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>',
            "OPS/a.xhtml": page.format("<h1>1장</h1><p>첫 글</p>"),
            "OPS/b b.xhtml": page.format("<p>둘째 글</p>"),
            "OPS/n.xhtml": page.format("<p>차례</p>"),
            **more,
        }
    )


def test_a_book_in_the_order_of_its_spine(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(a_book(), EPUB)
    assert blocks(document) == [
        ("title", "책 이름"),
        ("heading", "1장"),
        ("paragraph", "첫 글"),
        ("paragraph", "둘째 글"),
    ]
    lock = '<encryption><CipherReference URI="OPS/{}"/></encryption>'
    document = parse_bytes(a_book(**{"META-INF/encryption.xml": lock.format("a.xhtml")}), EPUB)
    assert document.warnings == ("Pages that could not be read: 1 of 2.",)
    both = lock.format("a.xhtml") + lock.format("b%20b.xhtml")
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(a_book(**{"META-INF/encryption.xml": f"<all>{both}</all>"}), EPUB)
    assert refusal.value.data["code"] == "encrypted"


def test_pages_of_a_book_may_have_empty_elements(parse_bytes: ParseBytes) -> None:
    page = (
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body><h1>{}</h1><svg><title>x</title></svg>'
    )
    more = {
        "OPS/a.xhtml": page.format("1장") + "</body></html>",
        "OPS/b b.xhtml": page.format("2장") + "</body></html>",
    }
    document = parse_bytes(a_book(**more), EPUB)
    assert [text for kind, text in blocks(document) if kind == "heading"] == ["1장", "2장"]


def test_numbers_of_lists_in_cells(parse_bytes: ParseBytes) -> None:
    styles = a_list_style("rows", 'style:num-format="1" style:num-suffix="."')
    table = "".join(
        f"<table:table-row><table:table-cell>{a_list(an_item(first), 'rows', continue_numbering='true')}"
        f"</table:table-cell><table:table-cell><text:p>{text}</text:p></table:table-cell></table:table-row>"
        for first, text in (("", "볼트"), ("둘", "너트"))
    )
    body = f"<table:table>{table}</table:table>{a_list(an_item('밖'), 'rows', continue_numbering='true')}"
    document = parse_bytes(an_opendocument("text", body, styles), ODT)
    assert [text for _, text in blocks(document)] == ["1.\t볼트\n2. 둘\t너트", "3. 밖"]


def test_rtf_marks_of_lists_boxes_and_signs_of_two_halves(parse_bytes: ParseBytes) -> None:
    raw = (
        "{\\rtf1\\ansi\\ansicpg949{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f3\\fcharset2 Symbol;}}"
        "{\\listtext\\f3 \\'b7\\tab}dot\\par {\\pntext\\f0 2.\\tab}number\\par \\u-10179?\\u-8576?\\par"
        "{\\shp{\\*\\shpinst{\\shptxt in a box\\par}}}}"
    )
    assert [text for _, text in blocks(parse_bytes(raw.encode(), RTF))] == ["• dot", "2. number", "🚀", "in a box"]


def test_rtf_with_korean_tables_and_notes(parse_bytes: ParseBytes) -> None:
    def hexadecimal(text: str) -> str:
        return "".join(f"\\'{byte:02x}" for byte in text.encode("cp949"))

    raw = (
        "{\\rtf1\\ansi\\ansicpg949{\\fonttbl{\\f0\\fcharset129 Batang;}}{\\info{\\title "
        + hexadecimal("제목") + "}}\\f0 "
        + hexadecimal("관세율") + " \\u51204?\\u51088?{\\footnote " + hexadecimal("각주") + "} {\\v hidden}end\\par "
        "a\\cell b\\cell\\row c\\cell d\\cell\\row{\\pict " + "0a" * 5_000 + "}{\\header head}\\par last}"
    )  # fmt: skip
    document = parse_bytes(raw.encode(), RTF)
    assert blocks(document) == [
        ("paragraph", "관세율 전자 end"),
        ("table", "a\tb\nc\td"),
        ("paragraph", "last"),
        ("footnote", "각주"),
        ("header", "head"),
    ]
    assert document.title == "제목"


def test_a_broken_old_workbook_is_refused(parse_bytes: ParseBytes) -> None:
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(an_ole_file({"Workbook": b"junk" * 2_000}), XLS)
    assert refusal.value.data["code"] in ("corrupt", "no_text")
