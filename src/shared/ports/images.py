"""The models that look at pictures: what is to be seen in them, and what is written in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

PicturePart = Literal["caption", "text"]
PICTURE_PARTS: tuple[PicturePart, ...] = ("caption", "text")


@dataclass(frozen=True, slots=True)
class TextBox:
    """One word of a picture. Block, paragraph and line count from 1; a line's number is unique within its page."""

    text: str
    confidence: float
    """0 to 1, as the reader estimates it."""
    box: tuple[int, int, int, int]
    """Left, top, right, bottom in pixels of the picture as it is shown (turned as its EXIF data say)."""
    block: int
    paragraph: int
    line: int
    page: int = 1


@dataclass(frozen=True, slots=True)
class PictureText:
    """What is written in one picture; `text` is empty and `confidence` 0 when nothing is."""

    text: str
    """Lines in reading order; an empty line between blocks and between pages. NFC."""
    boxes: tuple[TextBox, ...]
    width: int
    height: int
    """Pixels of the (first) page as it is shown."""
    languages: str
    """What it was read in, such as `kor+eng`."""
    confidence: float
    """Mean of the words', each weighing as much as it has characters."""
    pages: int = 1
    """Pages that were read: more than one only of a TIFF file."""
    pages_in_file: int = 1


@dataclass(frozen=True, slots=True)
class Caption:
    """One sentence on what a picture shows; in English, as the models for it are."""

    text: str


@dataclass(frozen=True, slots=True)
class PictureProblem:
    """Why one part of an analysis is missing."""

    part: PicturePart
    code: str
    detail: str
    is_unavailable: bool
    """The model is not there; the picture is not to blame."""
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class PictureAnalysis:
    """What could be found out about one picture. A part that was not asked for is None without a problem."""

    caption: Caption | None
    text: PictureText | None
    problems: tuple[PictureProblem, ...]


@runtime_checkable
class ImageModels(Protocol):
    """Both lazy, as the embedding model is. A picture is a file's bytes: PNG, JPEG, TIFF, WebP, GIF, BMP, …

    Raises Unavailable while the model is not there, with the cause; Unsupported for what is no picture;
    Refused for a picture that is damaged, too large or takes too long: of several, one such fails the call.
    """

    async def caption(self, images: Sequence[bytes]) -> list[Caption]:
        """One caption per picture, in their order."""
        ...

    async def read_text(self, images: Sequence[bytes], languages: str | None = None) -> list[PictureText]:
        """The text of each picture, in their order. `languages` as in `kor+eng`; None is what the settings say.

        Raises InvalidInput for languages there is no data for.
        """
        ...
