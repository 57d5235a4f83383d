"""Letters written as \\uXXXX: in Java's properties, logs, generated code, and data inside a string of other data."""

import json
import re
from typing import Final

_RUN: Final = re.compile(r"(?<!\\)(?:\\u[0-9a-fA-F]{4})+")
_FIRST_LETTER: Final = "\u00a1"


def with_letters(text: str) -> str:
    """The text with such letters as themselves, where two of them stand together somewhere: one alone is an example."""
    if "\\u" not in text:
        return text
    found = [letters for match in _RUN.finditer(text) if (letters := _letters(match[0])) is not None]
    if all(len(letters) < 2 for letters in found):
        return text
    return _RUN.sub(lambda match: _letters(match[0]) or match[0], text)


def _letters(run: str) -> str | None:
    """None for control signs, halves of signs, and what is ASCII: nobody had to write those so."""
    letters = str(json.loads(f'"{run}"'))
    plain = all(sign >= _FIRST_LETTER and not "\ud800" <= sign <= "\udfff" for sign in letters)
    return letters if plain else None
