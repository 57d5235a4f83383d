"""The first pages of a large document are told before the whole, and the whole is as if they had not been."""

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st
from ocr_builders import LINES, KnownText, a_reading
from picture_builders import a_picture
from pipeline_builders import Crash, House, InProcessParser
from process_builders import PDF, SmallModel

from builders import labels
from process.application.ports import PageRange
from process.application.stages.first_pages import steps_of, without_its_end
from process.application.stages.page_ranges import ranges_of
from shared.artefacts.chunks import ChunkedDocument
from shared.artefacts.parsed import Block, ParsedDocument, UnreadPage
from shared.artefacts.vectors import ChunkVectors
from shared.events.envelope import Event
from shared.events.process import DocumentProcessed, PagesProcessed
from shared.infrastructure.pages.renderer import PageRenderer
from shared.kernel import Refused, Unavailable

PAGES = 88
EARLY: dict[str, Any] = {"early_versions": 16, "version": 17}


@cache
def a_handbook(pages: int = PAGES) -> bytes:
    """Parts of five pages below a running header; each is one paragraph, which goes over their ends inside of words."""
    pdf = FPDF()
    pdf.set_auto_page_break(False)
    for number in range(1, pages + 1):
        pdf.add_page()
        pdf.set_font("helvetica", size=8)
        pdf.text(20, 8, "Handbook of ports")
        is_first, is_last = number % 5 == 1, number % 5 == 0
        if is_first:
            pdf.set_font("helvetica", size=18)
            pdf.text(20, 22, f"Part {number // 5 + 1}")
        pdf.set_font("helvetica", size=11)
        pdf.text(
            20, 30, f"{'It is' if is_first else 'ration desk, as it is'} said of the ships that come here in winter,"
        )
        for line in range(1, 7):
            pdf.text(
                20, 30 + 6 * line, f"berth {number}.{line} is kept free for those that come into this port by night,"
            )
        ending = "the office." if is_last else "the decla-"
        pdf.text(20, 30 + 6 * 7, f"and whoever brings goods of kind {number} into it is to show them to {ending}")
    return bytes(pdf.output())


@given(st.integers(1, 20_000))
def test_steps_double_and_leave_the_last_quarter_to_the_whole(pages: int) -> None:
    steps = steps_of(pages)
    assert all(later == 2 * earlier for earlier, later in pairwise(steps))
    assert bool(steps) == (pages > 64)
    if steps:
        assert steps[0] == 32 and steps[-1] <= 0.75 * pages < 2 * steps[-1]
        assert sum(steps) < 1.5 * pages
        # Each ends where a range of pages does.
        assert set(steps) <= {each.last for each in ranges_of(pages, 1)}


async def test_first_pages_are_told_while_later_ones_are_not_read(house: House) -> None:
    read: list[int] = []

    async def look(fact: Event) -> None:
        if isinstance(fact, PagesProcessed):
            read.append(max(house.parser.pages_read))

    whole = (await _run(house, InProcessParser(at_once=2), look))[-1]
    told = [fact for fact in house.reported if isinstance(fact, PagesProcessed)]
    assert [(fact.pages_done, fact.pages, fact.document_version) for fact in told] == [(32, PAGES, 1), (64, PAGES, 2)]
    assert read == [32, 64] and sorted(house.parser.pages_read) == [*range(1, PAGES + 1)]
    assert {(fact.whole_version, fact.base_version) for fact in told} == {(17, 0)}
    assert isinstance(whole, DocumentProcessed) and whole.document_version == 17 and whole.pages == PAGES


async def test_what_is_told_stands_in_its_own_text_and_ends_where_a_paragraph_does(house: House) -> None:
    seen: list[tuple[ParsedDocument, ChunkedDocument, ChunkVectors]] = []

    async def look(fact: Event) -> None:
        if isinstance(fact, PagesProcessed):
            assert fact.text_artefact and fact.vectors_artefact
            text, chunks, vectors = await house.blobs.read_all(
                (fact.text_artefact, fact.chunks_artefact, fact.vectors_artefact)
            )
            seen.append(
                (
                    ParsedDocument.from_bytes(text),
                    ChunkedDocument.from_bytes(chunks),
                    ChunkVectors.from_bytes(vectors),
                )
            )
            assert fact.chunk_count == len(seen[-1][1].chunks) and fact.characters == len(seen[-1][0].text)

    await _run(house, InProcessParser(), look)
    assert len(seen) == 2
    for pages, (parsed, chunked, vectors) in zip((32, 64), seen, strict=True):
        assert all(parsed.text[chunk.start : chunk.end] == chunk.text for chunk in chunked.chunks)
        assert {chunk.page for chunk in chunked.chunks} <= set(range(1, pages + 1))
        assert list(vectors.ordinals) == [chunk.ordinal for chunk in chunked.chunks]
        # The paragraph that goes on is left out with its heading, as is the header that is told once.
        assert parsed.text.endswith(f"goods of kind {pages // 5 * 5} into it is to show them to the office.")
        assert "to the declaration desk, as it is" in parsed.text and "Handbook of ports" not in parsed.text
        assert parsed.text.count("Part ") == pages // 5


async def test_the_whole_is_the_same_as_without(house: House) -> None:
    early = (await _run(house, InProcessParser()))[-1]
    assert isinstance(early, DocumentProcessed)
    with_early = await _artefacts(house, early)
    assert [path.name for path in (house.root / "artefacts").rglob("*.piece")] == []
    for path in (house.root / "artefacts").rglob("*"):
        if path.is_file():
            path.unlink()
    plain = (await _run(house, InProcessParser(), version=18))[-1]
    assert isinstance(plain, DocumentProcessed)
    assert await _artefacts(house, plain) == with_early
    same = {"document_id": "", "document_version": 0, "labels": None, "asked_at": None}
    assert plain.model_copy(update=same) == early.model_copy(update=same)


async def test_no_text_is_embedded_twice(house: House) -> None:
    whole = (await _run(house, InProcessParser()))[-1]
    assert isinstance(whole, DocumentProcessed)
    embedded, house.model.embedded[:] = list(house.model.embedded), []
    assert len(embedded) == len(set(embedded))
    # Only the last chunks of a part may be cut otherwise when more follows.
    assert len(embedded) <= whole.chunk_count + 2 * len(steps_of(PAGES))


@pytest.mark.parametrize("dies_at", ["range 2", "told 1", "told 2", "parse", "chunk", "embed"])
async def test_after_a_crash_it_goes_on(house: House, dies_at: str) -> None:
    class Dying(InProcessParser):
        async def read_pages(
            self, path: str, media_type: str, name: str, pages: PageRange, *, password: str | None = None
        ) -> bytes:
            if dies_at == "range 2" and pages.first == 33:
                raise Crash
            return await super().read_pages(path, media_type, name, pages, password=password)

    async def die(fact: Event) -> None:
        told = sum(isinstance(one, PagesProcessed) for one in house.reported)
        if isinstance(fact, PagesProcessed) and dies_at == f"told {told}":
            raise Crash
        if getattr(fact, "stage", None) == dies_at and hasattr(fact, "seconds"):
            raise Crash

    with pytest.raises(Crash):
        await _run(house, Dying(at_once=1), die)
    before, told_before = list(house.model.embedded), [one for one in house.reported if isinstance(one, PagesProcessed)]
    house.reported.clear()
    await house.jobs.void_leases(except_owner="after the crash")
    parser = InProcessParser(at_once=1)
    house.parser = parser
    house.__post_init__()
    whole = (await _claimed(house))[-1]
    assert isinstance(whole, DocumentProcessed) and whole.document_version == 17
    told_after = [one for one in house.reported if isinstance(one, PagesProcessed)]
    # The newest once more: whoever was to hear it may not have. No page is read again that was kept.
    newest = [one.pages_done for one in told_before][-1:]
    still = [step for step in (32, 64) if step > max(newest, default=0)]
    assert [one.pages_done for one in told_after] == ([] if dies_at == "embed" else newest + still)
    assert {one.document_version for one in told_after} <= {1, 2}
    kept = {"range 2": 32, "told 1": 32, "told 2": 64}.get(dies_at, PAGES)
    assert parser.pages_read == [*range(kept + 1, PAGES + 1)]
    assert not set(before) & set(house.model.embedded[len(before) :])
    assert [path.name for path in (house.root / "artefacts").rglob("*.piece")] == []


async def test_what_fails_later_leaves_the_first_pages(house: House) -> None:
    class Damaged(InProcessParser):
        async def read_pages(
            self, path: str, media_type: str, name: str, pages: PageRange, *, password: str | None = None
        ) -> bytes:
            if pages.last > 64:
                raise Refused("Page 70 is like no other.", code="corrupt", stage="parse")
            return await super().read_pages(path, media_type, name, pages, password=password)

    with pytest.raises(Refused, match="Page 70"):
        await _run(house, Damaged(at_once=1))
    told = [fact for fact in house.reported if isinstance(fact, PagesProcessed)]
    assert [fact.pages_done for fact in told] == [32, 64]
    # What searches serve can be built again; all else is gone.
    newest = told[-1]
    assert newest.text_artefact and newest.vectors_artefact
    await house.blobs.read_all((newest.text_artefact, newest.chunks_artefact, newest.vectors_artefact))
    assert not await house.blobs.exists(told[0].chunks_artefact)


async def test_what_the_first_pages_alone_would_fail_for_is_not_told(house: House) -> None:
    class Unable(InProcessParser):
        async def assemble(self, path: str, media_type: str, name: str, ranges: Sequence[bytes], **more: Any) -> Any:
            if len(ranges) == 1:
                raise Refused("There is no text.", code="no_text", stage="parse")
            return await super().assemble(path, media_type, name, ranges, **more)

    whole = (await _run(house, Unable()))[-1]
    assert isinstance(whole, DocumentProcessed)
    assert [fact.pages_done for fact in house.reported if isinstance(fact, PagesProcessed)] == [64]


async def test_without_a_model_it_waits_and_is_told_then(house: House) -> None:
    class Away(SmallModel):
        is_away = True

        async def embed(self, texts: Sequence[str], *, kind: Any) -> Any:
            if self.is_away:
                raise Unavailable("The model is being loaded.")
            return await super().embed(texts, kind=kind)

    house.model = model = Away()
    with pytest.raises(Unavailable):
        await _run(house, InProcessParser())
    model.is_away = False
    await house.jobs.void_leases(except_owner="once more")
    assert isinstance((await _claimed(house))[-1], DocumentProcessed)
    assert [fact.pages_done for fact in house.reported if isinstance(fact, PagesProcessed)] == [32, 64]


@pytest.mark.parametrize("pages", [3, 64])
async def test_a_document_that_is_read_at_once_is_told_at_once(house: House, pages: int) -> None:
    house.parser = InProcessParser()
    house.__post_init__()
    await house.arrives(a_handbook(pages), labels=labels(media_type=PDF), **EARLY)
    await _claimed(house)
    assert not any(isinstance(fact, PagesProcessed) for fact in house.reported)


async def test_pages_that_are_pictures_are_recognised_once(house: House, pages: PageRenderer) -> None:
    house.pages, house.parser = pages, InProcessParser()
    house.images = images = KnownText(a_reading(*LINES))
    house.__post_init__()
    frames = [a_picture(f"page {number}") for number in range(70)]
    out = BytesIO()
    frames[0].save(out, "PDF", save_all=True, append_images=frames[1:])
    await house.arrives(out.getvalue(), labels=labels(media_type=PDF), **EARLY)
    whole = (await _claimed(house))[-1]
    assert isinstance(whole, DocumentProcessed) and whole.pages == 70
    (told,) = [fact for fact in house.reported if isinstance(fact, PagesProcessed)]
    assert told.pages_done == 32 and told.characters > 0 and len(images.seen) == 70


def test_the_end_of_running_text_is_left_out_with_what_names_it_and_what_stands_beside() -> None:
    kinds = ("title", "paragraph", "heading", "table", "paragraph", "footnote", "header")
    text = "".join(f"{kind}\n\n" for kind in kinds)
    blocks, at = [], 0
    for kind in kinds:
        blocks.append(Block(kind=kind, start=at, end=at + len(kind), page=1))  # type: ignore[arg-type]  # all are kinds
        at += len(kind) + 2
    parsed = ParsedDocument(text=text, blocks=tuple(blocks), media_type=PDF, language="en", pages=70)
    cut = without_its_end(parsed)
    assert cut is not None and [block.kind for block in cut.blocks] == ["title", "paragraph", "heading", "table"]
    assert cut.text == text[: cut.blocks[-1].end]
    again = without_its_end(cut)
    assert again is not None and [block.kind for block in again.blocks] == ["title", "paragraph"]
    assert without_its_end(again) is None
    scan = parsed.model_copy(update={"text": "", "blocks": (), "unread": (UnreadPage(page=1),)})
    assert without_its_end(scan) == scan


async def _run(
    house: House, parser: InProcessParser, look: Any = None, *, version: int = 17, early_versions: int = 16
) -> Sequence[Event]:
    house.parser = parser
    house.__post_init__()
    early_versions = early_versions if version == 17 else 0
    await house.arrives(a_handbook(), labels=labels(media_type=PDF), version=version, early_versions=early_versions)
    return await _claimed(house, look)


async def _claimed(house: House, look: Any = None) -> Sequence[Event]:
    job = await house.claim()

    async def report(fact: Event) -> None:
        assert await house.jobs.report(job, fact)
        house.reported.append(fact)
        if look is not None:
            await look(fact)

    facts = await house.processing.run(job, report)
    for fact in facts:
        house.reported.append(fact)
        if look is not None:
            await look(fact)
    await house.jobs.finish(job, *facts)
    return facts


async def _artefacts(house: House, whole: DocumentProcessed) -> list[bytes]:
    assert whole.text_artefact and whole.vectors_artefact
    keys = (whole.text_artefact, whole.chunks_artefact, whole.vectors_artefact)
    raw = list(await house.blobs.read_all(keys))
    assert np.isfinite(ChunkVectors.from_bytes(raw[2]).vectors).all()
    return raw
