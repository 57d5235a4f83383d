"""Tables: a grid in the document's text, with spans and header rows, whatever the format."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import docx
import pytest
from docx.oxml.ns import qn
from docx.oxml.parser import OxmlElement
from hypothesis import given
from hypothesis import strategies as st

from process.infrastructure.parsers.draft import Draft, Unreadable, normalised, one_line
from process.infrastructure.parsers.tables.grid import Grid, looks_like_header_rows
from shared.artefacts.parsed import ParsedDocument, Span, Table

ParseBytes = Callable[..., ParsedDocument]
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def drafted(rows: list[list[str]], **about: Any) -> ParsedDocument:
    draft = Draft("text/plain", most_characters=100_000)
    draft.add("paragraph", "Before.")
    draft.add_table(rows, **about)
    draft.add("paragraph", "After.")
    return ParsedDocument.from_bytes(draft.to_bytes())


def only_table(document: ParsedDocument) -> tuple[Table, list[list[str]]]:
    (table,) = document.tables
    return table, table.rows(document.text)


@given(st.lists(st.lists(st.text(max_size=12), max_size=5), max_size=6))
def test_a_grid_is_read_back_from_the_text_cell_by_cell(rows: list[list[str]]) -> None:
    document = drafted(rows)
    cleaned = [[one_line(normalised(cell)) for cell in row] for row in rows]
    kept = [row for row in cleaned if any(row)]
    if not kept:
        assert document.tables == ()
        return
    table, found = only_table(document)
    assert [[cell for cell in row if cell] for row in found] == [[cell for cell in row if cell] for row in kept]
    for row, cells in zip(kept, found, strict=True):
        assert len(cells) == table.columns
        assert cells == [*row, *[""] * table.columns][: table.columns]
    for row, places in zip(found, table.cells(document.text), strict=True):
        assert [document.text[start:end] for start, end in places] == row
    assert (table.start, table.end) in [(block.start, block.end) for block in document.blocks if block.kind == "table"]


def test_rows_that_are_left_out_move_spans_parts_and_header_rows() -> None:
    rows = [["", ""], ["Code", "Rate"], ["", ""], ["8471", "0"], ["", "8"], ["9999", "1"]]
    document = drafted(
        rows,
        spans=[(0, 0, 1, 2), (2, 0, 1, 2), (3, 0, 2, 1), (5, 0, 9, 7)],
        header_rows=2,
        page=1,
        parts=[(4, 2, None), (6, 3, None)],
    )
    table, found = only_table(document)
    assert found == [["Code", "Rate"], ["8471", "0"], ["", "8"], ["9999", "1"]]
    assert table.spans == (Span(row=1, column=0, row_span=2), Span(row=3, column=0, column_span=2))
    assert table.header_rows == 1
    assert [(part.row, part.page) for part in table.parts] == [(2, 2)]


def test_a_caption_stands_before_its_table_once() -> None:
    document = drafted([["a", "b"]], caption="Table 1.  Rates")
    assert [(block.kind, document.text[block.start : block.end]) for block in document.blocks][1:3] == [
        ("caption", "Table 1. Rates"),
        ("table", "a\tb"),
    ]
    draft = Draft("text/plain", most_characters=100)
    draft.add("caption", "Rates")
    draft.add_table([["a"]], caption="Rates")
    assert ParsedDocument.from_bytes(draft.to_bytes()).text == "Rates\n\na"


def test_a_table_larger_than_a_document_may_be_is_refused() -> None:
    draft = Draft("text/plain", most_characters=1_000)
    with pytest.raises(Unreadable, match="more than 1,000 characters"):
        draft.add_table([["x" * 100] * 20])


def test_cells_go_around_what_reaches_down_from_above() -> None:
    grid = Grid()
    for cells in ([("Product", 2, 1), ("Rate", 1, 2)], [("basic", 1, 1), ("treaty", 1, 1)], [("Laptop", 1, 1)]):
        grid.row()
        for text, row_span, column_span in cells:
            grid.cell(text, row_span=row_span, column_span=column_span)
    assert grid.rows == [["Product", "Rate", ""], ["", "basic", "treaty"], ["Laptop"]]
    assert grid.spans == [(0, 0, 2, 1), (0, 1, 1, 2)]


def test_a_table_that_declares_huge_spans_costs_no_memory() -> None:
    grid = Grid()
    for _ in range(300):
        grid.row()
        for _ in range(30):
            grid.cell("x", row_span=60_000, column_span=60_000)
    assert sum(map(len, grid.rows)) <= 6_100_000


@pytest.mark.parametrize(
    ("rows", "headers"),
    [
        ([["품목", "세율"], ["노트북", "0 %"]], 1),
        ([["", "2023", "2024"], ["a", "1", "2"]], 0),
        ([["", "Import", "Export"], ["Steel", "1,200", "900"]], 1),
        ([["Name", "Lee"], ["Address", "12 Customs Road, Seoul"]], 1),
        ([["A form:", ""], ["Name", "Lee"]], 0),
        ([["one row", "only"]], 0),
    ],
)
def test_header_rows_are_told_by_their_look(rows: list[list[str]], headers: int) -> None:
    assert looks_like_header_rows(rows) == headers


def test_html_tables_keep_spans_and_header_rows(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(
        b"""<table><thead><tr><th rowspan=2>Product</th><th colspan="2">Rate</th></tr>
        <tr><td>basic</td><td>treaty</td></tr></thead><tbody><tr><td>Laptop</td><td>8</td><td>0</td></tr>
        <tr><td>Ship<br>yard</td><td></td><td>5</td></tr></tbody></table>""",
        "text/html",
    )
    table, rows = only_table(document)
    assert rows == [["Product", "Rate", ""], ["", "basic", "treaty"], ["Laptop", "8", "0"], ["Ship yard", "", "5"]]
    assert table.spans == (Span(row=0, column=0, row_span=2), Span(row=0, column=1, column_span=2))
    assert table.header_rows == 2


def test_markdown_tables_have_one_header_row(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(b"| Code | Rate |\n|---|---|\n| 8471 |  |\n| | 5 |\n", "text/markdown")
    table, rows = only_table(document)
    assert rows == [["Code", "Rate"], ["8471", ""], ["", "5"]]
    assert table.header_rows == 1


def test_docx_tables_keep_spans_and_header_rows(parse_bytes: ParseBytes) -> None:
    document = docx.Document()
    document.add_paragraph("Rates follow.")
    table = document.add_table(rows=4, cols=3)
    texts = [["Product", "Rate", ""], ["", "basic", "treaty"], ["Laptop", "8", "0"], ["Ship", "", "5"]]
    for row, line in zip(table.rows, texts, strict=True):
        for cell, text in zip(row.cells, line, strict=True):
            cell.text = text
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(0, 1).merge(table.cell(0, 2))
    for row in table.rows[:2]:
        header = OxmlElement("w:tblHeader")
        header.set(qn("w:val"), "true")
        row._tr.get_or_add_trPr().append(header)
    raw = BytesIO()
    document.save(raw)
    found, rows = only_table(parse_bytes(raw.getvalue(), DOCX))
    assert rows == texts
    assert found.spans == (Span(row=0, column=0, row_span=2), Span(row=0, column=1, column_span=2))
    assert found.header_rows == 2
