"""Word documents, written here part by part: numbers as Word shows them, and what stands beside the text."""

import io
import zipfile
from collections.abc import Callable

import pytest
from process_builders import DOCX
from word_builders import level, lines, listed, numbering, p, word

from process.infrastructure.parsers.draft import Unreadable
from process.infrastructure.parsers.number_text import number_text
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("decimal", "1 2 10 21"),
        ("decimalZero", "01 02 10 21"),
        ("upperRoman", "I II X XXI"),
        ("lowerRoman", "i ii x xxi"),
        ("upperLetter", "A B J U"),
        ("ganada", "가 나 차 사"),
        ("chosung", "ㄱ ㄴ ㅊ ㅅ"),
        ("decimalEnclosedCircle", "① ② ⑩ 21"),
        ("decimalEnclosedParen", "⑴ ⑵ ⑽ 21"),
        ("koreanDigital", "일 이 일영 이일"),
        ("koreanDigital2", "一 二 一零 二一"),
        ("koreanCounting", "일 이 십 이십일"),
        ("koreanLegal", "하나 둘 열 스물하나"),
        ("ideographDigital", "一 二 一〇 二一"),
        ("japaneseCounting", "一 二 十 二十一"),
        ("ideographTraditional", "甲 乙 癸 甲"),
        ("ordinal", "1st 2nd 10th 21st"),
        ("cardinalText", "One Two Ten Twenty-one"),
        ("ordinalText", "First Second Tenth Twenty-first"),
        ("numberInDash", "-1- -2- -10- -21-"),
        ("decimalFullWidth", "１ ２ １０ ２１"),
        ("noSuchFormat", "1 2 10 21"),
        ("none", "   "),
    ],
)
def test_numbers_are_written_in_every_format(form: str, shown: str) -> None:
    assert [number_text(number, form).replace(" ", "") for number in (1, 2, 10, 21)] == shown.split(" ")


def test_counting_goes_on_over_ten_thousand_and_letters_are_repeated() -> None:
    assert number_text(12_034, "koreanCounting") == "일만이천삼십사"
    assert [number_text(number, "lowerLetter") for number in (26, 27, 28, 53)] == ["z", "aa", "bb", "aaa"]
    assert number_text(1_994, "upperRoman") == "MCMXCIV"


def test_levels_are_counted_and_begin_anew_below_each_other(parse_bytes: ParseBytes) -> None:
    parts = numbering(level(0, "제%1조"), level(1, "%2.", "ganada"), level(2, "(%3)"), level(3, "%4", "bullet"))
    order = [(0, "a"), (1, "b"), (1, "c"), (2, "d"), (2, "e"), (1, "f"), (2, "g"), (0, "h"), (1, "i"), (3, "j")]
    document = parse_bytes(word("".join(listed(text, at) for at, text in order), parts), DOCX)
    assert lines(document) == [
        *("제1조 a", "가. b", "나. c", "(1) d", "(2) e", "다. f", "(1) g", "제2조 h", "가. i", "j"),
    ]
    assert {block.kind for block in document.blocks} == {"list_item"}


def test_what_a_level_says_of_its_number_is_followed(parse_bytes: ParseBytes) -> None:
    parts = numbering(
        level(0, "%1.", "upperRoman"),
        level(1, "%1.%2", more="<w:isLgl/>"),
        level(2, "제%3항", more='<w:suff w:val="nothing"/>'),
        level(3, "%4)", more='<w:lvlRestart w:val="0"/>'),
    )
    order = [(0, "a"), (1, "b"), (2, "(목적)"), (3, "c"), (0, "d"), (1, "e"), (3, "f")]
    document = parse_bytes(word("".join(listed(text, at) for at, text in order), parts), DOCX)
    assert lines(document) == ["I. a", "1.1 b", "제1항(목적)", "1) c", "II. d", "2.1 e", "2) f"]


def test_numberings_of_one_list_go_on_unless_they_begin_anew(parse_bytes: ParseBytes) -> None:
    nums = (
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/>'
        '</w:lvlOverride></w:num><w:num w:numId="4"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0">'
        + level(0, "[%1]")
        + "</w:lvlOverride></w:num>"
    )
    order = [(1, "a"), (2, "b"), (3, "c"), (3, "d"), (4, "e"), (0, "f")]
    body = "".join(listed(text, 0, number_id) for number_id, text in order)
    document = parse_bytes(word(body, numbering(level(0, "%1."), nums=nums)), DOCX)
    assert lines(document) == ["1. a", "2. b", "5. c", "6. d", "[7] e", "f"]


def test_numbers_come_from_styles_and_those_they_are_based_on(parse_bytes: ParseBytes) -> None:
    styles = """<w:styles>
    <w:style w:type="paragraph" w:styleId="A"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr>
    </w:pPr></w:style>
    <w:style w:type="paragraph" w:styleId="B"><w:name w:val="heading 2"/><w:basedOn w:val="A"/><w:pPr><w:numPr>
    <w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr></w:pPr></w:style>
    <w:style w:type="paragraph" w:styleId="C"><w:name w:val="Mine"/><w:basedOn w:val="B"/></w:style>
    <w:style w:type="paragraph" w:styleId="D"><w:name w:val="Plain"/><w:basedOn w:val="A"/>
    <w:pPr><w:numPr><w:numId w:val="0"/></w:numPr></w:pPr></w:style></w:styles>"""
    parts = numbering(level(0, "제%1장", more='<w:pStyle w:val="A"/>'), level(1, "%1.%2", more='<w:pStyle w:val="B"/>'))
    body = "".join(p(name.lower(), f'<w:pStyle w:val="{name}"/>') for name in "ABCABD")
    document = parse_bytes(word(body, {**parts, "styles.xml": styles}), DOCX)
    assert lines(document) == ["제1장 a", "1.1 b", "1.2 c", "제2장 a", "2.1 b", "d"]
    assert [block.level for block in document.blocks] == [1, 2, 2, 1, 2, 1]


def test_numbers_of_a_list_style_and_in_cells_are_shown(parse_bytes: ParseBytes) -> None:
    lists = (
        '<w:numbering><w:abstractNum w:abstractNumId="0"><w:numStyleLink w:val="L"/></w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="1"><w:styleLink w:val="L"/>{level(0, "%1)")}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
        "</w:numbering>"
    )
    styles = (
        '<w:styles><w:style w:type="numbering" w:styleId="L"><w:name w:val="List"/><w:pPr><w:numPr><w:numId w:val="2"/>'
        "</w:numPr></w:pPr></w:style></w:styles>"
    )
    table = f"<w:tbl><w:tr><w:tc>{listed('b')}</w:tc><w:tc>{p('c')}{listed('d')}</w:tc></w:tr></w:tbl>"
    document = parse_bytes(word(listed("a") + table, {"numbering.xml": lists, "styles.xml": styles}), DOCX)
    assert lines(document) == ["1) a", "2) b\tc 3) d"]


def test_a_deleted_paragraph_mark_joins_two_and_is_counted_once(parse_bytes: ParseBytes) -> None:
    gone = listed("first ").replace("</w:numPr>", '</w:numPr><w:rPr><w:del w:id="1"/></w:rPr>')
    document = parse_bytes(word(gone + listed("second") + listed("third"), numbering(level(0, "%1."))), DOCX)
    assert lines(document) == ["1. first second", "2. third"]


def test_notes_and_comments_stand_behind_their_paragraph_marked(parse_bytes: ParseBytes) -> None:
    def note(kind: str, text: str, more: str = "") -> str:
        return f'<w:{kind} w:id="7"{more}>{p(text)}</w:{kind}>'

    parts = {
        "footnotes.xml": f'<w:footnotes><w:footnote w:id="0" w:type="separator">{p("no")}</w:footnote>'
        f"{note('footnote', 'below')}</w:footnotes>",
        "endnotes.xml": f"<w:endnotes>{note('endnote', 'at the end')}</w:endnotes>",
        "comments.xml": "<w:comments>" + note("comment", "really?", ' w:author="Kim"') + "</w:comments>",
    }
    references = "".join(f'<w:r><w:{kind}Reference w:id="7"/></w:r>' for kind in ("footnote", "endnote", "comment"))
    body = f"<w:p><w:r><w:t>text</w:t></w:r>{references}</w:p>{p('after')}"
    assert blocks(parse_bytes(word(body, parts), DOCX)) == [
        ("paragraph", "text"),
        ("footnote", "below"),
        ("footnote", "at the end"),
        ("comment", "Kim: really?"),
        ("paragraph", "after"),
    ]


def test_what_is_drawn_in_a_header_is_told_with_it(parse_bytes: ParseBytes) -> None:
    mark = '<w:r><w:pict><v:shape alt="관세청 표장"><v:textpath string="대외비 문서"/></v:shape></w:pict></w:r>'
    logo = '<w:r><w:drawing><wp:docPr xmlns:wp="wp" id="1" name="x" descr="회사 상표"/></w:drawing></w:r>'
    parts = {"header1.xml": f"<w:hdr>{p('머리말')}<w:p>{mark}</w:p><w:p>{logo}</w:p></w:hdr>"}
    body = p("본문") + '<w:sectPr><w:headerReference r:id="header1.xml"/></w:sectPr>'
    document = parse_bytes(word(body, parts), DOCX)
    assert blocks(document)[-1] == ("header", "머리말\n관세청 표장\n대외비 문서\n회사 상표")


def test_headers_and_footers_are_told_once_and_marked(parse_bytes: ParseBytes) -> None:
    parts = {"header1.xml": f"<w:hdr>{p('Customs office')}</w:hdr>", "footer1.xml": f"<w:ftr>{p('Page 1')}</w:ftr>"}
    section = (
        '<w:sectPr><w:headerReference r:id="header1.xml"/><w:headerReference w:type="first" r:id="header1.xml"/>'
        '<w:footerReference r:id="footer1.xml"/></w:sectPr>'
    )
    body = f"<w:p><w:pPr>{section}</w:pPr></w:p>{p('text')}{section}"
    assert blocks(parse_bytes(word(body, parts), DOCX)) == [
        ("paragraph", "text"),
        ("header", "Customs office"),
        ("footer", "Page 1"),
    ]


def box(text: str) -> str:
    content = f"<w:txbxContent>{p(text)}</w:txbxContent>"
    return (
        f"<w:r><mc:AlternateContent><mc:Choice><w:drawing>{content}</w:drawing></mc:Choice><mc:Fallback><w:pict>"
        f"<v:textbox>{content}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (p("shown ") + p("gone", run="<w:vanish/>") + p("kept", run='<w:vanish w:val="0"/>'), ["shown", "kept"]),
        (f"<w:p><w:r><w:t>a</w:t></w:r>{box('in the box')}</w:p>{p('b')}", ["a", "in the box", "b"]),
        (f"<w:sdt><w:sdtContent>{p('filled in')}</w:sdtContent></w:sdt>", ["filled in"]),
        (f"<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{p('Click here')}</w:sdtContent></w:sdt>{p('b')}",
         ["b"]),
        (f"<w:ins>{p('added')}</w:ins><w:moveFrom>{p('old')}</w:moveFrom><w:moveTo>{p('new')}</w:moveTo>",
         ["added", "new"]),
        (
            '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>REF x</w:instrText></w:r><w:r><w:t>'
            'argument</w:t></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>result</w:t></w:r><w:r>'
            f'<w:fldChar w:fldCharType="end"/></w:r><w:r><w:t>.</w:t></w:r></w:p>{p("next")}',
            ["result.", "next"],
        ),
        (f'<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r></w:p>{p("not hidden")}', ["not hidden"]),
        ("<w:p><w:r><w:ruby><w:rt><w:r><w:t>한</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢</w:t></w:r></w:rubyBase></w:ruby>"
         "</w:r></w:p>", ["漢(한)"]),
        ('<w:p><w:r><w:t>a</w:t><w:sym w:char="2192"/><w:sym w:char="F0FC"/><w:noBreakHyphen/><w:tab/><w:t>b</w:t>'
         "</w:r></w:p>", ["a→-\tb"]),
        (f"<w:tbl><w:tr><w:tc>{p('a')}</w:tc><w:tc>{p('b')}</w:tc></w:tr><w:tr><w:trPr><w:del/></w:trPr><w:tc>{p('no')}"
         f"</w:tc><w:tc>{p('no')}</w:tc></w:tr></w:tbl>", ["a\tb"]),
        ('<w:p><w:r><w:drawing><wp:inline><wp:docPr descr="a map" name="Picture 1"/></wp:inline></w:drawing></w:r>'
         "</w:p>", ["a map"]),
        ('<w:p><w:r><w:drawing><wp:inline><wp:docPr descr="a map"/><a:cNvPr descr="a map"/><a:cNvPr descr="its key"/>'
         "</wp:inline></w:drawing></w:r></w:p>", ["a map", "its key"]),
        ('<w:p><w:r><w:pict><v:shape alt="an old map"/></w:pict></w:r></w:p>', ["an old map"]),
        ('<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t><w:drawing><wp:inline><wp:docPr descr="a plan"/></wp:inline>'
         f"</w:drawing></w:r></w:p></w:tc><w:tc>{p('b')}</w:tc></w:tr></w:tbl>", ["a\tb", "a plan"]),
    ],
)  # fmt: skip
def test_what_word_shows_is_read_and_nothing_else(parse_bytes: ParseBytes, body: str, expected: list[str]) -> None:
    assert lines(parse_bytes(word(body), DOCX)) == expected


def test_runs_hidden_by_a_style_are_not_read(parse_bytes: ParseBytes) -> None:
    styles = (
        '<w:styles><w:style w:type="character" w:styleId="H"><w:name w:val="h"/><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="P"><w:name w:val="p"/><w:rPr><w:vanish/></w:rPr></w:style></w:styles>'
    )
    body = p("no", run='<w:rStyle w:val="H"/>') + p("no", '<w:pStyle w:val="P"/>') + p("yes")
    assert lines(parse_bytes(word(body, {"styles.xml": styles}), DOCX)) == ["yes"]


MAIL = b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>from a <b>mail</b></p>"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("chunk.html", b"<html><head><title>no</title></head><p>from <b>HTML</b></p>", "from HTML"),
        ("chunk.mht", MAIL, "from a mail"),
        ("chunk.txt", "from a text".encode("utf-16"), "from a text"),
        ("chunk.docx", word(p("from Word")), "from Word"),
    ],
)
def test_inserted_files_are_read_in_their_place(
    parse_bytes: ParseBytes, name: str, content: bytes, expected: str
) -> None:
    document = parse_bytes(word(f'{p("a")}<w:altChunk r:id="{name}"/>{p("b")}', {name: content}), DOCX)
    assert (lines(document), document.warnings) == (["a", expected, "b"], ())


def test_a_tables_alternative_text_is_its_caption(parse_bytes: ParseBytes) -> None:
    said = '<w:tblPr><w:tblCaption w:val="요율표"/><w:tblDescription w:val="품목별 세율"/></w:tblPr>'
    table = f"<w:tbl>{said}<w:tr><w:tc>{p('a')}</w:tc><w:tc>{p('b')}</w:tc></w:tr></w:tbl>"
    assert lines(parse_bytes(word(table), DOCX)) == ["요율표 – 품목별 세율", "a\tb"]


def test_members_may_be_named_with_backslashes(parse_bytes: ParseBytes) -> None:
    numbers = numbering(level(0, "제%1조"))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word(listed("a"), numbers))) as usual, zipfile.ZipFile(out, "w") as archive:
        for name in usual.namelist():
            archive.writestr(name.replace("/", "\\"), usual.read(name))
    assert lines(parse_bytes(out.getvalue(), DOCX)) == ["제1조 a"]


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ('<w:result w:val="1"/>', "Incheon"),
        ('<w:default w:val="1"/>', "Incheon"),
        ("", "Busan"),
        ("<w:result/>", "Busan"),
    ],
)
def test_what_is_chosen_in_a_forms_list_is_text(parse_bytes: ParseBytes, settings: str, shown: str) -> None:
    body = (
        '<w:p><w:r><w:t xml:space="preserve">by way of </w:t></w:r><w:r><w:fldChar w:fldCharType="begin"><w:ffData>'
        f'<w:ddList>{settings}<w:listEntry w:val="Busan"/><w:listEntry w:val="Incheon"/></w:ddList></w:ffData>'
        "</w:fldChar></w:r><w:r><w:instrText> FORMDROPDOWN </w:instrText></w:r><w:r><w:fldChar "
        'w:fldCharType="separate"/></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>'
    )
    assert lines(parse_bytes(word(body), DOCX)) == [f"by way of {shown}"]


@pytest.mark.parametrize(
    ("element", "what"),
    [
        ('<w:altChunk r:id="chunk.rtf"/>', "1 inserted file"),
        ('<w:altChunk r:id="none"/><w:altChunk r:id="none"/>', "2 inserted files"),
        ('<w:p><w:r><w:drawing><c:chart r:id="none"/></w:drawing></w:r></w:p>', "1 chart"),
        ('<w:subDoc r:id="none"/>', "1 linked document"),
    ],
)
def test_what_is_left_out_is_told(parse_bytes: ParseBytes, element: str, what: str) -> None:
    document = parse_bytes(word(p("text") + element, {"chunk.rtf": rb"{\rtf1 no}"}), DOCX)
    assert (document.text, document.warnings) == ("text", (f"{what} in the document could not be read.",))


@pytest.mark.parametrize(
    "main",
    [
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
        "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
    ],
)
def test_templates_and_documents_with_macros_are_read(parse_bytes: ParseBytes, main: str) -> None:
    assert parse_bytes(word(p("text"), main=main), DOCX).text == "text"


def test_another_office_file_is_called_by_its_name(parse_bytes: ParseBytes) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word(p("x")))) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, "<workbook/>" if name == "word/document.xml" else old.read(name))
    with pytest.raises(Unreadable, match="Excel workbook"):
        parse_bytes(out.getvalue(), DOCX)


@pytest.mark.parametrize("content", ["<w:p>" * 5_000, listed("x", 8) * 3_000, box("x" * 10) * 500])
def test_odd_documents_end(parse_bytes: ParseBytes, content: str) -> None:
    parts = numbering(*(level(at, "".join(f"%{each}." for each in range(1, at + 2)), "lowerLetter") for at in range(9)))
    assert parse_bytes(word(p("the text") + content, parts), DOCX).text.startswith("the text")
