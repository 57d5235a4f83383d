"""The child that reads text in pictures: `python -m shared.model.pictures.ocr_child ENGINE`.

It imports what its engine needs and nothing else: it starts in half a second and takes 90 MB.
"""

import os
import sys
from typing import Any, Protocol

from shared.runtime.child import serve_parent


class Reader(Protocol):
    """What an engine is here."""

    def read(self, data: bytes, languages: str, seconds: float) -> dict[str, Any]:
        """A PictureText as a dict. Raises Unreadable (decoding.py)."""
        ...


def _make(engine: str, **arguments: Any) -> Reader:
    if engine == "easyocr":
        from shared.model.pictures.easyocr_reader import EasyOcrReader

        return EasyOcrReader(**arguments)
    from shared.model.pictures.tesseract_reader import TesseractReader

    return TesseractReader(**arguments)


def _serve(engine: str) -> None:
    # numpy's threads are of no use here, and each reserves address space, which is limited.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    readers: list[Reader] = []

    # Made on request and not before, so that what goes wrong is an answer.
    def setup(**arguments: Any) -> None:
        readers.append(_make(engine, **arguments))

    def read(data: bytes, languages: str, seconds: float) -> dict[str, Any]:
        return readers[0].read(data, languages, seconds)

    serve_parent({"setup": setup, "read": read})


if __name__ == "__main__":
    _serve(sys.argv[1])
