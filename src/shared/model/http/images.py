"""Pictures over HTTP: what one shows and what is written in it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ConfigDict

from shared.kernel import FieldError, InvalidInput, Unavailable
from shared.model.pictures.analysis import ImageAnalyzer
from shared.ports.images import PICTURE_PARTS, ImageModels, PictureAnalysis, PicturePart
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.routes import Routes
from shared.web.shapes import Shape

_LARGEST_PICTURE: Final = 32 << 20
_PICTURE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "One picture: PNG, JPEG, TIFF, WebP, GIF, BMP, JPEG 2000 or AVIF.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class TextBoxView(Shape):
    """One word: left, top, right, bottom in pixels of the picture as it is shown."""

    model_config = ConfigDict(from_attributes=True)

    text: str
    """The word."""
    confidence: float
    """0 to 1, as the reader estimates it."""
    box: tuple[int, int, int, int]
    """Left, top, right, bottom in pixels."""
    block: int
    """Counts from 1."""
    paragraph: int
    """Counts from 1."""
    line: int
    """Counts from 1; unique within its page."""
    page: int
    """Counts from 1."""


class PictureProblemView(Shape):
    """Why a part is missing."""

    model_config = ConfigDict(from_attributes=True)

    part: PicturePart
    """Which part is missing."""
    code: str
    """Why, for programs."""
    detail: str
    """Why, and what can be done."""
    is_unavailable: bool
    """The model is not there; the picture is not to blame."""


class PictureView(Shape):
    """What was found out. A part that was not asked for is null without a problem; no text at all is ""."""

    caption: str | None
    """One sentence on what it shows, in English."""
    text: str | None
    """Lines in reading order."""
    boxes: list[TextBoxView]
    """The words and where they stand."""
    confidence: float | None
    """Of the text, 0 to 1."""
    languages: str | None
    """What it was read in, such as `kor+eng`."""
    width: int | None
    """Pixels of the first page as it is shown."""
    height: int | None
    """Pixels of the first page as it is shown."""
    pages: int | None
    """Pages that were read: more than one only of a TIFF file."""
    pages_in_file: int | None
    """Pages there are."""
    problems: list[PictureProblemView]
    """Why a part is missing."""


def build_images_router(models: ImageModels, access: Access, *, max_body_size: int = _LARGEST_PICTURE) -> APIRouter:
    """`POST /api/v1/model/images`."""
    router = Routes(prefix="/api/v1/model", tags=["model"], max_body_size=max_body_size)
    analyzer = ImageAnalyzer(models)

    @router.post("/images", openapi_extra=_PICTURE, responses=problems.responses(400, 401, 403, 413, 415, 422, 503))
    async def read_picture(
        request: Request,
        _: Annotated[Principal, Depends(access.reader)],
        parts: Annotated[str, Query(max_length=40, description="`caption`, `text`, or both")] = "caption,text",
        languages: Annotated[
            str | None, Query(max_length=80, description="Tesseract's names, such as `kor+eng`; a space is a `+`")
        ] = None,
    ) -> PictureView:
        """The caption of one picture and the text in it; what one model cannot do is told in `problems`.

        The body is the picture. 503 when no model that was asked for is there.
        """
        wanted = _parts(parts)
        picture = await request.body()
        if not picture:
            raise InvalidInput("The body is empty: send the picture's bytes.")
        # A `+` in a query is a space to whoever decodes it, and most write it as it is.
        spoken = languages.strip().replace(" ", "+") if languages else None
        return _view(await analyzer.analyze(picture, languages=spoken or None, parts=wanted))

    return router


def _parts(given: str) -> tuple[PicturePart, ...]:
    names = {name.strip() for name in given.split(",") if name.strip()}
    wanted = tuple(part for part in PICTURE_PARTS if part in names)
    if not wanted or names - set(wanted):
        message = f"was {given!r}: it must be `caption`, `text`, or both with a comma between"
        raise InvalidInput(f"parts {message}.", errors=[FieldError("query.parts", message)])
    return wanted


def _view(analysis: PictureAnalysis) -> PictureView:
    text = analysis.text
    if analysis.caption is None and text is None:
        raise Unavailable(
            "; ".join(f"{problem.part}: {problem.detail}" for problem in analysis.problems),
            code="picture_models_unavailable",
            retry_after_seconds=min(problem.retry_after_seconds or 1.0 for problem in analysis.problems),
        )
    return PictureView(
        caption=analysis.caption.text if analysis.caption else None,
        text=text.text if text else None,
        boxes=[TextBoxView.model_validate(box) for box in text.boxes] if text else [],
        confidence=round(text.confidence, 4) if text else None,
        languages=text.languages if text else None,
        width=text.width if text else None,
        height=text.height if text else None,
        pages=text.pages if text else None,
        pages_in_file=text.pages_in_file if text else None,
        problems=[PictureProblemView.model_validate(problem) for problem in analysis.problems],
    )
