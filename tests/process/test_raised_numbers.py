"""Numbers that stand above their line are powers and marks of notes, in every format: 10⁶ is not 106."""

import io
import struct
from collections.abc import Callable, Sequence

import docx
import openpyxl
import pptx
import pytest
from fpdf import FPDF
from hancom_builders import HWP, HWPX, a_record, an_hwp, an_hwp_line, an_hwpx
from opendocument_builders import an_opendocument
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from pdf_builders import PdfPage, a_pdf_of
from process_builders import DOCX, PDF

from process.domain.raised import raised
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
Pieces = Sequence[tuple[str, bool]]
"""Of a line, each with whether it is raised."""
HTML, MARKDOWN, RTF = "text/html", "text/markdown", "application/rtf"
ODT = "application/vnd.oasis.opendocument.text"
STYLES = "".join(
    f'<style:style style:name="{name}"><style:text-properties style:text-position="{position}"/></style:style>'
    for name, position in (("up", "super 58%"), ("level", "0% 100%"))
)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

LINE: Pieces = (
    ("About 10", False), ("6", True), (" cells on 5 m", False), ("2", True), (" grew 10", False), ("-3", True),
    (" in the 1", False), ("st", True), (" tariff", False), ("12", True), (" year.", False),
)  # fmt: skip
READ = "About 10⁶ cells on 5 m² grew 10⁻³ in the 1st tariff¹² year."


def a_page(pieces: Pieces) -> bytes:
    return "".join(f"<sup>{text}</sup>" if up else text for text, up in pieces).join(("<p>", "</p>")).encode()


def a_cell(pieces: Pieces) -> bytes:
    return b"<table><tr><th>Name</th><th>Value</th></tr><tr><td>It</td><td>" + a_page(pieces) + b"</td></tr></table>"


def a_word_document(pieces: Pieces) -> bytes:
    document, out = docx.Document(), io.BytesIO()
    paragraph = document.add_paragraph()
    for text, up in pieces:
        paragraph.add_run(text).font.superscript = up or None
    document.save(out)
    return out.getvalue()


def a_slide(pieces: Pieces) -> bytes:
    show, out = pptx.Presentation(), io.BytesIO()
    line = show.slides.add_slide(show.slide_layouts[1]).placeholders[1].text_frame.paragraphs[0]
    for text, up in pieces:
        run = line.add_run()
        run.text = text
        run._r.get_or_add_rPr().set("baseline", "30000" if up else "0")
    show.save(out)
    return out.getvalue()


def a_workbook(pieces: Pieces) -> bytes:
    raised_font = InlineFont(vertAlign="superscript")
    book, out = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    book.active["A1"] = CellRichText(*(TextBlock(raised_font, text) if up else text for text, up in pieces))
    book.save(out)
    return out.getvalue()


def a_pdf(pieces: Pieces) -> bytes:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", size=11)
    for text, up in pieces:
        pdf.char_vpos = "SUP" if up else "LINE"
        pdf.write(text=text)
    return bytes(pdf.output())


def an_rtf(pieces: Pieces) -> bytes:
    return (
        b"{\\rtf1\\ansi " + "".join(f"{{\\fs20\\super {text}}}" if up else text for text, up in pieces).encode() + b"}"
    )


def a_hancom_document(pieces: Pieces) -> bytes:
    runs = "".join(f'<hp:run charPrIDRef="{int(up)}"><hp:t>{text}</hp:t></hp:run>' for text, up in pieces)
    return an_hwpx(f"<hp:p>{runs}</hp:p>", '<hh:charPr id="0"/><hh:charPr id="1"><hh:supscript/></hh:charPr>')


def an_odt(pieces: Pieces) -> bytes:
    spans = (f'<text:span text:style-name="{"up" if up else "level"}">{text}</text:span>' for text, up in pieces)
    return an_opendocument("text", f"<text:p>{''.join(spans).replace('> ', '><text:s/>')}</text:p>", STYLES)


def an_old_hancom_document(pieces: Pieces) -> bytes:
    begin, shapes = 0, b""
    for text, up in pieces:
        shapes += struct.pack("<II", begin, int(up))
        begin += len(text)
    line = an_hwp_line("".join(text for text, _ in pieces))
    signs = b"".join(a_record(21, 0, bytes(46) + struct.pack("<I", flags) + bytes(22)) for flags in (0, 1 << 15))
    return an_hwp(line + a_record(68, 1, shapes), info=signs)


@pytest.mark.parametrize(
    ("made", "media_type"),
    [
        (a_page, HTML),
        (a_page, MARKDOWN),
        (a_word_document, DOCX),
        (a_slide, PPTX),
        (a_pdf, PDF),
        (an_rtf, RTF),
        (a_hancom_document, HWPX),
        (an_odt, ODT),
        (an_old_hancom_document, HWP),
    ],
)
def test_powers_and_marks_of_notes_are_no_figures_of_their_number(
    parse_bytes: ParseBytes, made: Callable[[Pieces], bytes], media_type: str
) -> None:
    assert parse_bytes(made(LINE), media_type).text == READ


def test_a_raised_number_may_end_a_paragraph_of_hwp(parse_bytes: ParseBytes) -> None:
    assert parse_bytes(an_old_hancom_document((("Area 84 m", False), ("2", True))), HWP).text == "Area 84 m²"


def test_they_are_none_in_a_cell_either(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(a_cell(LINE), HTML)
    assert document.tables and READ in document.text


@pytest.mark.parametrize("line", ["m^2^ is an area", "x^2^ + y^2^ = z^2^", "a^2^ is larger"])
def test_they_are_none_where_pdfium_breaks_the_line(parse_bytes: ParseBytes, line: str) -> None:
    pieces = [(text, bool(number % 2)) for number, text in enumerate(line.split("^"))]
    read = "".join(raised(text) if up else text for text, up in pieces)
    assert parse_bytes(a_pdf([piece for piece in pieces if piece[0]]), PDF).text == read


@pytest.mark.parametrize("border", [0, 1])
def test_they_are_none_in_a_cell_of_a_pdf(parse_bytes: ParseBytes, border: int) -> None:
    rows = [["Kind", "Count", "Area"], ["Cells^1", "10^6", "25 m^2"], ["Tubes^12", "3.5x10^-3", "8 km^2"]]
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", size=11)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            left, top = 20 + 50 * column, 30 + 8 * row
            if border:
                pdf.rect(left, top, 50, 8)
            pdf.set_xy(left + 2, top + 1)
            for up, text in enumerate(cell.split("^")):
                pdf.char_vpos = "SUP" if up else "LINE"
                pdf.write(6, text)
    document = parse_bytes(bytes(pdf.output()), PDF)
    assert len(document.tables) == 1
    assert document.text == "Kind\tCount\tArea\nCells¹\t10⁶\t25 m²\nTubes¹²\t3.5x10⁻³\t8 km²"


def test_they_are_none_in_a_sheet(parse_bytes: ParseBytes) -> None:
    assert READ in parse_bytes(a_workbook(LINE), XLSX).text


def test_what_has_no_sign_of_its_own_stays() -> None:
    stays = ["st", "TM", "1)", "[1]", "1,2", "a", "", " ", "12345"]
    assert [raised(text) for text in stays] == stays
    assert [raised(text) for text in ("2", "-3", "−12", " 4 ", "+")] == ["²", "⁻³", "⁻¹²", "⁴", "⁺"]


def test_small_numbers_on_the_line_of_a_pdf_stay_figures(parse_bytes: ParseBytes) -> None:
    pieces = [(60, 700, "Total 10"), (99.9, 700, "6"), (106, 700, "pieces a day"), (60, 680, "and 7 more of them.")]
    document = parse_bytes(a_pdf_of(PdfPage(pieces, sizes={1: 7})), PDF)
    assert document.text == "Total 106 pieces a day and 7 more of them."
    pieces[1] = (99.9, 704, "6")
    document = parse_bytes(a_pdf_of(PdfPage(pieces, sizes={1: 7})), PDF)
    assert document.text == "Total 10⁶ pieces a day and 7 more of them."
