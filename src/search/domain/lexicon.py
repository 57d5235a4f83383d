"""What people of a house say beside the dictionary: words that are one, and words that mean the same."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from search.domain.folding import fold, plain_signs
from shared.kernel import FieldError, InvalidInput

MOST_GROUPS: Final = 2_000
MOST_MEMBERS: Final = 20
MOST_WORDS: Final = 5_000
LONGEST: Final = 100
_SAYS_SOMETHING: Final = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Both in the order in which they were given; none twice."""

    synonyms: tuple[tuple[str, ...], ...] = ()
    """Groups of words, or of several words each, that are found by one another."""
    words: tuple[str, ...] = ()
    """Words that belong together as they are written, whatever an analyser cuts them into."""


def lexicon(synonyms: Iterable[Sequence[str]], words: Iterable[str]) -> Lexicon:
    """Spaces are made single, what is the same but for case and width is one. Raises InvalidInput naming each field."""
    errors: list[FieldError] = []
    groups = []
    for number, given in enumerate(synonyms):
        members = _distinct(given, f"synonyms.{number}", errors)
        if not errors and not 2 <= len(members) <= MOST_MEMBERS:
            errors.append(FieldError(f"synonyms.{number}", f"2 to {MOST_MEMBERS} different words"))
        groups.append(members)
    known = _distinct(words, "words", errors)
    if len(groups) > MOST_GROUPS:
        errors.append(FieldError("synonyms", f"at most {MOST_GROUPS:,} groups"))
    if len(known) > MOST_WORDS:
        errors.append(FieldError("words", f"at most {MOST_WORDS:,} words"))
    if errors:
        shown = errors[:20]
        raise InvalidInput("; ".join(f"{error.field}: {error.message}" for error in shown), errors=shown)
    return Lexicon(tuple(dict.fromkeys(groups)), known)


def same(one: str, other: str) -> bool:
    """Whether two words differ in case, width or accents at most."""
    return _key(one) == _key(other)


def read_lines(text: str) -> Lexicon:
    """From a file: a line is a group of synonyms, divided by commas, or a single word; `#` begins a remark.

    Raises InvalidInput naming the field by its number among its like.
    """
    groups, words = [], []
    for line in text.lstrip("\ufeff").splitlines():
        members = [member.strip() for member in line.partition("#")[0].split(",") if member.strip()]
        if len(members) > 1:
            groups.append(members)
        else:
            words += members
    return lexicon(groups, words)


def _distinct(given: Iterable[str], place: str, errors: list[FieldError]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for number, word in enumerate(given):
        written = " ".join(word.split())
        if not _SAYS_SOMETHING.search(written) or len(written) > LONGEST:
            errors.append(FieldError(f"{place}.{number}", f"1 to {LONGEST} characters, with a letter or a digit"))
        found.setdefault(_key(written), written)
    return tuple(found.values())


def _key(word: str) -> str:
    return plain_signs(fold(word))
