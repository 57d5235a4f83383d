"""Makes the packaged nomenclature and its index: `python -m benchmarks.make_nomenclature [FOLDER]`.

FOLDER has `harmonized-system.csv` and `hsk_2025.csv`; see src/search/infrastructure/nomenclature_data/SOURCES.md.
Run it again when the analysis of text changes: the index is of one version of it.
"""

import asyncio
import csv
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.server import data_folder
from search.application.title_analysis import title_index
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer
from search.infrastructure.nomenclature import DATA, INDEX_FILE, ROWS_FILE, PackagedNomenclature

_WHOLE = {6: "0000", 4: "000000"}
"""A heading or subheading that the Korean tariff does not divide has its title in the one line below it."""


def rows(folder: Path) -> Iterator[str]:
    """One line a code, in order."""
    with (folder / "hsk_2025.csv").open(encoding="utf-8-sig", newline="") as file:
        korean = {row["hsk10"]: row for row in csv.DictReader(file)}
    chapters = dict(
        line.split("\t") for line in (DATA / "chapters_ko.tsv").read_text(encoding="utf-8").splitlines() if line
    )
    found: dict[str, tuple[str, ...]] = {}
    with (folder / "harmonized-system.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            code = row["hscode"]
            # Not a code of goods: what Comtrade could not assign.
            if not code.isdigit() or code[:2] == "99":
                continue
            undivided = korean.get(code + _WHOLE.get(len(code), ""), {})
            title = chapters.get(code) or undivided.get("name_ko", "").strip()
            found[code] = (row["description"].strip(), title, _goods(undivided.get("class_ko", "")))
    for code, one in korean.items():
        units = (one["unit_qty"], one["unit_wt"])
        names = (one["name_en"].strip().rstrip("."), one["name_ko"].strip(), _goods(one["class_ko"]))
        found[code] = (*names, *units, one["valid_from"], one["valid_to"])
    for code in sorted(found):
        yield "\t".join((code, *(" ".join(field.split()) for field in found[code]))).rstrip("\t")


def _goods(written: str) -> str:
    name = written.strip()
    return name[1:-1] if name.startswith("(") and name.endswith(")") else name


async def main(folder: Path) -> None:
    """Writes both files."""
    text = "\n".join(rows(folder))
    # Without a time in it, the same input makes the same file.
    (DATA / ROWS_FILE).write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    nomenclature = PackagedNomenclature().nomenclature()
    async with KiwiAnalyzer() as analyzer:
        index = await title_index(nomenclature, analyzer)
    (DATA / INDEX_FILE).write_bytes(index.to_bytes())
    for name in (ROWS_FILE, INDEX_FILE):
        print(f"{name}: {(DATA / name).stat().st_size:,} bytes")
    print(f"{len(nomenclature):,} codes, {len(index.terms):,} terms, {len(index.places):,} entries")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else data_folder() / "hs"))
