"""CSV and TSV: whatever parts the values, quotes or not, in any encoding; one table, with the lines above it apart."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from process.infrastructure.parsers.draft import Draft, normalised
from process.infrastructure.parsers.encoding import read_text
from process.infrastructure.parsers.escapes import with_letters
from process.infrastructure.parsers.grids import add_grid

_DELIMITERS: Final = (",", "\t", ";", "|", "^", "~", ":")
_WEAK: Final = frozenset("^~:")
"""What parts values only where nothing else does: it stands in times and addresses too."""
_SAMPLE_LINES: Final = 200
_SAMPLE: Final = 64 << 10
_LONGEST_FIELD: Final = 1 << 20
_MOST_LINES: Final = 500
"""Of one value in quotes."""
_SAID: Final = re.compile(r"sep=(.)\n", re.I)
_AS_TEXT: Final = re.compile(r'\A="([^"]*)"\Z')
"""How programs keep spreadsheets from taking 00123 for a number."""
_NUMBER: Final = re.compile(r"[-+(]?[₩$€£]?\d[\d,. ]*%?\)?")


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    text = with_letters(read_text(path.read_bytes(), draft))
    # A separator of the old kind is one that nothing else is; normalising would drop it.
    text = text.replace("\x1f", "\t") if "\x1f" in text[:_SAMPLE] else text
    text = normalised(text)
    draft.require_room(len(text))
    said = _SAID.match(text)
    text = text[said.end() :] if said else text
    delimiter = said[1] if said else delimiter_of(text)
    rows = [[_AS_TEXT.sub(r"\1", cell.strip()) for cell in row] for row in _rows(text, delimiter)]
    rows = [row for row in rows if any(row)]
    width = _usual_width(rows)
    while len(rows) > 1 and width > 1 and sum(map(bool, rows[0])) == 1:
        draft.add("paragraph", " ".join(rows.pop(0)))
    has_header = bool(rows) and not any(_NUMBER.fullmatch(cell) for cell in rows[0])
    odd = sum(len(row) > width for row in rows)
    if odd and width > 1:
        draft.warnings.append(f"Rows with more than the {width} columns of the others: {odd:,}.")
    add_grid(draft, rows, header_rows=1 if has_header else 0)


def delimiter_of(text: str) -> str:
    """What parts the values: by it the most lines have the same number of them, and more than one."""
    end = text.rfind("\n", 0, _SAMPLE) if len(text) > _SAMPLE else len(text)
    sample = text[: end if end > 0 else _SAMPLE]
    best, best_score = ",", (0.0, 0.0)
    for delimiter in _DELIMITERS:
        if delimiter not in sample:
            continue
        rows = [row for row in _rows(sample, delimiter, most=_SAMPLE_LINES) if any(map(str.strip, row))]
        width = _usual_width(rows)
        if width < 2:
            continue
        alike = sum(len(row) == width for row in rows) / len(rows)
        filled = sum(bool(cell.strip()) for row in rows for cell in row) / sum(map(len, rows))
        score = (alike * (0.5 if delimiter in _WEAK else 1.0) * (0.5 + filled / 2), float(width))
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    widths = Counter(len(row) for row in rows[:10_000] if len(row) > 1)
    return widths.most_common(1)[0][0] if widths else 1


def _rows(text: str, delimiter: str, *, most: int | None = None) -> Iterator[list[str]]:
    """As RFC 4180 quotes them, as long as the quotes make sense; else line by line."""
    csv.field_size_limit(_LONGEST_FIELD)
    rows: list[list[str]] = []
    if text.count('"') % 2 == 0 or most is not None:
        try:
            for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter):
                rows.append(row)
                if len(rows) == most:
                    break
            if not any(cell.count("\n") > _MOST_LINES for row in rows for cell in row):
                yield from rows
                return
        except csv.Error:
            pass
    # A quote that nothing closes takes all that is behind it into one field.
    for number, line in enumerate(text.splitlines()):
        if number == most:
            return
        is_odd = line.count('"') % 2 == 1
        try:
            yield from csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_NONE if is_odd else csv.QUOTE_MINIMAL)
        except csv.Error:
            yield [line]
