"""What Word shows without letters: numbers of empty cells, initials, signs of symbol fonts, formulas."""

from collections.abc import Callable

import pytest
from process_builders import DOCX
from word_builders import level, lines, listed, numbering, p, word

from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]


def test_an_empty_cell_shows_the_number_of_its_row(parse_bytes: ParseBytes) -> None:
    rows = "".join(f"<w:tr><w:tc>{listed('')}</w:tc><w:tc>{p(text)}</w:tc></w:tr>" for text in ("볼트", "너트"))
    body = f"<w:tbl>{rows}</w:tbl>{listed('')}{listed('밖')}"
    assert lines(parse_bytes(word(body, numbering(level(0, "%1"))), DOCX)) == ["1\t볼트\n2\t너트", "4 밖"]


def test_an_empty_cell_shows_no_bullet(parse_bytes: ParseBytes) -> None:
    body = f"<w:tbl><w:tr><w:tc>{listed('')}</w:tc><w:tc>{p('볼트')}</w:tc></w:tr></w:tbl>"
    assert parse_bytes(word(body, numbering(level(0, "•", "bullet"))), DOCX).text.strip() == "볼트"


def test_a_large_first_letter_is_of_its_word(parse_bytes: ParseBytes) -> None:
    body = p("D", '<w:framePr w:dropCap="drop" w:lines="3"/>') + p("uties are paid.") + p("next")
    assert lines(parse_bytes(word(body), DOCX)) == ["Duties are paid.", "next"]


@pytest.mark.parametrize(
    ("font", "char", "shown"),
    [
        ("Symbol", "F0B1", "±"),
        ("Symbol", "F06D", "μ"),
        ("symbol", "B3", "≥"),
        ("Wingdings", "F0FE", "☑"),
        ("Wingdings", "F0A8", "☐"),
        ("Wingdings", "F000", ""),
        ("Webdings", "F061", ""),
        ("Arial", "00B1", "±"),
    ],
)
def test_signs_of_symbol_fonts_are_those_that_are_seen(
    parse_bytes: ParseBytes, font: str, char: str, shown: str
) -> None:
    body = f'<w:p><w:r><w:t>a</w:t><w:sym w:font="{font}" w:char="{char}"/><w:t>5</w:t></w:r></w:p>'
    assert parse_bytes(word(body), DOCX).text == f"a{shown}5"


def m(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        (f"<m:f><m:num>{m('1')}</m:num><m:den>{m('2')}</m:den></m:f>", "1/2"),
        (f"<m:f><m:num>{m('a+b')}</m:num><m:den>{m('2')}</m:den></m:f>", "(a+b)/2"),
        (f'<m:f><m:fPr><m:type m:val="noBar"/></m:fPr><m:num>{m("n")}</m:num><m:den>{m("k")}</m:den></m:f>', "n k"),
        (f"{m('f')}<m:d><m:e>{m('x')}</m:e></m:d>", "f(x)"),
        (f'<m:d><m:dPr><m:begChr m:val="["/><m:endChr m:val=""/></m:dPr><m:e>{m("x")}</m:e></m:d>', "[x"),
        (f"<m:rad><m:deg/><m:e>{m('3')}</m:e></m:rad>", "√3"),
        (f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>{m("i")}</m:sub><m:e>{m("k")}</m:e></m:nary>', "∑i k"),
    ],
)
def test_formulas_keep_what_tells_their_parts_apart(parse_bytes: ParseBytes, formula: str, shown: str) -> None:
    body = f"<w:p><m:oMath>{formula}</m:oMath></w:p>"
    assert parse_bytes(word(body), DOCX).text == shown
