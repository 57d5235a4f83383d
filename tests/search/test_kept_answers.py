"""Answers that were made before the vocabulary was read."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from search_builders import ASearch, SmallModel, a_search

from search.application.request import SearchRequest
from search.application.retrieval import RetrievalTimes, SearchResult
from search.application.vocabulary import VocabularyTimes


class _Tokenizing(SmallModel):
    """Its tokenizer has no word whole."""

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [2] * len(texts)


@pytest.fixture
async def search(tmp_path: Path) -> AsyncIterator[ASearch]:
    """Nothing of it is kept for the time that may be corrected."""
    retrieval = RetrievalTimes(corrected_ttl_seconds=0.001)
    vocabulary = VocabularyTimes(first_seconds=0, pause_seconds=0)
    async with a_search(tmp_path, model=_Tokenizing(), vocabulary=vocabulary, retrieval=retrieval) as one:
        await one.add("Quarantine of plants.")
        yield one


class _Rendering:
    """Tells answers that were made from those that were kept."""

    def __init__(self) -> None:
        self.made: list[str | None] = []

    def __call__(self, result: SearchResult) -> bytes:
        self.made.append(result.did_you_mean)
        return f"{result.did_you_mean}".encode()


async def _read(search: ASearch) -> None:
    """The vocabulary: suggestions wait for it."""
    found = await search.container.vocabulary().suggest("quar", collection=None, visible=None, limit=1)
    assert [one.text for one in found] == ["quarantine"]


async def test_an_answer_is_kept_when_its_words_turn_out_to_stand_somewhere(search: ASearch) -> None:
    render = _Rendering()
    for read in (False, True, True):
        if read:
            await _read(search)
        answer = await search.retrieval.answer(SearchRequest("quarantine of plants 17"), render)
        assert answer.body == b"None"
    assert render.made == [None]


async def test_it_is_made_again_when_they_do_not(search: ASearch) -> None:
    render = _Rendering()
    assert (await search.retrieval.answer(SearchRequest("quarantone"), render)).body == b"None"
    await _read(search)
    for _ in range(3):
        assert (await search.retrieval.answer(SearchRequest("quarantone"), render)).body == b"quarantine"
    assert render.made == [None, "quarantine"]


async def test_one_that_is_not_to_be_corrected_is_kept(search: ASearch) -> None:
    render = _Rendering()
    asked = SearchRequest("quarantone", correct=False)
    await search.retrieval.answer(asked, render)
    await _read(search)
    await search.retrieval.answer(asked, render)
    assert render.made == [None]
