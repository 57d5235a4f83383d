"""Acronyms that another word is written like: US and us, IT and it, D/O and do. Case or signs tell them apart."""

from typing import Final

from search.domain.english import STOPWORDS

AMERICA: Final = "u.s."
_BY_CASE: Final = frozenset(("US", "IT", "AS", "WHO"))
"""Other stop words in capitals are more often only that."""


def acronym(word: str) -> tuple[str, tuple[str, ...]] | None:
    """Of a word as it is written: a term that no other word has, and what else finds it."""
    if word in _BY_CASE:
        return _with_dots(word.lower())
    return ("usa", (AMERICA,)) if word in ("USA", "usa", "Usa") else None


def acronym_of_letters(joined: str) -> tuple[str, tuple[str, ...]] | None:
    """The same of single letters that signs part, in small ones: U.S., D/O."""
    if joined == "us" or joined in STOPWORDS:
        return _with_dots(joined)
    return ("usa", (AMERICA,)) if joined == "usa" else None


def _with_dots(word: str) -> tuple[str, tuple[str, ...]]:
    term = "".join(f"{letter}." for letter in word)
    return (term, ("usa",)) if term == AMERICA else (term, (word,))
