"""Pieces of a table: cut between rows, each embedded with what the columns are called, shown where they stand."""

from typing import Any

from process_builders import SmallModel, count_tokens

from builders import a_document_received
from process.application.stages.chunk import ChunkStage
from process.application.stages.stage import Way
from process.domain.passages import passage_text
from process.infrastructure.parsers.draft import Draft
from shared.artefacts.chunks import Chunk
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.tables import chunk_markdown

HEADER = [["Product", "Rate", "", "Unit"], ["", "basic", "treaty", ""]]
SPANS = [(0, 0, 2, 1), (0, 1, 1, 2), (0, 3, 2, 1)]
NAMES = "Product | Rate / basic | Rate / treaty | Unit"


def product(number: int) -> list[str]:
    return [f"Goods of the kind {number}", f"{number} percent", "free", "" if number % 3 else "piece"]


def a_long_table(rows: int = 90, **about: Any) -> Draft:
    draft = Draft("text/html", most_characters=1_000_000)
    draft.title = "Tariff"
    draft.add("paragraph", "What is paid for goods that are brought into the country. " * 4, page=1)
    grid = [*HEADER, *(product(number) for number in range(rows))]
    draft.add_table(grid, spans=SPANS, header_rows=2, page=1, **about)
    draft.add("paragraph", "This is all that has to be said about it. " * 4, page=3)
    return draft


async def chunks_of(draft: Draft, model: SmallModel) -> tuple[ParsedDocument, tuple[Chunk, ...]]:
    parsed = ParsedDocument.from_bytes(draft.to_bytes())
    way = Way(a_document_received(), model.describe(), ())
    way.keep(parsed)
    chunks = (await ChunkStage(model).work(way)).chunks
    assert all(parsed.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    return parsed, chunks


async def test_a_long_table_is_cut_at_rows_and_every_piece_knows_its_columns(model: SmallModel) -> None:
    parsed, chunks = await chunks_of(a_long_table(), model)
    pieces = [chunk for chunk in chunks if chunk.tables]
    assert len(pieces) > 4
    table = parsed.tables[0]
    rows = {"\t".join(product(number)).rstrip("\t") for number in range(90)}
    for chunk in pieces:
        (part,) = chunk.tables
        lines = parsed.text[part.start : part.end].split("\n")
        assert rows.issuperset(lines[part.own_header_rows :])
        assert part.own_header_rows == (2 if part.start == table.start else 0)
        # The header is context, no part of what is cited.
        assert chunk.table_header == ("" if part.own_header_rows else NAMES)
        assert part.own_header_rows or "treaty" not in chunk.text
        embedded = passage_text("Tariff", chunk, chunk.table_header)
        assert "treaty" in embedded
        assert count_tokens([embedded])[0] <= 254


async def test_pieces_show_as_markdown_under_their_header(model: SmallModel) -> None:
    _, chunks = await chunks_of(a_long_table(), model)
    pieces = [chunk for chunk in chunks if chunk.tables]
    head = "| Product | Rate / basic | Rate / treaty | Unit |\n| --- | --- | --- | --- |\n| Goods of the kind "
    for chunk in pieces:
        shown = chunk_markdown(chunk)
        assert shown is not None and head in shown
        assert shown.count("treaty") == 1
    assert (chunk_markdown(pieces[0]) or "").startswith("What is paid") == pieces[0].text.startswith("What is paid")
    plain = [chunk for chunk in chunks if not chunk.tables]
    assert all(chunk_markdown(chunk) is None for chunk in plain)


async def test_pieces_of_a_table_over_several_pages_stand_on_theirs(model: SmallModel) -> None:
    first, second, third = (0.1, 0.5, 0.9, 0.9), (0.1, 0.1, 0.9, 0.9), (0.1, 0.1, 0.9, 0.3)
    draft = a_long_table(box=first, parts=[(32, 2, second), (72, 3, third)])
    parsed, chunks = await chunks_of(draft, model)
    boxes = {1: first, 2: second, 3: third}
    seen = set()
    for chunk in chunks:
        if chunk.tables and chunk.start >= parsed.tables[0].start:
            number = int(chunk.text.partition("\t")[0].rpartition(" ")[2]) if not chunk.tables[0].own_header_rows else 0
            page = 1 if number < 30 else 2 if number < 70 else 3
            assert (chunk.page, chunk.box) == (page, boxes[page])
            seen.add(page)
    assert seen == {1, 2, 3}


async def test_a_wide_header_leaves_room_for_rows(model: SmallModel) -> None:
    draft = Draft("text/html", most_characters=1_000_000)
    names = [f"Column with a long name {number}" for number in range(60)]
    draft.add_table([names, *([f"value {row}.{column}" for column in range(60)] for row in range(40))], header_rows=1)
    _, chunks = await chunks_of(draft, model)
    assert all(count_tokens([passage_text(None, chunk, chunk.table_header)])[0] <= 254 for chunk in chunks)
    assert sum(len(chunk.text) for chunk in chunks) / len(chunks) > 150


async def test_a_chunk_has_the_box_of_what_stands_on_its_page(model: SmallModel) -> None:
    draft = Draft("application/pdf", most_characters=10_000)
    draft.add("heading", "Duties", level=1, page=1, box=(0.1, 0.8, 0.5, 0.85))
    draft.add("paragraph", "They are due on arrival.", page=1, box=(0.1, 0.86, 0.9, 0.95))
    draft.add("paragraph", "They are paid at the office.", page=2, box=(0.1, 0.1, 0.9, 0.2))
    _, (chunk,) = await chunks_of(draft, model)
    assert (chunk.page, chunk.box) == (1, (0.1, 0.8, 0.9, 0.95))
