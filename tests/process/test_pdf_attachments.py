"""Files that a PDF carries along become parts of it."""

from pathlib import Path

import pytest
from fpdf import FPDF
from process_builders import PDF

from process.infrastructure.parser_child import read
from process.infrastructure.parsers.parts import Parts
from shared.artefacts.parsed import ParsedDocument


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, content in (("명세서.csv", "품목,수량\nA,1"), ("note.txt", "pinned"), ("empty.txt", "")):
        (tmp_path / name).write_text(content)
    return tmp_path


def parsed(folder: Path, pdf: FPDF, *, most: int = 10, most_bytes: int = 1 << 20) -> ParsedDocument:
    path = folder / "original"
    path.write_bytes(bytes(pdf.output()))
    parts = Parts(folder / "parts", most=most, most_bytes=most_bytes)
    return ParsedDocument.from_bytes(read(path, PDF, most_characters=10_000, parts=parts))


def a_pdf(text: str = "A page with a text of its own.") -> FPDF:
    pdf = FPDF()
    pdf.set_font("helvetica", size=12)
    pdf.add_page()
    if text:
        pdf.multi_cell(0, 6, text)
    return pdf


def test_what_is_attached_and_what_is_pinned_to_a_page_are_parts_with_their_names(files: Path) -> None:
    pdf = a_pdf()
    pdf.embed_file(files / "명세서.csv")
    pdf.file_attachment_annotation(files / "note.txt", 50, 50)
    document = parsed(files, pdf)
    found = {part.path: (files / "parts" / part.sha256).read_text() for part in document.parts}
    assert found == {"명세서.csv": "품목,수량\nA,1", "note.txt": "pinned"}
    assert document.text == "A page with a text of its own." and document.warnings == ()


def test_a_cover_without_text_says_what_is_in_it(files: Path) -> None:
    pdf = a_pdf("")
    pdf.embed_file(files / "명세서.csv")
    document = parsed(files, pdf)
    assert (document.text, [part.path for part in document.parts]) == ("명세서.csv", ["명세서.csv"])


def test_limits_of_parts_hold(files: Path) -> None:
    pdf = a_pdf()
    pdf.embed_file(files / "명세서.csv")
    pdf.embed_file(files / "note.txt")
    document = parsed(files, pdf, most=1)
    assert len(document.parts) == 1 and "more than 1 files" in document.warnings[0]
