"""PDF files written object by object: text at places, form fields, annotations."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from fpdf import FPDF

Place = tuple[float, float, str]
"""x, y from the page's lower left corner in points, text; Korean is written in a font that viewers bring along."""


@dataclass
class PdfPage:
    """What one page shows."""

    text: Sequence[Place] = ()
    size: float = 11
    rotate: int = 0
    matrix: str = "1 0 0 1"
    """How letters are turned: `0 1 -1 0` runs upwards."""
    annotations: Sequence[str] = ()
    """Entries of annotation dictionaries, without the brackets around them."""
    marks: str = ""
    """More of the content stream."""
    sizes: dict[int, float] = field(default_factory=dict)
    """Other sizes, by the place in `text`."""


def a_pdf_of(*pages: PdfPage, fields: Sequence[str] = ()) -> bytes:
    """The file. `fields` are dictionaries without brackets that pages' annotations may name as `/Parent FIELDn`."""
    objects: list[bytes] = [b"", b""]

    def add(content: str | bytes) -> int:
        objects.append(content if isinstance(content, bytes) else content.encode("latin-1"))
        return len(objects)

    latin = add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    inner = add(
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /HYSMyeongJo-Medium /CIDSystemInfo << /Registry (Adobe) "
        "/Ordering (Korea1) /Supplement 1 >> /DW 1000 /FontDescriptor << /Type /FontDescriptor /FontName "
        "/HYSMyeongJo-Medium /Flags 4 /FontBBox [0 -148 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -148 "
        "/CapHeight 700 /StemV 80 >> >>"
    )
    korean = add(
        f"<< /Type /Font /Subtype /Type0 /BaseFont /HYSMyeongJo-Medium /Encoding /UniKS-UCS2-H "
        f"/DescendantFonts [{inner} 0 R] >>"
    )
    named = {f"FIELD{at}": add(b"") for at in range(len(fields))}
    kids, widgets = [], []
    members: dict[str, list[str]] = {name: [] for name in named}
    for page in pages:
        stream = "\n".join(_shown(page, at) for at in range(len(page.text))) + "\n" + page.marks
        content = add(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        own = []
        for entries in page.annotations:
            parent = next((name for name in named if name in entries), None)
            if parent is not None:
                entries = entries.replace(parent, f"{named[parent]} 0 R")
            number = add(f"<< /Type /Annot {entries} >>")
            own.append(f"{number} 0 R")
            if parent is not None:
                members[parent].append(f"{number} 0 R")
            if "/Widget" in entries and "/Parent" not in entries:
                widgets.append(f"{number} 0 R")
        kids.append(
            add(
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Rotate {page.rotate} /Resources << /Font << "
                f"/F1 {latin} 0 R /F2 {korean} 0 R >> >> /Contents {content} 0 R /Annots [{' '.join(own)}] >>"
            )
        )
    for (name, number), entries in zip(named.items(), fields, strict=True):
        objects[number - 1] = f"<< {entries} /Kids [{' '.join(members[name])}] >>".encode("latin-1")
    listed = " ".join([*(f"{number} 0 R" for number in named.values()), *widgets])
    form = f"/AcroForm << /Fields [{listed}] >>" if listed else ""
    objects[0] = f"<< /Type /Catalog /Pages 2 0 R {form} >>".encode()
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>".encode()
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, content_bytes in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content_bytes)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def utf_16(text: str) -> str:
    """A PDF string of any letters."""
    return "<feff" + text.encode("utf-16-be").hex() + ">"


def _shown(page: PdfPage, at: int) -> str:
    x, y, text = page.text[at]
    size = page.sizes.get(at, page.size)
    if text.isascii():
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        font, string = "F1", f"({escaped})"
    else:
        font, string = "F2", f"<{text.encode('utf-16-be').hex()}>"
    return f"BT /{font} {size} Tf {page.matrix} {x} {y} Tm {string} Tj ET"


@cache
def a_book(pages: int) -> bytes:
    """A text of many pages; each has a word of its own, `quay0001` to that of the last."""
    pdf = FPDF()
    pdf.set_auto_page_break(False)
    pdf.set_font("helvetica", size=11)
    for number in range(1, pages + 1):
        pdf.add_page()
        pdf.text(20, 20, f"Of the harbour called quay{number:04} the following is to be known by all who come to it.")
        for line in range(1, 12):
            pdf.text(
                20, 20 + 6 * line, f"Berth {number}.{line} of it is kept free for ships that arrive in winter by night."
            )
    return bytes(pdf.output())


def a_locked_pdf(password: str, text: str) -> bytes:
    """One page that only the password opens."""
    pdf = FPDF()
    pdf.set_encryption(owner_password="owner-0000", user_password=password)
    pdf.set_font("helvetica", size=12)
    pdf.add_page()
    pdf.multi_cell(0, 6, text)
    return bytes(pdf.output())
