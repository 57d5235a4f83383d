"""What every ChunkIndex promises (src/search/application/ports/chunk_index.py)."""

import hashlib
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from search_builders import SmallModel, embed

from builders import labels
from search.application.ports.chunk_index import ChunkIndex, DenseVector, Unit
from search.application.ports.versions import DocumentVersion
from search.domain.filters import Condition, parse_filters
from search.domain.terms import SparseVector
from search.infrastructure.edge.index import EdgeIndex
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId

OpenIndex = Callable[[], AbstractAsyncContextManager[ChunkIndex]]


@asynccontextmanager
async def edge_index(folder: Path) -> AsyncIterator[OpenIndex]:
    yield lambda: EdgeIndex(folder / "index", SmallModel(), "1", PrometheusMetrics())


@asynccontextmanager
async def qdrant_index(_: Path) -> AsyncIterator[OpenIndex]:
    # Imported here: without a server nobody needs the driver.
    from qdrant_builders import a_shelf

    async with a_shelf() as shelf:
        yield lambda: shelf.index(SmallModel())


@pytest.fixture(
    params=[
        pytest.param(edge_index, id="edge"),
        pytest.param(qdrant_index, id="qdrant", marks=pytest.mark.servers),
    ]
)
async def open_index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenIndex]:
    """Opens the index; opened again after it was left, it is the same index after a restart."""
    async with request.param(tmp_path) as opener:
        yield opener


@pytest.fixture
async def index(open_index: OpenIndex) -> AsyncIterator[ChunkIndex]:
    async with open_index() as opened:
        yield opened


def words(text: str) -> SparseVector:
    indices = tuple(
        dict.fromkeys(int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") for word in text.split())
    )
    return SparseVector(indices, (1.0,) * len(indices))


def dense(text: str, space: str = "small-1") -> DenseVector:
    return DenseVector(space, embed([text])[0].tobytes())


def a_unit(text: str, document: str = "a", version: int = 1, ordinal: int = 0, **changes: Any) -> Unit:
    given: dict[str, Any] = {
        "document_id": DocumentId(document),
        "version": version,
        "ordinal": ordinal,
        "kind": "chunk",
        "chunk_ordinals": (ordinal,),
        "dense": dense(text),
        "sparse": words(text),
        "language": "en",
        "page": ordinal + 1,
        "labels": labels(),
    }
    return Unit(**{**given, **changes})


async def documents(index: ChunkIndex, **filters: Any) -> list[str]:
    answer = await index.search(dense=None, sparse=words("tea"), filters=parse_filters(filters))
    return sorted(unit.document_id for unit in answer.sparse)


async def all_versions(index: ChunkIndex, limit: int = 1000) -> set[DocumentVersion]:
    found: set[DocumentVersion] = set()
    after = None
    while True:
        page, after = await index.versions(after=after, limit=limit)
        found.update(page)
        if after is None:
            return found


async def test_finds_what_was_upserted_at_once(index: ChunkIndex) -> None:
    await index.upsert([a_unit("green tea", "a"), a_unit("black coffee", "b")])
    answer = await index.search(dense=dense("green tea"), sparse=words("tea"))
    assert [unit.document_id for unit in answer.dense] == ["a", "b"]
    assert [unit.document_id for unit in answer.sparse] == ["a"]
    assert answer.dense[0].score == pytest.approx(1, abs=1e-4)


async def test_keeps_the_lists_apart_and_leaves_out_what_is_not_asked(index: ChunkIndex) -> None:
    await index.upsert(
        [
            a_unit("tea", "words", dense=None),
            a_unit("tea", "vector", sparse=None),
            a_unit("tea", "both"),
        ]
    )
    answer = await index.search(dense=dense("tea"), sparse=words("tea"))
    assert {unit.document_id for unit in answer.dense} == {"vector", "both"}
    assert {unit.document_id for unit in answer.sparse} == {"words", "both"}
    assert answer.total == 3 and answer.total_is_exact
    only = await index.search(dense=None, sparse=words("tea"))
    assert only.dense == [] and only.total == 2
    nothing = await index.search(dense=None, sparse=None)
    assert nothing.total == 0 and nothing.total_is_exact


async def test_says_which_chunks_a_unit_stands_for(index: ChunkIndex) -> None:
    await index.upsert([a_unit("tea", "a", 7, 3, chunk_ordinals=(5, 6), kind="summary")])
    (unit,) = (await index.search(dense=None, sparse=words("tea"))).sparse
    assert (unit.document_id, unit.version, unit.ordinal, unit.kind) == ("a", 7, 3, "summary")
    assert unit.chunk_ordinals == (5, 6)


async def test_rare_terms_weigh_more(index: ChunkIndex) -> None:
    await index.upsert([a_unit("tea common", f"d{number}") for number in range(8)] + [a_unit("tea rare", "x")])
    answer = await index.search(dense=None, sparse=words("common rare"))
    assert answer.sparse[0].document_id == "x"


async def test_scores_do_not_know_of_units_that_are_gone(index: ChunkIndex) -> None:
    await index.ready()
    if not getattr(index, "counts_what_is_there", True):
        pytest.skip("this server counts deleted points until it has tidied up (before Qdrant 1.19)")

    async def scores() -> list[tuple[str, float]]:
        answer = await index.search(dense=None, sparse=words("tea green"))
        return [(unit.document_id, round(unit.score, 4)) for unit in answer.sparse]

    await index.upsert([a_unit(f"{'green ' * (number % 2)}tea w{number}", f"d{number}") for number in range(9)])
    before = await scores()
    for turn in range(1, 4):
        await index.upsert([a_unit("green leaf", f"x{number}", turn) for number in range(60)])
        # The same units again, in another version: the former are replaced, and then go.
        await index.upsert([a_unit("tea", f"x{number}", turn) for number in range(60)])
        await index.delete([(DocumentId(f"x{number}"), turn) for number in range(60)])
    assert await scores() == before


async def test_the_same_unit_written_twice_is_one(index: ChunkIndex) -> None:
    for _ in range(3):
        await index.upsert([a_unit("tea", "a"), a_unit("tea", "a", 2), a_unit("tea", "a", 1, 1)])
    assert await index.size() == 3


async def test_deletes_versions_and_nothing_else(index: ChunkIndex) -> None:
    await index.upsert([a_unit("tea", "a", 1), a_unit("tea", "a", 2), a_unit("tea", "b", 1)])
    await index.delete([(DocumentId("a"), 1), (DocumentId("never"), 1)])
    await index.delete([])
    assert await all_versions(index) == {("a", 2), ("b", 1)}


async def test_lists_versions_page_by_page(index: ChunkIndex) -> None:
    await index.upsert([a_unit("tea", f"d{number}", 1, unit) for number in range(7) for unit in range(3)])
    assert await all_versions(index, limit=4) == {(f"d{number}", 1) for number in range(7)}


async def test_sets_labels_of_a_document_in_place(index: ChunkIndex) -> None:
    await index.upsert([a_unit("tea", "a", labels=labels(metadata={"old": 1})), a_unit("tea", "b")])
    await index.set_labels(DocumentId("a"), labels(name="new.txt", metadata={"year": 2026}))
    assert await documents(index, name="new.txt") == ["a"]
    assert await documents(index, **{"metadata.year": 2026}) == ["a"]
    assert await documents(index, **{"metadata.old": 1}) == []
    near = await index.search(dense=dense("tea"), sparse=None, filters=parse_filters({"name": "new.txt"}))
    assert [unit.document_id for unit in near.dense] == ["a"]


async def test_filters_by_every_field(index: ChunkIndex) -> None:
    await index.upsert(
        [
            a_unit(
                "tea",
                "a",
                language="ko",
                labels=labels(
                    name="보고서/2026 계획.txt",
                    collection="reports",
                    received_at="2026-01-10T09:00:00+09:00",
                    metadata={"year": 2026, "price": 3.5, "tags": ["x", "y"], "ok": True, "due": "2026-03-01T00:00:00Z",
                              "부서": "무역", "deep": {"er": "one"}, "with-dash": "d"},
                ),
            ),
            a_unit("tea", "b", ordinal=4, labels=labels(media_type="Text/HTML", metadata={"year": 2025, "ok": False})),
        ]
    )  # fmt: skip
    for only_a in (
        {"collection": "reports"},
        {"collection": ["reports", "other"]},
        {"document": "a"},
        {"name": "보고서/2026 계획.txt"},
        {"media_type": "text/plain"},
        {"language": "KO"},
        {"page": 1},
        {"page": {"lt": 5}},
        {"received_at": {"gte": "2026-01-10T00:00:00Z", "lt": "2026-01-10T00:00:01Z"}},
        {"received_at": "2026-01-10T00:00:00Z"},
        {"metadata.year": 2026},
        {"metadata.year": {"gt": 2025}},
        {"metadata.price": {"gte": 3.5, "lte": 3.5}},
        {"metadata.price": 3.5},
        {"metadata.tags": "y"},
        {"metadata.tags": ["nothing", "x", 7]},
        {"metadata.ok": True},
        {"metadata.due": {"gte": "2026-02-01T00:00:00+09:00"}},
        {"metadata.부서": "무역"},
        {"metadata.deep.er": "one"},
        {"metadata.with-dash": "d"},
        {"collection": "reports", "metadata.ok": True},
    ):
        assert await documents(index, **only_a) == ["a"], only_a
    assert await documents(index, media_type="text/html") == ["b"]
    assert await documents(index, page=[5, 6]) == ["b"]
    assert await documents(index, **{"metadata.year": [2025, 2026]}) == ["a", "b"]
    assert await documents(index, collection="none") == []


async def test_filters_join_with_and_or_and_not(index: ChunkIndex) -> None:
    for number, name in enumerate("abcd"):
        about = {"year": 2020 + number, "kind": "odd" if number % 2 else "even"}
        await index.upsert([a_unit("tea", name, labels=labels(metadata=about))])
    for wanted, filters in (
        ("ad", {"or": [{"metadata.year": 2020}, {"metadata.year": 2023}]}),
        ("bcd", {"not": {"metadata.year": 2020}}),
        ("bd", {"not": [{"metadata.year": 2020}, {"metadata.kind": "even"}]}),
        ("abd", {"not": {"metadata.kind": "even", "metadata.year": {"gte": 2022}}}),
        ("b", {"metadata.kind": "odd", "not": {"metadata.year": 2023}}),
        ("c", {"and": [{"metadata.kind": "even"}, {"metadata.year": {"gt": 2020}}]}),
        ("acd", {"or": [{"metadata.kind": "even"}, {"and": [{"metadata.kind": "odd"}, {"metadata.year": 2023}]}]}),
        ("bc", {"not": {"or": [{"metadata.year": 2020}, {"document": "d"}]}}),
        ("abcd", {"not": {"metadata.nowhere": 1}}),
        ("", {"metadata.nowhere": 1}),
    ):
        assert "".join(await documents(index, **filters)) == wanted, filters


async def test_keys_of_the_metadata_may_have_dots(index: ChunkIndex) -> None:
    for name, about in {
        "flat": {"hs.code": "8471", "on.off": True},
        "deep": {"hs": {"code": "8471"}, "on": {"off": True}},
        "both": {"a.b": {"c.d": 1}, "key with spaces": "x"},
        "none": {"hs": "8471"},
    }.items():
        await index.upsert([a_unit("tea", name, labels=labels(metadata=about))])
    for wanted, filters in (
        (["deep", "flat"], {"metadata.hs.code": "8471"}),
        (["flat"], {'metadata."hs.code"': "8471"}),
        (["deep", "flat"], {"metadata.on.off": True}),
        (["both"], {"metadata.a.b.c.d": 1}),
        (["both"], {"metadata.a.b.c.d": {"gte": 1}}),
        (["both"], {'metadata."a.b"."c.d"': 1}),
        (["both"], {'metadata."key with spaces"': "x"}),
        (["none"], {"metadata.hs": "8471"}),
    ):
        assert await documents(index, **filters) == wanted, filters


async def test_a_condition_of_no_values_lets_nothing_through(index: ChunkIndex) -> None:
    await index.upsert([a_unit("tea", "a")])
    answer = await index.search(dense=dense("tea"), sparse=words("tea"), filters=(Condition("collection"),))
    assert answer.dense == [] and answer.sparse == [] and answer.total == 0


async def test_counts_matches_within_the_window(index: ChunkIndex) -> None:
    await index.upsert([a_unit(f"tea word{number}", f"d{number}") for number in range(30)])
    short = await index.search(dense=None, sparse=words("tea"), limit=5, window=20)
    assert len(short.sparse) == 5 and short.total == 20 and not short.total_is_exact
    both = await index.search(dense=dense("tea"), sparse=words("tea"), limit=5, window=100)
    assert both.total == 30 and both.total_is_exact
    await index.upsert([a_unit("tea", "wordy", dense=None)])
    more = await index.search(dense=dense("tea"), sparse=words("tea"), limit=5, window=100)
    assert more.total == 31


async def test_tells_every_document_that_matches(index: ChunkIndex) -> None:
    units = [a_unit("tea", f"d{number % 6}", 1 + number % 2, number) for number in range(12)]
    await index.upsert([*units, a_unit("tea", "wordy", dense=None), a_unit("coffee", "other", dense=None)])

    async def found(most: int = 100, **asked: Any) -> tuple[str, bool]:
        matches = await index.documents(**{"dense": None, "sparse": None, "most": most, **asked})
        return " ".join(sorted(matches.documents)), matches.is_exact

    all_six = " ".join(f"d{number}" for number in range(6))
    assert await found() == ("", True)
    assert await found(sparse=words("tea")) == (f"{all_six} wordy", True)
    assert await found(sparse=words("coffee")) == ("other", True)
    assert await found(dense=dense("coffee")) == (all_six, True)
    assert await found(dense=dense("coffee"), sparse=words("coffee")) == (f"{all_six} other", True)
    assert await found(dense=dense("tea", "small-0"), sparse=words("coffee")) == ("other", True)
    only = parse_filters({"document": ["d1", "wordy"]})
    assert await found(dense=dense("tea"), sparse=words("tea"), filters=only) == ("d1 wordy", True)
    for asked in ({"sparse": words("tea")}, {"dense": dense("tea")}):
        some, is_exact = await found(most=3, **asked)
        assert not is_exact and set(some.split()) <= {*all_six.split(), "wordy"}
    assert await found(most=6, dense=dense("tea")) == (all_six, True)


async def test_a_longer_limit_continues_the_same_list(index: ChunkIndex) -> None:
    await index.upsert([a_unit(f"tea {'x ' * number}", f"d{number}") for number in range(40)])
    short = await index.search(dense=dense("tea x"), sparse=None, limit=10)
    long = await index.search(dense=dense("tea x"), sparse=None, limit=40)
    assert [one.score for one in long.dense[:10]] == [one.score for one in short.dense]


async def test_gives_the_vectors_of_units(index: ChunkIndex) -> None:
    own = [a_unit("tea", "a"), a_unit("tea coffee", "b", 2, 3), a_unit("tea", "wordy", dense=None)]
    await index.upsert([*own, a_unit("tea", "alien", dense=dense("tea", "small-0"))])
    found = {str(unit.document_id): unit for unit in (await index.search(dense=None, sparse=words("tea"))).sparse}
    gone = found["a"]._replace(ordinal=7)
    first, second, *nothing = await index.vectors([found["b"], found["a"], found["wordy"], found["alien"], gone])
    assert nothing == [None, None, None]
    for vector, text in ((first, "tea coffee"), (second, "tea")):
        assert vector is not None and vector.space == "small-1"
        stored, given = (array("f", one) for one in (vector.values, dense(text).values))
        assert list(stored) == pytest.approx(list(given), abs=0.01)
    assert await index.vectors([]) == []


async def test_what_was_flushed_is_there_after_a_restart(open_index: OpenIndex) -> None:
    async with open_index() as index:
        await index.upsert([a_unit("tea", "a"), a_unit("tea", "b")])
        await index.flush()
        await index.delete([(DocumentId("b"), 1)])
    async with open_index() as index:
        assert await documents(index) == ["a"]
        assert await documents(index, collection="default") == ["a"]


async def test_vectors_of_another_space_are_neither_kept_nor_found(index: ChunkIndex) -> None:
    await index.upsert([a_unit("tea", "own"), a_unit("tea", "alien", dense=dense("tea", "small-0"))])
    answer = await index.search(dense=dense("tea"), sparse=words("tea"))
    assert [unit.document_id for unit in answer.dense] == ["own"]
    assert {unit.document_id for unit in answer.sparse} == {"own", "alien"}
    answer = await index.search(dense=dense("tea", "small-0"), sparse=words("tea"))
    assert answer.dense == []
    assert answer.total == 2
