"""What is drawn over the text of a PDF page, beside it or between its columns parts no sentence and no column."""

import time
from collections.abc import Callable
from textwrap import wrap

import pytest
from pdf_builders import PdfPage, Place, a_pdf_of
from process_builders import PDF

from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
LEFT = (
    "The committee looked at the annual report of the port and found that the berth fees had been set without a "
    "hearing. It asked for a new tariff before the summer."
)
RIGHT = (
    "Traffic on the river doubled while the lock was closed for repairs, so that barges waited for two days at the "
    "bridge. A second lock is planned for next year."
)
BODY = f"{LEFT} {RIGHT}"


def column(x: float, top: float, text: str, letters: int) -> list[Place]:
    return [(x, top - 14 * at, line) for at, line in enumerate(wrap(text, letters))]


@pytest.mark.parametrize(
    ("x", "y", "stamp", "size"),
    [
        (60, 745, "CONFIDENTIAL COPY", 48),
        (200, 752, "RECEIVED 12 MAR 2026", 18),
        (400, 757, "PAID", 30),
        (100, 760, "사본", 40),
    ],
)
def test_a_stamp_over_text_is_told_behind_it(
    parse_bytes: ParseBytes, x: float, y: float, stamp: str, size: float
) -> None:
    body = column(50, 780, BODY, 80)
    document = parse_bytes(a_pdf_of(PdfPage([*body, (x, y, stamp)], sizes={len(body): size})), PDF)
    assert document.text == f"{BODY}\n\n{stamp}"
    assert document.title is None


@pytest.mark.parametrize("matrix", ["0.7 0.7 -0.7 0.7", "0.87 0.5 -0.5 0.87", "0.5 0.87 -0.87 0.5"])
def test_a_watermark_aslant_is_told_once(parse_bytes: ParseBytes, matrix: str) -> None:
    drawn = f"BT /F1 60 Tf {matrix} 120 500 Tm (WATERMARK) Tj ET"
    pages = [PdfPage(column(50, 780, text, 80), marks=drawn) for text in (LEFT, RIGHT)]
    document = parse_bytes(a_pdf_of(*pages), PDF)
    assert document.text.split("\n\n") == [LEFT, "WATERMARK", RIGHT]
    assert document.title is None


def test_large_letters_that_lie_over_nothing_are_no_stamp(parse_bytes: ParseBytes) -> None:
    body = column(50, 740, BODY, 80)
    document = parse_bytes(a_pdf_of(PdfPage([(50, 765, "Berth fees"), *body], sizes={0: 30})), PDF)
    assert document.text == f"Berth fees\n\n{BODY}"
    assert document.title == "Berth fees"


@pytest.mark.parametrize(("x", "size"), [(50, 16), (50, 11), (200, 16), (62, 13)])
def test_a_heading_between_blocks_of_columns_ends_both(parse_bytes: ParseBytes, x: float, size: float) -> None:
    above = [*column(50, 780, LEFT, 38), *column(310, 780, RIGHT, 38)]
    below = [*column(50, 600, RIGHT, 38), *column(310, 600, LEFT, 38)]
    page = PdfPage([*above, (x, 640, "Second part"), *below], sizes={len(above): size})
    document = parse_bytes(a_pdf_of(page), PDF)
    assert document.text == "\n\n".join((LEFT, RIGHT, "Second part", RIGHT, LEFT))


def test_a_heading_inside_a_column_is_no_end_of_the_other(parse_bytes: ParseBytes) -> None:
    left = [*column(50, 780, LEFT, 38), (50.0, 660.0, "Second part"), *column(50, 625, RIGHT, 38)]
    right = column(310, 780, f"{RIGHT} {LEFT}", 38)
    document = parse_bytes(a_pdf_of(PdfPage([*left, *right])), PDF)
    assert document.text == "\n\n".join((LEFT, "Second part", RIGHT, f"{RIGHT} {LEFT}"))


def test_notes_beside_running_text_do_not_stand_in_its_sentences(parse_bytes: ParseBytes) -> None:
    notes = ("Contact", "Kim Chulsoo", "02-120", "kim@example.kr")
    text = [*column(50, 780, BODY, 62), *((420.0, 780.0 - 14 * at, note) for at, note in enumerate(notes))]
    document = parse_bytes(a_pdf_of(PdfPage(text)), PDF)
    first, *rest = document.text.split("\n\n")
    assert first == BODY
    assert " ".join(" ".join(rest).split()) == " ".join(notes)


def test_cells_with_words_on_several_lines_stay_in_their_rows(parse_bytes: ParseBytes) -> None:
    rows = [
        ("Hexagon head bolt made of stainless steel", "1,200"),
        ("and delivered with a washer", ""),
        ("Self-locking nut for outdoor use in the", "950"),
        ("salt water of a harbour", ""),
        ("Threaded rod that is cut to the length", "2,150"),
        ("asked for", ""),
    ]
    text = [
        (x, 700.0 - 14 * at, cell) for at, row in enumerate(rows) for x, cell in zip((50.0, 420.0), row, strict=True)
    ]
    document = parse_bytes(a_pdf_of(PdfPage([one for one in text if one[2]])), PDF)
    for first, amount in (("Hexagon", "1,200"), ("Self", "950"), ("Threaded", "2,150")):
        line = next(line for line in document.text.split("\n") if line.startswith(first))
        assert amount in line


def test_lists_side_by_side_are_read_one_after_the_other(parse_bytes: ParseBytes) -> None:
    left, right = ("- Ships up 3%", "- Fees flat"), ("- Costs down", "- Staff same")
    text = [(x, 740.0 - 20 * at, side[at]) for at in range(2) for x, side in ((60.0, left), (330.0, right))]
    document = parse_bytes(a_pdf_of(PdfPage([(50, 780, "Results"), *text], sizes={0: 24})), PDF)
    assert document.text == "Results\n\n" + "\n".join((*left, *right))


def test_a_large_first_letter_belongs_to_the_first_line_beside_it(parse_bytes: ParseBytes) -> None:
    lines = (
        "he committee looked at the annual report of the port and",
        "found that the berth fees had been set without a hearing.",
    )
    text = [(50, 754, "T"), (76, 770, lines[0]), (76, 756, lines[1]), (50, 742, "It asked for a new tariff.")]
    document = parse_bytes(a_pdf_of(PdfPage(text, sizes={0: 36})), PDF)
    assert document.text == f"T{lines[0]} {lines[1]} It asked for a new tariff."


def test_a_heading_above_two_columns_of_words_is_no_row_of_theirs(parse_bytes: ParseBytes) -> None:
    rows = [("Seller", "Buyer"), ("Hanbit Trading", "Narae GmbH"), ("Seoul, Korea", "20457 Hamburg")]
    text = [(x, 750.0 - 14 * at, row[n]) for at, row in enumerate(rows) for n, x in enumerate((50.0, 310.0))]
    document = parse_bytes(a_pdf_of(PdfPage([(50, 780, "INVOICE"), *text], sizes={0: 16})), PDF)
    assert document.title == "INVOICE"
    assert document.text.startswith("INVOICE\n\nSeller")


def test_a_page_of_many_pieces_of_two_sizes_takes_time_in_proportion(parse_bytes: ParseBytes) -> None:
    def seconds(rows: int) -> float:
        places = [(20.0 + 9 * at, 830.0 - 800 / rows * row, "ab") for row in range(rows) for at in range(60)]
        page = PdfPage(places, size=4, sizes={at: 9.0 for at in range(0, len(places), 2)})
        raw = a_pdf_of(page)
        began = time.process_time()
        parse_bytes(raw, PDF)
        return time.process_time() - began

    assert seconds(80) < 12 * max(0.1, seconds(20))
