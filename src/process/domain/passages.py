"""What is embedded for a chunk: its text with the title and the heading path before it."""

from typing import Final, Protocol

_LONGEST_TITLE: Final = 100
_LONGEST_PREFIX: Final = 160
_LONGEST_TABLE_HEADER: Final = 120
"""Characters: what is embedded of a table's header with each piece of it takes room from the piece."""


class ChunkLike(Protocol):
    """What a passage needs of a chunk."""

    @property
    def text(self) -> str:
        """As it is shown."""
        ...

    @property
    def headings(self) -> tuple[str, ...]:
        """From the outermost to the innermost."""
        ...


def passage_prefix(title: str | None, headings: tuple[str, ...]) -> str:
    """The longest prefix a passage of this place can have; at most 160 characters, inner headings first."""
    names = [" ".join(name.split()) for name in headings]
    first = _cut(" ".join((title or "").split()), _LONGEST_TITLE)
    room = _LONGEST_PREFIX - len(first)
    kept: list[str] = []
    for name in reversed(names):
        if not name or name.casefold() == first.casefold():
            continue
        if len(name) + 2 > room:
            if not kept:
                kept.append(_cut(name, max(0, room - 2)))
            break
        kept.append(name)
        room -= len(name) + 2
    return ". ".join(part for part in (first, *reversed(kept)) if part)


def passage_text(title: str | None, chunk: ChunkLike, table_header: str = "") -> str:
    """Prefix, table header, the chunk's text, each on a line; what the chunk begins with already is not said twice."""
    begins = " ".join(chunk.text[:400].split()).casefold()
    if title and begins.startswith(" ".join(title.split()).casefold()):
        title = None
    headings = tuple(name for name in chunk.headings if name.casefold() not in begins)
    prefix = passage_prefix(title, headings)
    return "\n".join(part for part in (prefix, table_context(table_header), chunk.text) if part)


def table_context(header: str) -> str:
    """What of a table's header is embedded with each piece of it."""
    return _cut(header, _LONGEST_TABLE_HEADER)


def _cut(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    cut = name.rfind(" ", longest // 2, longest)
    return name[: cut if cut > 0 else longest]
