"""A document of many pages is read a range at a time: as in one go, once each, and others come in between."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fpdf import FPDF
from pipeline_builders import Crash, House, InProcessParser
from process_builders import PDF, data_folder, manifest

from builders import eventually, labels
from process.application.ports import ManyPages
from process.application.stages.page_ranges import ranges_of
from process.infrastructure.parser_child import assemble, read, read_range
from process.infrastructure.parser_pool import ParserPool
from process.infrastructure.parsers.draft import Unreadable
from process.infrastructure.parsers.parts import Parts
from process.infrastructure.turns import Pace
from shared.artefacts.parsed import ParsedDocument
from shared.events.ingest import DocumentReceived
from shared.events.process import DocumentProcessed, PagesRead
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Refused

PAGES = 100
OF_PAGES = {"media_type": PDF, "name": "law.pdf"}
ROW = (("Laptop computers", 60), ("8471.30", 30), ("0 %", 25))


def in_ranges(path: Path, pages: int, size: int, parts: Parts | None = None) -> bytes:
    given: dict[str, Any] = {"most_characters": 1_000_000}
    ranges = [read_range(path, PDF, range(at, min(pages, at + size)), **given) for at in range(0, pages, size)]
    return assemble(path, PDF, ranges, parts=parts, **given)


@cache
def a_law(pages: int = PAGES) -> bytes:
    """Running headers, page numbers, sentences and words that go on where a page ends."""
    pdf = FPDF()
    pdf.set_auto_page_break(False)
    for number in range(1, pages + 1):
        pdf.add_page()
        pdf.set_font("helvetica", size=8)
        pdf.text(20, 8, "Customs Act of 1949")
        pdf.text(100, 292, str(number))
        pdf.set_font("helvetica", size=11)
        pdf.text(20, 30, f"{number} berths are kept free for ships that come to this port in the winter and")
        pdf.text(20, 36, f"whoever brings goods of kind {number} into the country is to show them to the decla-")
    return bytes(pdf.output())


def test_every_real_pdf_reads_the_same_page_by_page() -> None:
    folder = data_folder("documents")
    compared = 0
    for entry in manifest(folder):
        path = folder / entry["file"]
        if entry["fmt"] != "pdf":
            continue
        try:
            whole = read(path, PDF, most_characters=1_000_000)
        except Unreadable:
            continue
        pages = json.loads(whole)["pages"]
        if pages > 1:
            assert in_ranges(path, pages, size=1) == whole, entry["file"]
            compared += 1
    assert compared > 6


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_what_goes_over_the_end_of_a_range_is_put_together(tmp_path: Path, size: int) -> None:
    pdf = FPDF()
    pdf.set_auto_page_break(False)
    for number in range(6):
        pdf.add_page()
        pdf.set_font("helvetica", size=11)
        pdf.text(20, 12, "Tariff of the Republic")
        pdf.set_xy(20, 20)
        if 1 <= number <= 3:  # one table, with its header on each page
            for row in ((("Goods", 60), ("Code", 30), ("Rate", 25)), *[ROW] * (6 + number)):
                for text, width in row:
                    pdf.cell(width, 6, text, border=1)
                pdf.ln()
                pdf.set_x(20)
        elif number == 4:
            pdf.multi_cell(170, 6, "The duty on goods that come by sea is paid by the one who has them car-")
        else:
            pdf.multi_cell(170, 6, "ried to the port, and by nobody else in the whole of the country.")
        note = tmp_path / f"note {number}.txt"
        note.write_text(f"pinned to {number // 2}")
        pdf.file_attachment_annotation(note, 10, 10)
        pdf.text_annotation(20, 200, f"Looked at in {2020 + number // 2}")
    path = tmp_path / "original"
    path.write_bytes(bytes(pdf.output()))
    whole = read(path, PDF, most_characters=100_000, parts=Parts(tmp_path / "one", most=10, most_bytes=1 << 20))
    document = ParsedDocument.from_bytes(whole)
    (table,) = document.tables
    assert [part.page for part in table.parts] == [3, 4]
    assert "car- ried" not in document.text and "carried to the port" in document.text
    assert document.text.count("Tariff of the Republic") == 1
    assert [part.path for part in document.parts] == [f"note {number}.txt" for number in range(6)]
    assert in_ranges(path, 6, size, Parts(tmp_path / "two", most=10, most_bytes=1 << 20)) == whole
    assert {file.name for file in (tmp_path / "two").iterdir()} == {part.sha256 for part in document.parts}


@pytest.mark.parametrize("raw", [b"", b"\x90", b"\xc1", b"\x94\x01\x91\x90\x00\x90", b"\x94\x09\x90\x00\x90"])
def test_what_is_no_range_is_told_from_one(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "original"
    path.write_bytes(a_law(1))
    with pytest.raises(ValueError, match=r"pages|unpack|data|input"):
        assemble(path, PDF, [raw], most_characters=1_000)


def test_ranges_have_every_page_once() -> None:
    for pages in (65, 96, 97, 2_000):
        ranges = ranges_of(pages, 1 << 20)
        assert [page for each in ranges for page in range(each.first, each.last + 1)] == list(range(1, pages + 1))


async def test_a_crash_in_the_middle_costs_the_pages_at_hand_and_no_more(house: House) -> None:
    expected = await _processed(house, house.parser, collection="whole")
    assert house.parser.pages_read == [*range(1, PAGES + 1)]
    await _forget(house)

    class Killed(InProcessParser):
        async def read_pages(self, *arguments: Any, **more: Any) -> bytes:
            if len(self.pages_read) >= 64:
                await eventually(lambda: len(_pieces(house)) == 2)
                raise Crash
            return await super().read_pages(*arguments, **more)

    before = Killed()
    with pytest.raises(Crash):
        await _processed(house, before, collection="again")
    assert len(before.pages_read) == 64
    assert len(_pieces(house)) == 2
    await house.jobs.void_leases(except_owner="after the crash")
    house.parser = after = InProcessParser()
    house.__post_init__()
    got = await house.run(await house.claim())
    assert Counter(before.pages_read + after.pages_read) == Counter(range(1, PAGES + 1))
    (processed,) = [fact for fact in got if isinstance(fact, DocumentProcessed)]
    assert (processed.text_artefact, processed.chunks_artefact) == (expected.text_artefact, expected.chunks_artefact)
    assert _pieces(house) == []


async def test_a_damaged_range_is_read_again_and_work_asked_for_anew_reads_all(house: House) -> None:
    class KilledAtTheEnd(InProcessParser):
        async def assemble(self, *arguments: Any, **more: Any) -> ParsedDocument:
            raise Crash

    with pytest.raises(Crash):
        await _processed(house, KilledAtTheEnd())
    _pieces(house)[0].write_bytes(b"something else")
    await house.jobs.void_leases(except_owner="after the crash")
    house.parser = InProcessParser()
    house.__post_init__()
    job = await house.claim()
    await house.jobs.finish(job, *await house.run(job))
    assert len(house.parser.pages_read) in (4, 32)
    event = DocumentReceived.model_validate(job.payload)
    again = event.model_copy(update={"document_version": 2, "fresh": True})
    await house.handlers[DocumentReceived](again)
    house.parser.pages_read.clear()
    await house.run(await house.claim())
    assert sorted(house.parser.pages_read) == [*range(1, PAGES + 1)]


async def test_it_tells_how_many_pages_are_read(house: House) -> None:
    await _processed(house, InProcessParser(at_once=1))
    told = [(fact.stage, fact.done, fact.total) for fact in house.reported if isinstance(fact, PagesRead)]
    assert told == [("parse", 32, PAGES), ("parse", 64, PAGES), ("parse", 96, PAGES), ("parse", 100, PAGES)]


async def test_a_document_that_is_refused_leaves_no_ranges(house: House) -> None:
    house.parser = InProcessParser(most_characters=10_000)
    house.__post_init__()
    await house.arrives(a_law(), labels=labels(media_type=PDF))
    with pytest.raises(Refused, match="characters"):
        await house.run(await house.claim())
    assert house.parser.pages_read and _pieces(house) == []


async def test_a_note_passes_a_book_that_has_all_the_parsers(tmp_path: Path) -> None:
    book, note = tmp_path / "book", tmp_path / "note"
    book.write_bytes(a_law(200))
    note.write_text("The duty is zero.")
    done: list[str] = []
    limits: dict[str, Any] = {"timeout_seconds": 60, "memory_bytes": 1 << 30, "most_characters": 1_000_000}
    async with ParserPool(workers=1, metrics=PrometheusMetrics(), **limits) as pool:
        assert await pool.parse(str(book), PDF, "book.pdf", most_pages=64) == ManyPages(200)
        ranges = ranges_of(200, book.stat().st_size)

        async def read_book() -> Sequence[bytes]:
            found = []
            for each in ranges:
                found.append(await pool.read_pages(str(book), PDF, "book.pdf", each))
                done.append("range")
                if len(done) == 1:
                    reading_note.set_result(asyncio.create_task(read_note()))
            return found

        async def read_note() -> None:
            await pool.parse(str(note), "text/plain", "note.txt")
            done.append("note")

        reading_note: asyncio.Future[asyncio.Task[None]] = asyncio.get_running_loop().create_future()
        found = await read_book()
        await (await reading_note)
        assert done.index("note") <= 2
        whole = await pool.parse(str(book), PDF, "book.pdf")
        assert await pool.assemble(str(book), PDF, "book.pdf", found) == whole


def test_ranges_that_take_long_leave_a_place_to_others() -> None:
    now = [0.0]
    pace = Pace(clock=lambda: now[0])
    assert pace.is_slow("book")  # until it is known
    for seconds, is_slow in ((0.2, False), (0.9, True), (0.1, False)):
        with pace.of("book"):
            now[0] += seconds
        assert pace.is_slow("book") is is_slow


async def _processed(house: House, parser: InProcessParser, collection: str = "default") -> DocumentProcessed:
    house.parser = parser
    house.__post_init__()
    await house.arrives(a_law(), labels=labels(media_type=PDF, collection=collection))
    job = await house.claim()
    facts = await house.run(job)
    await house.jobs.finish(job, *facts)
    (processed,) = [fact for fact in facts if isinstance(fact, DocumentProcessed)]
    return processed


async def _forget(house: House) -> None:
    for path in (house.root / "artefacts").rglob("*"):
        if path.is_file():
            path.unlink()


def _pieces(house: House) -> list[Path]:
    return sorted((house.root / "artefacts").rglob("*.piece"))
