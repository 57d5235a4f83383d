"""Letters written by their numbers: in Java's properties, logs, generated code, data inside a string of other data."""

import re
from typing import Final

_POINT: Final = re.compile(r"\\u\{([0-9a-fA-F]{1,6})\}|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})")
# \\uXXXX of Java, JSON and Python, \\u{X} of JavaScript; bytes of UTF-8 as nginx, Apache and Python's bytes show them.
_RUN: Final = re.compile(rf"(?<!\\)(?:(?:{_POINT.pattern})+|(?:\\x[0-9a-fA-F]{{2}}){{2,}})")
_ESCAPES: Final = re.compile(r"\\[uUx]")
_FIRST_LETTER: Final = "\u00a1"
_LAST_POINT: Final = 0x10FFFF


def with_letters(text: str) -> str:
    """The text with such letters as themselves, where two of them stand together somewhere: one alone is an example."""
    if not _ESCAPES.search(text):
        return text
    found = [letters for match in _RUN.finditer(text) if (letters := _letters(match[0])) is not None]
    if all(len(letters) < 2 for letters in found):
        return text
    return _RUN.sub(lambda match: _letters(match[0]) or match[0], text)


def _letters(run: str) -> str | None:
    """None for control signs, halves of signs, and what is ASCII: nobody had to write those so."""
    try:
        if run[1] == "x":
            letters = bytes.fromhex(run.replace("\\x", "")).decode()
        else:
            points = [int("".join(digits), 16) for digits in _POINT.findall(run)]
            if max(points) > _LAST_POINT:
                return None
            letters = "".join(map(chr, points)).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return None
    return letters if all(sign >= _FIRST_LETTER for sign in letters) else None
