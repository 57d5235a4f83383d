"""Letters written by their numbers (in Java's properties, logs, generated code), and what only terminals understand."""

import re
from typing import Final

_POINT: Final = re.compile(r"\\u\{([0-9a-fA-F]{1,6})\}|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})")
# \\uXXXX of Java, JSON and Python, \\u{X} of JavaScript; bytes of UTF-8 as nginx, Apache and Python's bytes show them.
_RUN: Final = re.compile(rf"(?<!\\)(?:(?:{_POINT.pattern})+|(?:\\x[0-9a-fA-F]{{2}}){{2,}})")
_ESCAPES: Final = re.compile(r"\\[uUx]")
_FIRST_LETTER: Final = "\u00a1"
_LAST_POINT: Final = 0x10FFFF


# ECMA-48: CSI (colours, places of the cursor), OSC (titles, links) up to BEL or ST, and the short ones.
_TERMINAL: Final = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)|[()][0-9A-Z]|[=>78cM])"
)
_STRUCK_OVER: Final = re.compile(r"[^\n\x08]\x08")


def without_terminal_codes(text: str) -> str:
    """The text as a terminal shows it: without colours and titles; a letter struck over, which makes it bold, once."""
    if "\x1b" in text:
        text = _TERMINAL.sub("", text)
    return _STRUCK_OVER.sub("", text) if "\x08" in text else text


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
