"""What programs store mails in: folders in one file (mbox, RFC 4155), and mails with their length (Apple's EMLX)."""

import re
from collections.abc import Iterator
from typing import Final

# "From kim@example.com Thu Mar  5 10:00:00 2026", sender and zone as programs like them, then a header field.
_POSTMARK: Final = re.compile(
    rb"^From [^\r\n]{0,300}?\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [^\r\n]{0,60}\d{4}[^\r\n]{0,40}\r?\n"
    rb"(?=[!-9;-~]{1,70}:)",
    re.M,
)
_LENGTH: Final = re.compile(rb"(\d{1,12})[ \t]*\r?\n")
_QUOTED_FROM: Final = re.compile(rb"^>(>*From )", re.M)


def mails_of(raw: bytes) -> Iterator[bytes]:
    """Each mail of a folder; a mail alone as it is."""
    if length := _LENGTH.match(raw):
        # Behind it stands what the program knows of the mail.
        yield raw[length.end() : length.end() + int(length[1])]
        return
    marks = [*_POSTMARK.finditer(raw)] if raw.startswith(b"From ") else []
    if not marks:
        yield raw
        return
    ends = [*(mark.start() for mark in marks[1:]), len(raw)]
    for mark, end in zip(marks, ends, strict=True):
        # What would look like a postmark in a text stands there with a sign before it.
        yield _QUOTED_FROM.sub(rb"\1", raw[mark.end() : end])
