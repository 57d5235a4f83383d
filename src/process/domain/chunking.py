"""Cuts a document into chunks along its structure, within a size limit, each a slice of its text.

The way: blocks become sections (by heading) of units (sentences, table rows, code lines); sections that are
small are joined; what is larger than a chunk is divided by dynamic programming (Knuth and Plass 1981, on
sentences instead of words), which prefers few, even chunks and breaks at paragraphs. Sizes come from outside
(a model's tokenizer), many at once: the generator yields texts and is sent their token counts.
"""

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from process.domain.language import is_readable, language_of, script_of
from process.domain.passages import passage_prefix
from process.domain.sizes import FULL, HEADINGS, RUNNING_TEXT, Limits, Section, measure, set_size, size_of
from process.domain.units import TableHeader, Unit, units_of


class BlockLike(Protocol):
    """What chunking needs of a block of the parsed document."""

    @property
    def kind(self) -> str:
        """As in ParsedDocument: `heading`, `paragraph`, `table` and the like."""
        ...

    @property
    def start(self) -> int:
        """In code points of the text."""
        ...

    @property
    def end(self) -> int:
        """Behind its last code point."""
        ...

    @property
    def level(self) -> int:
        """Of a heading."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk: `text[start:end]`, below which headings, and its language."""

    start: int
    end: int
    kind: str
    headings: tuple[str, ...]
    language: str | None


Plan = Generator[Sequence[str], Sequence[int], list[Piece]]
"""Yields texts, wants their token counts, returns the pieces."""

Headers = Mapping[int, TableHeader]
"""Of tables, by where their block begins."""

_SHORT: Final = 4_000
"""Characters; a shorter document is first tried as one chunk."""
_AT_ONCE: Final = 200_000
"""Characters measured and divided at once: a tokenizer keeps some 150 bytes for each token of a call."""
_SAMPLE: Final = 20_000
"""Characters of a block whose language is looked at."""
_OVERLAP: Final = 0.12
_UNEVENNESS: Final = 0.6
_BREAK_AT_HEADING: Final = -0.3
_BREAK_AFTER_HEADING: Final = 3.0
_LONGEST_HEADING: Final = 200


def chunk(
    text: str,
    blocks: Sequence[BlockLike],
    *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]],
    title: str | None = None,
    language: str | None = None,
    limits: Limits | None = None,
    headers: Headers | None = None,
) -> list[Piece]:
    """All of `plan_chunks`, for a counter that answers at once."""
    plan = plan_chunks(text, blocks, title=title, language=language, limits=limits or Limits(), headers=headers or {})
    try:
        texts = next(plan)
        while True:
            texts = plan.send(count_tokens(texts))
    except StopIteration as done:
        pieces: list[Piece] = done.value
        return pieces


def plan_chunks(
    text: str,
    blocks: Sequence[BlockLike],
    *,
    title: str | None,
    language: str | None,
    limits: Limits,
    headers: Headers,
) -> Plan:
    """Pieces in order that together cover every non-space character of `text`; none is over the limits.

    `headers` are those of tables, by where their block begins: pieces of the rest of a table leave room for them.
    """
    whole = _trimmed(text, 0, len(text))
    if whole is None:
        return []
    if len(text) <= _SHORT and language is not None:
        readable = language in limits.languages
        start, end = whole
        counts = yield (text[start:end], passage_prefix(title, ())) if readable else ()
        tokens, prefix = (counts[0], counts[1]) if readable else (0, 0)
        if size_of(text[start:end], tokens if readable else None, limits.tokens - prefix, limits) <= 1:
            kinds = _kinds_by_length(blocks)
            return [Piece(start, end, kinds, _first_headings(text, blocks), language)]
    pieces: list[Piece] = []
    for sections in _batches(text, blocks, language, limits, headers):
        yield from measure(text, sections, title, limits)
        fits_in_one = sum(section.size() for section in sections) <= FULL
        for group in [sections] if fits_in_one else _grouped(sections):
            pieces.extend(_pieces_of(text, group, language, limits))
    return pieces


def _batches(
    text: str, blocks: Sequence[BlockLike], language: str | None, limits: Limits, headers: Headers
) -> Generator[list[Section], None, None]:
    """The sections in order, some hundred thousand characters at a time: a long document has a million units."""
    sections = [Section((), 0, [])]
    characters = 0
    for headings, level, unit in _units(text, blocks, language, limits, headers):
        if characters >= _AT_ONCE:
            yield [section for section in sections if section.units]
            sections, characters = [], 0
        if not sections or headings is not sections[-1].headings:
            sections.append(Section(headings, level, []))
        sections[-1].units.append(unit)
        characters += unit.end - unit.start
    if characters:
        yield [section for section in sections if section.units]


def _units(
    text: str, blocks: Sequence[BlockLike], language: str | None, limits: Limits, headers: Headers
) -> Generator[tuple[tuple[str, ...], int, Unit], None, None]:
    """Every unit with its heading path (one tuple for each section) and its heading's level."""
    document_script = script_of(text)
    path: list[tuple[int, str]] = []
    headings: tuple[str, ...] = ()
    level = position = 0
    for index, block in enumerate(blocks):
        for unit in _stray_units(text, position, block.start, index, limits, language):
            yield headings, level, unit
        position = max(position, block.end)
        if block.kind == "heading":
            level = block.level or 1
            headings = _entered(path, level, text[block.start : block.end])
        part = text[block.start : min(block.end, block.start + _SAMPLE)]
        script = script_of(part)
        own = language if script in (document_script, None) else language_of(part)
        readable = is_readable(part, own, limits.languages)
        header = headers.get(block.start) if block.kind == "table" else None
        for unit in units_of(text, block.start, block.end, block.kind, index, readable):
            if header is not None and unit.start >= header.end:
                unit.header = header.context
            yield headings, level, unit
    for unit in _stray_units(text, position, len(text), max(0, len(blocks) - 1), limits, language):
        yield headings, level, unit


def _entered(path: list[tuple[int, str]], level: int, name: str) -> tuple[str, ...]:
    """The heading path once a heading of that level is met; changes `path`."""
    while path and path[-1][0] >= level:
        path.pop()
    path.append((level, " ".join(name.split())[:_LONGEST_HEADING]))
    return tuple(name for _, name in path)


def _stray_units(text: str, start: int, end: int, block: int, limits: Limits, language: str | None) -> Iterator[Unit]:
    """Text that no block claims is kept as a paragraph: a chunk's slice would hold it unmeasured."""
    stray = _trimmed(text, start, end)
    if stray is None:
        return iter(())
    readable = is_readable(text[stray[0] : stray[1]], language, limits.languages)
    return units_of(text, *stray, "paragraph", block, readable)


def _grouped(sections: list[Section]) -> list[list[Section]]:
    """Neighbouring sections that share chunks because one of them is too small to stand alone."""
    groups: list[list[Section]] = []
    total = 0.0
    for section in sections:
        size = section.size()
        if groups:
            rises = section.level < groups[-1][-1].level
            small = 0.15 if rises else 0.35
            fits = total + size <= FULL and (total < small or size < small / 2)
            # A scrap beside something long joins it: dividing evens it out.
            if fits or total < 0.1 or (size < 0.1 and (total > 1 or total + size <= 1)):
                groups[-1].append(section)
                total += size
                continue
        groups.append([section])
        total = size
    return groups


def _pieces_of(text: str, group: list[Section], language: str | None, limits: Limits) -> list[Piece]:
    units = [unit for section in group for unit in section.units]
    owner = [section for section in group for _ in section.units]
    prefix_tokens = max(section.prefix_tokens for section in group)
    if any(section.prefix_tokens != prefix_tokens for section in group):
        for unit in units:
            set_size(text, unit, limits.tokens - prefix_tokens, limits)
    pieces = []
    former = -1
    for first, last in _divide(units):
        begin = _overlapped(units, first, last, former)
        former = first
        # The path is that of the first text in it, not of a heading that merely closes what came before.
        body = next((i for i in range(first, last) if units[i].kind not in HEADINGS), first)
        start, end = units[begin].start, units[last - 1].end
        pieces.append(
            Piece(
                start=start,
                end=end,
                kind=_kind_of(units[begin:last]),
                headings=owner[body].headings,
                language=language_of(text[start:end], default=language),
            )
        )
    return pieces


def _divide(units: list[Unit]) -> list[tuple[int, int]]:
    """Ranges of units, one per chunk, with the least sum of unevenness and bad breaks."""
    if sum(unit.size for unit in units) <= 1 and not any(unit.apart for unit in units):
        return [(0, len(units))]
    best = [0.0] + [math.inf] * len(units)
    origin = [0] * (len(units) + 1)
    for end in range(1, len(units) + 1):
        total = 0.0
        for begin in range(end - 1, -1, -1):
            total += units[begin].size
            if begin < end - 1 and total > FULL:
                break
            cost = best[begin] + 1 + _UNEVENNESS * (1 - min(1.0, total)) ** 2 + _break_before(units, begin)
            if cost < best[end]:
                best[end], origin[end] = cost, begin
            if units[begin].apart:
                break
    ranges = []
    end = len(units)
    while end > 0:
        ranges.append((origin[end], end))
        end = origin[end]
    return ranges[::-1]


def _break_before(units: list[Unit], index: int) -> float:
    if index == 0:
        return 0.0
    if units[index].kind == "heading":
        return _BREAK_AT_HEADING
    if units[index - 1].kind in HEADINGS:
        return _BREAK_AFTER_HEADING
    return units[index].break_cost


def _overlapped(units: list[Unit], first: int, last: int, former: int) -> int:
    """Where the chunk begins with up to two sentences before it, but not with all of the one that began at `former`."""
    if first == 0 or units[first].apart or units[first].kind not in RUNNING_TEXT:
        return first
    room = min(_OVERLAP, 1 - sum(unit.size for unit in units[first:last]))
    begin = first
    while begin - 1 > former and first - begin < 2:
        before = units[begin - 1]
        if before.kind not in RUNNING_TEXT or before.size > room or units[begin].apart:
            break
        room -= before.size
        begin -= 1
    return begin


def _kind_of(units: Sequence[Unit]) -> str:
    lengths: dict[str, int] = {}
    for unit in units:
        lengths[unit.kind] = lengths.get(unit.kind, 0) + unit.end - unit.start
    return max(lengths, key=lambda kind: lengths[kind])


def _kinds_by_length(blocks: Sequence[BlockLike]) -> str:
    lengths: dict[str, int] = {}
    for block in blocks:
        lengths[block.kind] = lengths.get(block.kind, 0) + block.end - block.start
    return max(lengths, key=lambda kind: lengths[kind]) if lengths else "paragraph"


def _first_headings(text: str, blocks: Sequence[BlockLike]) -> tuple[str, ...]:
    """The path of the first text: headings that lead to it without any text between."""
    path: list[tuple[int, str]] = []
    headings: tuple[str, ...] = ()
    for block in blocks:
        if block.kind == "title":
            continue
        if block.kind != "heading":
            break
        headings = _entered(path, block.level or 1, text[block.start : block.end])
    return headings


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    part = text[start:end]
    left = len(part) - len(part.lstrip())
    right = len(part.rstrip())
    return (start + left, start + right) if left < right else None
