"""Tariff codes on labelled data: `python -m benchmarks.tariff_codes`.

Spotting: mentions in Korean judgments and English treaties, over labels that were read by eye (judged_mentions.py), and
over the silver ones that came with the texts, which lack many (`--wrong` prints what they lack). Looking up:
descriptions with codes; an older code counts as the ones that took its place. Korean everyday names were written for
this benchmark (goods_ko.tsv), half of them were among what the confidence was fitted on.
"""

import argparse
import asyncio
import csv
import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from benchmarks import judged_mentions
from benchmarks.figures import Figure
from benchmarks.server import data_folder
from search.application.tariff import Tariff
from search.domain.tariff.nomenclature import Nomenclature
from search.infrastructure.kiwi_analyzer import KiwiAnalyzer
from search.infrastructure.nomenclature import PackagedNomenclature
from shared.tariff.spotting import spot

_DEPTH: Final = 10
_SILVER: Final = "of what counts as wrong here, most are codes that these labels lack"
_BOUNDS: Final = (0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98, 1.01)
_SETS: Final = ("short English", "web shop, English", "everyday Korean", "Korean headings")


@dataclass
class Reliability:
    """What was said with which confidence, and how often it was right."""

    said: list[tuple[float, bool]] = field(default_factory=list)

    def rows(self) -> Iterable[tuple[str, int, float, float]]:
        """Confidence from … to, how many, its mean, the share that was right."""
        for low, high in pairwise(_BOUNDS):
            part = [(sure, right) for sure, right in self.said if low <= sure < high]
            if part:
                mean = sum(sure for sure, _ in part) / len(part)
                yield f"{low}–{min(high, 1)}", len(part), mean, sum(right for _, right in part) / len(part)

    def show(self, title: str) -> None:
        """Prints the table."""
        print(f"{title}: confidence, cases, mean, right")
        for span, count, mean, right in self.rows():
            print(f"  {span:12} {count:6} {mean:8.3f} {right:8.3f}")


def spotting(language: str, nomenclature: Nomenclature, *, wrong: bool) -> list[Figure]:
    """Precision and recall over the mentions of one language."""
    table, right, missed, characters = Reliability(), 0, 0, 0
    began = time.process_time()
    for row in judged_mentions.rows(language):
        labelled = list(row["spans"])
        characters += len(row["text"])
        for one in spot(row["text"], nomenclature.standing):
            at = next((at for at, other in enumerate(labelled) if _same(one.start, one.end, one.code, other)), None)
            table.said.append((one.confidence, at is not None))
            if at is not None:
                labelled.pop(at)
                right += 1
            elif wrong:
                print("  not labelled:", one.surface, "|", row["text"][max(0, one.start - 60) : one.end + 30])
        missed += len(labelled)
    table.show(f"spotting, {language}")
    print(f"  {characters / (time.process_time() - began):,.0f} characters a second")
    precision, recall = right / len(table.said), right / (right + missed)
    return [
        Figure("HS", f"spotting, {language}: precision over silver labels", precision, "", None, "", None, _SILVER),
        Figure("HS", f"spotting, {language}: recall over silver labels", recall, "", None, "", None, ""),
        *judged_mentions.measure(language, nomenclature.standing),
    ]


def _share(what: str, seen: float, least: float) -> Figure:
    return Figure("HS", what, seen, "", None, f"≥ {least}", seen >= least)


def _same(start: int, end: int, code: str, other: dict[str, Any]) -> bool:
    if start >= other["end"] or other["start"] >= end:
        return False
    gold: str = other["code"]
    return code.startswith(gold) or gold.startswith(code)


def descriptions(nomenclature: Nomenclature) -> dict[str, list[tuple[str, frozenset[str]]]]:
    """Name of the set → description and its right codes."""
    folder = data_folder() / "hs"

    def right(code: str) -> frozenset[str]:
        return frozenset((code,) if code in nomenclature else nomenclature.superseded_by(code))

    with (folder / "benchmark_cases.csv").open(encoding="utf-8", newline="") as file:
        short = [
            (row["text"], right(row["expected_hs_code"])) for row in csv.DictReader(file) if row["language"] == "en"
        ]
    shop = [json.loads(line) for line in (folder / "hscodecomp.jsonl").read_text(encoding="utf-8").splitlines()]
    everyday = [line.split("\t") for line in Path(__file__).with_name("goods_ko.tsv").read_text("utf-8").splitlines()]
    headings = [json.loads(line) for line in (folder / "hs4_ko.jsonl").read_text(encoding="utf-8").splitlines()]
    sets = (
        short,
        [(row["title"], right(row["hs6"])) for row in shop],
        [(said, right(code)) for said, code in everyday],
        [(row["title_ko"], right(row["hs4"])) for row in headings[::4]],
    )
    return {name: [one for one in rows if one[1]] for name, rows in zip(_SETS, sets, strict=True)}


class PlainBm25:
    """BM25 over the English titles of subheadings: words as they are, k1 1.2, b 0.75."""

    def __init__(self, nomenclature: Nomenclature) -> None:
        self._codes = [code for code in nomenclature if len(code) == 6]
        words = [Counter((nomenclature[code].title_en or "").lower().split()) for code in self._codes]
        self._postings: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        average = sum(one.total() for one in words) / len(words)
        for place, counted in enumerate(words):
            norm = 1.2 * (0.25 + 0.75 * counted.total() / average)
            for word, count in counted.items():
                self._postings[word].append((place, count * 2.2 / (count + norm)))

    def find(self, description: str) -> Sequence[str]:
        """The ten best codes."""
        scores: defaultdict[int, float] = defaultdict(float)
        for word in description.lower().split():
            found = self._postings.get(word, [])
            idf = math.log(1 + (len(self._codes) - len(found) + 0.5) / (len(found) + 0.5))
            for place, weight in found:
                scores[place] += idf * weight
        best = sorted(scores, key=lambda place: (-scores[place], place))[:_DEPTH]
        return [self._codes[place] for place in best]


async def looking_up(nomenclature: Nomenclature, packaged: PackagedNomenclature) -> list[Figure]:
    """Recall@10 of each set, beside plain BM25, and how far confidence can be trusted."""
    plain, figures, table = PlainBm25(nomenclature), [], Reliability()
    async with KiwiAnalyzer() as analyzer:
        tariff = Tariff(packaged, analyzer)
        await tariff.find("커피")
        for name, rows in descriptions(nomenclature).items():
            level = 4 if name == "Korean headings" else 6
            first = found = baseline = 0
            began = time.process_time()
            for said, right in rows:
                answers = await tariff.find(said, level=level, limit=_DEPTH)
                codes = [one.entry.code for one in answers]
                first += bool(codes) and codes[0] in right
                found += not right.isdisjoint(codes)
                if level == 6:
                    table.said += [(one.confidence, one.entry.code in right) for one in answers[:5]]
            spent = (time.process_time() - began) / len(rows)
            for said, right in rows:
                baseline += not right.isdisjoint(code[:level] for code in plain.find(said))
            print(
                f"{name}: {len(rows)} descriptions, {level} digits: first {first / len(rows):.3f}, "
                f"recall@10 {found / len(rows):.3f}, plain BM25 {baseline / len(rows):.3f}, {spent * 1000:.1f} ms each"
            )
            if "Korean" in name:
                lead = (found - baseline) / len(rows)
                figures.append(_share(f"looking up, {name}: recall@10 above plain BM25 over English titles", lead, 0.1))
    table.show("looking up, the first five of each, 6 digits")
    return figures


def measure(*, wrong: bool = False) -> list[Figure]:
    """All of it."""
    packaged = PackagedNomenclature()
    began = time.process_time()
    nomenclature = packaged.nomenclature()
    packaged.titles()
    seconds = time.process_time() - began
    print(f"loaded in {seconds:.3f} s")
    what = "nomenclature and its index: processor time to load"
    figures = [Figure("HS", what, seconds, "s", None, "≤ 0.1", seconds <= 0.1)]
    for language in ("ko", "en"):
        figures += spotting(language, nomenclature, wrong=wrong)
    return figures + asyncio.run(looking_up(nomenclature, packaged))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", action="store_true", help="print what was spotted and is not labelled")
    for one in measure(wrong=parser.parse_args().wrong):
        print(one)
