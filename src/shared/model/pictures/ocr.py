"""Text in pictures, read in child processes (pictures/ocr_child.py): Tesseract, or EasyOCR where that is installed."""

import contextlib
import importlib.util
import os
import queue
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from shared.kernel import DomainError, InvalidInput, Unavailable
from shared.model.engines.cores import usable_cores
from shared.model.pictures.child_door import ChildDoor
from shared.model.pictures.door import ask, counted, start
from shared.ports.images import PictureText, TextBox
from shared.runtime.children import ChildLimits
from shared.settings import Settings

_MODULE: Final = "shared.model.pictures.ocr_child"
_LANGUAGES: Final = re.compile(r"[a-z]{3}(_[a-z]+)?(\+[a-z]{3}(_[a-z]+)?)*")
_MOST_LANGUAGES: Final = 8
_MOST_CHILDREN: Final = 2
"""Each about 150 MB; the second starts when two pictures come at once."""
_SHARE_FOR_TRYING: Final = 0.5
"""Of the time a picture has, after which no further way of looking at it is begun."""
_DATA_FOLDERS: Final = (
    "/usr/share/tesseract-ocr/*/tessdata",
    "/usr/share/tesseract-ocr/tessdata",
    "/usr/share/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/local/share/tessdata",
)
_EASYOCR_NAMES: Final = {"kor": "ko", "eng": "en", "jpn": "ja", "chi_sim": "ch_sim", "chi_tra": "ch_tra", "deu": "de"}


class TextReader:
    """Reads text in pictures. Blocks; safe from any thread, two pictures at once. A crashed child starts anew."""

    def __init__(
        self, label: str, doors: Sequence[ChildDoor], *, languages: str, known: Collection[str], timeout_seconds: float
    ) -> None:
        """`known` are the languages there is data for; the first door is started already."""
        self.label = label
        self.name = f"{label} {languages}"
        self._doors = tuple(doors)
        self._languages = languages
        self._known = frozenset(known)
        self._timeout_seconds = timeout_seconds
        # Last in, first out: the second child is started only when the first is busy.
        self._free: queue.LifoQueue[ChildDoor] = queue.LifoQueue()
        for door in reversed(self._doors):
            self._free.put(door)

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the children."""
        return sum(door.memory_bytes for door in self._doors)

    def read_text(self, images: Sequence[bytes], languages: str | None = None) -> list[PictureText]:
        """What is written in each picture, in their order."""
        wanted = self._checked(languages or self._languages)
        return [self._read(image, wanted, number, len(images)) for number, image in enumerate(images, start=1)]

    def close(self) -> None:
        """Ends the children; later calls raise Unavailable."""
        for door in self._doors:
            door.close()

    def _read(self, image: bytes, languages: str, number: int, count: int) -> PictureText:
        with self._door() as door:
            try:
                answer = ask(
                    door,
                    "read",
                    timeout_seconds=self._timeout_seconds,
                    data=image,
                    languages=languages,
                    seconds=self._timeout_seconds * _SHARE_FOR_TRYING,
                )
            except DomainError as error:
                raise counted(error, number, count) from error
        boxes = tuple(TextBox(**{**box, "box": tuple(box["box"])}) for box in answer.pop("boxes"))
        return PictureText(**answer, boxes=boxes)

    def _checked(self, languages: str) -> str:
        names = _names(languages)
        missing = [name for name in names if name not in self._known]
        if missing:
            raise InvalidInput(
                f"There is no data to read {', '.join(missing)}; there is for {', '.join(sorted(self._known))}.",
                code="language_not_available",
            )
        return "+".join(names)

    @contextlib.contextmanager
    def _door(self) -> Iterator[ChildDoor]:
        try:
            door = self._free.get(timeout=self._timeout_seconds)
        except queue.Empty:
            raise Unavailable("The text reader is busy with other pictures.", code="busy") from None
        try:
            yield door
        finally:
            self._free.put(door)


def text_reader_data(settings: Settings) -> Path:
    """Where the data of the reader that the settings name lie. Loads nothing. Raises Unavailable: what is missing."""
    names = _configured_names(settings)
    if settings.ocr_engine == "easyocr":
        return _easyocr_data(settings, names)
    if importlib.util.find_spec("tesserocr") is None:
        raise Unavailable(
            "Tesseract is not installed: `pip install tesserocr`, or set SEOGA_OCR_ENGINE=easyocr.",
            code="not_installed",
        )
    return _data_folder(settings.ocr_data, names)


def load_text_reader(
    settings: Settings, *, tesseract_start_seconds: float = 30.0, easyocr_start_seconds: float = 120.0
) -> TextReader:
    """Starts the reader that the settings name. Blocks. Raises Unavailable saying what is missing.

    A child must be ready within its engine's `start_seconds`.
    """
    folder = text_reader_data(settings)
    names = _configured_names(settings)
    if settings.ocr_engine == "easyocr":
        return _load_easyocr(settings, folder, names, easyocr_start_seconds)
    languages = "+".join(names)
    setup = {"data_folder": str(folder), "languages": languages, "most_pixels": settings.image_pixels}
    limits = ChildLimits(memory_bytes=settings.image_memory_bytes, is_sandboxed=True)
    doors = [
        ChildDoor(
            _MODULE,
            "tesseract",
            name="text reader",
            start_timeout_seconds=tesseract_start_seconds,
            limits=limits,
            setup=setup,
        )
        for _ in range(min(_MOST_CHILDREN, usable_cores()))
    ]
    start(doors[0], "Tesseract", advice=f"Its data were taken from '{folder}'.")
    known = [file.stem for file in folder.glob("*.traineddata") if _LANGUAGES.fullmatch(file.stem)]
    return TextReader(
        "tesseract", doors, languages=languages, known=known, timeout_seconds=settings.image_timeout_seconds
    )


def _configured_names(settings: Settings) -> Sequence[str]:
    try:
        return _names(settings.ocr_languages)
    except InvalidInput as error:
        raise Unavailable(f"SEOGA_OCR_LANGUAGES was {settings.ocr_languages!r}: {error.detail}") from error


def _easyocr_data(settings: Settings, names: Sequence[str]) -> Path:
    if importlib.util.find_spec("easyocr") is None:
        raise Unavailable(
            "EasyOCR is not installed: `pip install easyocr` beside the reference set, or set "
            "SEOGA_OCR_ENGINE=tesseract.",
            code="not_installed",
        )
    unknown = [name for name in names if name not in _EASYOCR_NAMES]
    if unknown:
        raise Unavailable(
            f"SEOGA_OCR_LANGUAGES was {settings.ocr_languages!r}: EasyOCR does not read {', '.join(unknown)} here; "
            f"it may be {', '.join(_EASYOCR_NAMES)}."
        )
    folder = settings.ocr_data or Path.home() / ".EasyOCR" / "model"
    if not any(folder.glob("*.pth")):
        raise Unavailable(
            f"weights not found at {folder}; set SEOGA_OCR_DATA to the folder of EasyOCR's *.pth files",
            code="weights_not_found",
        )
    return folder


def _load_easyocr(settings: Settings, folder: Path, names: Sequence[str], start_seconds: float) -> TextReader:
    languages = "+".join(names)
    # Torch reserves far more address space than it uses: the limit is set by the child, on top of what it has then.
    setup = {
        "data_folder": str(folder),
        "languages": languages,
        "names": _EASYOCR_NAMES,
        "most_pixels": settings.image_pixels,
        "memory_bytes": settings.image_memory_bytes,
    }
    door = ChildDoor(_MODULE, "easyocr", name="text reader", start_timeout_seconds=start_seconds, setup=setup)
    start(door, "EasyOCR", advice=f"Its models were taken from '{folder}'.")
    return TextReader(
        "easyocr",
        [door],
        languages=languages,
        known=list(_EASYOCR_NAMES),
        timeout_seconds=settings.image_timeout_seconds,
    )


def _names(languages: str) -> list[str]:
    """`kor+eng` as its names, each once: what is not of that form never reaches a path."""
    names = list(dict.fromkeys(languages.split("+")))
    if not _LANGUAGES.fullmatch(languages) or len(names) > _MOST_LANGUAGES:
        raise InvalidInput(
            f"languages was {languages[:80]!r}: it must be Tesseract's names joined by +, such as kor+eng, "
            f"at most {_MOST_LANGUAGES}.",
            code="wrong_languages",
        )
    return names


def _data_folder(chosen: Path | None, names: Sequence[str]) -> Path:
    """The folder that has every language's data: the chosen one, or the first where packages put them."""
    folders = [chosen] if chosen is not None else list(_usual_folders())
    for folder in folders:
        if all((folder / f"{name}.traineddata").is_file() for name in names):
            return folder
    looked = ", ".join(f"'{folder}'" for folder in folders)
    packages = " ".join(f"tesseract-ocr-{name.replace('_', '-')}" for name in names)
    missing = [name for name in names if not any((folder / f"{name}.traineddata").is_file() for folder in folders)]
    raise Unavailable(
        f"Tesseract's data for {', '.join(missing or names)} were not found in {looked}: "
        f"`apt-get install {packages}`, or set SEOGA_OCR_DATA to the folder of the *.traineddata files.",
        code="weights_not_found",
    )


def _usual_folders() -> Iterator[Path]:
    prefix = os.environ.get("TESSDATA_PREFIX")
    if prefix:
        # Tesseract 3 meant the folder above by it.
        yield Path(prefix)
        yield Path(prefix) / "tessdata"
    for pattern in _DATA_FOLDERS:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), reverse=True) or [Path(pattern)]
