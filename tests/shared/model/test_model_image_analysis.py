"""Caption and text of one picture, side by side: what one model cannot do leaves what the other did."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from picture_builders import LoadedModels, a_picture, a_tiny_blip, as_file, ocr_reader

from shared.kernel import InvalidInput, Refused, Unavailable, Unsupported
from shared.model.pictures.analysis import ImageAnalyzer
from shared.model.pictures.ocr import TextReader
from shared.ports.images import Caption, PictureText
from shared.settings import Settings

PICTURE = as_file(a_picture("harbour"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TextReader]:
    loaded = ocr_reader(tmp_path_factory.mktemp("ocr"))
    yield loaded
    loaded.close()


@pytest.fixture
def models(reader: TextReader, tmp_path: Path) -> LoadedModels:
    """Real Tesseract, and no caption weights."""
    return LoadedModels(Settings(caption_model=tmp_path / "none"), reader=reader)


class Stand:
    """ImageModels whose every answer a test says: the engines cannot be made to fail in each way at will."""

    def __init__(self, caption: Caption | Exception, text: PictureText | Exception) -> None:
        self._caption = caption
        self._text = text
        self._both = asyncio.Barrier(2)

    async def caption(self, images: Sequence[bytes]) -> list[Caption]:
        await self._both.wait()
        if isinstance(self._caption, Exception):
            raise self._caption
        return [self._caption]

    async def read_text(self, images: Sequence[bytes], languages: str | None = None) -> list[PictureText]:
        await self._both.wait()
        if isinstance(self._text, Exception):
            raise self._text
        return [self._text]


SHIP = Caption("a ship")
WORDS = PictureText("harbour", (), 10, 10, "eng", 0.9)


async def test_missing_caption_weights_leave_the_text_and_are_told(models: LoadedModels, tmp_path: Path) -> None:
    found = await ImageAnalyzer(models).analyze(PICTURE)
    assert found.caption is None
    assert found.text is not None
    assert found.text.text == "harbour"
    (problem,) = found.problems
    assert (problem.part, problem.code, problem.is_unavailable) == ("caption", "weights_not_found", True)
    assert problem.detail == f"weights not found at {tmp_path / 'none'}; set SEOGA_CAPTION_MODEL"


async def test_only_the_parts_asked_for_are_looked_at(models: LoadedModels) -> None:
    found = await ImageAnalyzer(models).analyze(PICTURE, parts=("text",), languages="eng")
    assert found.problems == ()
    assert found.text is not None
    assert found.text.languages == "eng"


async def test_what_is_no_picture_is_refused_also_when_captions_are_unavailable(models: LoadedModels) -> None:
    with pytest.raises(Unsupported):
        await ImageAnalyzer(models).analyze(b"no picture")


async def test_wrong_languages_are_the_callers_fault(models: LoadedModels) -> None:
    with pytest.raises(InvalidInput, match="kor\\+eng"):
        await ImageAnalyzer(models).analyze(PICTURE, languages="../eng")


@pytest.mark.reference
async def test_both_parts_of_one_picture(models: LoadedModels, tmp_path: Path) -> None:
    models.settings = Settings(caption_model=await asyncio.to_thread(a_tiny_blip, tmp_path / "blip"))
    found = await ImageAnalyzer(models).analyze(PICTURE)
    assert found.problems == ()
    assert found.caption is not None
    assert found.caption.text
    assert found.text is not None
    assert found.text.text == "harbour"
    await models.close()


async def test_both_parts_run_side_by_side() -> None:
    async with asyncio.timeout(10):
        found = await ImageAnalyzer(Stand(SHIP, WORDS)).analyze(PICTURE)
    assert (found.caption, found.text, found.problems) == (SHIP, WORDS, ())


@pytest.mark.parametrize(
    ("failure", "code", "is_unavailable"),
    [
        (Refused("too slow", code="picture_timeout"), "picture_timeout", False),
        (Unavailable("busy", code="busy"), "busy", True),
        (RuntimeError("a bug"), "internal_error", False),
    ],
)
async def test_a_part_that_fails_leaves_the_other(failure: Exception, code: str, is_unavailable: bool) -> None:
    without_caption = await ImageAnalyzer(Stand(failure, WORDS)).analyze(PICTURE)
    assert (without_caption.caption, without_caption.text) == (None, WORDS)
    without_text = await ImageAnalyzer(Stand(SHIP, failure)).analyze(PICTURE)
    assert (without_text.caption, without_text.text) == (SHIP, None)
    for found, part in ((without_caption, "caption"), (without_text, "text")):
        (problem,) = found.problems
        assert (problem.part, problem.code, problem.is_unavailable) == (part, code, is_unavailable)


async def test_two_models_that_are_not_there_are_two_problems() -> None:
    found = await ImageAnalyzer(Stand(Unavailable("no weights"), Unavailable("no data"))).analyze(PICTURE)
    assert (found.caption, found.text) == (None, None)
    assert [(problem.part, problem.detail) for problem in found.problems] == [
        ("caption", "no weights"),
        ("text", "no data"),
    ]


async def test_a_picture_that_both_refuse_is_refused() -> None:
    with pytest.raises(Refused, match="damaged"):
        await ImageAnalyzer(Stand(Refused("damaged"), Refused("damaged"))).analyze(PICTURE)
