"""The child process that draws pages: `python -m shared.infrastructure.pages.child`."""

import math
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageStat

from shared.infrastructure.pages.inner import picture_in
from shared.infrastructure.unlocking import WrongPassword, unlocked
from shared.model.pictures.decoding import Unreadable, decode_first, decode_page
from shared.runtime.child import limit_cpu, serve_parent

_POINTS_PER_INCH: Final = 72
_WANTED_SIDE: Final = 2_200
_CLEARER: Final = 1.2
_MOST_ENLARGED: Final = 3.0
_LEAST_ENLARGED: Final = 1.2
_LEAST_SIDE: Final = 200
"""Pixels."""
_LEAST_PART: Final = 0.005
"""Of a page's width and height."""
_DOTS_PER_INCH: Final = 300
"""What Tesseract wants (its manual, "Improving the quality of the output")."""


def draw(
    path: str,
    media_type: str,
    number: int,
    width: int | None,
    format: str,
    most_pixels: int,
    cpu_seconds: float,
    password: str | None = None,
) -> dict[str, Any]:
    """`{"data", "width", "height"}`. Raises Unreadable; its code is `page_not_found` beyond the last one."""
    limit_cpu(cpu_seconds)
    if media_type == "application/pdf":
        picture = _drawn_page(path, number, width, most_pixels, password)
        if width is None:  # what reads text looks at grey
            picture = _grey(picture)
    else:
        picture = decode_page(path, number, most_pixels=most_pixels)
        if width is None:
            picture = _enlarged(_grey(picture))
        elif width < picture.width:
            picture = picture.resize((width, max(1, round(picture.height * width / picture.width))))
    out = BytesIO()
    if format == "webp":
        picture.save(out, "WEBP", quality=80, method=2)
    else:
        picture.save(out, "PNG", compress_level=1)
    return {"data": out.getvalue(), "width": picture.width, "height": picture.height}


def draw_inner(
    path: str,
    source: str,
    page: int | None,
    box: list[float] | None,
    most_pixels: int,
    cpu_seconds: float,
    password: str | None = None,
) -> dict[str, Any]:
    """A picture in the file, as `draw` answers. Raises Unreadable."""
    limit_cpu(cpu_seconds)
    if source:
        try:
            with unlocked(Path(path), password) as opened:
                raw = picture_in(str(opened), source)
        except WrongPassword as error:
            raise _locked() from error
        picture = _enlarged(_grey(decode_first(raw, most_pixels=most_pixels)))
    elif page is not None and box is not None:
        left, top, right, bottom = box
        picture = _grey(_drawn_page(path, page, None, most_pixels, password, (left, top, right, bottom)))
    else:
        raise Unreadable("not_a_picture", "There is no such picture in the document.")
    out = BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return {"data": out.getvalue(), "width": picture.width, "height": picture.height}


def _drawn_page(
    path: str,
    number: int,
    width: int | None,
    most_pixels: int,
    password: str | None,
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> Image.Image:
    """Of the page what stands in the box, fractions from its upper left corner."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        document = pypdfium2.PdfDocument(path, password=password)
        try:
            if number > len(document):
                raise _page_not_found(len(document))
            page = document[number - 1]
            page_width, page_height = page.get_size()
            if not (0 < page_width < 1e6 and 0 < page_height < 1e6):
                raise Unreadable("damaged_page", "The page has no size that can be drawn.")
            scale = _DOTS_PER_INCH / _POINTS_PER_INCH if width is None else width / page_width
            scale = min(scale, math.sqrt(most_pixels / (page_width * page_height)))
            # Annotations and what is filled into forms are drawn, as a viewer does.
            document.init_forms()
            left, top, right, bottom = (max(0.0, min(1.0, edge)) for edge in box)
            if right - left < _LEAST_PART or bottom - top < _LEAST_PART:
                raise Unreadable("damaged_page", "There is nothing to draw in so small a part of the page.")
            # From the left, bottom, right and top edge.
            crop = left * page_width, (1 - bottom) * page_height, (1 - right) * page_width, top * page_height
            bitmap = page.render(scale=scale, crop=crop, may_draw_forms=True, fill_color=(255, 255, 255, 255))
            picture: Image.Image = bitmap.to_pil().convert("RGB")
            return picture
        finally:
            document.close()
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise _locked() from error
        raise Unreadable("damaged_page", f"The page cannot be drawn: {error}.") from error


def _locked() -> Unreadable:
    return Unreadable("encrypted", "The document is protected with a password: what is in it cannot be drawn.")


def _page_not_found(pages: int) -> Unreadable:
    return Unreadable("page_not_found", f"The document has {pages} pages.")


def _enlarged(grey: Image.Image) -> Image.Image:
    """A small one larger, since at 72 dots per inch letters are lower than what reads them wants."""
    factor = min(_MOST_ENLARGED, _WANTED_SIDE / max(grey.size))
    if factor < _LEAST_ENLARGED or min(grey.size) < _LEAST_SIDE:  # a single line is made larger by who reads it
        return grey
    size = (round(grey.width * factor), round(grey.height * factor))
    return grey.resize(size, Image.Resampling.LANCZOS)


def _grey(picture: Image.Image) -> Image.Image:
    """By lightness, or the one of its colours that tells more: white letters on green hardly differ in lightness."""
    grey = picture.convert("L")
    if picture.mode != "RGB":
        return grey
    apart = ImageStat.Stat(picture.resize((256, 256))).stddev
    most = max(range(3), key=apart.__getitem__)
    usual = ImageStat.Stat(grey.resize((256, 256))).stddev[0]
    return picture.getchannel(most) if apart[most] > _CLEARER * usual else grey


if __name__ == "__main__":
    serve_parent({"draw": draw, "draw_inner": draw_inner})
