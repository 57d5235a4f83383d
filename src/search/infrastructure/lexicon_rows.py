"""A lexicon as it is stored, alike in every store."""

from typing import Any

from search.domain.lexicon import Lexicon


def row_of(lexicon: Lexicon) -> dict[str, Any]:
    """Plain values."""
    return {"synonyms": [list(group) for group in lexicon.synonyms], "words": list(lexicon.words)}


def lexicon_of(row: dict[str, Any]) -> Lexicon:
    """The inverse; what was checked when it was written is not checked again."""
    return Lexicon(tuple(tuple(group) for group in row["synonyms"]), tuple(row["words"]))
