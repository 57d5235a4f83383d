"""How well the tables of real PDF files are read: adjacency relations of cells (Göbel et al., 2012; ICDAR 2013).

`python -m benchmarks.table_cells [FOLDER]`: FOLDER has gold.jsonl, as ../shared/data/tables. A relation is two cells
that are neighbours in a row or in a column, neither of them empty; texts are compared without white space. Every
relation of a document counts, those of tables that are none too; the figure is the mean over documents.
"""

import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure
from process.infrastructure.parser_child import read
from shared.artefacts.parsed import ParsedDocument

_DEFAULT: Final = Path(__file__).parents[2] / "shared" / "data" / "tables"
_WANTED: Final = 0.90
_SOURCE: Final = "icdar2013"
_MOST_CHARACTERS: Final = 50_000_000
Cell = tuple[int, int, int, int, str]
"""First and last row, first and last column (inclusive), text."""
Relations = Counter[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Score:
    """Of one document."""

    name: str
    right: int
    found: int
    there: int

    @property
    def f1(self) -> float:
        """0 to 1; 1 where there is nothing and nothing was found."""
        total = self.found + self.there
        return 2 * self.right / total if total else 1.0


def relations(cells: Iterable[Cell]) -> Relations:
    """Neighbours of one table; of cells over several rows or columns each pair counts once."""
    grid: dict[tuple[int, int], int] = {}
    kept = [cell for cell in ((*cell[:4], _bare(cell[4])) for cell in cells)]
    for number, (top, bottom, left, right, _) in enumerate(kept):
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                grid[row, column] = number
    pairs = {
        (number, grid[other], direction)
        for (row, column), number in grid.items()
        for direction, other in (("right", (row, column + 1)), ("below", (row + 1, column)))
        if other in grid and grid[other] != number
    }
    return Counter(
        (kept[one][4], kept[other][4], direction) for one, other, direction in pairs if kept[one][4] and kept[other][4]
    )


def cells_of(document: ParsedDocument) -> list[list[Cell]]:
    """What was read, a list for each table."""
    found = []
    for table in document.tables:
        spans = {(span.row, span.column): span for span in table.spans}
        covered = {
            (row, column)
            for span in table.spans
            for row in range(span.row, span.row + span.row_span)
            for column in range(span.column, span.column + span.column_span)
        } - spans.keys()
        cells: list[Cell] = []
        for number, row in enumerate(table.rows(document.text)):
            for column, text in enumerate(row):
                if (number, column) in covered and not text:
                    continue
                span = spans.get((number, column))
                rows, columns = (span.row_span, span.column_span) if span else (1, 1)
                cells.append((number, number + rows - 1, column, column + columns - 1, text))
        found.append(cells)
    return found


def score(name: str, gold: Iterable[Iterable[Cell]], found: Iterable[Iterable[Cell]]) -> Score:
    """Of all tables of a document together."""
    there = sum(map(relations, gold), Relations())
    here = sum(map(relations, found), Relations())
    return Score(name, sum((there & here).values()), sum(here.values()), sum(there.values()))


def scores(folder: Path, names: Sequence[str] = ()) -> list[Score]:
    """Of every PDF of the ICDAR 2013 set in gold.jsonl, or of those whose names are given."""
    done = []
    for line in (folder / "gold.jsonl").read_text(encoding="utf-8").splitlines():
        entry: dict[str, Any] = json.loads(line)
        name = entry["file"]
        if entry["source"] != _SOURCE or (names and not any(part in name for part in names)):
            continue
        raw = read(folder / name, "application/pdf", most_characters=_MOST_CHARACTERS)
        gold = [
            [(cell["r1"], cell["r2"], cell["c1"], cell["c2"], cell["text"]) for cell in table["cells"]]
            for table in entry["tables"]
        ]
        done.append(score(name, gold, cells_of(ParsedDocument.from_bytes(raw))))
    return done


def _bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def measure() -> list[Figure]:
    """The mean over the documents."""
    done = scores(_DEFAULT)
    mean = sum(one.f1 for one in done) / max(1, len(done))
    note = f"{len(done)} documents of ICDAR 2013"
    return [
        Figure("table_cells", "adjacency F1 of tables in PDF", mean, "", None, f"≥ {_WANTED}", mean >= _WANTED, note)
    ]


def main(folder: Path, names: Sequence[str]) -> int:
    """Prints a line a document and the means."""
    done = scores(folder, names)
    for one in done:
        print(f"{one.f1:6.3f}  {one.right:5} of {one.there:5} relations, {one.found:5} found  {one.name}")
    mean = sum(one.f1 for one in done) / len(done)
    right, found, there = (sum(getattr(one, name) for one in done) for name in ("right", "found", "there"))
    print(
        f"adjacency F1: {mean:.3f} mean of {len(done)} documents, {2 * right / (found + there):.3f} over all relations"
    )
    return 0


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:2]]
    sys.exit(main(given[0] if given else _DEFAULT, sys.argv[2:]))
