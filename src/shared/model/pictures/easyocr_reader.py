"""Reads text by EasyOCR, the optional other engine. Runs in the child of ocr.py; its models are never downloaded."""

import unicodedata
from typing import Any

import easyocr
import numpy as np

from shared.model.pictures.answers import answer_of
from shared.model.pictures.decoding import decode_pages, limit_further_memory


class EasyOcrReader:
    """One set of languages is loaded; another one is loaded when it is asked for."""

    def __init__(
        self, data_folder: str, languages: str, names: dict[str, str], most_pixels: int, memory_bytes: int
    ) -> None:
        """`names` are EasyOCR's of Tesseract's. Raises what EasyOCR raises when a model file is missing or damaged."""
        self._names = names
        self._data_folder = data_folder
        self._most_pixels = most_pixels
        self._languages = ""
        self._engine: Any = None
        self._load(languages)
        limit_further_memory(memory_bytes)

    def read(self, data: bytes, languages: str, seconds: float) -> dict[str, Any]:
        """A PictureText as a dict; its boxes are EasyOCR's, each a line or part of one. Raises Unreadable.

        `seconds` is not looked at: there is one way of reading, and the parent ends what takes too long.
        """
        self._load(languages)
        pages, pages_in_file = decode_pages(data, most_pixels=self._most_pixels)
        boxes: list[dict[str, Any]] = []
        for page, image in enumerate(pages, start=1):
            for line, (corners, text, confidence) in enumerate(self._found_in(np.asarray(image)), start=1):
                across = [int(corner[0]) for corner in corners]
                down = [int(corner[1]) for corner in corners]
                box = (max(0, min(across)), max(0, min(down)), min(image.width, max(across)), max(down))
                boxes.append(
                    {
                        "text": unicodedata.normalize("NFC", text),
                        "confidence": float(confidence),
                        "box": box,
                        "block": 1,
                        "paragraph": 1,
                        "line": line,
                        "page": page,
                    }
                )
        texts = ["\n".join(box["text"] for box in boxes if box["page"] == page + 1) for page in range(len(pages))]
        return answer_of(texts, boxes, pages, languages=languages, pages_in_file=pages_in_file)

    def _found_in(self, image: Any) -> Any:
        """EasyOCR's answer. Raises MemoryError, as others do, where torch has an error of its own."""
        try:
            return self._engine.readtext(image)
        except RuntimeError as error:
            if "allocate memory" in str(error):
                raise MemoryError from error
            raise

    def _load(self, languages: str) -> None:
        if languages == self._languages:
            return
        self._engine = easyocr.Reader(
            [self._names[name] for name in languages.split("+")],
            gpu=False,
            model_storage_directory=self._data_folder,
            download_enabled=False,
            verbose=False,
        )
        self._languages = languages
