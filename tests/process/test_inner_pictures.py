"""Pictures that stand in documents with text: found above a size, once each, read, and told where they stand."""

import base64
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import docx
import openpyxl
import openpyxl.drawing.image
import pptx
import pytest
from fpdf import FPDF
from ocr_builders import LINES, KnownText, Reading, a_reading
from pdf_builders import PdfPage, a_pdf_of
from picture_builders import a_picture, as_file
from PIL import Image
from process_builders import DOCX, PDF, NoReader

from process.infrastructure.parser_child import read
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.recognised import RecognisedDocument
from shared.ports.images import Caption

PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
TEXT = "This paragraph has its own text, and needs no reader for it. " * 4
SHOT = as_file(a_picture(*LINES).convert("RGB"))
LOGO = as_file(Image.new("RGB", (90, 40), "navy"))


def a_docx() -> bytes:
    document = docx.Document()
    document.add_paragraph("Before.")
    document.add_picture(BytesIO(LOGO))
    document.add_picture(BytesIO(SHOT))
    document.add_table(1, 2).cell(0, 0).paragraphs[0].add_run().add_picture(BytesIO(SHOT))
    document.add_paragraph("After.")
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def a_pptx() -> bytes:
    deck = pptx.Presentation()
    for name in ("Before.", "After."):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = name
        slide.shapes.add_picture(BytesIO(LOGO), 0, 0)
        slide.shapes.add_picture(BytesIO(SHOT), 0, 0)
    out = BytesIO()
    deck.save(out)
    return out.getvalue()


def an_xlsx() -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active["A1"] = "Before."
    book.active.add_image(openpyxl.drawing.image.Image(BytesIO(SHOT)), "C3")
    book.create_sheet("Next")["A1"] = "After."
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def a_page_of_html() -> bytes:
    address = "data:image/png;base64,"
    logo, shot = (address + base64.b64encode(raw).decode() for raw in (LOGO, SHOT))
    return f"<p>Before.</p><img src='{logo}'><img src='{shot}'><img src='{shot}'><p>After.</p>".encode()


def an_odt() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", ODT)
        archive.writestr("Pictures/shot.png", SHOT)
        archive.writestr(
            "content.xml",
            '<o:document-content xmlns:o="urn:o" xmlns:t="urn:t" xmlns:d="urn:d" xmlns:x="urn:x"><o:body><o:text>'
            '<t:p>Before.<d:frame><d:image x:href="Pictures/shot.png"/></d:frame></t:p><t:p>After.</t:p>'
            "</o:text></o:body></o:document-content>",
        )
    return out.getvalue()


def an_hwpx() -> bytes:
    out = BytesIO()
    paragraph = "<hp:p><hp:run>{}</hp:run></hp:p>"
    body = "".join(
        paragraph.format(inside)
        for inside in (
            "<hp:t>Before.</hp:t>",
            '<hp:pic><hc:img binaryItemIDRef="shot"/></hp:pic>',
            "<hp:t>After.</hp:t>",
        )
    )
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/hwp+zip")
        archive.writestr(
            "Contents/content.hpf",
            '<p><item id="section0" href="Contents/section0.xml"/><item id="shot" href="BinData/shot.png"/>'
            '<itemref idref="section0"/></p>',
        )
        archive.writestr(
            "Contents/section0.xml", f'<hs:sec xmlns:hs="urn:s" xmlns:hp="urn:p" xmlns:hc="urn:c">{body}</hs:sec>'
        )
        archive.writestr("BinData/shot.png", SHOT)
    return out.getvalue()


def a_pdf(*, pages: int = 2, over: bool = False) -> bytes:
    """The picture and a logo stand on each page; the text below the picture, or `over` it."""
    pdf = FPDF()
    pdf.set_font("helvetica", size=12)
    for number in range(pages):
        pdf.add_page()
        pdf.image(BytesIO(LOGO), x=10, y=5, w=30)
        pdf.image(BytesIO(SHOT), x=10, y=25, w=150)
        pdf.set_y(28 if over else 120)
        pdf.multi_cell(0, 6, f"Page {number + 1}. {TEXT}")
    return bytes(pdf.output())


@pytest.mark.parametrize(
    ("make", "media_type"),
    [
        (a_docx, DOCX),
        (a_pptx, PPTX),
        (an_xlsx, XLSX),
        (a_page_of_html, "text/html"),
        (an_odt, ODT),
        (an_hwpx, "application/hwp+zip"),
    ],
    ids=["docx", "pptx", "xlsx", "html", "odt", "hwpx"],
)
async def test_a_picture_in_an_office_file_is_read_once_where_it_stands(
    reading: Reading, make: object, media_type: str
) -> None:
    images = KnownText(a_reading(*LINES))
    assert callable(make)
    document = await reading.of(make(), media_type, images)
    assert len(images.seen) == 1
    (found,) = [block for block in document.blocks if block.confidence is not None]
    assert (found.kind, document.text[found.start : found.end]) == ("picture", " ".join(LINES))
    assert document.text.index("Before.") < found.start < document.text.index("After.")
    with Image.open(BytesIO(images.seen[0])) as seen:
        assert seen.width >= Image.open(BytesIO(SHOT)).width


async def test_a_picture_beside_the_text_of_a_page_is_read_once_and_has_its_place(reading: Reading) -> None:
    images = KnownText(a_reading(*LINES))
    document = await reading.of(a_pdf(), PDF, images)
    assert len(images.seen) == 1
    (found,) = [block for block in document.blocks if block.kind == "picture"]
    assert (found.page, document.text[found.start : found.end]) == (1, " ".join(LINES))
    assert found.box is not None
    assert found.box[0] == pytest.approx(10 / 210, abs=0.01) and found.box[1] == pytest.approx(25 / 297, abs=0.01)
    assert found.end < document.text.index("Page 2.")
    with Image.open(BytesIO(images.seen[0])) as seen:
        # What was drawn is the picture alone: 150 mm at 300 dots per inch.
        assert seen.width == pytest.approx(1_772, abs=20)


def test_a_picture_under_text_is_a_background(tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(a_pdf(over=True))
    assert ParsedDocument.from_bytes(read(path, PDF, most_characters=10_000)).pictures == ()


async def test_what_ocr_finds_in_gravel_is_no_text(reading: Reading) -> None:
    document = await reading.of(a_docx(), DOCX, KnownText(a_reading("Il ,;i", "~ oO", confidence=0.45)))
    assert (document.text, document.warnings) == ("Before.\n\nAfter.", ())


async def test_a_machine_without_a_reader_says_so_once(reading: Reading) -> None:
    document = await reading.of(a_pptx(), PPTX, NoReader())
    assert document.text == "Before.\n\nAfter."
    assert document.warnings == ("Pictures in the document were not looked at: Install the data of kor and eng.",)


class KnownCaption(KnownText):
    """Says the same of every picture."""

    async def caption(self, images: Sequence[bytes]) -> list[Caption]:
        return [Caption("a ship in a harbour") for _ in images]


async def test_where_a_model_says_what_pictures_show_that_is_text_too(reading: Reading) -> None:
    document = await reading.of(a_docx(), DOCX, KnownCaption(a_reading(*LINES)), captions=True)
    assert document.text == f"Before.\n\n{' '.join(LINES)}\n\na ship in a harbour\n\nAfter."
    picture = as_file(Image.new("RGB", (400, 300), "navy"))
    alone = await reading.of(picture, "image/png", KnownCaption(a_reading()), captions=True)
    assert (alone.text, alone.blocks[0].kind, alone.blocks[0].page) == ("a ship in a harbour", "picture", 1)


def shifted(text: str) -> str:
    """As fonts say it whose table of letters is wrong."""
    return "".join(chr((ord(sign) - 97 + 11) % 26 + 97) if sign.isalpha() else sign for sign in text.lower())


PROSE = (
    "Customs authorities may require the importer to declare the origin of the goods, their weight and their value "
    "before they are released, and keep the papers for five years after that. "
)


async def of_text(reading: Reading, text: str, said: str, pages: int = 3) -> tuple[RecognisedDocument, int]:
    pdf = FPDF()
    pdf.set_font("helvetica", size=12)
    for _ in range(pages):
        pdf.add_page()
        pdf.multi_cell(0, 6, text)
    images = KnownText(a_reading(said))
    return await reading.of(bytes(pdf.output()), PDF, images), len(images.seen)


async def test_text_of_wrong_letters_gives_way_to_what_is_to_be_seen(reading: Reading) -> None:
    document, read_pages = await of_text(reading, shifted(PROSE * 3), PROSE)
    assert read_pages == 3
    assert document.text == "\n\n".join([PROSE.strip()] * 3)
    assert document.warnings == ("Pages 1, 2, 3: the text in the file is garbage; it was read from the picture.",)


async def test_odd_text_that_is_on_the_page_stays_and_two_pages_tell(reading: Reading) -> None:
    codes = " ".join(f"zxqk{'jxqz'[number % 4] * 3}vwk" for number in range(40))
    document, read_pages = await of_text(reading, codes, codes, pages=5)
    assert read_pages == 2
    assert document.text.startswith("zxqk") and document.warnings == () and document.unread == ()


@pytest.mark.parametrize(("other", "seen"), [(b"\xff", 1), (b"a", 2)])
def test_pictures_that_begin_alike_are_two_and_one_on_two_pages_is_one(tmp_path: Path, other: bytes, seen: int) -> None:
    white = b"\xff" * 400 * 300
    drawn = [
        b"q 400 0 0 400 90 200 cm BI /W 400 /H 400 /CS /G /BPC 8 ID " + white + end * 400 * 100 + b" EI Q"
        for end in (b"\xff", other)
    ]
    pages = [PdfPage([(72, 780, "What is drawn below.")], marks=marks.decode("latin-1")) for marks in drawn]
    (path := tmp_path / "drawings.pdf").write_bytes(a_pdf_of(*pages))
    assert len(ParsedDocument.from_bytes(read(path, PDF, most_characters=10_000)).pictures) == seen
