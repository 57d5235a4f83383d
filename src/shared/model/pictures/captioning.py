"""Captions of pictures, made in a child process (pictures/blip_child.py): torch alone takes half a gigabyte."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shared.kernel import Unavailable
from shared.model.pictures.child_door import ChildDoor
from shared.model.pictures.door import ask, start
from shared.ports.images import Caption
from shared.settings import Settings

_MODULE: Final = "shared.model.pictures.blip_child"
_BATCH: Final = 8
_WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json")
_PACKAGES: Final = ("transformers", "torch", "PIL")


class Captioner:
    """Says what pictures show. Blocks; safe from any thread. A crashed child is started anew by the next call."""

    label = "blip"

    def __init__(self, name: str, door: ChildDoor, *, timeout_seconds: float) -> None:
        """`door` is started already."""
        self.name = name
        self._door = door
        self._timeout_seconds = timeout_seconds

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the child."""
        return self._door.memory_bytes

    def caption(self, images: Sequence[bytes]) -> list[Caption]:
        """One caption a picture, in their order. Each batch of 8 has the time that a picture may take."""
        captions: list[Caption] = []
        for begin in range(0, len(images), _BATCH):
            captions += self._batch(images[begin : begin + _BATCH], begin, len(images))
        return captions

    def close(self) -> None:
        """Ends the child; later calls raise Unavailable."""
        self._door.close()

    def _batch(self, images: Sequence[bytes], begin: int, count: int) -> list[Caption]:
        answer = ask(
            self._door,
            "caption",
            timeout_seconds=self._timeout_seconds,
            images=list(images),
            first=begin + 1,
            count=count,
        )
        return [Caption(text) for text in answer]


def captioner_folder(settings: Settings) -> Path:
    """The BLIP model that SEOGA_CAPTION_MODEL names. Loads nothing. Raises Unavailable: what is missing."""
    folder = settings.caption_model
    if folder is None:
        raise Unavailable("no model is set; set SEOGA_CAPTION_MODEL to a BLIP folder", code="weights_not_found")
    if not any((folder / file).is_file() for file in _WEIGHTS):
        raise Unavailable(f"weights not found at {folder}; set SEOGA_CAPTION_MODEL", code="weights_not_found")
    missing = [package for package in _PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise Unavailable(
            f"Captions need {' and '.join(missing)}: `pip install -r requirements/reference.txt`.",
            code="not_installed",
        )
    return folder


def load_captioner(settings: Settings) -> Captioner:
    """Loads the BLIP model, some seconds. Blocks. Raises Unavailable."""
    folder = captioner_folder(settings)
    door = ChildDoor(
        _MODULE,
        name="caption model",
        start_timeout_seconds=settings.model_load_timeout_seconds,
        setup={
            "folder": str(folder.absolute()),
            "device": settings.model_device,
            "most_pixels": settings.image_pixels,
            "memory_bytes": settings.image_memory_bytes,
        },
    )
    start(door, f"The caption model in '{folder}'", advice="It must be a BLIP model for captions.")
    return Captioner(folder.resolve().name, door, timeout_seconds=settings.image_timeout_seconds)
