"""What is in a document, over HTTP: its text, its tables, pictures of its pages."""

from io import BytesIO
from typing import Any

import pytest
from fpdf import FPDF
from ingest_builders import AnIngest, some_chunks, work_on
from PIL import Image

from shared.artefacts.parsed import Block, ParsedDocument, Span, Table
from shared.kernel import DocumentId

TEXT = "Rates 관세율\n\nProduct\tRate\n\tbasic\ttreaty\nLaptop\t8\t0\nA|B\t\t5\n\nEnd"
TABLE = Table(
    start=TEXT.index("Product"),
    end=TEXT.index("\n\nEnd"),
    columns=3,
    header_rows=2,
    caption="Rates",
    page=1,
    spans=(Span(row=0, column=0, row_span=2), Span(row=0, column=1, column_span=2)),
)


def parsed(**changes: Any) -> ParsedDocument:
    blocks = (
        Block(kind="paragraph", start=0, end=TABLE.start - 2),
        Block(kind="table", start=TABLE.start, end=TABLE.end),
        Block(kind="paragraph", start=TABLE.end + 2, end=len(TEXT)),
    )
    fields: dict[str, Any] = {"text": TEXT, "blocks": blocks, "media_type": "text/html", "language": "en"}
    return ParsedDocument(**(fields | {"tables": (TABLE,)} | changes))


async def searchable(ingest: AnIngest, content: bytes = b"text", **told: Any) -> str:
    """The path of a document that was processed."""
    answer = (await ingest.put("a.txt", content)).json()
    await ingest.blobs.put("artefacts/some/chunks", some_chunks(1).to_bytes())
    await ingest.hears(*work_on(DocumentId(answer["id"]), 1, chunks="artefacts/some/chunks", **told))
    return f"/api/v1/documents/{answer['id']}"


async def test_the_text_is_given_whole_or_in_part(ingest: AnIngest) -> None:
    await ingest.blobs.put("artefacts/some/text", parsed().to_bytes())
    path = await searchable(ingest, text="artefacts/some/text")
    whole = await ingest.client.get(f"{path}/text")
    assert (whole.status_code, whole.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert whole.text == TEXT
    for start, end in ((0, 9), (6, 6), (55, 1_000), (900, None)):
        part = await ingest.client.get(f"{path}/text", params={"start": start} | ({} if end is None else {"end": end}))
        assert part.text == TEXT[start:end]
    wrong = await ingest.client.get(f"{path}/text", params={"start": 3, "end": 2})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "query.end")
    links = (await ingest.document(path.rpartition("/")[2]))["links"]
    assert (links["text"], links["tables"]) == (f"{path}/text", f"{path}/tables")


async def test_tables_are_given_as_cells_and_as_markdown(ingest: AnIngest) -> None:
    await ingest.blobs.put("artefacts/some/text", parsed().to_bytes())
    path = await searchable(ingest, text="artefacts/some/text")
    answer = (await ingest.client.get(f"{path}/tables")).json()
    (table,) = answer["items"]
    assert (answer["total"], answer["next_cursor"], answer["revision"]) == (1, None, 1)
    assert table["rows"] == [["Product", "Rate", ""], ["", "basic", "treaty"], ["Laptop", "8", "0"], ["A|B", "", "5"]]
    assert table["spans"] == [
        {"row": 0, "column": 0, "row_span": 2, "column_span": 1},
        {"row": 0, "column": 1, "row_span": 1, "column_span": 2},
    ]
    assert table["markdown"] == (
        "| Product | Rate / basic | Rate / treaty |\n| --- | --- | --- |\n| Laptop | 8 | 0 |\n| A\\|B |  | 5 |"
    )
    told = {name: table[name] for name in ("ordinal", "page", "caption", "header_rows")}
    assert told == {"ordinal": 0, "page": 1, "caption": "Rates", "header_rows": 2}
    assert TEXT[table["start"] : table["end"]].startswith("Product\tRate\n")


async def test_tables_are_paged(ingest: AnIngest) -> None:
    text = "\n\n".join(f"a{n}\tb" for n in range(5))
    tables = tuple(Table(start=6 * n, end=6 * n + 4, columns=2) for n in range(5))
    await ingest.blobs.put("artefacts/some/text", parsed(text=text, blocks=(), tables=tables).to_bytes())
    path = await searchable(ingest, text="artefacts/some/text")
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        params = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = (await ingest.client.get(f"{path}/tables", params=params)).json()
        seen += [table["rows"][0][0] for table in page["items"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == (["a0", "a1", "a2", "a3", "a4"], None)


async def test_text_of_an_earlier_version_is_made_anew(ingest: AnIngest) -> None:
    path = await searchable(ingest)  # its work told of no text
    for what in ("text", "tables"):
        answer = await ingest.client.get(f"{path}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (503, "chunks_remade")
    document = await ingest.document(path.rpartition("/")[2])
    assert document["status"] == "received"
    version = (await ingest.documents.load(DocumentId(document["id"]))).content_version
    await ingest.blobs.put("artefacts/new/text", parsed().to_bytes())
    await ingest.hears(*work_on(DocumentId(document["id"]), version, text="artefacts/new/text"))
    assert (await ingest.client.get(f"{path}/text")).text == TEXT


async def test_a_document_on_its_way_has_no_text_yet(ingest: AnIngest) -> None:
    document = (await ingest.put("a.txt", b"text")).json()
    answer = await ingest.client.get(f"/api/v1/documents/{document['id']}/text")
    assert (answer.status_code, answer.json()["code"]) == (404, "text_not_found")


async def test_pages_of_a_pdf_are_shown(ingest: AnIngest) -> None:
    pdf = FPDF(format=(200, 100))
    for colour in ((255, 0, 0), (0, 0, 255)):
        pdf.add_page()
        pdf.set_fill_color(*colour)
        pdf.rect(0, 0, 100, 100, style="F")
    path = await searchable(ingest, bytes(pdf.output()))
    for form, width in (("png", 400), ("webp", 100)):
        answer = await ingest.client.get(f"{path}/pages/2", params={"width": width, "format": form})
        assert (answer.status_code, answer.headers["content-type"]) == (200, f"image/{form}")
        picture = Image.open(BytesIO(answer.content)).convert("RGB")
        assert picture.size == (width, width // 2)
        left, right = picture.getpixel((width // 4, width // 4)), picture.getpixel((width - width // 4, width // 4))
        assert isinstance(left, tuple) and isinstance(right, tuple)
        assert left[2] > 200 > 60 > left[0] and min(right) > 200
        again = await ingest.client.get(
            f"{path}/pages/2",
            params={"width": width, "format": form},
            headers={"If-None-Match": answer.headers["etag"]},
        )
        assert again.status_code == 304
    beyond = await ingest.client.get(f"{path}/pages/3")
    assert (beyond.status_code, beyond.json()["code"]) == (404, "page_not_found")


@pytest.mark.parametrize("address", ["pages/0", "pages/one", "pages/1?width=9", "pages/1?width=100000", "text?begin=1"])
async def test_what_cannot_be_asked_for_is_told(ingest: AnIngest, address: str) -> None:
    path = await searchable(ingest)
    assert (await ingest.client.get(f"{path}/{address}")).status_code == 422


async def test_a_text_has_no_pages_to_show(ingest: AnIngest) -> None:
    path = await searchable(ingest)
    answer = await ingest.client.get(f"{path}/pages/1")
    assert (answer.status_code, answer.json()["code"]) == (404, "page_not_found")
