"""What a parser builds: normalised text and blocks, without pydantic, so that a child starts in no time."""

import io
import json
import re
import unicodedata
from typing import Any, Final

from process.domain.language import language_of

# Control characters, zero-width marks, soft hyphens, lone surrogates (UTF-8 cannot hold them), non-characters.
_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff]"
)
_LINE_ENDS: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_ODD_SPACES: Final = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_MOST_BLOCKS: Final = 200_000
"""Beyond this, neighbouring paragraphs share a block: a block costs a hundred times more than a character."""
_LONGEST_TITLE: Final = 300


class Unreadable(Exception):
    """The document cannot be read; the text is for people, the code for programs."""

    def __init__(self, code: str, reason: str, *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.data: dict[str, Any] = {"code": code, "retryable": retryable}


def normalised(text: str) -> str:
    """NFC with "\\n" line ends, plain spaces and without control characters."""
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", text)
    text = _UNWANTED.sub("", text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", _ODD_SPACES.sub(" ", text))
    return text


def one_line(text: str) -> str:
    """Without line breaks and runs of white space."""
    return " ".join(text.split())


class Draft:
    """Collects blocks in reading order; their texts joined by blank lines are the document's text."""

    def __init__(self, media_type: str, *, most_characters: int) -> None:
        self.media_type = media_type
        self.title: str | None = None
        self.pages: int | None = None
        self.warnings: list[str] = []
        self._most_characters = most_characters
        self._text = io.StringIO()
        self._length = 0
        self._blocks: list[list[Any]] = []

    def add(self, kind: str, text: str, *, level: int = 0, page: int | None = None) -> None:
        """One block; white space around it and empty ones are dropped.

        Raises Unreadable (too_much_text) when the document is longer than allowed.
        """
        text = normalised(text).strip()
        if not text:
            return
        joined = bool(self._blocks) and kind == "list_item" == self._blocks[-1][0]
        separator = "" if not self._blocks else ("\n" if joined else "\n\n")
        start = self._length + len(separator)
        self._length = start + len(text)
        self.require_room(self._length)
        self._text.write(separator)
        self._text.write(text)
        last = self._blocks[-1] if len(self._blocks) >= _MOST_BLOCKS else None
        if last is not None and last[0] == kind == "paragraph" and last[4] == page:
            last[2] = self._length
        else:
            self._blocks.append([kind, start, self._length, level, page])

    def require_room(self, characters: int) -> None:
        """Raises Unreadable (too_much_text) when a text of that length is more than allowed."""
        if characters > self._most_characters:
            raise Unreadable(
                "too_much_text",
                f"The document has more than {self._most_characters:,} characters of text, "
                "which is more than this server accepts. Split it into smaller documents.",
            )

    @property
    def characters(self) -> int:
        """How long the text is so far."""
        return self._length

    def first(self, kind: str, level: int | None = None) -> str | None:
        """The text of the first block of that kind."""
        for block in self._blocks:
            if block[0] == kind and (level is None or block[3] == level):
                return self._text.getvalue()[block[1] : block[2]]
        return None

    def to_bytes(self) -> bytes:
        """The JSON of shared.artefacts.parsed.ParsedDocument. Raises Unreadable (no_text) when nothing is in it."""
        if not self._blocks:
            raise Unreadable("no_text", "The document has no text in it. Check that it is the right file.")
        text = self._text.getvalue()
        title = one_line(normalised(self.title))[:_LONGEST_TITLE] if self.title else None
        names = ("kind", "start", "end", "level", "page")
        return json.dumps(
            {
                "text": text,
                "blocks": [dict(zip(names, block, strict=True)) for block in self._blocks],
                "media_type": self.media_type,
                "language": language_of(_sample(text)),
                "pages": self.pages,
                "title": title or None,
                "warnings": self.warnings,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()


def _sample(text: str) -> str:
    """Beginning, middle and end: a foreign abstract or title page must not decide alone."""
    if len(text) <= 18_000:
        return text
    middle = len(text) // 2
    return "\n".join((text[:6_000], text[middle : middle + 6_000], text[-6_000:]))
