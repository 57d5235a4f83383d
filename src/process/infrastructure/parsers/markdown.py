"""Markdown (CommonMark and tables, by lines): structure becomes blocks, text stays as it reads."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from process.infrastructure.parsers.draft import Draft, normalised, one_line
from process.infrastructure.parsers.encoding import decode

_HEADING: Final = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?\Z")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-+)[ \t]*\Z")
_ITEM: Final = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?(?=\S)")
_RULE: Final = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})\Z")
_TABLE_RULE: Final = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*\Z")
_QUOTE: Final = re.compile(r" {0,3}>[ ]?")
_LONGEST_STYLED_LINE: Final = 20_000
"""Inline marks in a longer line are left as they are."""
_MARK: Final = re.compile(r"[*_`\[<\\~&!]")
_INLINE: Final = (
    (re.compile(r"<!--.{0,2000}?-->"), ""),
    (re.compile(r"!\[([^\]\n]{0,500})\]\([^()\s]{0,2000}(?:\s+\"[^\"\n]{0,500}\")?\)"), r"\1"),
    (re.compile(r"\[([^\[\]\n]{1,500})\]\([^()\s]{0,2000}(?:\s+\"[^\"\n]{0,500}\")?\)"), r"\1"),
    (re.compile(r"\[([^\[\]\n]{1,500})\]\[[^\[\]\n]{0,200}\]"), r"\1"),
    (re.compile(r"<(https?://[^<>\s]{1,2000})>"), r"\1"),
    (re.compile(r"</?[A-Za-z][^<>\n]{0,500}>"), ""),
    (re.compile(r"(\*\*|__)(?=\S)([^\n]{1,500}?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^*_\n]{0,500}[^\s*_])\1(?![\w*])"), r"\2"),
    (re.compile(r"~~([^~\n]{1,500})~~"), r"\1"),
    (re.compile(r"`{1,2}([^`\n]{1,500})`{1,2}"), r"\1"),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
)


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    text, _ = decode(path.read_bytes())
    _Reader(draft).read(normalised(text))


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._lines: list[str] = []
        self._kind = "paragraph"

    def read(self, text: str) -> None:
        lines = _lines(text)
        fence = ""
        for number, line in enumerate(lines):
            if number == 0 and line.strip() == "---":
                self._front_matter(lines)
                continue
            if fence:
                if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                    self._flush()
                    fence = ""
                else:
                    self._lines.append(line)
                continue
            opening = _FENCE.match(line)
            if opening:
                self._flush()
                fence, self._kind = opening.group(1), "code"
                continue
            self._line(_QUOTE.sub("", line) if line.lstrip().startswith(">") else line)
        self._flush()
        if self._draft.title is None:
            self._draft.title = self._draft.first("heading", 1)

    def _front_matter(self, lines: Iterator[str]) -> None:
        """YAML between two rules: its title is the document's, the rest is kept to be found."""
        kept = []
        for line in lines:
            if line.strip() in ("---", "..."):
                break
            name, colon, value = line.partition(":")
            if colon and name.strip().lower() == "title":
                self._draft.title = value.strip().strip("\"'") or None
            kept.append(line)
        self._draft.add("code", "\n".join(kept))

    def _line(self, line: str) -> None:
        if not line.strip():
            self._flush()
            return
        heading = _HEADING.match(line)
        if heading:
            self._flush()
            name = re.sub(r"[ \t]+#+\Z", "", (heading.group(2) or "").rstrip())
            self._draft.add("heading", one_line(_plain(name)), level=len(heading.group(1)))
            return
        if self._kind == "table":
            if "|" in line:
                self._lines.append(line)
                return
            self._flush()
        underline = _UNDERLINE.match(line)
        if underline and len(self._lines) == 1 and self._kind == "paragraph":
            name, self._lines = self._lines[0], []
            self._draft.add("heading", one_line(_plain(name)), level=1 if underline.group(1)[0] == "=" else 2)
            return
        if self._lines and "|" in self._lines[-1] and "-" in line and "|" in line and _TABLE_RULE.match(line):
            head = self._lines.pop()
            self._flush()
            self._kind, self._lines = "table", [head]
            return
        if _RULE.match(line):
            self._flush()
            return
        item = _ITEM.match(line)
        if item:
            self._flush()
            self._kind = "list_item"
        self._lines.append(line)

    def _flush(self) -> None:
        lines, kind = self._lines, self._kind
        self._lines, self._kind = [], "paragraph"
        if not lines:
            return
        if kind == "code":
            self._draft.add("code", "\n".join(lines))
        elif kind == "table":
            self._draft.add("table", "\n".join("\t".join(_cells(line)) for line in lines))
        elif kind == "list_item":
            self._draft.add("list_item", "\n".join(_plain(line.strip()) for line in lines))
        else:
            self._draft.add("paragraph", "\n".join(_plain(line.strip()) for line in lines))


def _cells(line: str) -> list[str]:
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [one_line(_plain(cell.replace("\x00", "|"))) for cell in line.replace("\\|", "\x00").split("|")]


def _plain(line: str) -> str:
    """Without inline marks. Every pattern is bounded, so a hostile line costs no more than its length."""
    if len(line) > _LONGEST_STYLED_LINE or not _MARK.search(line):
        return line
    for pattern, replacement in _INLINE:
        line = pattern.sub(replacement, line)
    return html.unescape(line)


def _lines(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        stop = text.find("\n", position)
        stop = len(text) if stop == -1 else stop
        yield text[position:stop]
        position = stop + 1
