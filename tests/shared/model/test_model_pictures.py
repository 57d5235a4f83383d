"""Pictures decoded and made readable: modes and limits, angles found, and points that lead back to the original."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_builders import a_picture, as_file
from PIL import Image, ImageOps

from shared.model.pictures.decoding import Unreadable, decode_first, decode_pages
from shared.model.pictures.text_lines import Prepared, as_one_line, ink, skew_degrees

MOST = 10_000_000


@pytest.mark.parametrize("degrees", [-30, -12, -3, 3, 12, 30])
def test_the_angle_of_a_line_is_found(degrees: int) -> None:
    picture = a_picture("Harmonized System of customs").rotate(
        -degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=250
    )
    assert skew_degrees(picture) == pytest.approx(degrees, abs=1)


def test_a_level_line_and_an_empty_picture_are_left_alone() -> None:
    assert skew_degrees(a_picture("Harmonized System of customs")) == 0
    assert skew_degrees(Image.new("L", (300, 40), 200)) == 0


def test_light_writing_on_dark_paper_is_ink_too() -> None:
    picture = a_picture("harbour")
    assert np.array_equal(ink(picture), ink(ImageOps.invert(picture)))
    assert 0.01 < ink(picture).mean() < 0.2


def test_black_and_white_pictures_get_soft_edges_and_grey_ones_stay_as_they_are() -> None:
    grey = Prepared.of(a_picture("harbour"))
    assert grey.smoothed() is grey
    hard = Prepared.of(grey.image.point(lambda value: 255 if value > 140 else 0))
    soft = hard.smoothed()
    assert len(soft.image.getcolors() or ()) > 10
    assert soft.image.size == hard.image.size
    assert soft.box_in_original((3, 4, 30, 12)) == (3, 4, 30, 12)
    dark = soft.image.point(lambda value: 255 if value > 140 else 0)
    assert np.mean(np.asarray(dark) != np.asarray(hard.image)) < 0.03


def test_a_line_is_brought_to_the_wanted_height() -> None:
    for size in (12, 28, 70):
        line = as_one_line(Prepared.of(a_picture("harbour", size=size)), ink_height=24, margin=16)
        assert 24 + 2 * 16 <= line.image.height <= 24 + 2 * 16 + 12
    blank = as_one_line(Prepared.of(Image.new("L", (50, 20), 255)), ink_height=24, margin=16)
    assert min(blank.image.size) > 0


@settings(max_examples=40)
@given(
    degrees=st.sampled_from((-37.5, -10.0, 5.25, 90.0, 180.0, 270.0)),
    factor=st.floats(0.3, 3),
    margin=st.integers(0, 40),
    top=st.integers(0, 30),
)
def test_points_of_a_prepared_picture_lead_back(degrees: float, factor: float, margin: int, top: int) -> None:
    original = Image.new("L", (300, 200), 255)
    original.paste(0, (140, 80, 180, 120))
    made = Prepared.of(original).turned(degrees).scaled(factor)
    made = made.rows(min(top, made.image.height // 8), made.image.height).bordered(margin)
    dark = ImageOps.invert(made.image).point(lambda grey: 255 * (grey > 128)).getbbox()
    assert dark is not None
    left, upper, right, lower = made.box_in_original(dark)
    # The box around a turned square around a square is at most 1 + sin 2a times as wide.
    reach = 24 if degrees % 90 else 0
    slack = 4 / min(factor, 1) + 2
    for found, true in ((left, 140), (upper, 80)):
        assert true - reach - slack <= found <= true + slack
    for found, true in ((right, 180), (lower, 120)):
        assert true - slack <= found <= true + reach + slack


def test_what_is_transparent_is_white() -> None:
    drawn = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    drawn.putpixel((7, 7), (0, 0, 0, 255))
    clear = as_file(drawn)
    assert decode_first(clear, most_pixels=MOST).getpixel((0, 0)) == (255, 255, 255)
    assert decode_pages(clear, most_pixels=MOST)[0][0].getpixel((0, 0)) == 255


def test_a_picture_that_would_be_invisible_is_shown() -> None:
    everywhere = as_file(Image.new("RGBA", (8, 8), (10, 20, 30, 0)))
    assert decode_first(everywhere, most_pixels=MOST).getpixel((0, 0)) == (10, 20, 30)


def test_wide_numbers_keep_their_range() -> None:
    ramp = Image.fromarray(np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16))
    (grey,), _ = decode_pages(as_file(ramp), most_pixels=MOST)
    assert list(np.asarray(grey).ravel()[[0, 128, 255]]) == [0, 128, 255]
    floats = Image.fromarray(np.linspace(-1, 1, 256, dtype=np.float32).reshape(16, 16))
    (grey,), _ = decode_pages(as_file(floats, "TIFF"), most_pixels=MOST)
    assert list(np.asarray(grey).ravel()[[0, 255]]) == [0, 255]


def test_a_large_jpeg_may_come_smaller_but_not_too_small() -> None:
    data = as_file(Image.new("RGB", (4000, 2000), "red"), "JPEG")
    picture = decode_first(data, most_pixels=MOST, draft_side=500)
    assert 500 <= min(picture.size) < 1100
    assert decode_first(data, most_pixels=MOST).size == (4000, 2000)


def test_pages_beyond_the_limit_of_pixels_are_left_out() -> None:
    pages = [Image.new("L", (100, 100), 255) for _ in range(4)]
    data = as_file(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    read, in_file = decode_pages(data, most_pixels=25_000)
    assert (len(read), in_file) == (2, 4)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no picture", "not_a_picture"),
        (b"P5 5000 5000 255\n", "too_many_pixels"),
        (b"P5 3000 3000 255\n", "damaged_picture"),
        (as_file(a_picture("harbour"), "JPEG")[:400], "damaged_picture"),
    ],
)
def test_what_cannot_be_decoded_is_told_apart(data: bytes, code: str) -> None:
    for decode in (decode_first, decode_pages):
        with pytest.raises(Unreadable) as refused:
            decode(data, most_pixels=MOST)
        assert refused.value.data == {"code": code}
