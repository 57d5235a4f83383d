"""Plain text: paragraphs are what blank lines part."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from process.infrastructure.parsers.content_lines import plain_lines
from process.infrastructure.parsers.draft import Draft, normalised, one_line
from process.infrastructure.parsers.encoding import read_text
from process.infrastructure.parsers.escapes import with_letters, without_terminal_codes

_LONGEST_TITLE: Final = 200
_SENTENCE_END: Final = re.compile(r"[.!?。…:;,][\"'”’)]*\Z")


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    text = normalised(with_letters(without_terminal_codes(read_text(path.read_bytes(), draft))))
    lines = plain_lines(text)
    if lines is not None:
        for paragraph in paragraphs(lines):
            draft.add("paragraph", paragraph)
        return
    for number, paragraph in enumerate(paragraphs(text)):
        # A first line that stands alone and is no sentence is what the text is called.
        if number == 0 and "\n" not in paragraph and len(paragraph) <= _LONGEST_TITLE and len(paragraph) < len(text):
            name = one_line(paragraph)
            if not _SENTENCE_END.search(name) and len(name) > 1:
                draft.title = name
                draft.add("title", name)
                continue
        draft.add("paragraph", paragraph)


def paragraphs(text: str) -> Iterator[str]:
    """Runs of lines without a blank line in them; one pass, whatever the lines are like."""
    begin, position = 0, 0
    while position < len(text):
        stop = text.find("\n", position)
        stop = len(text) if stop == -1 else stop
        if stop == position or text[position:stop].isspace():
            if begin < position:
                yield text[begin:position].rstrip()
            begin = stop + 1
        position = stop + 1
    if begin < len(text):
        yield text[begin:].rstrip()
