"""The collections of an installation on a real server: how they are made, changed and told apart."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from qdrant_builders import AShelf, a_process, a_shelf, by_vector, by_words, documents, fill, versions
from search_builders import SmallModel, embed

from builders import eventually
from search.application.ports.chunk_index import DenseVector
from search.application.ports.versions import DocumentVersion
from search.infrastructure.qdrant.index import QdrantIndex
from search.infrastructure.qdrant.moving import MovingTimes
from shared.kernel import Unavailable

pytestmark = [pytest.mark.servers]


@pytest.fixture
async def shelf() -> AsyncIterator[AShelf]:
    async with a_shelf(MovingTimes(move_after_seconds=0.0, grace_seconds=0.2)) as shelf:
        yield shelf


async def listed(index: QdrantIndex) -> set[DocumentVersion]:
    page, after = await index.versions(after=None, limit=5000)
    assert after is None
    return set(page)


async def test_another_version_of_the_analysis_finds_everything_and_asks_for_it_to_be_built_again(
    shelf: AShelf,
) -> None:
    async with a_process(shelf) as index:
        await fill(index, range(100))
        assert len(await listed(index)) == 100
    (former,) = await shelf.collections()
    async with a_process(shelf, analysis="2") as index:
        # What counts as lost is built again by the recovery, before, during or after the move.
        assert await listed(index) == set()
        await fill(index, range(5))
        assert await listed(index) == set(versions(range(5)))

        async def is_moved() -> bool:
            return former not in await shelf.collections()

        await eventually(is_moved)
        assert await by_words(index) == documents(range(100))
        # The model is the same, and so are its vectors.
        assert await by_vector(index, "small-1") == documents(range(100))
        assert await listed(index) == set(versions(range(5)))
        await fill(index, range(5, 100))
        assert len(await listed(index)) == 100 == await index.size()


async def test_a_collection_gets_the_settings_that_it_can_still_be_given(shelf: AShelf) -> None:
    async with a_process(shelf) as index:
        await fill(index, range(10))
        assert (await shelf.info())["config"]["quantization_config"] is None
    how: dict[str, Any] = {"index_hnsw_m": 24, "index_quantization": "int8", "index_on_disk": True}
    async with shelf.index(SmallModel(), **how) as index:
        config = (await shelf.info())["config"]
        assert config["hnsw_config"]["m"] == 24
        assert config["quantization_config"]["scalar"]["type"] == "int8"
        assert [one["on_disk"] for one in config["params"]["vectors"].values()] == [True]
        answer = await index.search(dense=DenseVector("small-1", embed(["tea 1"])[0].tobytes()), sparse=None)
        assert answer.dense[0].score == pytest.approx(1, abs=1e-4)
    async with shelf.index(SmallModel()):
        config = (await shelf.info())["config"]
        assert config["quantization_config"] is None and config["hnsw_config"]["m"] == 16


async def test_the_server_has_what_filters_need(shelf: AShelf) -> None:
    async with a_process(shelf) as index:
        await fill(index, range(3))
        info = await shelf.info()
        assert info["payload_schema"]["collection"]["params"]["is_tenant"] is True
        assert {field for field, one in info["payload_schema"].items() if one["points"]} >= {
            "document", "version", "collection", "name", "media_type", "language", "received_at",
        }  # fmt: skip
        health = await index.check()
        assert health.ready and "3 units" in health.detail and "Qdrant" in health.detail


async def test_a_wrong_dimension_of_somebody_s_collection_is_told(shelf: AShelf) -> None:
    shelf.moving = replace(shelf.moving, sure_seconds=0.0)
    async with a_process(shelf) as index:
        await fill(index, range(3))
        (name,) = await shelf.collections()
        await shelf.rest.delete(f"/collections/{name}")
        made = {"vectors": {"dense": {"size": 3, "distance": "Cosine"}}}
        await shelf.rest.put(f"/collections/{shelf.alias}-by-hand", json=made)
        alias = {"create_alias": {"collection_name": f"{shelf.alias}-by-hand", "alias_name": shelf.alias}}
        await shelf.rest.post("/collections/aliases", json={"actions": [alias]})
        with pytest.raises(Unavailable, match=r"by-hand.*SEOGA_INSTALLATION"):
            await index.ready()
