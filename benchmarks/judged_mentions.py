"""Mentions of tariff codes that were read by eye: `python -m benchmarks.judged_mentions` prints those still unread.

The texts are not ours to publish, so that a verdict is kept under a hash of the mention, its code and what stands
around it (judged_mentions.txt): `yes` where a customs officer would say that the text names this very code there,
`no` where not. What was spotted and never read counts as wrong. What should have been spotted and was not is kept as
`yes` too: `python -m benchmarks.judged_mentions en ID START END CODE` prints its line.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure
from benchmarks.server import data_folder
from search.infrastructure.nomenclature import PackagedNomenclature
from shared.tariff.codes import plain_signs
from shared.tariff.spotting import StandingOf, spot

LANGUAGES: Final = ("ko", "en")
PRECISION: Final = 0.98
RECALL: Final = 0.97
_VERDICTS: Final = Path(__file__).with_suffix(".txt")
_AROUND: Final = 40
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class _Place:
    key: str
    shown: str
    """The code, and what stands around it."""


def rows(language: str) -> Iterator[dict[str, Any]]:
    """Texts of one language with their silver labels: `_id`, `text`, `spans`."""
    path = data_folder() / "hs" / f"mentions_{language}.jsonl"
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def verdicts(language: str) -> dict[str, bool]:
    """Of each mention that was read, whether it is one."""
    lines = (line.split() for line in _VERDICTS.read_text(encoding="utf-8").splitlines())
    return {key: said == "yes" for one, said, key in lines if one == language}


def key_of(row: dict[str, Any], start: int, end: int, code: str) -> str:
    """The same wherever the marks around the digits (제…호) are taken to belong."""
    text: str = row["text"]
    plain = plain_signs(text)
    digits = [place for place in range(start, end) if plain[place].isdigit()]
    first, last = digits[0], digits[-1] + 1
    around = text[max(0, first - _AROUND) : last + _AROUND]
    return hashlib.sha256(f"{row['_id']}\n{first}\n{last}\n{code}\n{around}".encode()).hexdigest()[:16]


def _spotted(language: str, standing_of: StandingOf) -> Iterator[_Place]:
    for row in rows(language):
        text = row["text"]
        for one in spot(text, standing_of):
            before, after = text[max(0, one.start - _SHOWN) : one.start], text[one.end : one.end + _SHOWN]
            shown = f"{one.code} in {row['_id']}: {before}[[{one.surface}]]{after}"
            yield _Place(key_of(row, one.start, one.end, one.code), " ".join(shown.split()))


def measure(language: str, standing_of: StandingOf) -> list[Figure]:
    """Precision and recall of spotting over what was read."""
    judged = verdicts(language)
    found = [one.key for one in _spotted(language, standing_of)]
    unread = sum(key not in judged for key in found)
    right = sum(judged.get(key, False) for key in found)
    there = sum(judged.values())
    note = f"{len(found)} spotted, {there} there, {unread} never read"
    precision, recall = right / len(found), right / there
    what = f"spotting, {language}, over labels read by eye"
    return [
        Figure("HS", f"{what}: precision", precision, "", None, f"≥ {PRECISION}", precision >= PRECISION, note),
        Figure("HS", f"{what}: recall", recall, "", None, f"≥ {RECALL}", recall >= RECALL, note),
    ]


def main() -> None:
    """What is still to be read, or the line of one that was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("missed", nargs="*", metavar="LANGUAGE ID START END CODE")
    given = parser.parse_args().missed
    if given:
        language, identity, start, end, code = given
        row = next(one for one in rows(language) if one["_id"] == identity)
        print(language, "yes", key_of(row, int(start), int(end), code))
        return
    standing_of = PackagedNomenclature().nomenclature().standing
    for language in LANGUAGES:
        judged = verdicts(language)
        for one in _spotted(language, standing_of):
            if one.key not in judged:
                print(language, one.key, one.shown)


if __name__ == "__main__":
    main()
