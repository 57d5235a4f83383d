"""Pages as pictures: what a reader sees of a document that has pages."""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

PictureFormat = Literal["png", "webp"]


@dataclass(frozen=True, slots=True)
class PagePicture:
    """One page."""

    data: bytes
    format: PictureFormat
    width: int
    height: int
    """Pixels."""


@runtime_checkable
class PagePictures(Protocol):
    """Draws pages of files that may be hostile, without danger for this process."""

    def draws(self, media_type: str) -> bool:
        """Whether files of this type have pages that can be drawn."""
        ...

    async def page(
        self,
        path: str,
        media_type: str,
        number: int,
        *,
        width: int | None = None,
        format: PictureFormat = "png",
        password: str | None = None,
    ) -> PagePicture:
        """Page `number` (from 1) of the local file, `width` pixels wide; None: as is best for reading text in it.

        Raises NotFound for a page that it has not and for a type without pages, Refused for what cannot be drawn
        (`encrypted` where `password` does not open it), Unavailable while no child process can be started.
        """
        ...

    async def picture(
        self,
        path: str,
        media_type: str,
        source: str,
        *,
        page: int | None = None,
        box: tuple[float, float, float, float] | None = None,
        password: str | None = None,
    ) -> PagePicture:
        """A picture that stands in the local file, as is best for reading text in it: a PNG in grey or colour.

        `source` says where in the file; where it is empty, it is what is drawn at `box` (fractions from the upper left
        corner) of `page`. Raises as `page` does.
        """
        ...
