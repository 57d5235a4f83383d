"""Pictures that stand in documents: which of them are worth reading, told by what their headers say."""

import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Final

from process.infrastructure.parsers.draft import Draft, one_line
from shared.infrastructure.pages.addresses import address_digest, decoded

if TYPE_CHECKING:
    from process.infrastructure.parsers.package import Package

_FILE_NAME: Final = re.compile(
    r"[\w .()-]{1,80}\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|svg)|(?:그림|picture|image) ?\d*", re.I
)
_BY_MACHINE: Final = re.compile(r"\s*(?:Description automatically generated.*|자동 생성된 설명)\Z", re.I)
_FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
_LEAST_SIDE: Final = 24
_LEAST_WIDTH: Final = 120
_LEAST_PIXELS: Final = 15_000
"""Icons, bullets and most logos have fewer; a screenshot of one line of text has more."""

_LEAST_CHARACTERS: Final = 200
"""Of an address: shorter ones hold dots and lines."""

_HOLD_ADDRESSES: Final = frozenset(("text/html", "text/markdown"))
"""Files in which an address stands as it is; in mails it is encoded."""


def is_large(width: float, height: float) -> bool:
    """Whether a picture of so many pixels may hold text that somebody looks for."""
    return min(width, height) >= _LEAST_SIDE and width >= _LEAST_WIDTH and width * height >= _LEAST_PIXELS


def described(alternative: str) -> str:
    """What an office file says instead of a picture; nothing where that is the picture's name alone."""
    said = _BY_MACHINE.sub("", one_line(alternative))
    return "" if _FILE_NAME.fullmatch(said) else said


def add_picture(draft: Draft, source: str, raw: bytes, *, page: int | None = None) -> None:
    """A picture by its file's bytes; nothing where these are no picture, or a small one."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(raw), formats=_FORMATS) as image:
            width, height = image.size
    except (OSError, ValueError, SyntaxError, ArithmeticError, LookupError, TypeError, UnidentifiedImageError):
        return
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return
    if is_large(width, height):
        draft.add_picture(hashlib.sha256(raw).digest(), source, page=page)


def add_members(draft: Draft, package: "Package", names: Iterable[str], *, page: int | None = None) -> None:
    """Pictures among the members of an office file."""
    for name in names:
        written = package.written(name)
        raw = package.read(name) if written is not None else None
        if raw is not None:
            add_picture(draft, f"zip:{written}", raw, page=page)


def add_inline_picture(draft: Draft, address: str) -> None:
    """A picture that an HTML page holds in its address."""
    if draft.media_type not in _HOLD_ADDRESSES:
        return
    beginning, _, content = address.partition(";base64,")
    if not beginning.lower().startswith("data:image/") or len(content) < _LEAST_CHARACTERS:
        return
    raw = content.encode("ascii", "replace")
    with suppress(ValueError):
        add_picture(draft, f"data:{address_digest(raw)}", decoded(raw))
