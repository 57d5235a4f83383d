"""Everything that can be found out about one picture at once; what one model cannot do leaves what the other did."""

import asyncio
from collections.abc import Awaitable, Sequence

from shared.kernel import DomainError, InvalidInput, Unavailable
from shared.ports.images import (
    PICTURE_PARTS,
    Caption,
    ImageModels,
    PictureAnalysis,
    PicturePart,
    PictureProblem,
    PictureText,
)
from shared.telemetry import get_log

_log = get_log("model")


class ImageAnalyzer:
    """Captions a picture and reads its text side by side."""

    def __init__(self, models: ImageModels) -> None:
        self._models = models

    async def analyze(
        self, image: bytes, *, languages: str | None = None, parts: Sequence[PicturePart] = PICTURE_PARTS
    ) -> PictureAnalysis:
        """What each part found, and why where it found nothing.

        Raises what the picture was refused with (Unsupported, Refused) only when no part could use it and a model
        was there to say so, and InvalidInput for languages there is no data for. That both models are not there
        is told in the problems.
        """
        caption, text = await asyncio.gather(
            _tried(self._caption(image)) if "caption" in parts else _nothing(),
            _tried(self._text(image, languages)) if "text" in parts else _nothing(),
        )
        outcomes: tuple[tuple[PicturePart, object], ...] = (("caption", caption), ("text", text))
        failures = {part: outcome for part, outcome in outcomes if isinstance(outcome, Exception)}
        is_empty = not isinstance(caption, Caption) and not isinstance(text, PictureText)
        for failure in failures.values():
            is_refusal = isinstance(failure, DomainError) and not isinstance(failure, Unavailable)
            if isinstance(failure, InvalidInput) or (is_empty and is_refusal):
                raise failure
        return PictureAnalysis(
            caption=caption if isinstance(caption, Caption) else None,
            text=text if isinstance(text, PictureText) else None,
            problems=tuple(_problem(part, failure) for part, failure in failures.items()),
        )

    async def _caption(self, image: bytes) -> Caption:
        return (await self._models.caption([image]))[0]

    async def _text(self, image: bytes, languages: str | None) -> PictureText:
        return (await self._models.read_text([image], languages))[0]


async def _nothing() -> None:
    return None


async def _tried(work: "Awaitable[Caption | PictureText]") -> Caption | PictureText | Exception:
    """The outcome, an exception too: one that was raised would cancel the other part."""
    try:
        return await work
    except Exception as error:
        return error


def _problem(part: PicturePart, error: Exception) -> PictureProblem:
    if isinstance(error, DomainError):
        is_unavailable = isinstance(error, Unavailable)
        _log.info(
            "picture part missing",
            action="model.picture.part",
            part=part,
            code=error.specific_code,
            reason=error.detail,
        )
        retry = error.retry_after_seconds if isinstance(error, Unavailable) else None
        return PictureProblem(part, error.specific_code, error.detail, is_unavailable, retry)
    _log.error("picture part failed", action="model.picture.bug", part=part, exc_info=error)
    return PictureProblem(part, "internal_error", "This part failed by a fault of Seoga; its log has more.", False)
