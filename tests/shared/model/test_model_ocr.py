"""Text in pictures, by real Tesseract in its child process."""

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from picture_builders import a_picture, as_file, korean_font, korean_fonts, ocr_reader, word_pictures
from PIL import Image, ImageOps

from shared.kernel import InvalidInput, Refused, Unavailable, Unsupported
from shared.model.pictures.ocr import TextReader, load_text_reader
from shared.settings import Settings

LINES = ("Portable laptop computers", "weighing under ten kilograms", "Invoice number 3139")
WHOLE = "\n".join(LINES)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TextReader]:
    loaded = ocr_reader(tmp_path_factory.mktemp("ocr"))
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def page() -> Image.Image:
    return a_picture(*LINES)


def read(reader: TextReader, picture: bytes, languages: str | None = None) -> str:
    return reader.read_text([picture], languages)[0].text


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children() if "ocr_child" in " ".join(child.cmdline())]


def test_every_word_has_a_box_a_line_and_a_confidence(reader: TextReader, page: Image.Image) -> None:
    found = reader.read_text([as_file(page)])[0]
    assert found.text == WHOLE
    assert (found.width, found.height, found.languages, found.pages) == (*page.size, "kor+eng", 1)
    assert [box.text for box in found.boxes] == WHOLE.split()
    assert [box.line for box in found.boxes] == [1, 1, 1, 2, 2, 2, 2, 3, 3, 3]
    assert all(0.5 < box.confidence <= 1 for box in found.boxes)
    assert 0.5 < found.confidence <= 1
    for box in found.boxes:
        left, top, right, bottom = box.box
        ink = ImageOps.invert(page.crop((left - 4, top - 4, right + 4, bottom + 4))).getbbox()
        assert ink is not None
    tops = [box.box[1] for box in found.boxes]
    assert max(tops[:3]) < min(tops[3:7]) < min(tops[7:])


def test_a_picture_without_text_gives_none(reader: TextReader) -> None:
    found = reader.read_text([as_file(Image.new("RGB", (200, 200), "white"))])[0]
    assert (found.text, found.boxes, found.confidence) == ("", (), 0.0)


def test_several_pictures_are_answered_in_their_order(reader: TextReader) -> None:
    words = ["harbour", "tariff", "customs"]
    found = reader.read_text([as_file(a_picture(word)) for word in words])
    assert [item.text for item in found] == words


def test_two_pictures_are_read_at_once(reader: TextReader) -> None:
    words = ["harbour", "tariff", "customs", "freight"]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda word: read(reader, as_file(a_picture(word))), words))
    assert found == words
    assert reader.memory_bytes > 10 << 20


def test_korean_words_stay_whole(reader: TextReader) -> None:
    line = "관세율표 해석에 관한 통칙"
    found = reader.read_text([as_file(a_picture(line, font=korean_font(32)))])[0]
    assert found.text == line
    assert [box.text for box in found.boxes] == line.split()


def test_a_page_of_large_korean_type_is_not_taken_for_columns(reader: TextReader) -> None:
    lines = ["대한민국의 관세는 관세법에 따라", "수입물품에 부과되는 조세이며", "관세청이 징수를 맡고 있다"] * 5
    for font in korean_fonts(32):
        found = read(reader, as_file(a_picture(*lines, font=font)))
        right = sum(word in found for word in " ".join(lines[:3]).split())
        assert right >= 8, (font.path, found)  # of 10


def test_both_alphabets_in_one_line(reader: TextReader) -> None:
    found = read(reader, as_file(a_picture("수입 신고 INVOICE 3139", font=korean_font(32))))
    assert found == "수입 신고 INVOICE 3139"


@pytest.mark.parametrize("degrees", [180, 90, 270])
def test_a_page_on_its_side_or_head_is_read(reader: TextReader, page: Image.Image, degrees: int) -> None:
    found = reader.read_text([as_file(page.rotate(degrees, expand=True))])[0]
    assert found.text.split() == WHOLE.split()
    assert all(0 <= box.box[0] < box.box[2] <= found.width for box in found.boxes)
    assert all(0 <= box.box[1] < box.box[3] <= found.height for box in found.boxes)


def test_a_line_askew_is_straightened_and_its_box_found_in_the_picture(reader: TextReader) -> None:
    flat = a_picture("Harmonized System of customs")
    picture = flat.rotate(15, Image.Resampling.BICUBIC, expand=True, fillcolor=250)
    found = reader.read_text([as_file(picture)])[0]
    assert found.text == "Harmonized System of customs"
    left, top, right, bottom = ImageOps.invert(picture).point(lambda grey: 255 * (grey > 100)).getbbox() or (0, 0, 0, 0)
    assert abs(min(box.box[0] for box in found.boxes) - left) < 25
    assert abs(min(box.box[1] for box in found.boxes) - top) < 25
    assert abs(max(box.box[2] for box in found.boxes) - right) < 25
    assert abs(max(box.box[3] for box in found.boxes) - bottom) < 25


def test_a_picture_is_read_as_its_exif_data_turn_it(reader: TextReader, page: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    data = as_file(page.rotate(90, expand=True), "JPEG", exif=exif, quality=95)
    found = reader.read_text([data])[0]
    assert (found.text, found.width, found.height) == (WHOLE, *page.size)


def sixteen_bits(page: Image.Image) -> Image.Image:
    return page.convert("I").point(lambda grey: grey * 257).convert("I;16")


def on_nothing(page: Image.Image) -> Image.Image:
    ink = Image.new("RGBA", page.size, (0, 0, 0, 0))
    ink.putalpha(ImageOps.invert(page))
    return ink


@pytest.mark.parametrize(
    ("make", "format"),
    [
        (lambda page: page.convert("CMYK"), "JPEG"),
        (lambda page: page.convert("P"), "GIF"),
        (lambda page: page.convert("1", dither=Image.Dither.NONE), "TIFF"),
        (lambda page: page.convert("RGB"), "WEBP"),
        (lambda page: page.convert("RGB"), "BMP"),
        (sixteen_bits, "PNG"),
        (on_nothing, "PNG"),
        (ImageOps.invert, "PNG"),
    ],
)
def test_every_kind_of_pixel_is_read(reader: TextReader, page: Image.Image, make: Any, format: str) -> None:
    assert read(reader, as_file(make(page), format)) == WHOLE


def test_every_page_of_a_tiff_is_read(reader: TextReader) -> None:
    pages = [a_picture(word) for word in ("harbour", "tariff", "customs")]
    found = reader.read_text([as_file(pages[0], "TIFF", save_all=True, append_images=pages[1:])])[0]
    assert found.text == "harbour\n\ntariff\n\ncustoms"
    assert [box.page for box in found.boxes] == [1, 2, 3]
    assert (found.pages, found.pages_in_file) == (3, 3)


def test_of_an_animation_the_first_frame_is_read(reader: TextReader) -> None:
    frames = [a_picture(word) for word in ("harbour", "tariff")]
    found = reader.read_text([as_file(frames[0], "GIF", save_all=True, append_images=frames[1:])])[0]
    assert (found.text, found.pages) == ("harbour", 1)


@pytest.mark.parametrize("data", [b"", b"no picture", b"%PDF-1.7 and so on", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_picture_is_refused(reader: TextReader, data: bytes) -> None:
    with pytest.raises(Unsupported) as refused:
        reader.read_text([data])
    assert refused.value.specific_code == "not_a_picture"


def test_a_damaged_picture_is_refused_and_named(reader: TextReader, page: Image.Image) -> None:
    data = as_file(page)
    with pytest.raises(Refused, match="Picture 2 of 2") as refused:
        reader.read_text([data, data[: len(data) // 2]])
    assert refused.value.specific_code == "damaged_picture"


def test_a_bomb_is_refused_by_its_header(reader: TextReader) -> None:
    bomb = b"P5 20000 20000 255\n"
    with pytest.raises(Refused, match="SEOGA_IMAGE_PIXELS") as refused:
        reader.read_text([bomb])
    assert refused.value.specific_code == "too_many_pixels"


def test_a_picture_that_needs_too_much_memory_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    reader = ocr_reader(tmp_path, image_pixels=400_000_000, image_memory_bytes=256 << 20)
    try:
        with pytest.raises(Refused) as refused:
            reader.read_text([b"P5 18000 18000 255\n" + bytes(1000)])
        assert refused.value.specific_code == "too_much_memory"
        assert read(reader, as_file(a_picture("harbour"))) == "harbour"
    finally:
        reader.close()


@pytest.mark.parametrize("languages", ["../eng", "eng+", "ENG", "eng kor", "e", "+".join(["eng"] * 2 + ["kor/../eng"])])
def test_languages_are_names_never_paths(reader: TextReader, languages: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        reader.read_text([b"not looked at"], languages)
    assert refused.value.specific_code == "wrong_languages"


def test_a_language_without_data_is_refused_with_those_there_are(reader: TextReader) -> None:
    with pytest.raises(InvalidInput, match=r"xyz; there is for .*eng, kor") as refused:
        reader.read_text([b"not looked at"], "eng+xyz")
    assert refused.value.specific_code == "language_not_available"


def test_languages_are_chosen_per_call(reader: TextReader) -> None:
    found = reader.read_text([as_file(a_picture("harbour"))], "eng")[0]
    assert (found.text, found.languages) == ("harbour", "eng")


def test_a_child_that_was_killed_is_started_anew(tmp_path: Path) -> None:
    before = set(children())
    reader = ocr_reader(tmp_path)
    try:
        (pid,) = set(children()) - before
        os.kill(pid, signal.SIGKILL)
        # A call that comes while it dies may be told so; the next one is served by a new child.
        with contextlib.suppress(Refused):
            read(reader, as_file(a_picture("harbour")))
        assert read(reader, as_file(a_picture("harbour"))) == "harbour"
    finally:
        reader.close()
    assert set(children()) <= before


def test_a_picture_that_takes_too_long_is_given_up_with_its_child(tmp_path: Path) -> None:
    before = set(children())
    reader = ocr_reader(tmp_path, image_timeout_seconds=0.05)
    try:
        with pytest.raises(Refused) as refused:
            reader.read_text([as_file(a_picture(*LINES * 20))])
        assert (refused.value.specific_code, refused.value.retryable) == ("picture_timeout", True)
        assert set(children()) <= before
    finally:
        reader.close()


def test_what_is_closed_answers_no_more_and_leaves_no_child(tmp_path: Path) -> None:
    before = set(children())
    reader = ocr_reader(tmp_path)
    reader.close()
    reader.close()
    assert set(children()) <= before
    assert reader.memory_bytes == 0
    with pytest.raises(Unavailable, match="unloaded"):
        reader.read_text([b"x"])


def test_missing_data_name_the_language_the_folder_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as missing:
        load_text_reader(Settings(ocr_data=tmp_path, ocr_languages="kor+eng"))
    assert missing.value.specific_code == "weights_not_found"
    for words in ("kor, eng", str(tmp_path), "apt-get install tesseract-ocr-kor tesseract-ocr-eng", "SEOGA_OCR_DATA"):
        assert words in missing.value.detail


def test_damaged_data_are_unavailable_with_the_folder(tmp_path: Path) -> None:
    (tmp_path / "eng.traineddata").write_bytes(b"damaged")
    with pytest.raises(Unavailable, match="Tesseract could not be loaded"):
        load_text_reader(Settings(ocr_data=tmp_path, ocr_languages="eng"))


def test_wrong_languages_in_the_settings_are_named() -> None:
    with pytest.raises(Unavailable, match="SEOGA_OCR_LANGUAGES was 'klingon!'"):
        load_text_reader(Settings(ocr_languages="klingon!"))


def test_easyocr_says_when_it_is_not_installed() -> None:
    with pytest.raises(Unavailable, match="pip install easyocr") as missing:
        load_text_reader(Settings(ocr_engine="easyocr"))
    assert missing.value.specific_code == "not_installed"


@pytest.mark.slow
def test_korean_word_pictures_are_read_as_well_as_they_were(reader: TextReader) -> None:
    right = {"clean": [0, 0], "all": [0, 0]}
    pictures = word_pictures()
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda picture: read(reader, picture[0].read_bytes()), pictures))
    for (_, style, text), found in zip(pictures, answers, strict=True):
        wanted = "".join(text.split())
        wrong = min(len(wanted), distance("".join(found.split()), wanted))
        for group in ("all", "clean") if style == "basic" else ("all",):
            right[group][0] += len(wanted) - wrong
            right[group][1] += len(wanted)
    assert right["clean"][0] / right["clean"][1] >= 0.95
    assert right["all"][0] / right["all"][1] >= 0.90


def distance(one: str, other: str) -> int:
    """Edits between them (Levenshtein, 1965)."""
    row = list(range(len(other) + 1))
    for number, character in enumerate(one, start=1):
        above, row[0] = row[0], number
        for place, wanted in enumerate(other, start=1):
            above, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, above + (character != wanted))
    return row[-1]
