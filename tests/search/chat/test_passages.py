"""Passages as Search finds them: the asker's own, none twice, with their neighbours, and no more than a model reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_builders import ASearch

from builders import labels
from search.chat.domain.asking import Asking, Passage
from search.chat.domain.passages import estimated_tokens, sentences_of, within_budget
from search.chat.infrastructure.shelf_passages import ShelfPassages
from shared.kernel import InvalidInput, NotFound


def a_passage(text: str) -> Passage:
    return Passage("d", "d.txt", 1, "default", "c", 0, text, 0, len(text), 1.0)


@given(st.lists(st.text("가나 ab.", max_size=60), max_size=12), st.integers(1, 8), st.integers(1, 60))
def test_they_fit_and_none_holds_another_that_came_after(texts: list[str], limit: int, tokens: int) -> None:
    taken = within_budget(map(a_passage, texts), limit=limit, tokens=tokens)
    assert len(taken) <= limit
    assert len(taken) <= 1 or sum(estimated_tokens(one.text) for one in taken) <= tokens
    plain = [" ".join(one.text.split()) for one in taken]
    assert all(later not in earlier for place, earlier in enumerate(plain) for later in plain[place + 1 :])
    assert taken or not any(text.strip() for text in texts)


def test_a_heading_is_a_sentence_by_itself() -> None:
    text = "Laptops\n\nThe rate is 8%. It\nfell.\n \nEnd"
    assert [text[start:end] for start, end in sentences_of(text)] == ["Laptops", "The rate is 8%.", "It\nfell.", "End"]


async def test_what_stands_twice_on_the_shelf_is_told_once(search: ASearch) -> None:
    for name in ("one.txt", "two.txt"):
        await search.add("The warranty lasts 24 months.", given=labels(document_name=name))
    found = await ShelfPassages(search.retrieval, search.index).find(Asking("warranty"), "warranty", limit=8)
    assert [one.text for one in found.passages] == ["The warranty lasts 24 months."]


async def test_the_neighbours_of_the_best_come_along_with_their_own_places(search: ASearch) -> None:
    texts = ["Pumps and their care.", "The warranty lasts 24 months.", "It ends with a sale."]
    await search.add(*texts)
    found = await ShelfPassages(search.retrieval, search.index).find(Asking("warranty"), "warranty", limit=8)
    whole = "\n".join(texts)
    assert {one.text for one in found.passages} == set(texts)
    assert all(whole[one.start : one.end] == one.text for one in found.passages)


async def test_only_what_the_asker_may_see_is_found(search: ASearch) -> None:
    await search.add("The warranty lasts 24 months.", given=labels(collection="ours"))
    await search.add("The warranty lasts 99 years.", given=labels(collection="theirs"))
    passages = ShelfPassages(search.retrieval, search.index)
    found = await passages.find(Asking("warranty", visible=frozenset(["ours"])), "warranty", limit=8)
    assert {one.collection for one in found.passages} == {"ours"}
    with pytest.raises(NotFound):
        hidden = Asking("warranty", collections=("theirs",), visible=frozenset(["ours"]))
        await passages.find(hidden, "warranty", limit=8)


@pytest.mark.parametrize(
    ("asking", "error"),
    [
        (Asking(" "), InvalidInput),
        (Asking("x" * 20_000), InvalidInput),
        (Asking("warranty", filters={"colour": "red"}), InvalidInput),
        (Asking("warranty", collections=("nowhere",)), NotFound),
    ],
)
async def test_what_cannot_be_asked_is_refused(search: ASearch, asking: Asking, error: type[Exception]) -> None:
    with pytest.raises(error):
        await ShelfPassages(search.retrieval, search.index).find(asking, asking.question, limit=8)


async def test_a_filter_that_matches_nothing_finds_nothing(search: ASearch) -> None:
    await search.add("The warranty lasts 24 months.")
    asking = Asking("warranty", filters={"language": "ja"})
    assert not (await ShelfPassages(search.retrieval, search.index).find(asking, "warranty", limit=8)).passages
