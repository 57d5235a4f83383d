"""Pages are drawn in child processes: of pictures too, within limits, whatever the file does."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fpdf import FPDF
from PIL import Image

from shared.infrastructure.pages.renderer import PageRenderer
from shared.kernel import NotFound, Refused

PDF, TIFF, PNG = "application/pdf", "image/tiff", "image/png"


@pytest.fixture
async def renderer() -> AsyncIterator[PageRenderer]:
    async with PageRenderer(timeout_seconds=30, memory_bytes=1 << 30, most_pixels=2_000_000) as one:
        yield one


def a_file(folder: Path, content: bytes) -> str:
    path = folder / "file"
    path.write_bytes(content)
    return str(path)


def a_pdf(folder: Path) -> str:
    pdf = FPDF(format=(100, 100))
    pdf.add_page()
    return a_file(folder, bytes(pdf.output()))


async def test_frames_of_a_tiff_are_its_pages(renderer: PageRenderer, tmp_path: Path) -> None:
    frames = [Image.new("L", (60, 40), grey) for grey in (0, 120, 250)]
    out = BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    path = a_file(tmp_path, out.getvalue())
    second = await renderer.page(path, TIFF, 2)
    assert (second.width, second.height, second.format) == (60, 40, "png")
    assert Image.open(BytesIO(second.data)).getpixel((5, 5)) == 120
    assert (await renderer.page(path, TIFF, 3, width=30)).height == 20
    with pytest.raises(NotFound):
        await renderer.page(path, TIFF, 4)
    assert len(renderer.child_pids) == 1


async def test_a_page_for_reading_is_large_but_within_the_limit(renderer: PageRenderer, tmp_path: Path) -> None:
    picture = await renderer.page(a_pdf(tmp_path), PDF, 1)
    # 100 mm are 1,181 dots at 300 an inch.
    assert abs(picture.width - 1181) <= 2
    assert picture.width * picture.height <= 2_000_000
    wide = await renderer.page(a_pdf(tmp_path), PDF, 1, width=4_000)
    assert wide.width * wide.height <= 2_010_000


async def test_small_pictures_are_read_larger_and_by_the_colour_that_tells_more(
    renderer: PageRenderer, tmp_path: Path
) -> None:
    sign = Image.new("RGB", (400, 300), (0, 110, 40))
    # As light as the paper: only red tells them apart.
    sign.paste((170, 40, 30), (100, 100, 200, 200))
    out = BytesIO()
    sign.save(out, "PNG")
    picture = await renderer.page(a_file(tmp_path, out.getvalue()), PNG, 1)
    assert (picture.width, picture.height) == (1_200, 900)
    pixels = np.asarray(Image.open(BytesIO(picture.data)), dtype=int)
    assert pixels[450, 450] - pixels[50, 50] > 100
    shown = await renderer.page(a_file(tmp_path, out.getvalue()), PNG, 1, width=800)
    assert (shown.width, Image.open(BytesIO(shown.data)).mode) == (400, "RGB")


@pytest.mark.parametrize("media_type", [PDF, PNG, TIFF])
async def test_what_is_no_such_file_is_refused(renderer: PageRenderer, tmp_path: Path, media_type: str) -> None:
    for content in (b"", b"%PDF-1.7\nnothing", os.urandom(2_000)):
        with pytest.raises(Refused):
            await renderer.page(a_file(tmp_path, content), media_type, 1)


async def test_a_picture_that_declares_too_many_pixels_is_refused(renderer: PageRenderer, tmp_path: Path) -> None:
    out = BytesIO()
    Image.new("1", (2_000, 2_000)).save(out, "PNG")
    with pytest.raises(Refused) as refusal:
        await renderer.page(a_file(tmp_path, out.getvalue()), PNG, 1)
    assert refusal.value.specific_code == "too_many_pixels"


async def test_a_killed_child_costs_one_page(renderer: PageRenderer, tmp_path: Path) -> None:
    path = a_pdf(tmp_path)
    await renderer.page(path, PDF, 1, width=50)
    (pid,) = renderer.child_pids
    os.kill(pid, signal.SIGSTOP)
    asked = asyncio.create_task(renderer.page(path, PDF, 1, width=50))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Refused):
        await asked
    assert (await renderer.page(path, PDF, 1, width=50)).width == 50
