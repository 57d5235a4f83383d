"""Words that stand in a text in another writing than they are looked for in."""

from collections.abc import Iterator, Sequence

from search.domain.hanja import in_hangul
from search.domain.spaced_out import spaced_out
from search.domain.standard_spelling import spelled_otherwise


def read_out(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    """Those of a folded text with spaces between their letters, and those in Hanja, as they are read; and where each
    of their signs stands."""
    yield from spaced_out(text)
    yield from in_hangul(text)


def words_read_out(text: str) -> list[str]:
    """The words alone."""
    return [word for word, _ in read_out(text)]


def with_what_is_meant(text: str) -> str:
    """A folded text, and below it such words, and those that the rules of spelling have otherwise."""
    return with_words(text, [*words_read_out(text), *spelled_otherwise(text)])


def with_words(text: str, words: Sequence[str]) -> str:
    """The text, and the words below it."""
    return "\n".join((text, *words)) if words else text
