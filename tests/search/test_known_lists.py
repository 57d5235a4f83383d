"""Which documents match is told once: after that the index's child names the list, and both sides mean the same."""

from pathlib import Path

from search_builders import SmallModel, embed

from builders import labels
from search.application.ports.chunk_index import DenseVector, Unit
from search.domain.terms import SparseVector
from search.infrastructure.edge.index import EdgeIndex
from search.infrastructure.edge.known_lists import KnownLists
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId

_WORDS = SparseVector((7,), (1.0,))
_NEAR = DenseVector("small-1", embed(["tea"])[0].tobytes())


def a_unit(document: str, *, dense: DenseVector | None = _NEAR) -> Unit:
    return Unit(DocumentId(document), 1, 0, "chunk", (0,), dense, _WORDS, "en", None, labels())


async def test_a_list_that_is_known_is_told_by_its_name_until_it_changes(tmp_path: Path) -> None:
    async with EdgeIndex(tmp_path, SmallModel(), "1", PrometheusMetrics()) as index:
        await index.upsert([a_unit("a"), a_unit("b")])
        first = await index.documents(dense=_NEAR, sparse=_WORDS, most=10)
        again = await index.documents(dense=_NEAR, sparse=_WORDS, most=10)
        assert first.documents == {"a", "b"} and again.documents is first.documents
        await index.upsert([a_unit("c"), a_unit("wordy", dense=None)])
        grown = await index.documents(dense=_NEAR, sparse=_WORDS, most=10)
        assert grown.documents == {"a", "b", "c", "wordy"}
        # What has no vector matches by its words alone.
        assert (await index.documents(dense=_NEAR, sparse=None, most=10)).documents == {"a", "b", "c"}
        await index.delete([(DocumentId("wordy"), 1), (DocumentId("a"), 1)])
        assert (await index.documents(dense=_NEAR, sparse=_WORDS, most=10)).documents == {"b", "c"}


def told(name: bytes, *documents: str) -> dict[str, object]:
    return {"list": name, "documents": list(documents), "more": []}


def test_of_lists_no_more_are_kept_than_there_is_room_for() -> None:
    lists = KnownLists(most_lists=2, most_documents=5)
    for name in (b"1", b"2", b"3"):
        assert lists.documents_of(told(name, "a", "b"), {}) == {"a", "b"}
    assert list(lists.now()) == [b"2", b"3"]
    lists.documents_of(told(b"4", "a", "b", "c", "d"), {})
    assert list(lists.now()) == [b"4"]
    # Too long to be kept: told each time.
    assert len(lists.documents_of(told(b"5", *"abcdef"), {})) == 6
    assert not lists.now()


def test_a_list_that_gave_way_while_it_was_asked_for_is_still_the_one_that_was_known() -> None:
    lists = KnownLists(most_lists=1)
    lists.documents_of(told(b"1", "a", "b"), {})
    known = lists.now()
    lists.documents_of(told(b"2", "c"), {})
    assert lists.documents_of({"list": b"1", "documents": None, "more": ["w"]}, known) == {"a", "b", "w"}
