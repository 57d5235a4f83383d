"""Where a piece of the text stands: its page, its box there, and what of which table is in it."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from process.domain.passages import table_context
from process.domain.units import TableHeader
from shared.artefacts.chunks import TableSlice
from shared.artefacts.parsed import Box, ParsedDocument, Table
from shared.artefacts.tables import column_names

_LONGEST_HEADER: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Place:
    start: int
    end: int
    page: int | None
    box: Box | None


@dataclass(frozen=True, slots=True)
class _Head:
    header: str
    end: int
    """Of the header rows in the text; the table's start when it has none."""


class Placing:
    """Of one document."""

    def __init__(self, parsed: ParsedDocument) -> None:
        self._tables = parsed.tables
        self._heads = [_head_of(parsed.text, table) for table in parsed.tables]
        self._table_starts = [table.start for table in parsed.tables]
        in_parts = {table.start: table for table in parsed.tables if table.parts}
        self._places: list[_Place] = []
        for block in parsed.blocks:
            table = in_parts.get(block.start)
            if table is None:
                self._places.append(_Place(block.start, block.end, block.page, block.box))
            else:
                self._places.extend(_parts_of(parsed.text, table))
        self._starts = [place.start for place in self._places]

    def headers(self) -> dict[int, TableHeader]:
        """By the start of each table that has one: what its pieces repeat of it."""
        return {
            table.start: TableHeader(head.end, table_context(" | ".join(filter(None, head.header.split("\t")))))
            for table, head in zip(self._tables, self._heads, strict=True)
            if head.header
        }

    def page_and_box(self, start: int, end: int) -> tuple[int | None, Box | None]:
        """The page on which it begins, and the box around all of it that stands on that page."""
        first = max(0, bisect_right(self._starts, start) - 1)
        touched = []
        for place in self._places[first:]:
            if place.start >= end:
                break
            if place.end > start:
                touched.append(place)
        if not touched:
            return (self._places[first].page, None) if self._places else (None, None)
        page = touched[0].page
        boxes = [place.box for place in touched if place.page == page and place.box is not None]
        if page is None or not boxes:
            return page, None
        left, top, right, bottom = zip(*boxes, strict=True)
        return page, (min(left), min(top), max(right), max(bottom))

    def slices(self, start: int, end: int) -> tuple[TableSlice, ...]:
        """What of the tables lies in it."""
        found = []
        first = max(0, bisect_right(self._table_starts, start) - 1)
        for table, head in zip(self._tables[first:], self._heads[first:], strict=True):
            if table.start >= end:
                break
            begin, stop = max(start, table.start), min(end, table.end)
            if begin < stop:
                own = table.header_rows if begin < head.end <= stop else 0
                found.append(TableSlice(start=begin, end=stop, header=head.header, own_header_rows=own))
        return tuple(found)


def _head_of(text: str, table: Table) -> _Head:
    if not table.header_rows:
        return _Head("", table.start)
    end = table.start
    for _ in range(table.header_rows):
        stop = text.find("\n", end, table.end)
        end = table.end if stop == -1 else stop + 1
    rows = [line.split("\t") for line in text[table.start : end].rstrip("\n").split("\n")]
    names = column_names(rows, table.columns, table.spans)
    return _Head(_cut("\t".join(names).rstrip("\t")), end)


def _parts_of(text: str, table: Table) -> list[_Place]:
    begins = [(0, table.page, table.box), *((part.row, part.page, part.box) for part in table.parts)]
    rows = {row for row, _, _ in begins}
    offsets: dict[int, int] = {}
    place = table.start
    for row, line in enumerate(text[table.start : table.end].split("\n")):
        if row in rows:
            offsets[row] = place
        place += len(line) + 1
    found: list[_Place] = []
    starts = [offsets.get(row, table.end) for row, _, _ in begins]
    for (_, page, box), start, stop in zip(begins, starts, [*starts[1:], table.end], strict=True):
        found.append(_Place(start, stop, page, box))
    return found


def _cut(names: str) -> str:
    if len(names) <= _LONGEST_HEADER:
        return names
    cut = names.rfind("\t", 1, _LONGEST_HEADER)
    return names[: cut if cut > 0 else _LONGEST_HEADER]
