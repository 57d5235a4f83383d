"""How `seoga search` shows what was found: by document, three lines each or whole, weak matches by name."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from shared.runtime.client import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_SHOWN_CHARACTERS: Final = 400
_LEAD_CHARACTERS: Final = 80
_LINES: Final = 2
"""Of a passage, below the line that says where it is."""
_INDENT: Final = "   "
_SHORT_WORD: Final = 3
"""Lower-case words up to this long (is, for, why) say little."""
_ENOUGH_SHARE: Final = 1 / 3
_ENOUGH_SCORE: Final = 0.5


def by_document(hits: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The hits of each document, documents in the order of their best hit."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for hit in hits:
        groups.setdefault(hit["document"]["id"], []).append(hit)
    return list(groups.values())


def is_weak(query: str, hit: Mapping[str, Any]) -> bool:
    """Whether it has little to do with the words of the query, as far as its explanation tells.

    What has none of them was found by meaning alone. That is no weakness where query and text are in different
    scripts, and cannot share words. What has at most a third of them is weak where its score is low as well.
    """
    why = hit.get("explain")
    if why is None or not why["sparse_weight"]:
        return False
    if why["sparse_score"] is None:
        return _is_hangul(query) == _is_hangul(hit["chunk"]["text"])
    return hit["score"] < _ENOUGH_SCORE and _share_of_words(query, hit) <= _ENOUGH_SHARE


def head(place: int, hit: dict[str, Any], *, weak: bool = False, where: bool = True) -> "Text":
    """The line that says which document it is, and where in it the hit is."""
    from rich.text import Text

    document = hit["document"]
    line = Text.assemble((f"{place}. ", "dim"), (_one_line(document["name"]), "bold cyan"))
    if where:
        line.append_text(_where(hit))
    line.append(f"  [{document['collection']}] {hit['score']:.3f}", style="dim")
    if early := document.get("early"):
        line.append(f"  first {early['pages_done']:,} of {early['pages_total']:,} pages", style="yellow")
    if weak:
        line.append("  weak", style="yellow")
    return line


def short(hit: dict[str, Any], *, width: int) -> "list[Text]":
    """At most two lines of its passage, around the first match, each at most `width` cells wide."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    text: str = hit["chunk"]["text"]
    cells = cell_len(text[:_SHOWN_CHARACTERS]) / max(1, len(text[:_SHOWN_CHARACTERS]))
    room = max(20, width - len(_INDENT))
    # Lines break between words, so that not all of their room is used.
    characters = min(_SHOWN_CHARACTERS, int(_LINES * (room - 6) / max(1.0, cells)))
    shown = passage(
        text, hit.get("highlights") or [], characters=characters, lead=min(_LEAD_CHARACTERS, characters // 4)
    )
    # The passage keeps every space, for the places of its matches.
    shown = Text(" ").join(word for word in shown[len(_INDENT) :].split(" ") if word.plain)
    lines = list(shown.wrap(Console(width=room), room - 1))
    if len(lines) > _LINES:
        lines[_LINES - 1].rstrip()
        lines[_LINES - 1].append("…")
    return [_indented(line) for line in lines[:_LINES]]


def whole(hit: dict[str, Any]) -> "list[Text]":
    """Where in the document it is, and all of its passage."""
    text: str = hit["chunk"]["text"]
    shown = passage(text, hit.get("highlights") or [], characters=len(text), keep_lines=True)[len(_INDENT) :]
    where = _where(hit)
    where.rstrip()
    lines = [_indented(line) for line in shown.split("\n", allow_blank=True)]
    return [_indented(where[2:]), *lines] if where.plain else lines


def passage(
    text: str,
    highlights: Sequence[Mapping[str, int]],
    *,
    characters: int = _SHOWN_CHARACTERS,
    lead: int = _LEAD_CHARACTERS,
    keep_lines: bool = False,
) -> "Text":
    """At most so many code points around the first match, `lead` of them before it; matches styled.

    White space is shown as one line, unless lines are kept. Each character becomes one, so that highlight offsets
    (code points) keep their places.
    """
    from rich.text import Text

    first = min((mark["start"] for mark in highlights), default=0)
    start = 0 if len(text) <= characters else max(0, min(first - lead, len(text) - characters))
    end = min(len(text), start + characters)
    kept = "\n" if keep_lines else ""
    line = "".join(
        " " if character.isspace() and character not in kept else character for character in printable(text[start:end])
    )
    shown = Text(line)
    for mark in highlights:
        left, right = max(mark["start"], start), min(mark["end"], end)
        if left < right:
            shown.stylize("bold yellow", left - start, right - start)
    return Text.assemble(_INDENT, "…" if start else "", shown, "…" if end < len(text) else "")


def print_lines(console: "Console", lines: Sequence["Text"]) -> None:
    """Each as one line, cut where a terminal is too narrow."""
    for line in lines:
        if console.is_terminal:
            console.print(line, no_wrap=True, overflow="ellipsis")
        else:
            console.print(line, soft_wrap=True)


def _where(hit: dict[str, Any]) -> "Text":
    from rich.text import Text

    chunk, where = hit["chunk"], Text()
    if chunk.get("page") is not None:
        where.append(f"  p. {chunk['page']}")
    if chunk.get("headings"):
        where.append("  " + _one_line(" › ".join(chunk["headings"])), style="green")
    return where


def _indented(line: "Text") -> "Text":
    from rich.text import Text

    return Text.assemble(_INDENT, line)


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _share_of_words(query: str, hit: Mapping[str, Any]) -> float:
    """Of the query's words that say something, which share is marked in the passage: whole, inflected, or a part."""
    words = [word for word in query.split() if len(word) > _SHORT_WORD or not (word.isascii() and word.islower())]
    text: str = hit["chunk"]["text"]
    marked = {_folded(text[mark["start"] : mark["end"]]) for mark in hit.get("highlights") or []}
    seen = sum(any(_alike(_folded(word), other) for other in marked) for word in words)
    return seen / len(words) if words else 1.0


def _alike(word: str, marked: str) -> bool:
    stem = word[: max(2, len(word) - 3)] if word.isascii() else word
    return bool(marked) and (marked in word or word in marked or marked.startswith(stem))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _is_hangul(text: str) -> bool:
    """Whether more of its letters are Korean than Latin."""
    hangul = sum("가" <= character <= "힣" for character in text)
    return hangul > sum(character.isascii() and character.isalpha() for character in text)
