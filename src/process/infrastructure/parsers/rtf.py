"""RTF through striprtf, which reads one flow of text: notes, page headers and the title are given to it apart."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from striprtf.striprtf import rtf_to_text

from process.domain.raised import raised
from process.infrastructure.parsers.draft import Draft, Unreadable, normalised, one_line
from process.infrastructure.parsers.encoding import decode
from process.infrastructure.parsers.grids import add_grid

_DATA: Final = re.compile(r"[0-9a-fA-F\s]{400,}+")
"""Pictures and embedded files, in hexadecimal."""
_APART: Final = re.compile(r"\{\\(footnote|header[lrf]?|footer[lrf]?|annotation|shptxt|dptxbxtext)(?![a-z])")
_MARK: Final = re.compile(r"\{\\(?:pntext|listtext)(?![a-z])([^{}]*)\}")
"""What stands before an item of a list, as whoever wrote the file saw it."""
_BULLET: Final = re.compile(r"\\'(?:b7|a7|a8|d8|fc|76|6c|6e)(?=\\tab|\s|\})", re.I)
"""Dots, squares and arrows of the fonts Symbol and Wingdings."""
_TITLE: Final = re.compile(r"\{\\title(?![a-z])")
_FONTS: Final = re.compile(r"\{\\fonttbl(?![a-z])")
_HIDDEN: Final = re.compile(r"\{\\v(?![a-z0-9])|\{\\deleted(?![a-z])")
_BRACE: Final = re.compile(r"\\[\\{}]|[{}]")
_RAISED: Final = re.compile(r"\{(?:\\[a-z]+-?\d*)*\\super(?![a-z])(?:\\[a-z]+-?\d*)* ([0-9+-]{1,4})\}")
_KINDS: Final = {"foot": "footnote", "head": "header", "anno": "comment", "shpt": "paragraph", "dptx": "paragraph"}


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    raw = path.read_bytes().lstrip(b"\xef\xbb\xbf \t\r\n")
    source = _DATA.sub(" ", raw.decode("ascii") if raw.isascii() else decode(raw)[0])
    draft.require_room(len(source) // 8)
    fonts = next(_groups(source, _FONTS), "")
    begin = "{\\rtf1" + (page[0] if (page := re.search(r"\\ansicpg\d{1,5}", source[:2_000])) else "") + fonts
    title = next((_plain(f"{begin}{group}}}", "\\title") for group in _groups(source, _TITLE)), "")
    draft.title = one_line(title) or None
    for hidden in list(_groups(source, _HIDDEN)):
        source = source.replace(hidden, "", 1)
    source = _RAISED.sub(_raised, _MARK.sub(_shown_mark, source))
    aside: list[tuple[str, str]] = []
    for group in list(_groups(source, _APART)):
        source = source.replace(group, "", 1)
        word = _APART.match(group)
        name = word[1] if word is not None else "foot"
        kind = "footer" if name.startswith("footer") else _KINDS[name[:4]]
        aside.append((kind, _plain(f"{begin}{group}}}", "\\" + name)))
    _add(draft, normalised(_plain(source)))
    said = set()
    for kind, text in aside:
        text = text.strip()
        if any(map(str.isalpha, text)) and (kind, text) not in said:
            said.add((kind, text))
            draft.add(kind, text)


def _raised(group: re.Match[str]) -> str:
    return "{" + "".join(f"\\u{ord(sign)}?" for sign in raised(group[1])) + "}"


def _shown_mark(group: re.Match[str]) -> str:
    return "{" + _BULLET.sub(r"\\bullet ", group[1]).replace("\\tab", " ") + "}"


def _plain(source: str, destination: str = "") -> str:
    """`destination` would have its text left out: it is read as if it were the document's."""
    try:
        text = source.replace(destination, "", 1) if destination else source
        plain = str(rtf_to_text(text, errors="replace"))  # type: ignore[no-untyped-call]  # as its maker left it
        # Signs beyond Unicode's first 65,536 are written as two halves.
        return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    except (ValueError, IndexError, LookupError, TypeError, RecursionError) as error:
        raise Unreadable(
            "corrupt", "The RTF document is damaged. Open it in a word processor, save it again, and upload the result."
        ) from error


def _groups(source: str, begin: re.Pattern[str]) -> Iterator[str]:
    """Each group that begins so, braces included; one that nothing closes is none."""
    at = 0
    while found := begin.search(source, at):
        depth = 0
        for brace in _BRACE.finditer(source, found.start()):
            depth += {"{": 1, "}": -1}.get(brace[0], 0)
            if not depth:
                at = brace.end()
                yield source[found.start() : at]
                break
        else:
            return


def _add(draft: Draft, text: str) -> None:
    """Lines are paragraphs; those that end in a bar are rows of a table."""
    rows: list[list[str]] = []
    for line in text.split("\n"):
        if line.rstrip().endswith("|") and len(line.strip()) > 1:
            rows.append(line.rstrip().removesuffix("|").split("|"))
            continue
        if rows:
            add_grid(draft, rows)
            rows = []
        draft.add("paragraph", line)
    if rows:
        add_grid(draft, rows)
