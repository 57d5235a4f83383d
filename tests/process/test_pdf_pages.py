"""PDF pages are read as a person reads them: by place, over line and page ends, with what is filled in and remarked."""

import time
from collections.abc import Callable, Sequence

import pytest
from pdf_builders import PdfPage, Place, a_pdf_of, utf_16
from process_builders import PDF

from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
TEXT = (
    "the committee looked at the annual report of the port and found that berth fees had been set without any hearing "
    "so it asked for a new tariff before the end of june"
)
WORDS = TEXT.split()


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def column(x: float, top: float, lines: int, tag: str, words: int = 5) -> list[Place]:
    """Lines of running text that begin with the tag and their number."""
    return [
        (x, top - 14 * at, " ".join([f"{tag}{at}", *(WORDS * 4)[at * words : (at + 1) * words]])) for at in range(lines)
    ]


def tags_in(text: str, *tags: str) -> list[str]:
    """The first words of lines in the order in which the text has them."""
    return [word for word in text.split() if word[0] in tags and word[1:].isdigit()]


def by_row(*columns: Sequence[Place]) -> list[Place]:
    return [place for row in zip(*columns, strict=True) for place in row]


THREE = (column(40, 700, 6, "a"), column(220, 700, 6, "b"), column(400, 700, 6, "c"))
IN_ORDER = [f"{tag}{at}" for tag in "abc" for at in range(6)]


@pytest.mark.parametrize(
    "text",
    [
        by_row(*THREE),
        [place for column in THREE[::-1] for place in column],
        sorted((place for column in THREE for place in column), key=lambda place: place[1]),
        [(40, 760, "A heading over the whole width of the page and over all three of its columns"), *by_row(*THREE)],
        [*by_row(*THREE), (280, 30, "- 3 -")],
        by_row(*(column(x, top, 6, tag) for x, top, tag in ((40, 700, "a"), (220, 693, "b"), (400, 697, "c")))),
    ],
    ids=["by row", "right to left", "upwards", "under a heading", "above a number", "not in line"],
)
def test_columns_are_read_one_after_the_other_however_they_are_drawn(
    parse_bytes: ParseBytes, text: list[Place]
) -> None:
    assert tags_in(parse_bytes(a_pdf_of(PdfPage(text)), PDF).text, "a", "b", "c") == IN_ORDER


def test_columns_with_lines_of_other_distances_are_read_one_after_the_other(parse_bytes: ParseBytes) -> None:
    left = [(60.0, 740.0 - 14 * at, f"a{at} of the left column and") for at in range(8)]
    right = [(320.0, 735.0 - 16 * at, f"b{at} of the right column and") for at in range(7)]
    page = PdfPage(sorted([*left, *right], key=lambda place: -place[1]))
    found = tags_in(parse_bytes(a_pdf_of(page), PDF).text, "a", "b")
    assert found == [*(f"a{at}" for at in range(8)), *(f"b{at}" for at in range(7))]


def test_columns_between_full_lines_stay_between_them(parse_bytes: ParseBytes) -> None:
    wide = "x{} runs over the whole width of the page, over both of its columns and the gutter that lies between them"
    text = [
        *((40.0, 760.0 - 14 * at, wide.format(at)) for at in range(3)),
        *by_row(column(40, 700, 5, "a"), column(320, 700, 5, "b")),
        *((40.0, 600.0 - 14 * at, wide.format(at + 3)) for at in range(3)),
    ]
    found = tags_in(parse_bytes(a_pdf_of(PdfPage(text)), PDF).text, "a", "b", "x")
    assert found == ["x0", "x1", "x2", *(f"{tag}{at}" for tag in "ab" for at in range(5)), "x3", "x4", "x5"]


def test_columns_of_short_lines_are_text_where_sentences_go_on(parse_bytes: ParseBytes) -> None:
    left, right = ("The lock was", "closed and", "barges wait."), ("A second one", "is planned", "for May.")
    text = [(x, 700.0 - 14 * at, line) for at in range(3) for x, line in ((60.0, left[at]), (320.0, right[at]))]
    document = parse_bytes(a_pdf_of(PdfPage(text)), PDF)
    assert " ".join(document.text.split()) == " ".join((*left, *right))


ROWS = [("Item", "Price", "Unit"), ("Bolt", "120", "KRW"), ("Nut", "95", "USD"), ("Washer", "11", "EUR")]
CELLS = [(x, 700.0 - 18 * at, row[n]) for n, x in enumerate((60.0, 200.0, 300.0)) for at, row in enumerate(ROWS)]


@pytest.mark.parametrize(
    "text",
    [CELLS, CELLS[::-1], sorted(CELLS, key=lambda place: place[1]), sorted(CELLS, key=lambda place: -place[1])],
    ids=["by column", "backwards", "upwards", "by row"],
)
def test_rows_of_a_table_stay_together(parse_bytes: ParseBytes, text: list[Place]) -> None:
    document = parse_bytes(a_pdf_of(PdfPage(text)), PDF)
    assert document.text == "\n".join("\t".join(row) for row in ROWS)


def test_a_table_inside_a_column_is_read_in_its_place(parse_bytes: ParseBytes) -> None:
    cells = [(40 + 90 * n, 620 - 16 * at, row[n]) for at, row in enumerate(ROWS) for n in (0, 1)]
    text = [*column(40, 700, 4, "a"), *cells, *column(40, 540, 3, "c"), *column(320, 700, 12, "b")]
    document = parse_bytes(a_pdf_of(PdfPage(text)), PDF)
    assert "Item\tPrice\nBolt\t120\nNut\t95\nWasher\t11" in document.text
    order = tags_in(document.text, "a", "b", "c")
    assert order == [*(f"a{at}" for at in range(4)), *(f"c{at}" for at in range(3)), *(f"b{at}" for at in range(12))]


def test_signs_that_count_as_two_do_not_move_what_stands_behind_them(parse_bytes: ParseBytes) -> None:
    cells = [(60.0 + 160 * n, 660.0 - 16 * at, row[n]) for at, row in enumerate(ROWS) for n in range(3)]
    document = parse_bytes(a_pdf_of(PdfPage([(60, 700, "𠀀𠀁𠀂𠀃 관세율표"), *cells])), PDF)
    assert document.text.endswith("\n".join("\t".join(row) for row in ROWS))
    assert document.text.startswith("𠀀𠀁𠀂𠀃 관세율표")


@pytest.mark.parametrize(
    ("matrix", "rotate", "places"),
    [
        ("0 1 -1 0", 0, ((100, 100), (114, 100), (128, 100))),
        ("0 1 -1 0", 90, ((100, 100), (114, 100), (128, 100))),
        ("0 -1 1 0", 270, ((128, 700), (114, 700), (100, 700))),
        ("-1 0 0 -1", 180, ((500, 100), (500, 114), (500, 128))),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_turned_text_is_read_in_its_own_direction(
    parse_bytes: ParseBytes, matrix: str, rotate: int, places: Sequence[tuple[float, float]], backwards: bool
) -> None:
    lines = ("The first line goes this way", "and the second one below it", "and the third one ends.")
    text = [(x, y, line) for (x, y), line in zip(places, lines, strict=True)]
    page = PdfPage(text[::-1] if backwards else text, matrix=matrix, rotate=rotate)
    assert parse_bytes(a_pdf_of(page), PDF).text == " ".join(lines)


def test_items_marks_are_no_column(parse_bytes: ParseBytes) -> None:
    text = [
        (60, 700, "-"),
        (80, 700, "the first item of the list"),
        (80, 686, "goes on"),
        (60, 672, "-"),
        (80, 672, "two"),
    ]
    document = parse_bytes(a_pdf_of(PdfPage(text)), PDF)
    assert blocks(document) == [("list_item", "- the first item of the list goes on"), ("list_item", "- two")]


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("the cli-", "mate of", "the climate of"),
        ("of trans-", "port by", "of transport by"),
        ("price-", "determining", "price-determining"),
        ("an e-", "mail for", "an e-mail for"),
        ("KR-2026-", "0417 is", "KR-2026-0417 is"),
        ("Anglo-", "Saxon law", "Anglo-Saxon law"),
        ("state-of-the-", "art tools", "state-of-the-art tools"),
        ("goods - ", "and more", "goods - and more"),
        ("con-", "tainers are", "containers are"),
        ("for re-", "export only", "for re-export only"),
        ("an anti-", "inflationary tax", "an anti-inflationary tax"),
        ("the inter-", "national trade", "the international trade"),
        ("sold ex-", "works here", "sold ex-works here"),
        ("of cross-", "border goods", "of cross-border goods"),
        ("from door-to-", "door by", "from door-to-door by"),
        ("a state-", "of-the-art tool", "a state-of-the-art tool"),
        ("non-govern-", "mental bodies", "non-governmental bodies"),
        ("the all-", "in rate", "the all-in rate"),
        ("its by-", "products are", "its by-products are"),
        ("the co-", "ordination of", "the coordination of"),
    ],
)
@pytest.mark.parametrize("pages", [1, 2])
def test_hyphens_at_line_and_page_ends(
    parse_bytes: ParseBytes, first: str, second: str, joined: str, pages: int
) -> None:
    above, below = (60, 714, "these words say"), (60, 700, first)
    made = [PdfPage([above, below]), PdfPage([(60, 700, second)])] if pages == 2 else [
        PdfPage([above, below, (60, 686, second)])
    ]  # fmt: skip
    assert parse_bytes(a_pdf_of(*made), PDF).text == f"these words say {joined}"


def test_the_documents_own_words_decide_about_a_hyphen(parse_bytes: ParseBytes) -> None:
    lines = ("it is no re-export and no tagwort as such, but a re-", "export of a tag-", "wort")
    text = [(60.0, 700.0 - 14 * at, line) for at, line in enumerate(lines)]
    assert parse_bytes(a_pdf_of(PdfPage(text)), PDF).text.endswith("but a re-export of a tagwort")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("통관을 적정하게 하", "고 관세를 낸다."), "통관을 적정하게 하고 관세를 낸다."),
        (("발전에 이바지함을 목적으", "로 한다."), "발전에 이바지함을 목적으로 한다."),
        (("물품을 신고하여야", "한다."), "물품을 신고하여야 한다."),
        (("이 법은 세관", "공무원이 정한다."), "이 법은 세관 공무원이 정한다."),
        (("이 세관공무원이 보는데 다른 세관", "공무원이 정한다."), "이 세관공무원이 보는데 다른 세관공무원이 정한다."),
        (("그 값은 정해", "진다. 그리고 내", "었다."), "그 값은 정해 진다. 그리고 내었다."),
        (("그 값이 이미 정해졌", "음을 안다."), "그 값이 이미 정해졌음을 안다."),
        (("신고를 하지 않", "은 물품"), "신고를 하지 않은 물품"),
        (("기호는 “U07.1”", "로 표시한다."), "기호는 “U07.1”로 표시한다."),
        (
            ("수입자는 물품을 ", "신고한 ", "뒤 그 값을 적정하게 정", "하여 세관장에게 ", "알린다."),
            "수입자는 물품을 신고한 뒤 그 값을 적정하게 정하여 세관장에게 알린다.",
        ),
    ],
)
def test_korean_words_cut_by_a_line_are_whole_and_others_apart(
    parse_bytes: ParseBytes, lines: Sequence[str], expected: str
) -> None:
    text = [(60.0, 700.0 - 15 * at, line) for at, line in enumerate(lines)]
    assert " ".join(parse_bytes(a_pdf_of(PdfPage(text)), PDF).text.split("\n\n")) == expected


def pages_with(above: Sequence[str], below: Sequence[str], count: int = 4) -> bytes:
    """Pages of a sentence that goes on from one to the next, with lines above and below it."""
    made = []
    for number in range(1, count + 1):
        text = [(60.0, 815.0 - 12 * at, line.format(number)) for at, line in enumerate(above)]
        text += [(60, 700, "container is 2,400 kg."), (60, 686, f"Part {number}. The declared net weight of the")]
        text += [(290.0, 40.0 - 12 * at, line.format(number)) for at, line in enumerate(below)]
        made.append(PdfPage(text))
    return a_pdf_of(*made)


@pytest.mark.parametrize(
    ("above", "below", "kept"),
    [
        (("ACME FORWARDING",), ("Page {} of 4",), [("header", "ACME FORWARDING"), ("footer", "Page 1 of 4")]),
        (("ACME FORWARDING", "Rates"), ("- {} -",), [("header", "ACME FORWARDING"), ("header", "Rates")]),
        ((), ("{}",), []),
        ((), ("{} / 4",), []),
        (("관세청 고시",), ("제{}쪽",), [("header", "관세청 고시")]),
    ],
)
def test_running_headers_and_footers_do_not_part_sentences_and_are_kept_once(
    parse_bytes: ParseBytes, above: Sequence[str], below: Sequence[str], kept: list[tuple[str, str]]
) -> None:
    document = parse_bytes(pages_with(above, below), PDF)
    for number in (1, 2, 3):
        assert f"Part {number}. The declared net weight of the container is 2,400 kg." in document.text
    assert [block for block in blocks(document) if block[0] in ("header", "footer")] == kept


def test_what_stands_at_the_right_of_headers_and_footers_is_no_column(parse_bytes: ParseBytes) -> None:
    made = []
    for number in range(1, 6):
        text = [(60.0, 815.0, "ACME Terms of Trade"), (500.0, 815.0, f"Rev. 3, {number}/5")]
        text += [(60.0, 40.0, "Confidential"), (500.0, 40.0, f"Page {number}"), (60, 700, "container is 2,400 kg.")]
        text += [(60.0, 686.0 - 14 * at, f"Line {at} of the text of this page stands here alone.") for at in range(8)]
        made.append(PdfPage([*text, (60, 574, f"Part {number}. The net weight of the")]))
    document = parse_bytes(a_pdf_of(*made), PDF)
    for number in (1, 2, 3, 4):
        assert f"Part {number}. The net weight of the container is 2,400 kg." in document.text
    running = [block for block in blocks(document) if block[0] in ("header", "footer")]
    assert running == [("header", "ACME Terms of Trade Rev. 3, 1/5"), ("footer", "Confidential Page 1")]


def test_numbers_that_do_not_count_pages_are_no_footers(parse_bytes: ParseBytes) -> None:
    pages = [PdfPage([(60, 700, "Sums:"), (60, 60, f"{number}")]) for number in (310, 42, 977, 5)]
    text = parse_bytes(a_pdf_of(*pages), PDF).text
    assert all(number in text for number in ("310", "42", "977"))


def test_roman_numbers_and_heads_of_chapters_are_running(parse_bytes: ParseBytes) -> None:
    pages = [
        PdfPage(
            [
                (60, 815, "Chapter One" if number < 3 else "Chapter Two"),
                (60, 700, f"Sentence {number} ends."),
                (290, 30, roman),
            ]
        )
        for number, roman in enumerate(("i", "ii", "iii", "iv", "v", "vi"))
    ]
    document = parse_bytes(a_pdf_of(*pages), PDF)
    assert [text for _, text in blocks(document)] == [
        *(f"Sentence {number} ends." for number in range(6)),
        "Chapter One",
        "Chapter Two",
    ]


def test_footnotes_do_not_part_a_sentence_and_are_marked(parse_bytes: ParseBytes) -> None:
    first = PdfPage(
        [(60, 120, "The rate of 2 percent applies"), (60, 106, "where the weight of the"), (60, 60, "1) As of May.")],
        sizes={2: 8},
    )
    document = parse_bytes(a_pdf_of(first, PdfPage([(60, 700, "container is known.")])), PDF)
    assert blocks(document) == [
        ("paragraph", "The rate of 2 percent applies where the weight of the container is known."),
        ("footnote", "1) As of May."),
    ]


BOX = "/F 4 /Rect [60 500 300 520] /DA (/Helv 10 Tf 0 g)"
STATES = "/AP << /N << /{} << >> /Off << >> >> >>"


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("/Subtype /Widget /FT /Tx /T (lot) /V (LOT-7741) " + BOX, "lot: LOT-7741"),
        (f"/Subtype /Widget /FT /Tx /T (f1) /TU {utf_16('성명')} /V {utf_16('홍길동')} " + BOX, "성명: 홍길동"),
        ("/Subtype /Widget /FT /Tx /T (Text1) /V (no name) " + BOX, "no name"),
        ("/Subtype /Widget /Parent FIELD0 " + BOX, "importer: Narae Trading Co"),
        ("/Subtype /Widget /FT /Ch /T (country) /Opt [[(KR) (Korea)] [(US) (USA)]] /V (KR) " + BOX, "country: Korea"),
        ("/Subtype /Widget /FT /Ch /Ff 2097152 /T (many) /Opt [(one) (two) (three)] /V [(one) (three)] " + BOX,
         "many: one, three"),
        ("/Subtype /Widget /FT /Btn /T (c1) /TU (I agree) /V /Yes /AS /Yes " + STATES.format("Yes") + BOX, "☑ I agree"),
        ("/Subtype /Widget /Parent FIELD1 /AS /Sea " + STATES.format("Sea") + BOX, "transport: ☑ Sea"),
        ("/Subtype /Text /Contents (Ask about it) /T (Kim) /F 4 /Rect [1 1 9 9]", "Kim: Ask about it"),
        (f"/Subtype /FreeText /Contents {utf_16('승인함')} /F 4 /Rect [1 1 9 9]", "승인함"),
        ("/Subtype /Popup /Contents (popped up) /F 4 /Rect [1 1 9 9]", "popped up"),
        ("/Subtype /FreeText /RC (<body><p>rich &amp; <b>bold</b></p></body>) /F 4 /Rect [1 1 9 9]", "rich & bold"),
        ("/Subtype /Widget /FT /Tx /T (x) /V (hidden) /F 2 /Rect [60 500 300 520]", None),
        ("/Subtype /Widget /FT /Tx /T (x) /V (not viewed) /F 32 /Rect [60 500 300 520]", None),
        ("/Subtype /Widget /FT /Tx /T (x) /V (no size) /F 4 /Rect [60 500 60 520]", None),
        ("/Subtype /Widget /FT /Tx /T (x) /Ff 8192 /V (a password) " + BOX, None),
        ("/Subtype /Widget /FT /Btn /T (c) /TU (not ticked) /V /Off /AS /Off " + STATES.format("Yes") + BOX, None),
        ("/Subtype /Widget /FT /Tx /T (x) /V (Shown on the page) " + BOX, None),
        ("/Subtype /Text /Contents (hidden) /F 2 /Rect [1 1 9 9]", None),
        ("/Subtype /Link /A << /S /URI /URI (https://x.example) >> /F 4 /Rect [1 1 9 9]", None),
    ],
)  # fmt: skip
def test_what_is_filled_in_and_remarked_is_text_where_it_is_seen(
    parse_bytes: ParseBytes, annotation: str, expected: str | None
) -> None:
    fields = ("/FT /Tx /T (importer) /V (Narae Trading Co)", "/FT /Btn /Ff 49152 /T (transport) /V /Sea")
    page = PdfPage([(60, 700, "Shown on the page.")], annotations=[annotation, annotation])
    document = parse_bytes(a_pdf_of(page, fields=fields), PDF)
    kind = "field" if "/Widget" in annotation else "comment"
    assert blocks(document) == [("paragraph", "Shown on the page."), *([(kind, expected)] if expected else [])]


def test_a_page_of_very_many_pieces_takes_time_in_proportion(parse_bytes: ParseBytes) -> None:
    def seconds(count: int) -> float:
        text = [(float(7 * at % 560), float(11 * at % 830), f"p{at}") for at in range(count)]
        started = time.process_time()
        parse_bytes(a_pdf_of(PdfPage(text, size=2)), PDF)
        return time.process_time() - started

    seconds(50)
    assert seconds(3_200) <= 24 * max(seconds(400), 0.02)
