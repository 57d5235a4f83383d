"""Tables of PDF pages are found with ruling lines and without, and what is no table is left alone."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import pairwise

import pypdfium2
import pytest
from fpdf import FPDF
from pdf_builders import PdfPage, a_pdf_of

from process.infrastructure.parsers.draft import Draft
from process.infrastructure.parsers.layout.table_blocks import add_table
from process.infrastructure.parsers.pdfium.loaded_page import LoadedPage
from process.infrastructure.parsers.tables.found import FoundTable
from process.infrastructure.parsers.tables.going_on import TableOnPage, goes_on
from process.infrastructure.parsers.tables.pdf import tables_on
from shared.artefacts.parsed import ParsedDocument

ROWS = [
    ["Product", "Code", "Rate", "Share"],
    ["Laptop computers", "8471.30", "0 %", "12.5"],
    ["Printers", "8443.32", "8 %", "3.1"],
    ["Electric kettles", "8516.79", "8 %", "0.9"],
    ["Bicycles", "8712.00", "11 %", "22.4"],
]
WIDTHS = (60, 30, 25, 25)
PROSE = (
    "Goods that are brought into the country are declared within thirty days of their arrival at the port, and the "
    "duties on them are due on the day on which the declaration is accepted by the office of customs. "
)


def a_pdf() -> FPDF:
    pdf = FPDF()
    pdf.set_font("helvetica", size=10)
    pdf.add_page()
    return pdf


def draw(pdf: FPDF, rows: Sequence[Sequence[str]], border: str | int, widths: Sequence[float] = WIDTHS) -> None:
    for row in rows:
        for text, width in zip(row, widths, strict=True):
            pdf.cell(width, 6, text, border=border)  # type: ignore[arg-type]  # letters for sides, too
        pdf.ln()


def found(pdf: FPDF) -> list[list[FoundTable]]:
    """Page by page."""
    document = pypdfium2.PdfDocument(bytes(pdf.output()))
    tables = []
    for page in document:
        with closing(LoadedPage(page)) as loaded:
            tables.append(tables_on(loaded))
    return tables


def test_a_table_with_all_its_lines_is_read_cell_by_cell() -> None:
    pdf = a_pdf()
    pdf.multi_cell(0, 5, PROSE, new_x="LMARGIN", new_y="NEXT")
    draw(pdf, ROWS, 1)
    pdf.multi_cell(0, 5, PROSE, new_x="LMARGIN", new_y="NEXT")
    ((table,),) = found(pdf)
    assert table.rows == ROWS
    assert table.spans == [] and table.is_ruled


@pytest.mark.parametrize("border", ["T", "B", "TB"])
def test_level_lines_alone_are_enough(border: str) -> None:
    pdf = a_pdf()
    pdf.multi_cell(0, 5, PROSE, new_x="LMARGIN", new_y="NEXT")
    draw(pdf, ROWS, border)
    ((table,),) = found(pdf)
    assert table.rows == ROWS


def test_columns_without_any_line_are_a_table() -> None:
    pdf = a_pdf()
    pdf.multi_cell(0, 5, PROSE, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(8)
    draw(pdf, ROWS, 0)
    pdf.ln(8)
    pdf.multi_cell(0, 5, PROSE, new_x="LMARGIN", new_y="NEXT")
    ((table,),) = found(pdf)
    assert table.rows == ROWS


def test_cells_over_several_rows_and_columns_keep_their_size() -> None:
    pdf = a_pdf()
    with pdf.table(col_widths=(40, 30, 30), num_heading_rows=2) as table:
        row = table.row()
        row.cell("Product", rowspan=2)
        row.cell("Rate", colspan=2)
        row = table.row()
        row.cell("basic")
        row.cell("treaty")
        for cells in (("Laptop", "8 %", "0 %"), ("A printer with a name that goes over two lines of it", "5 %", "1 %")):
            row = table.row()
            for cell in cells:
                row.cell(cell)
    ((read,),) = found(pdf)
    assert read.rows == [
        ["Product", "Rate", ""],
        ["", "basic", "treaty"],
        ["Laptop", "8 %", "0 %"],
        ["A printer with a name that goes over two lines of it", "5 %", "1 %"],
    ]
    assert sorted(read.spans) == [(0, 0, 2, 1), (0, 1, 1, 2)]
    assert read.header_rows == 2


def test_a_body_without_lines_is_cut_into_its_rows() -> None:
    pdf = a_pdf()
    draw(pdf, ROWS[:1], 1)
    pdf.rect(pdf.l_margin, pdf.get_y(), sum(WIDTHS), 24)
    draw(pdf, ROWS[1:], 0)
    ((table,),) = found(pdf)
    assert table.rows == ROWS


def test_a_page_that_is_shown_turned_has_its_table_upright() -> None:
    pdf = a_pdf()
    with pdf.rotation(90, x=105, y=105):
        draw(pdf, ROWS, 1)
    document = pypdfium2.PdfDocument(bytes(pdf.output()))
    page = document[0]
    page.set_rotation(90)
    with closing(LoadedPage(page)) as loaded:
        (table,) = tables_on(loaded)
    assert table.rows == ROWS


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_text_in_columns_is_no_table(columns: int) -> None:
    pdf = a_pdf()
    with pdf.text_columns(ncols=columns, gutter=8, text_align="J") as text:
        text.write(PROSE * 20)
    assert found(pdf) == [[]]


def test_a_frame_around_text_and_underlined_words_are_no_tables() -> None:
    pdf = a_pdf()
    pdf.multi_cell(0, 5, PROSE * 3, border=1, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("helvetica", style="U", size=10)
    pdf.multi_cell(0, 5, PROSE * 2, new_x="LMARGIN", new_y="NEXT")
    assert found(pdf) == [[]]


def test_a_table_over_several_pages_is_one_with_its_header_once() -> None:
    rows = [["Product", "Code"], *([f"Goods of the kind {number}", f"84{number:02}"] for number in range(90))]
    pdf = a_pdf()
    with pdf.table(col_widths=(60, 40), repeat_headings=1) as table:
        for cells in rows:
            row = table.row()
            for cell in cells:
                row.cell(cell)
    parts = [TableOnPage(table, number, 595, 842) for number, (table,) in enumerate(found(pdf), start=1)]
    assert len(parts) > 2
    assert all(goes_on(one, other) for one, other in pairwise(parts))
    draft = Draft("application/pdf", most_characters=100_000)
    add_table(draft, parts)
    document = ParsedDocument.from_bytes(draft.to_bytes())
    (read,) = document.tables
    assert read.rows(document.text) == rows
    assert (read.page, read.header_rows) == (1, 1)
    assert [part.page for part in read.parts] == [2, 3][: len(parts) - 1]
    assert [read.rows(document.text)[part.row][0] for part in read.parts] == [
        part.table.rows[1][0] for part in parts[1:]
    ]


def test_a_document_has_its_tables_where_they_stand_in_the_text(parse_bytes: Callable[..., ParsedDocument]) -> None:
    pdf = a_pdf()
    pdf.multi_cell(0, 5, "Before it. " + PROSE, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)
    draw(pdf, ROWS, 1)
    pdf.ln(4)
    pdf.multi_cell(0, 5, "Behind it. " + PROSE, new_x="LMARGIN", new_y="NEXT")
    pdf.add_page()
    pdf.multi_cell(0, 5, "On the next page. " + PROSE, new_x="LMARGIN", new_y="NEXT")
    document = parse_bytes(bytes(pdf.output()), "application/pdf")
    (table,) = document.tables
    assert table.rows(document.text) == ROWS
    assert document.text.index("Before it") < table.start < table.end < document.text.index("Behind it")
    assert document.text.count("8471.30") == 1
    assert (table.page, table.header_rows) == (1, 1)
    assert table.box is not None
    left, top, right, bottom = table.box
    assert abs(left - 10 / 210) < 0.01 and abs(right - (10 + sum(WIDTHS)) / 210) < 0.01
    assert 0.05 < top < bottom < 0.5 and abs((bottom - top) - 30 / 297) < 0.01


def test_numbered_headings_and_notes_are_no_tables(parse_bytes: Callable[..., ParsedDocument]) -> None:
    pdf = a_pdf()
    for number, name in (("3.2", "Measuring financial losses"), ("3.2.1", "Reported losses")):
        pdf.cell(20, 6, number)
        pdf.cell(0, 6, name, new_x="LMARGIN", new_y="NEXT")
    pdf.multi_cell(0, 5, PROSE, new_x="LMARGIN", new_y="NEXT")
    document = parse_bytes(bytes(pdf.output()), "application/pdf")
    assert document.tables == ()
    assert "3.2.1 Reported losses" in document.text


def test_another_table_on_the_next_page_is_another() -> None:
    pdf = a_pdf()
    draw(pdf, ROWS, 1)
    pdf.add_page()
    draw(pdf, [row[:2] for row in ROWS], 1, WIDTHS[:2])
    pdf.add_page()
    draw(pdf, ROWS, 1, (30, 60, 25, 25))
    parts = [TableOnPage(table, number, 595, 842) for number, (table,) in enumerate(found(pdf), start=1)]
    assert not any(goes_on(one, other) for one, other in pairwise(parts))


def test_a_page_full_of_lines_takes_no_longer_than_its_size_says() -> None:
    pdf = a_pdf()
    for number in range(9_000):
        x, y = 10 + number % 95 * 2, 10 + number // 95 * 2.9
        pdf.rect(x, y, 1.7, 2.5)
        if number % 7 == 0:
            pdf.text(x, y, "1")
    started = time.process_time()
    found(pdf)
    assert time.process_time() - started < 20


FORM = [
    ("Shipper:", "Hanbit Trading", "Consignee:", "Narae GmbH"),
    ("Port:", "Busan", "Port:", "Hamburg"),
    ("Weight:", "2,400 kg", "Marks:", "NR-1/24"),
]


def test_the_lines_of_a_form_are_rows_of_their_own_without_a_header(
    parse_bytes: Callable[..., ParsedDocument],
) -> None:
    text = [(x, 780.0 - 16 * at, row[n]) for at, row in enumerate(FORM) for n, x in enumerate((50.0, 120, 310, 390))]
    document = parse_bytes(a_pdf_of(PdfPage(text)), "application/pdf")
    assert document.text == "\n".join("\t".join(row) for row in FORM)
