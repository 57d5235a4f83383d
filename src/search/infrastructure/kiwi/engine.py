"""Kiwi itself: what is kept of its tokens, and what its scores say of a word."""

import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

from shared.free_memory import return_free_memory

# Nouns, verbs, adjectives, roots, adverbs. Foreign words, numbers and ideographs (SL, SN, SH) are found by
# search.domain.tokens, which also keeps codes whole.
_KEPT: Final = frozenset(("NNG", "NNP", "NNB", "VV", "VA", "XR", "MAG", "VV-R", "VV-I", "VA-R", "VA-I"))
_GUESSED: Final = frozenset((2, 3))
"""Kiwi's numbers of nouns and names that its dictionary does not have."""
_IMPLAUSIBLE: Final = -9.2
"""Log-likelihood for each syllable: 계약셔 has -10.1, 물률비 -9.6; of words that are right the lowest seen is -8.6."""


class Engine:
    """Kiwi in this process. `load` comes first; it holds the interpreter's lock for more than a second."""

    def __init__(self) -> None:
        self._kiwi: Any = None

    def load(self) -> None:
        """Raises ImportError, OSError, MemoryError."""
        from kiwipiepy import Kiwi

        # Neither typing errors nor idioms: 300 MB instead of 480, and half the time to load.
        self._kiwi = Kiwi(num_workers=min(2, os.cpu_count() or 1), load_multi_dict=False, load_typo_dict=False)
        self._kiwi.tokenize("서가")  # the first call builds its tables
        return_free_memory()  # 13 MB of what they were built from

    def forms(self, texts: Sequence[str]) -> list[list[str]]:
        """Of each text the forms that say something."""
        return [[token.form for token in found if token.tag in _KEPT] for found in self._found(texts)]

    def morphemes(self, texts: Sequence[str]) -> list[list[tuple[str, str, int, int]]]:
        """Form, tag, start and length of everything that each text is made of."""
        return [[(token.form, token.tag, token.start, token.len) for token in found] for found in self._found(texts)]

    def is_plausible(self, word: str) -> bool:
        """Whether it is made of what the dictionary has, as words are."""
        found = self._kiwi.tokenize(word)
        return all(token.id not in _GUESSED or len(token.form) == 1 for token in found) and sum(
            token.score for token in found
        ) > _IMPLAUSIBLE * len(word)

    def _found(self, texts: Sequence[str]) -> Iterable[Any]:
        # A text alone is no work for Kiwi's threads: handing it over takes as long as a query does.
        return [self._kiwi.tokenize(texts[0])] if len(texts) == 1 else self._kiwi.tokenize(texts)
