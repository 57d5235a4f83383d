"""Cards, calendars and directories as text (RFC 6350 and vCard 2.1, RFC 5545, RFC 2849): folded and escaped lines."""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from typing import Final

from process.infrastructure.parsers.draft import Unreadable
from process.infrastructure.parsers.encoding import decode

_CARD: Final = re.compile(r"\s*BEGIN:V(?:CARD|CALENDAR)[ \t]*\n", re.I)
_DIRECTORY: Final = re.compile(r"(?:\s|#[^\n]*\n|version: \d+\n)*dn::? ?\S", re.I)
_FOLD: Final = re.compile(r"(?<!=)\n[ \t]")
"""Behind = it is quoted-printable that goes on, with a space that counts."""
_LINE: Final = re.compile(
    r"(?:[\w-]+\.)?(?P<name>[\w-]+)(?P<parameters>(?:;(?:\"[^\"\n]*\"|[^:\"\n])*)?):(?P<value>.*)"
)
_QUOTED_PRINTABLE: Final = re.compile(r"QUOTED-PRINTABLE", re.I)
_BASE_64: Final = re.compile(r"ENCODING=(?:B|BASE64)\b|;BASE64\b", re.I)
_CHARSET: Final = re.compile(r"CHARSET=\"?([\w-]{2,40})", re.I)
_ESCAPED: Final = re.compile(r"\\([nN,;:\\])")
_PART: Final = re.compile(r"(?<!\\);")


def plain_lines(text: str) -> str | None:
    """What the lines of a card, a calendar or a directory say, one a line; None for any other text."""
    if _CARD.match(text):
        return "\n".join(_lines_of_cards(text)).strip("\n")
    if _DIRECTORY.match(text):
        return "\n".join(map(_line_of_directory, _FOLD.sub("", text).split("\n")))
    return None


def _lines_of_cards(text: str) -> Iterator[str]:
    waiting = iter(_FOLD.sub("", text).split("\n"))
    for line in waiting:
        found = _LINE.fullmatch(line)
        if found is None:
            yield line
            continue
        name, parameters, value = found["name"].upper(), found["parameters"], found["value"]
        if name in ("BEGIN", "END"):
            # What is one record is one paragraph.
            yield ""
            continue
        if _QUOTED_PRINTABLE.search(parameters):
            while value.endswith("="):  # goes on in the next line
                value = value[:-1] + next(waiting, "")
            value = _read(quopri.decodestring(value.encode("utf-8", "replace")), _CHARSET.search(parameters)) or ""
        elif _BASE_64.search(parameters):
            continue  # a picture, a sound, a key
        parts = (_ESCAPED.sub(_meant, part).strip() for part in _PART.split(value))
        said = " ".join(filter(None, parts))
        if said:
            yield f"{name}: {said}"


def _line_of_directory(line: str) -> str:
    name, separator, value = line.partition(":: ")
    if not separator or " " in name:
        return line
    try:
        said = _read(base64.b64decode(value.strip(), validate=True), None)
    except binascii.Error:
        return line
    return f"{name}: {said}" if said is not None else f"{name}:"


def _read(raw: bytes, charset: re.Match[str] | None) -> str | None:
    """None for what is no text."""
    try:
        return decode(raw, declared=charset[1] if charset else None)[0]
    except Unreadable:
        return None


def _meant(escaped: re.Match[str]) -> str:
    return "\n" if escaped[1] in "nN" else escaped[1]
