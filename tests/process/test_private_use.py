"""Old Hangul in Unicode's private use area: what becomes Unicode's letters, and what is told of the rest."""

import sys
from collections.abc import Callable

import pytest
from hancom_builders import HWP, HWPX, a_line, an_hwp, an_hwp_line, an_hwpx

from process.infrastructure.parsers.private_use import as_unicode
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
PREFACE = "나랏말\uebd4미 \uf53a글"
SYMBOLS = "\uf0a7 물품 \uf0e0 세율"


@pytest.fixture
def no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypua2jamo", None)


@pytest.mark.usefixtures("no_table")
@pytest.mark.parametrize(
    ("raw", "media_type"),
    [(an_hwpx(a_line(PREFACE)), HWPX), (an_hwp(an_hwp_line(PREFACE)), HWP)],
    ids=["hwpx", "hwp"],
)
def test_without_the_table_letters_stay_and_the_document_says_so(
    parse_bytes: ParseBytes, raw: bytes, media_type: str
) -> None:
    parsed = parse_bytes(raw, media_type)
    assert parsed.text == "나랏말\uebd4미 한글"
    (warning,) = parsed.warnings
    assert warning.startswith("1 letter of old Hangul is private") and "hypua2jamo" in warning


@pytest.mark.usefixtures("no_table")
def test_signs_of_symbol_fonts_are_no_letters(parse_bytes: ParseBytes) -> None:
    parsed = parse_bytes(an_hwpx(a_line(f"{SYMBOLS} \uf53a글")), HWPX)
    assert (parsed.text, parsed.warnings) == (f"{SYMBOLS} 한글", ())


def test_with_the_table_they_are_conjoining_letters(parse_bytes: ParseBytes) -> None:
    pytest.importorskip("hypua2jamo", reason="the package with the table is not installed")
    parsed = parse_bytes(an_hwpx(a_line(f"{PREFACE} {SYMBOLS}")), HWPX)
    assert (parsed.text, parsed.warnings) == (f"나랏말\u110a\u119e미 한글 {SYMBOLS}", ())
    syllables, jamo = (0xE0BC, 0xEFFF), (0xF784, 0xF800)
    for first, last in (syllables, (0xF100, 0xF66E), jamo, (0xF806, 0xF864), (0xF86A, 0xF8F7)):
        letters = "".join(map(chr, range(first, last + 1)))
        assert not set(letters) & set(as_unicode(letters))
