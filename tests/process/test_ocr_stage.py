"""Pages that are pictures: read where a reader is, told where none is; their text takes its place in the document."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from fpdf import FPDF
from ocr_builders import LINES, KnownText, Reading, a_reading
from picture_builders import a_picture, as_file
from PIL import Image
from process_builders import PDF, NoReader

from process.application.stages.recognised_text import with_recognised
from process.infrastructure.parser_child import read
from process.infrastructure.parsers.draft import Draft, Unreadable
from process.infrastructure.parsers.pdf_pictures import is_garbage
from shared.artefacts.parsed import ParsedDocument
from shared.artefacts.recognised import RecognisedDocument
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Refused, Unavailable
from shared.model.manager import ModelManager
from shared.model.pictures.ocr import text_reader_data
from shared.ports.images import PictureText
from shared.settings import Settings


def scanned(*pictures: Image.Image | None, text: str = "") -> bytes:
    """A PDF of pictures; None is a page of text."""
    pdf = FPDF()
    pdf.set_font("helvetica", size=12)
    for picture in pictures:
        pdf.add_page()
        if picture is None:
            pdf.multi_cell(0, 6, text)
        else:
            pdf.image(picture, x=10, y=10, w=190)
    return bytes(pdf.output())


async def test_a_scanned_page_takes_its_place_between_pages_of_text(reading: Reading) -> None:
    text = "This page has its own text, and needs no reader for it. " * 4
    images = KnownText(a_reading(*LINES))
    document = await reading.of(scanned(None, a_picture(*LINES), None, text=text), PDF, images)
    assert len(images.seen) == 1
    kinds = [(block.page, block.confidence) for block in document.blocks]
    assert kinds == [(1, None), (2, 0.9), (3, None)]
    page = document.blocks[1]
    assert document.text[page.start : page.end] == " ".join(LINES)
    assert page.box == (0.0, 0.0, 0.049, 0.12)
    (recognised,) = document.recognised
    words = [(document.text[start:end], box) for start, end, box in recognised.words]
    assert words[0] == ("The", (0.0, 0.0, 0.009, 0.02))
    assert [word for word, _ in words] == " ".join(LINES).split()
    assert (document.unread, document.warnings) == ((), ())


async def test_words_cut_at_a_line_end_are_whole_and_paragraphs_stay_apart(reading: Reading) -> None:
    images = KnownText(a_reading("Goods are de-", "clared in 2024-", "2025.", "Next one.", paragraph_of=(1, 1, 1, 2)))
    document = await reading.of(as_file(a_picture("x")), "image/png", images)
    assert document.text == "Goods are declared in 2024- 2025.\n\nNext one."
    assert [document.text[start:end] for start, end, _ in document.recognised[0].words][2] == "declared"[:2]


async def test_every_page_of_a_tiff_is_read(reading: Reading) -> None:
    frames = [a_picture(f"page {number}") for number in range(3)]
    out = BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    images = KnownText(a_reading("page text"))
    document = await reading.of(out.getvalue(), "image/tiff", images)
    assert (document.pages, [block.page for block in document.blocks]) == (3, [1, 2, 3])


async def test_a_machine_without_a_reader_says_so_and_what_to_do(reading: Reading) -> None:
    with pytest.raises(Refused, match="Install the data") as refusal:
        await reading.of(scanned(a_picture(*LINES)), PDF, NoReader())
    assert (refusal.value.specific_code, refusal.value.stage) == ("no_text", "ocr")
    text = "This page has its own text, and needs no reader for it. " * 4
    document = await reading.of(scanned(None, a_picture(*LINES), text=text), PDF, NoReader())
    assert "Install the data" in document.warnings[0]
    assert [page.page for page in document.unread] == [2]


async def test_a_picture_without_text_is_refused(reading: Reading) -> None:
    with pytest.raises(Refused, match="No text was found") as refusal:
        await reading.of(as_file(Image.new("L", (300, 300), 255)), "image/png", KnownText(a_reading()))
    assert refusal.value.specific_code == "no_text"


async def test_what_will_be_there_again_is_waited_for(reading: Reading) -> None:
    class Busy(NoReader):
        async def read_text(self, images: Sequence[bytes], languages: str | None = None) -> list[PictureText]:
            raise Unavailable("The text reader is busy.", code="busy")

    with pytest.raises(Unavailable):
        await reading.of(scanned(a_picture(*LINES)), PDF, Busy())


async def test_doubtful_pages_are_named(reading: Reading) -> None:
    images = KnownText(a_reading(*LINES, confidence=0.4))
    document = await reading.of(as_file(a_picture(*LINES)), "image/png", images)
    assert document.warnings == ("Page 1: the text was recognised with doubt and may be wrong.",)


async def test_a_picture_that_cannot_be_drawn_is_a_warning_beside_others(reading: Reading) -> None:
    class Once(KnownText):
        async def read_text(self, images: Sequence[bytes], languages: str | None = None) -> list[PictureText]:
            if self.seen:
                raise Refused("It is damaged.", code="damaged_picture")
            return await super().read_text(images)

    document = await reading.of(scanned(a_picture("a"), a_picture("b")), PDF, Once(a_reading(*LINES)))
    assert "could not be read as pictures" in document.warnings[0] and "It is damaged." in document.warnings[0]
    assert len(document.unread) == 1


def test_garbage_gives_way_to_what_was_read_and_stays_where_nothing_was() -> None:
    draft = Draft(PDF, most_characters=1_000)
    draft.add("paragraph", "Good text.", page=1)
    draft.add("paragraph", "\ue123\ue124\ue125", page=2)
    draft.add_table([["a", "b"], ["c", "d"]], page=3)
    draft.leave_unread(2, instead=True)
    parsed = ParsedDocument.from_bytes(draft.to_bytes())
    read_anew = with_recognised(parsed, {2: a_reading("Read anew.")}, unread=(), warnings=())
    assert read_anew.text == "Good text.\n\nRead anew.\n\na\tb\nc\td"
    (table,) = read_anew.tables
    assert table.rows(read_anew.text) == [["a", "b"], ["c", "d"]]
    assert with_recognised(parsed, {2: a_reading()}, unread=(), warnings=()).text == parsed.text
    assert RecognisedDocument.from_bytes(read_anew.to_bytes()) == read_anew


def test_a_text_layer_of_unknown_signs_is_told() -> None:
    text = "A page with a text of its own, 관세율표, which is left as it is: 8471.30 → 0 % \uf0b7"
    assert not is_garbage(text)
    assert is_garbage(text[:30] + "\ue001\ue002\ufffd\ue003\x0f\ue004\ue005\ue006\ue007\ue008")
    assert not is_garbage("\ue001")


def test_a_page_of_text_is_no_picture_and_an_empty_one_neither(tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(scanned(None, None, text="A page with a text of its own, which is left as it is, and no picture."))
    assert ParsedDocument.from_bytes(read(path, PDF, most_characters=1_000)).unread == ()
    path.write_bytes(scanned(None, text=""))
    with pytest.raises(Unreadable, match="no text"):
        read(path, PDF, most_characters=1_000)


@pytest.mark.parametrize("degrees", [0, 90, 180])
async def test_a_real_page_is_read_whichever_way_it_lies(reading: Reading, degrees: int) -> None:
    settings = Settings(_env_file=None, ocr_languages="eng")  # type: ignore[call-arg,unused-ignore]  # pydantic-settings' own argument
    try:
        text_reader_data(settings)
    except Unavailable as error:
        pytest.skip(error.detail)
    page = a_picture(*LINES, size=40).rotate(degrees, expand=True, fillcolor=250)
    async with ModelManager(settings, PrometheusMetrics()) as images:
        document = await reading.of(as_file(page), "image/png", images)
    assert document.text.split() == " ".join(LINES).split()
    assert document.language == "en"
