"""Phrases and exclusions over the whole window: what is listed, and how many texts are read for it."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from search.application.ports.chunk_index import DenseVector, IndexAnswer, ScoredUnit
from search.application.ranking import Lists, Ranking
from search.application.sieve import Sieve
from search.domain.cursor import WINDOW
from search.domain.fusion import weights
from search.domain.query_syntax import Phrase
from search.domain.terms import SparseVector
from shared.kernel import DocumentId

READ_TWICE = WINDOW // 2


def unit(number: int, score: float) -> ScoredUnit:
    """Three of them make a document."""
    return ScoredUnit(DocumentId(f"{(number // 3 * 7919) % 10_007:05}"), 1, number % 3, "chunk", (number % 3,), score)


class _Shelf:
    """An index whose lists share half of their units, and the store of their texts: every fifth is gone."""

    def __init__(self) -> None:
        self.dense = [unit(number, 1 - number / 4000) for number in range(WINDOW)]
        self.sparse = [unit(number, 9 - number / 400) for number in range(READ_TWICE, READ_TWICE + WINDOW)]
        self.numbers = {unit(number, 0)[:3]: number for number in range(READ_TWICE + WINDOW)}
        self.read = 0

    async def search(self, **_: object) -> IndexAnswer:
        return IndexAnswer(self.dense, self.sparse, WINDOW, total_is_exact=False)

    async def texts(self, at: int, chunks: Sequence[tuple[DocumentId, int, int]]) -> Sequence[str | None]:
        self.read += len(chunks)
        return [self.text(self.numbers[document, version, ordinal]) for document, version, ordinal in chunks]

    @staticmethod
    def text(number: int) -> str | None:
        return None if number % 5 == 0 else f"Green tea {number % 7}{' and milk' if number % 11 == 0 else ''}"


def ranking(shelf: Any, sieve: Sieve | None, *, by_document: bool) -> Ranking:
    return Ranking(
        index=shelf,
        dense=DenseVector("space", b""),
        sparse=SparseVector((1,), (1.0,)),
        filters=(),
        weights=weights(dense=True, sparse=True),
        by_document=by_document,
        sieve=sieve,
    )


def phrase(*written: str) -> list[Phrase]:
    return [Phrase(one) for one in written]


def has(word: str) -> Callable[[str], bool]:
    return Phrase(word).is_in


@pytest.mark.parametrize(
    ("phrases", "excludes"),
    [
        (phrase("tea 3"), []),
        (phrase("green tea", "and milk"), []),
        (phrase("tea 3"), [has("milk")]),
        ([], [has("milk")]),
        ([], [has("tea 1"), has("tea 2"), has("tea 4")]),
        ([], [has("green")]),
        (phrase("coffee"), []),
    ],
)
@pytest.mark.parametrize("by_document", [False, True])
async def test_lists_what_looking_at_every_text_would_list(
    phrases: list[Phrase], excludes: list[Callable[[str], bool]], by_document: bool
) -> None:
    shelf = _Shelf()
    whole = ranking(shelf, None, by_document=False)
    await whole.read(deep=True)
    # The window of a plain query ends early: the rest in the order in which it is fused.
    answer = await shelf.search()
    everything = Lists(answer, answer.dense).ranked(whole.weights, whole._ranges)
    texts = [shelf.text(shelf.numbers[one.unit[:3]]) for one in everything]
    passed = [
        (not all(phrase.is_in(text) for phrase in phrases), one)
        for one, text in zip(everything, texts, strict=True)
        if text is not None and not any(has_excluded(text) for has_excluded in excludes)
    ]
    passed.sort(key=lambda item: item[0])
    expected = [(one.unit, (one.fused.score + (not lacks)) / 2) for lacks, one in passed]
    if by_document:
        first: dict[DocumentId, tuple[ScoredUnit, float]] = {}
        for found, score in expected:
            first.setdefault(found.document_id, (found, score))
        expected = list(first.values())

    sieved = ranking(shelf, Sieve(shelf, 1, phrases=phrases, excludes=excludes), by_document=by_document)  # type: ignore[arg-type]  # all that it asks a store for
    await sieved.read(deep=False)
    assert [(one.unit, one.fused.score) for one in sieved.entries] == expected[:WINDOW]
    assert (sieved.total, sieved.is_deep) == (len(sieved.entries), True)


async def test_reads_no_text_behind_a_full_window() -> None:
    shelf = _Shelf()
    sieved = ranking(shelf, Sieve(shelf, 1, phrases=[], excludes=[has("coffee")]), by_document=False)  # type: ignore[arg-type]  # all that it asks a store for
    await sieved.read(deep=False)
    assert len(sieved.entries) == WINDOW
    assert shelf.read < READ_TWICE + WINDOW
