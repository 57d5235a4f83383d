"""Which passages an answer is made from: none twice, and no more than a model reads."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from search.chat.domain.asking import Passage
from shared.sentences import sentences

TOKEN_BUDGET: Final = 3_000
"""For all passages of an answer; models with the smallest windows in use read 4,096 with question and answer."""
_WIDE: Final = re.compile(r"[^\x00-\u02ff\s]")
_BLOCK: Final = re.compile(r"\S(?:(?!\n[ \t]*\n).)*", re.DOTALL)


def sentences_of(text: str) -> Iterator[tuple[int, int]]:
    """Offsets of its sentences; none goes over an empty line, so that a heading is one by itself."""
    for block in _BLOCK.finditer(text):
        yield from sentences(text, *block.span())


def estimated_tokens(text: str) -> int:
    """About what tokenizers of today make of it: of Hangul and ideographs one a character, else one in four."""
    wide = len(_WIDE.findall(text))
    return wide + (len(text) - wide + 3) // 4


def within_budget(ranked: Iterable[Passage], *, limit: int, tokens: int = TOKEN_BUDGET) -> list[Passage]:
    """The first ones that fit, in their order; what stands in one that was taken, word by word, is left out.

    The best is taken whatever its length.
    """
    taken: list[Passage] = []
    texts: list[str] = []
    left = tokens
    for passage in ranked:
        text = " ".join(passage.text.split())
        needed = estimated_tokens(passage.text)
        if not text or any(text in other for other in texts) or (taken and needed > left):
            continue
        taken.append(passage)
        texts.append(text)
        left -= needed
        if len(taken) == limit:
            break
    return taken
