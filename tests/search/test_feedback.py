"""A query that many passages are about is looked up once more, by a vector nearer to the best of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from search_builders import DIMENSION, SmallModel

from builders import labels
from search.application.ports.chunk_index import ChunkIndex, DenseVector, Unit
from search.application.ranking import Ranking
from search.domain.fusion import weights
from search.domain.terms import SparseVector
from search.infrastructure.edge.index import EdgeIndex
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId

Direction = npt.NDArray[np.float32]
_QUERY, _SUBJECT, _OTHER = np.eye(DIMENSION, dtype=np.float32)[:3]
_WORDS = SparseVector((1, 2, 3, 4, 5), (1.0, 1.0, 1.0, 1.0, 1.0))
_WRITTEN = SparseVector(_WORDS.indices, (50.0, 50.0, 50.0, 50.0, 50.0))
"""Hardly any unit has words here, so that none is rare: what these weigh makes up for it."""


def vector(direction: Direction) -> DenseVector:
    return DenseVector("small-1", (direction / np.linalg.norm(direction)).astype("<f4").tobytes())


def a_unit(name: str, direction: Direction | None, sparse: SparseVector | None = None) -> Unit:
    return Unit(
        document_id=DocumentId(name),
        version=1,
        ordinal=0,
        kind="chunk",
        chunk_ordinals=(0,),
        dense=None if direction is None else vector(direction),
        sparse=sparse,
        language="en",
        page=None,
        labels=labels(),
    )


def a_shelf() -> list[Unit]:
    """Twenty passages about a subject, of which half have the words; two that are as near to the query as each other,
    one of them about the subject; and so many that are about nothing that the list is full."""
    subject = [
        a_unit(f"subject-{number:02}", _QUERY + 1.5 * _SUBJECT + number / 100, _WRITTEN if number < 10 else None)
        for number in range(20)
    ]
    rest = [a_unit(f"rest-{number:03}", 0.1 * _QUERY + _OTHER - number / 1000) for number in range(150)]
    return [*subject, a_unit("kin", _QUERY + 3 * _SUBJECT), a_unit("stranger", _QUERY + 2.9 * _OTHER), *rest]


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[ChunkIndex]:
    async with EdgeIndex(tmp_path / "index", SmallModel(), "1", PrometheusMetrics()) as opened:
        await opened.ready()
        await opened.upsert(a_shelf())
        yield opened


def ranking(index: ChunkIndex, *, with_feedback: bool, sparse: SparseVector = _WORDS) -> Ranking:
    return Ranking(
        index=index,
        dense=vector(_QUERY),
        sparse=sparse,
        filters=(),
        weights=weights(dense=True, sparse=True),
        by_document=False,
        with_feedback=with_feedback,
        asked=5.0,
    )


def names(read: Ranking) -> list[str]:
    return [str(one.unit.document_id) for one in read.entries]


async def test_what_is_about_the_subject_comes_before_what_is_only_near(index: ChunkIndex) -> None:
    plain, moved = ranking(index, with_feedback=False), ranking(index, with_feedback=True)
    await plain.read(deep=False)
    await moved.read(deep=False)
    assert names(plain).index("stranger") < names(plain).index("kin")
    assert names(moved).index("kin") < names(moved).index("stranger")
    assert moved.weights == plain.weights and moved.total == plain.total


async def test_a_hit_says_what_it_scored_by_the_querys_own_vector(index: ChunkIndex) -> None:
    plain, moved = ranking(index, with_feedback=False), ranking(index, with_feedback=True)
    await plain.read(deep=False)
    await moved.read(deep=False)
    own = {one.unit.document_id: one.fused.dense for one in plain.entries}
    assert {one.unit.document_id: one.fused.dense for one in moved.entries}.items() <= own.items()


async def test_pages_go_on_in_the_same_order_also_elsewhere(index: ChunkIndex) -> None:
    first = ranking(index, with_feedback=True)
    await first.read(deep=False)
    shown = names(first)
    elsewhere = Ranking.restored(first.packed(), index=index, filters=(), by_document=False)
    for one in (first, elsewhere):
        await one.read(deep=True)
        assert names(one)[: len(shown)] == shown
        assert sorted(names(one)) == sorted(str(unit.document_id) for unit in a_shelf())
    assert names(first) == names(elsewhere)


async def test_words_that_are_not_there_lead_nowhere(index: ChunkIndex) -> None:
    few = SparseVector((1, 900, 901, 902, 903), (0.001, 1.0, 1.0, 1.0, 1.0))
    plain, moved = (ranking(index, with_feedback=one, sparse=few) for one in (False, True))
    await plain.read(deep=False)
    await moved.read(deep=False)
    assert names(plain) == names(moved)
