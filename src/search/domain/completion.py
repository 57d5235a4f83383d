"""How what is being typed may go on: names, headings and frequent words that begin so."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from search.domain.keystrokes import are_initials, initials, keystrokes
from search.domain.spelling import without_particle

Kind = Literal["name", "heading", "word"]
LONGEST: Final = 100
"""In characters: of what is completed and of what is offered."""
_MOST_LOOKED_AT: Final = 2_000
_MOST_WORDS_OF_A_TITLE: Final = 8
RANK: Final[Mapping[Kind, int]] = {"name": 0, "heading": 1, "word": 2}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A whole query that begins with what was typed, or contains it at the beginning of a word."""

    text: str
    kind: Kind
    count: int
    """Documents that are called so or have the heading; chunks that have the word."""


class Completion:
    """Over one set of names, headings and words; made anew when they change."""

    def __init__(
        self, names: Mapping[str, int], headings: Mapping[str, int], words: Mapping[str, int], *, most_words: int
    ) -> None:
        """`words` as a vocabulary has them; the `most_words` most frequent are offered."""
        self._entries = [
            *(Suggestion(text, "name", count) for text, count in names.items()),
            *(Suggestion(text, "heading", count) for text, count in headings.items()),
            *(Suggestion(text, "word", count) for text, count in _offered(words, most_words)),
        ]
        self._keys = sorted(
            (key, place, number)
            for number, entry in enumerate(self._entries)
            for place, key in enumerate(_beginnings(entry))
        )
        self._initials = sorted(
            (letters, 0, number)
            for number, entry in enumerate(self._entries)
            if len(letters := initials(entry.text)) > 1
        )

    def begin(self, typed: str, *, limit: int) -> list[Suggestion]:
        """Those that begin with what was typed first, then those of which a word does; names before words."""
        if are_initials(typed.replace(" ", "")):
            found = self._within(self._initials, typed.replace(" ", ""))
        else:
            found = self._within(self._keys, keystrokes(typed))
        ordered = sorted(found.items(), key=lambda item: (item[1] > 0, *_order(self._entries[item[0]])))
        return [self._entries[number] for number, _ in ordered[:limit]]

    @staticmethod
    def _within(keys: list[tuple[str, int, int]], prefix: str) -> dict[int, int]:
        """Number of the entry → the first of its words that begins so."""
        found: dict[int, int] = {}
        start = bisect_left(keys, (prefix, 0, 0))
        for key, place, number in keys[start : start + _MOST_LOOKED_AT]:
            if not key.startswith(prefix):
                break
            found[number] = min(place, found.get(number, place))
        return found


def _order(entry: Suggestion) -> tuple[int, int, int, str]:
    return RANK[entry.kind], -entry.count, len(entry.text), entry.text


def _beginnings(entry: Suggestion) -> Iterator[str]:
    """The keystrokes of the whole, and of what is left from each further word on."""
    typed = keystrokes(entry.text)
    yield typed
    if entry.kind != "word":
        place = typed.find(" ")
        for _ in range(_MOST_WORDS_OF_A_TITLE):
            if place < 0:
                return
            yield typed[place + 1 :]
            place = typed.find(" ", place + 1)


def _offered(words: Mapping[str, int], most: int) -> Iterable[tuple[str, int]]:
    """The most frequent ones; of a word with and without its particle the one that people write."""
    frequent = sorted(words.items(), key=lambda item: (-item[1], item[0]))[: 2 * most]
    dropped: set[str] = set()
    for word, count in frequent:
        cut = None if word.isascii() else without_particle(word)
        if cut is not None:
            # 관세가 stands for 관세, which stands elsewhere too; 고양 for 고양이, without which it never stands.
            bare, is_sure = cut
            dropped.add(word if is_sure or words.get(bare, 0) > count else bare)
    return [(word, count) for word, count in frequent if word not in dropped][:most]


def merged(parts: Iterable[Iterable[Suggestion]], *, limit: int) -> list[Suggestion]:
    """Of several sets one list, each text once, in the same order."""
    counts: dict[tuple[str, Kind], int] = {}
    order: dict[str, Suggestion] = {}
    for part in parts:
        for one in part:
            key = one.text, one.kind
            counts[key] = counts.get(key, 0) + one.count
            order.setdefault(keystrokes(one.text), one)
    return [replace(one, count=counts[one.text, one.kind]) for one in order.values()][:limit]
