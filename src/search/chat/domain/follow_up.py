"""Questions that lean on the one before: what "and its weight?" or "그럼 세율은?" asks about is put in front."""

import re
from collections.abc import Sequence
from typing import Final

from search.chat.domain.verification import ENOUGH, Word, overlap
from shared.patterns import pattern

_LEANS: Final = pattern(
    r"^(?:그럼|그러면|그렇다면|그리고|그런데|그건|그게|그것|이건|이것|그때|거기|여기서|"
    r"and\b|but\b|so\b|then\b|what about|how about|"
    r"why\b\W*$|when\b\W*$|where\b\W*$|언제\W*$|왜\W*$|어디\W*$)"
    r"|(?<![가-힣])(?:그것|그거|그건|그게|이것|그곳|그들|그녀|그의|해당|위의|앞의)"
    r"|\b(?:it|its|they|them|their|theirs|these|those|he|she|his|her|him)\b"
    r"|\b(?:about|of|for|in|on|is|was|does|did|to|from|with) (?:this|that)\b(?! [a-z])",
    re.IGNORECASE,
)
_ASKS_MORE: Final = pattern(r"(?:\?|[은는도의])\s*\W*\Z")
"""A word alone that goes on from something ("무게는?", "weight?"), where "8471.30" stands for itself."""
_FEW: Final = 1
_MOST_TAKEN: Final = 6
_KEPT: Final = 0.5
"""The share of its own words that a question must have still when another has made it stand alone."""
_HANGUL: Final = pattern("[가-힣]")


def leans_on_earlier(question: str, words: Sequence[Word]) -> bool:
    """Whether it points to something said before, or says too little to stand alone."""
    asked = question.strip()
    return (len(words) <= _FEW and _ASKS_MORE.search(asked) is not None) or _LEANS.search(asked) is not None


def stand_alone(question: str, words: Sequence[Word], before: str, before_words: Sequence[tuple[str, Word]]) -> str:
    """The question with the last topic's words in front, where it leans on it.

    `before_words` are those of the question before, with how they were written. Of a question with names and codes
    these are its topic, and what was asked of them is not asked again.
    """
    if not before or not leans_on_earlier(question, words):
        return question
    own = {term for word in words for term in word.terms}
    new = [(written, word) for written, word in before_words if own.isdisjoint(word.terms)]
    if not new:
        return question
    new = [(written, word) for written, word in new if word.is_name or word.is_number] or new
    return f"{' '.join(written for written, _ in new[:_MOST_TAKEN])} {question}"


def stands_for_itself(question: str, words: Sequence[Word]) -> bool:
    """Whether it is a code or a number alone, as "8471.30"."""
    return bool(words) and all(word.is_number for word in words) and not leans_on_earlier(question, words)


def is_faithful(
    proposal: str, proposed: Sequence[Word], question: str, own: Sequence[Word], earlier: Sequence[Word]
) -> bool:
    """Whether somebody who made the question stand alone asks the same of this conversation, on one line in its script.

    Numbers, codes and names must have been said in the question or in `earlier` ones, and so must most of its words;
    at least half of the question's own words are there, or one of what it leans on.
    """
    if "\n" in proposal or bool(_HANGUL.search(proposal)) != bool(_HANGUL.search(question)):
        return False
    said = {term for word in (*own, *earlier) for term in word.terms}
    if any((word.is_number or word.is_name) and said.isdisjoint(word.terms) for word in proposed):
        return False
    kept = overlap(own, proposed) >= _KEPT if own else overlap(earlier, proposed) > 0
    return kept and overlap(proposed, [*own, *earlier]) >= ENOUGH
