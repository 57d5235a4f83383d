"""The nomenclature: what each code stands for, what is above and below it, and what became of older codes."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

from shared.tariff.codes import Standing, ancestors, is_code

OTHER: Final = frozenset(("기타", "Other", "그 밖의 것", "Other."))
"""Titles that say nothing without what is above them."""
_FIELDS: Final = 8
_SUBHEADING: Final = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """One code. A title is None where the source has none in that language."""

    code: str
    title_en: str | None
    title_ko: str | None
    goods_ko: str | None
    """What Korea's statistics call such goods: `컴퓨터` where the title says automatic data processing machines."""
    unit: str | None
    """Of quantity and of weight, as the Korean tariff has them: `U, KG`."""
    valid_from: date | None
    valid_to: date | None

    @property
    def level(self) -> int:
        """How many digits it has."""
        return len(self.code)


class Nomenclature:
    """All codes of one edition. Rows are read when they are asked for: most never are."""

    def __init__(self, rows: Mapping[str, str], successors: Mapping[str, Sequence[str]]) -> None:
        """`rows`: code → code, titles in English and Korean, goods, units, validity, separated by tabs.

        `successors`: subheading of an older edition → subheadings of this one.
        """
        self._rows = rows
        self._successors = successors

    def __contains__(self, code: object) -> bool:
        return code in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        """All codes in their order: each after what it belongs to."""
        return iter(self._sorted)

    @cached_property
    def _sorted(self) -> Sequence[str]:
        return sorted(self._rows)

    def get(self, code: str) -> Entry | None:
        """None: it is not in this edition."""
        row = self._rows.get(code)
        if row is None:
            return None
        fields = [field or None for field in row.split("\t")]
        fields += [None] * (_FIELDS - len(fields))
        _, title_en, title_ko, goods_ko, quantity, weight, begins, ends = fields
        unit = ", ".join(one for one in (quantity, weight) if one) or None
        return Entry(code, title_en, title_ko, goods_ko, unit, _date(begins), _date(ends))

    def __getitem__(self, code: str) -> Entry:
        entry = self.get(code)
        if entry is None:
            raise KeyError(code)
        return entry

    def path(self, code: str) -> tuple[Entry, ...]:
        """What it belongs to, the chapter first, itself last; of an unknown code, what is known above it."""
        return tuple(entry for one in (*ancestors(code), code) if (entry := self.get(one)) is not None)

    def children(self, code: str) -> tuple[Entry, ...]:
        """The codes of the next level that there is below it, in their order."""
        below = self.below(code)
        level = min((len(one) for one in below), default=0)
        return tuple(self[one] for one in below if len(one) == level)

    def below(self, code: str) -> Sequence[str]:
        """All codes that belong to it, in their order; without itself."""
        start = bisect_left(self._sorted, code)
        # ":" is the sign after "9".
        end = bisect_left(self._sorted, code + ":")
        return [one for one in self._sorted[start:end] if one != code]

    def standing(self, code: str) -> Standing:
        """Eight digits are current where a national line begins with them."""
        if code in self._rows or (len(code) == 8 and self.below(code)):
            return "current"
        return "superseded" if self.superseded_by(code) else "unknown"

    def superseded_by(self, code: str) -> tuple[str, ...]:
        """The codes that took its place, of its own level where there are such; none for a current or unknown one."""
        if code in self._rows or not is_code(code):
            return ()
        if len(code) < _SUBHEADING:
            found = [one for old, new in self._successors.items() if old.startswith(code) for one in new]
            return tuple(dict.fromkeys(one[: len(code)] for one in found))
        return tuple(self._successors.get(code[:_SUBHEADING], ()))

    def nearest(self, code: str) -> str | None:
        """The longest code of this edition that it begins with; None: not even its chapter is there."""
        return next((one for one in (code, *reversed(ancestors(code))) if one in self._rows), None)

    def telling_titles(self, code: str) -> tuple[str | None, str | None]:
        """In Korean and English, for where nothing stands above the code; "Other" alone says what it is other than."""
        entry = self.get(code)
        if entry is None:
            return None, None
        korean, english = entry.title_ko or entry.goods_ko, entry.title_en
        if korean in OTHER and entry.goods_ko is not None:
            korean = entry.goods_ko if entry.goods_ko.startswith(korean) else f"{korean} ({entry.goods_ko})"
        if english in OTHER:
            above = (one.title_en for one in reversed(self.path(code)[:-1]))
            english = next((f"{english} ({one})" for one in above if one and one not in OTHER), english)
        return korean, english

    def words(self, code: str) -> str:
        """What its title says, in both languages; one that says nothing alone takes the words above it too."""
        entry = self[code]
        said = [entry.title_en, entry.title_ko, entry.goods_ko]
        above = ancestors(code)
        if above and (entry.title_ko in OTHER or entry.title_en in OTHER):
            return " \n".join((self.words(above[-1]), *(one for one in said if one and one not in OTHER)))
        return " \n".join(one for one in said if one)


def _date(written: str | None) -> date | None:
    return None if written is None else date(int(written[:4]), int(written[4:6]), int(written[6:8]))
