"""What a child that read a picture answers, whichever engine read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image


def answer_of(
    texts: Sequence[str],
    boxes: Sequence[Mapping[str, Any]],
    pages: Sequence[Image.Image],
    *,
    languages: str,
    pages_in_file: int,
) -> dict[str, Any]:
    """One text a page, one box a word; the confidence of the whole weighs each word by its length."""
    characters = sum(len(box["text"]) for box in boxes)
    weighted = sum(len(box["text"]) * box["confidence"] for box in boxes)
    return {
        "text": "\n\n".join(text for text in texts if text),
        "boxes": list(boxes),
        "width": pages[0].width,
        "height": pages[0].height,
        "languages": languages,
        "confidence": weighted / characters if characters else 0.0,
        "pages": len(pages),
        "pages_in_file": pages_in_file,
    }
