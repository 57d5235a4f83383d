"""Pictures from files, decoded only after their declared size was looked at. Runs in the model's child process.

A 20 kB PNG can take Pillow 800 MB: pixels are counted from the header, and the child's address space is limited.
"""

import resource
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

# Only formats that decode in this process: EPS, for one, would start Ghostscript.
_FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
_MOST_PAGES: Final = 50
_WHITE: Final = (255, 255, 255)


class Unreadable(Exception):
    """The picture cannot be used, whoever looks at it; `data["code"]` says how, the message says it to a person."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.data: dict[str, Any] = {"code": code}


def limit_further_memory(memory_bytes: int) -> None:
    """From here on this process may take so much address space beyond what it has: for a model that is loaded."""
    most = psutil.Process().memory_info().vms + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def decode_first(data: bytes, *, most_pixels: int, draft_side: int | None = None) -> Image.Image:
    """The first page or frame in RGB, as it is shown: turned as EXIF says, what is transparent on white.

    With `draft_side` a JPEG may come smaller, yet at least so large on both sides. Raises Unreadable.
    """
    with _open(data, most_pixels) as image:
        if draft_side is not None:
            image.draft("RGB", (draft_side, draft_side))
        return _shown(image).convert("RGB")


def decode_pages(data: bytes, *, most_pixels: int) -> tuple[list[Image.Image], int]:
    """All pages of a TIFF (at most 50, and no more than `most_pixels` together), else the first frame; and how many
    pages the file has. In grey (mode L), as shown. Raises Unreadable.
    """
    with _open(data, most_pixels) as image:
        if image.format != "TIFF":
            return [_grey(_shown(image))], 1
        pages: list[Image.Image] = []
        left = most_pixels
        for page in _frames(image):
            left -= page.width * page.height
            if left < 0 or len(pages) == _MOST_PAGES:
                break
            pages.append(_grey(_shown(page)))
        return pages, getattr(image, "n_frames", 1)


def page_count(path: Path, *, most_pixels: int) -> int:
    """How many pages a picture's file has; more than one only a TIFF. Decodes nothing. Raises Unreadable."""
    with _open(path.read_bytes(), most_pixels) as image:
        try:
            return getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise _damaged(error) from error


def decode_page(path: str, number: int, *, most_pixels: int) -> Image.Image:
    """Page `number` (from 1) of a picture in a file, in RGB, as it is shown; only a TIFF has more than one.

    Raises Unreadable, with the code `page_not_found` beyond the last one.
    """
    with _open(Path(path).read_bytes(), most_pixels) as image:
        pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
        if number > pages:
            raise Unreadable("page_not_found", f"The picture has {pages} {'page' if pages == 1 else 'pages'}.")
        try:
            image.seek(number - 1)
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise _damaged(error) from error
        if image.width * image.height > most_pixels:
            raise _too_large(most_pixels)
        return _shown(image).convert("RGB")


def _open(data: bytes, most_pixels: int) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = most_pixels
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            Image.init()
            # Not every build of Pillow has them all.
            image = Image.open(BytesIO(data), formats=[name for name in _FORMATS if name in Image.OPEN])
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_large(most_pixels) from None
        except UnidentifiedImageError:
            raise Unreadable("not_a_picture", "The file is not a picture of a kind that can be read here.") from None
        except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError, TypeError) as error:
            raise _damaged(error) from error
    if image.width * image.height > most_pixels:
        raise _too_large(most_pixels)
    return image


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    try:
        yield from ImageSequence.Iterator(image)
    except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError, TypeError) as error:
        raise _damaged(error) from error


def _shown(image: Image.Image) -> Image.Image:
    """Decoded, in a mode that every conversion knows, opaque, and turned as the camera was held."""
    try:
        image.load()
        turned = ImageOps.exif_transpose(image)
        if turned.mode in ("I", "F") or turned.mode.startswith("I;16"):
            return _eight_bits(turned)
        if turned.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in turned.info:
            layers = turned.convert("RGBA")
            if layers.getchannel("A").getextrema() == (0, 0):
                return layers.convert("RGB")  # all of it would be invisible: the channel is no transparency
            paper = Image.new("RGBA", layers.size, (*_WHITE, 255))
            paper.alpha_composite(layers)
            return paper.convert("RGB")
        return turned if turned.mode in ("L", "RGB") else turned.convert("RGB")
    except Image.DecompressionBombError as error:
        raise _damaged(error) from error
    except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError, TypeError) as error:
        raise _damaged(error) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Pillow itself cuts wider numbers off at 255. 16 bits have a known range, of 32 the used one is taken."""
    values = np.asarray(image).astype(np.float32)
    low, high = (0.0, 65535.0) if image.mode.startswith("I;16") else (float(values.min()), float(values.max()))
    scaled = (values - low) * (255.0 / max(high - low, 1.0))
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def _grey(image: Image.Image) -> Image.Image:
    return image if image.mode == "L" else image.convert("L")


def _too_large(most_pixels: int) -> Unreadable:
    return Unreadable(
        "too_many_pixels",
        f"The picture has more than {most_pixels:,} pixels (SEOGA_IMAGE_PIXELS). Make it smaller.",
    )


def _damaged(error: Exception) -> Unreadable:
    return Unreadable("damaged_picture", f"The picture is damaged: {str(error) or type(error).__name__}.")
