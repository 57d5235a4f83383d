"""What OCR has read of a scan of many pages is not read again after a crash."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest
from ocr_builders import KnownText, a_reading
from picture_builders import a_picture
from pipeline_builders import Crash, House

from builders import labels
from shared.artefacts.recognised import RecognisedDocument
from shared.events.process import DocumentProcessed, PagesRead
from shared.infrastructure.pages.renderer import PageRenderer
from shared.ports.images import PictureText

PAGES: Final = 10
TIFF: Final = "image/tiff"


class Reader(KnownText):
    """Dies as soon as that is so."""

    def __init__(self, dies_when: Callable[[], bool] = lambda: False) -> None:
        super().__init__(a_reading("The importer declares the goods."))
        self._dies_when = dies_when

    async def read_text(self, images: Sequence[bytes], languages: str | None = None) -> list[PictureText]:
        if self._dies_when():
            raise Crash
        return await super().read_text(images, languages)


def a_scan() -> bytes:
    frames = [a_picture(f"page {number}") for number in range(PAGES)]
    out = BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def pieces(house: House) -> list[Path]:
    return sorted((house.root / "artefacts").rglob("*.piece"))


async def test_a_crash_costs_the_pages_of_one_range(house: House, pages: PageRenderer) -> None:
    house.pages, house.images = pages, Reader(dies_when=lambda: bool(pieces(house)))
    house.__post_init__()
    await house.arrives(a_scan(), labels=labels(media_type=TIFF))
    with pytest.raises(Crash):
        await house.run(await house.claim())
    kept = 4 * len(pieces(house))
    assert kept
    await house.jobs.void_leases(except_owner="after the crash")
    house.images = second = Reader()
    house.__post_init__()
    facts = await house.run(await house.claim())
    # Four pages are a range; what was read of others is read again.
    assert len(second.seen) == PAGES - kept
    (processed,) = [fact for fact in facts if isinstance(fact, DocumentProcessed)]
    assert processed.text_artefact is not None
    document = RecognisedDocument.from_bytes(await house.blobs.read(processed.text_artefact))
    assert [block.page for block in document.blocks] == [*range(1, PAGES + 1)]
    assert pieces(house) == []
    told = [(fact.stage, fact.total) for fact in house.reported if isinstance(fact, PagesRead)]
    assert set(told) == {("ocr", PAGES)}
    assert max(fact.done for fact in house.reported if isinstance(fact, PagesRead)) == PAGES
