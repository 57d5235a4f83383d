"""PDF and DOCX files built here come out with structure, and broken ones are refused with a reason."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import docx
import pytest
from docx.oxml import OxmlElement
from fpdf import FPDF
from process_builders import DOCX, PDF

from process.infrastructure.parsers.draft import Unreadable
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
PARAGRAPH = (
    "The importer shall declare the goods to customs within thirty days of their arrival at the port. "
    "Late declarations are subject to a surcharge. The surcharge is two percent of the value of the goods. "
)


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def a_pdf(**encryption: Any) -> bytes:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", size=22)
    pdf.cell(text="Customs Handbook", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("helvetica", size=15)
    pdf.ln(8)
    pdf.cell(text="Declaration", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("helvetica", size=11)
    pdf.multi_cell(0, 6, PARAGRAPH.strip(), new_x="LMARGIN", new_y="NEXT")
    pdf.ln(8)
    pdf.multi_cell(0, 6, "A second paragraph. " + PARAGRAPH.strip(), new_x="LMARGIN", new_y="NEXT")
    pdf.add_page()
    pdf.multi_cell(0, 6, "On the next page.", new_x="LMARGIN", new_y="NEXT")
    if encryption:
        pdf.set_encryption(**encryption)
    return bytes(pdf.output())


def test_pdf_lines_become_whole_paragraphs_with_headings_and_pages(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(a_pdf(), PDF)
    assert blocks(document) == [
        ("title", "Customs Handbook"),
        ("heading", "Declaration"),
        ("paragraph", PARAGRAPH.strip()),
        ("paragraph", "A second paragraph. " + PARAGRAPH.strip()),
        ("paragraph", "On the next page."),
    ]
    assert [block.page for block in document.blocks] == [1, 1, 1, 1, 2]
    assert (document.pages, document.title, document.language) == (2, "Customs Handbook", "en")


def test_a_pdf_with_an_opening_password_is_refused_and_one_without_is_read(parse_bytes: ParseBytes) -> None:
    with pytest.raises(Unreadable, match="password") as refusal:
        parse_bytes(a_pdf(owner_password="o", user_password="secret"), PDF)
    assert refusal.value.data == {"code": "encrypted", "retryable": False}
    assert "Customs Handbook" in parse_bytes(a_pdf(owner_password="only printing is limited"), PDF).text


@pytest.mark.parametrize("raw", [b"%PDF-1.7", b"%PDF-1.4\n%junk" + bytes(500), a_pdf()[:300]])
def test_a_damaged_pdf_is_refused(parse_bytes: ParseBytes, raw: bytes) -> None:
    with pytest.raises(Unreadable, match="damaged") as refusal:
        parse_bytes(raw, PDF)
    assert refusal.value.data["code"] == "corrupt"


def test_pages_that_are_pictures_are_left_to_be_read(parse_bytes: ParseBytes) -> None:
    pdf = FPDF()
    pdf.set_font("helvetica", size=11)
    pdf.add_page()
    pdf.cell(text="Some words on the first page")
    for _ in range(2):
        pdf.add_page()
    pdf.rect(10, 10, 50, 50, style="F")
    document = parse_bytes(bytes(pdf.output()), PDF)
    # Nothing is to be seen on the second one.
    assert [page.page for page in document.unread] == [3]
    assert document.warnings == ()


def a_docx() -> Any:
    document = docx.Document()
    document.add_heading("관세 안내", level=0)
    document.add_heading("Rates", level=1)
    document.add_paragraph("The first paragraph.")
    document.add_paragraph("an item", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, texts in zip(table.rows, (("Code", "Rate"), ("8471.30", "0 %")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    document.add_heading("Details", level=2)
    document.add_paragraph("After the table.")
    return document


def saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_docx_keeps_headings_lists_and_tables_in_their_order(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(saved(a_docx()), DOCX)
    assert blocks(document) == [
        ("title", "관세 안내"),
        ("heading", "Rates"),
        ("paragraph", "The first paragraph."),
        ("list_item", "an item"),
        ("table", "Code\tRate\n8471.30\t0 %"),
        ("heading", "Details"),
        ("paragraph", "After the table."),
    ]
    assert [block.level for block in document.blocks if block.kind == "heading"] == [1, 2]
    assert document.title == "관세 안내"


def test_docx_text_that_was_deleted_is_not_read_and_text_inserted_is(parse_bytes: ParseBytes) -> None:
    document = a_docx()
    paragraph = document.add_paragraph("kept ")
    for tag, text_tag, text in (("w:del", "w:delText", "gone"), ("w:ins", "w:t", "added")):
        change, run, words = OxmlElement(tag), OxmlElement("w:r"), OxmlElement(text_tag)
        words.text = text
        run.append(words)
        change.append(run)
        paragraph._p.append(change)
    text = parse_bytes(saved(document), DOCX).text
    assert text.endswith("kept added")
    assert "gone" not in text


def test_docx_page_headers_are_read_once(parse_bytes: ParseBytes) -> None:
    document = a_docx()
    document.sections[0].header.paragraphs[0].text = "Confidential draft"
    assert parse_bytes(saved(document), DOCX).text.count("Confidential draft") == 1


def test_an_encrypted_docx_is_refused(parse_bytes: ParseBytes) -> None:
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600)
    with pytest.raises(Unreadable, match="password") as refusal:
        parse_bytes(ole, DOCX)
    assert refusal.value.data["code"] == "encrypted"


def test_a_docx_cut_short_is_refused(parse_bytes: ParseBytes) -> None:
    for raw in (saved(a_docx())[:5_000], b"PK\x03\x04nothing", b""):
        with pytest.raises(Unreadable, match="damaged") as refusal:
            parse_bytes(raw, DOCX)
        assert refusal.value.data["code"] == "corrupt"


def test_a_zip_that_is_no_word_document_is_refused(parse_bytes: ParseBytes) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(out.getvalue(), DOCX)
    assert refusal.value.data["code"] == "corrupt"


def test_a_zip_bomb_is_refused_before_it_is_unpacked(parse_bytes: ParseBytes) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(30 << 20))
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(out.getvalue(), DOCX)
    assert refusal.value.data == {"code": "too_large_inside", "retryable": False}


def test_an_external_entity_is_not_followed(parse_bytes: ParseBytes) -> None:
    source = io.BytesIO(saved(a_docx()))
    out = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "word/document.xml":
                content = content.replace(
                    b"?>", b'?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>', 1
                ).replace(b"The first paragraph.", b"See &x; here")
            new.writestr(entry.filename, content)
    try:
        text = parse_bytes(out.getvalue(), DOCX).text
    except Unreadable:
        return
    assert "root:" not in text
