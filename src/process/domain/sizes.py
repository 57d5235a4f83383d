"""How large the parts of a document are, measured in chunks; what is larger than one is divided."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

from process.domain.passages import passage_prefix
from process.domain.units import Unit, divided

FULL: Final = 0.88
"""How far chunks are filled where overlap is to follow."""
HEADINGS: Final = ("heading", "title")
RUNNING_TEXT: Final = ("paragraph", "list_item")
_LARGE_HEADING: Final = 0.5
"""Of a chunk: a longer one may stand alone."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a chunk may be."""

    tokens: int = 254
    """Model tokens of a chunk and its prefix, where the model reads the language."""
    words: int = 100
    """White-space words (eojeol) where it does not: as many as 254 tokens of a model that reads Korean are."""
    characters: int = 650
    """Non-space characters, where the model does not read it (scripts without spaces have no words)."""
    characters_of_tokens: int = 3_000
    """Non-space characters where tokens count: one token may be a very long word."""
    languages: frozenset[str] = frozenset(("en",))
    """What the model reads."""


@dataclass(slots=True)
class Section:
    """A heading with what stands under it, up to the next heading."""

    headings: tuple[str, ...]
    level: int
    units: list[Unit]
    prefix_tokens: int = 0

    def size(self) -> float:
        """In chunks."""
        return sum(unit.size for unit in self.units)


def measure(
    text: str, sections: list[Section], title: str | None, limits: Limits
) -> Generator[Sequence[str], Sequence[int], None]:
    """Sets every unit's size (1 = a full chunk) and divides those that are larger."""
    paths = list({section.headings: None for section in sections})
    repeated = list({unit.header: None for section in sections for unit in section.units if unit.header})
    counted = yield [*(passage_prefix(title, path) for path in paths), *repeated]
    prefix_tokens = dict(zip(paths, counted, strict=False))
    header_tokens = {"": 0} | dict(zip(repeated, counted[len(paths) :], strict=True))
    for section in sections:
        section.prefix_tokens = prefix_tokens[section.headings]
        for unit in section.units:
            unit.header_tokens = header_tokens[unit.header]
    fresh = [(section, unit) for section in sections for unit in section.units]
    while fresh:
        readable = [(section, unit) for section, unit in fresh if unit.readable]
        tokens = (yield [text[unit.start : unit.end] for _, unit in readable]) if readable else ()
        for (_, unit), count in zip(readable, tokens, strict=True):
            unit.tokens = count
        for section, unit in fresh:
            set_size(text, unit, limits.tokens - section.prefix_tokens, limits)
        touched = {id(section): section for section, _ in fresh}
        fresh = []
        for section in touched.values():
            smaller: list[Unit] = []
            above = 0.0
            for unit in section.units:
                parts = _parts(unit, above)
                above = above + unit.size if unit.kind in HEADINGS else 0.0
                if parts == 1:
                    smaller.append(unit)
                    continue
                pieces = divided(text, unit, parts)
                if unit.size <= 1 and any(piece.apart for piece in pieces[1:]):
                    smaller.append(unit)  # better than a word in two
                    continue
                smaller.extend(pieces)
                fresh.extend((section, piece) for piece in pieces)
            section.units = smaller


def _parts(unit: Unit, above: float) -> int:
    """Into how many it is to be divided: what is larger than a chunk, and what would leave its heading alone in one.

    `above` is the size of the headings right before it.
    """
    if unit.end - unit.start <= 1:
        return 1
    if unit.size > 1:
        return math.ceil(unit.size / FULL)
    is_too_much = 0.0 < above <= _LARGE_HEADING and above + unit.size > FULL
    return 2 if is_too_much and unit.kind in RUNNING_TEXT else 1


def size_of(text: str, tokens: int | None, room_for_tokens: int, limits: Limits) -> float:
    """Of a text in chunks; `tokens` are None where the model does not read it."""
    words = text.split()
    characters = sum(map(len, words))
    if tokens is None:
        return max(len(words) / limits.words, characters / limits.characters)
    return max(tokens / max(1, room_for_tokens), characters / limits.characters_of_tokens)


def set_size(text: str, unit: Unit, room_for_tokens: int, limits: Limits) -> None:
    """Measures the unit anew, with so much room for tokens in a chunk."""
    tokens = unit.tokens if unit.readable else None
    # A long header leaves a third of the room, whatever it takes.
    room_for_tokens = max(room_for_tokens - unit.header_tokens, min(room_for_tokens, limits.tokens // 3))
    unit.size = max(0.002, size_of(text[unit.start : unit.end], tokens, room_for_tokens, limits))
