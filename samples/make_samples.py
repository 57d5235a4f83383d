"""Makes the samples that are not plain text, from samples/sources: `python samples/make_samples.py`.

Run by hand after a source was changed; needs fpdf2, python-docx, openpyxl and python-hwpx (all in .venv after
`make test`) and, for the Korean PDF, the Nanum fonts (OFL; Debian's fonts-nanum). The same
sources give the same bytes, but for the Hancom document, whose library makes up ids.
"""

import io
import logging
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import docx
import openpyxl
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace
from hwpx.document import HwpxDocument
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE: Final = Path(__file__).parent
SOURCES: Final = HERE / "sources"
DOCUMENTS: Final = HERE / "documents"
SCANS: Final = HERE / "scans"
FONTS: Final = Path("/usr/share/fonts/truetype/nanum")
MADE_AT: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
AUTHOR: Final = "Seoga samples"
_INSTANT: Final = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")


@dataclass(frozen=True, slots=True)
class Piece:
    """One block of a source: its kind, its text, and the cells when it is a table."""

    kind: Literal["heading", "paragraph", "list_item", "note", "table"]
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


def read_source(name: str) -> list[Piece]:
    """The blocks of a source: the small part of Markdown that the sources use."""
    blocks = re.split(r"\n\s*\n", (SOURCES / name).read_text(encoding="utf-8").strip())
    return [piece for block in blocks for piece in _pieces(block.splitlines())]


def _pieces(lines: list[str]) -> Iterator[Piece]:
    first = lines[0]
    if heading := re.match(r"(#+) (.*)", first):
        yield Piece("heading", heading[2], level=len(heading[1]))
    elif first.startswith("|"):
        rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
        yield Piece("table", rows=(rows[0], *rows[2:]))
    elif first.startswith("- "):
        for line in lines:
            yield Piece("list_item", line.removeprefix("- "))
    elif first.startswith("> "):
        yield Piece("note", " ".join(line.removeprefix("> ") for line in lines))
    else:
        yield Piece("paragraph", " ".join(lines))


def make_pdf(source: str, *, korean: bool) -> bytes:
    """A4 pages with real text; the Korean font is embedded as a subset."""
    pieces = read_source(source)
    pdf = FPDF(format="A4")
    pdf.set_creation_date(MADE_AT)
    pdf.set_author(AUTHOR)
    pdf.set_title(pieces[0].text)
    pdf.set_lang("ko-KR" if korean else "en-GB")
    pdf.set_margin(22)
    pdf.set_auto_page_break(auto=True, margin=22)
    if korean:
        pdf.add_font("Nanum", "", FONTS / "NanumGothic.ttf")
        pdf.add_font("Nanum", "B", FONTS / "NanumGothicBold.ttf")
    family = "Nanum" if korean else "Helvetica"
    pdf.add_page()
    for piece in pieces:
        _draw(pdf, piece, family)
    return bytes(pdf.output())


def _draw(pdf: FPDF, piece: Piece, family: str) -> None:
    # The PDF core fonts know Latin-1 only.
    text = piece.text if family == "Nanum" else piece.text.replace("·", "-")
    if piece.kind == "table":
        pdf.set_font(family, size=9.5)
        with pdf.table(
            piece.rows, line_height=6.5, text_align="LEFT", headings_style=FontFace(emphasis="BOLD", fill_color=230)
        ):
            pass
        pdf.ln(4)
        return
    size, emphasis, gap = 10.5, "", 2.5
    if piece.kind == "heading":
        size, emphasis, gap = {1: (18.0, "B", 4.0), 2: (13.5, "B", 2.5)}.get(piece.level, (11.5, "B", 2.0))
        # A heading never stands alone at the foot of a page.
        if pdf.will_page_break(30):
            pdf.add_page()
    pdf.set_font(family, emphasis, size)
    bullet = "- " if piece.kind == "list_item" else ""
    pdf.multi_cell(0, size * 0.55, bullet + text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(gap if piece.kind != "list_item" else 0.8)


def make_docx(source: str, *, language: str) -> bytes:
    """A Word document with heading styles, lists and tables."""
    pieces = read_source(source)
    word = docx.Document()
    properties = word.core_properties
    properties.author = properties.last_modified_by = AUTHOR
    properties.title, properties.language = pieces[0].text, language
    properties.created = properties.modified = MADE_AT.replace(tzinfo=None)
    for piece in pieces:
        if piece.kind == "heading":
            word.add_heading(piece.text, level=piece.level)
        elif piece.kind == "table":
            table = word.add_table(rows=0, cols=len(piece.rows[0]), style="Table Grid")
            for row in piece.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
            word.add_paragraph()
        else:
            style = {"list_item": "List Bullet", "note": "Intense Quote"}.get(piece.kind)
            word.add_paragraph(piece.text, style=style)
    raw = io.BytesIO()
    word.save(raw)
    return _with_fixed_times(raw.getvalue())


def _with_fixed_times(archive: bytes) -> bytes:
    """The same zip with every member dated MADE_AT, also inside: libraries write the present time."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            dated = zipfile.ZipInfo(member.filename, MADE_AT.timetuple()[:6])
            dated.compress_type = zipfile.ZIP_DEFLATED
            content = old.read(member)
            if member.filename == "docProps/core.xml":
                content = _INSTANT.sub(MADE_AT.strftime("%Y-%m-%dT%H:%M:%SZ").encode(), content)
            new.writestr(dated, content)
    return out.getvalue()


def make_hwpx(source: str) -> bytes:
    """A Hancom document with paragraphs and tables."""
    hancom = HwpxDocument.new()
    for piece in read_source(source):
        if piece.kind == "table":
            table = hancom.add_table(len(piece.rows), len(piece.rows[0]))
            for row, cells in enumerate(piece.rows):
                for column, text in enumerate(cells):
                    table.set_cell_text(row, column, text)
        else:
            hancom.add_paragraph(piece.text)
    return _with_fixed_times(hancom.to_bytes())


def make_xlsx(source: str) -> bytes:
    """A workbook: each heading begins a sheet, each table fills one."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    book.properties.creator = AUTHOR
    book.properties.created = book.properties.modified = MADE_AT.replace(tzinfo=None)
    for piece in read_source(source):
        if piece.kind == "heading":
            book.create_sheet(piece.text)
            continue
        for row in piece.rows:
            cells = [float(cell) if re.fullmatch(r"\d+(\.\d)?", cell) else cell for cell in row]
            book.worksheets[-1].append(cells)
    raw = io.BytesIO()
    book.save(raw)
    return _with_fixed_times(raw.getvalue())


def make_scan(source: str) -> bytes:
    """A PDF of one picture: printed lines, a little askew and out of focus."""
    page = Image.new("L", (1_240, 1_000), 246)
    draw = ImageDraw.Draw(page)
    for number, line in enumerate((SOURCES / source).read_text(encoding="utf-8").splitlines()):
        font = ImageFont.load_default(38 if number == 0 else 32)
        draw.text((120, 110 + 58 * number), line, font=font, fill=45)
    page = page.rotate(0.8, resample=Image.Resampling.BICUBIC, fillcolor=246).filter(ImageFilter.GaussianBlur(0.6))
    pdf = FPDF(format="A4")
    pdf.set_creation_date(MADE_AT)
    pdf.add_page()
    pdf.image(page.quantize(16), x=0, y=0, w=210)
    return bytes(pdf.output())


def make_text(source: str, *, encoding: str) -> bytes:
    """The source in another encoding, with the line ends that Windows programs write."""
    text = (SOURCES / source).read_text(encoding="utf-8")
    return text.replace("\n", "\r\n").encode(encoding)


def make_all() -> dict[str, bytes]:
    """Name → bytes of every sample that is made."""
    return {
        "노트북_품목분류_안내.pdf": make_pdf("노트북_품목분류_안내.md", korean=True),
        "import-procedure-manual.pdf": make_pdf("import-procedure-manual.md", korean=False),
        "FTA_원산지증명서_발급절차.docx": make_docx("FTA_원산지증명서_발급절차.md", language="ko-KR"),
        "office-equipment-lease.docx": make_docx("office-equipment-lease.md", language="en-GB"),
        "선적_서류_목록.hwpx": make_hwpx("선적_서류_목록.md"),
        "inventory-2026.xlsx": make_xlsx("inventory-2026.md"),
        "통관_보류_안내문.txt": make_text("통관_보류_안내문.txt", encoding="cp949"),
        # "utf-16" begins with a byte order mark, as Notepad writes it.
        "과세가격_계산_메모.txt": make_text("과세가격_계산_메모.txt", encoding="utf-16"),
    }


if __name__ == "__main__":
    # It tells of each hinting table that a subset cannot keep.
    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
    made = {DOCUMENTS / name: content for name, content in make_all().items()}
    for path, content in (made | {SCANS / "scanned-invoice.pdf": make_scan("scanned-invoice.txt")}).items():
        path.write_bytes(content)
        print(f"{len(content):>8}  {path.name}")
