"""What the Qdrant index asks of a server, and what it makes of bad answers; without a server."""

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from qdrant_request_builders import AT_ONCE, NOT_YET, TEA, a_unit, an_index, near, settings
from qdrant_stand_in import QdrantStandIn, Request, a_qdrant_stand_in
from search_builders import DIMENSION, SmallModel
from trim_qdrant_openapi import OPERATIONS

from builders import eventually, labels
from search.domain.filters import Condition, parse_filters
from shared.kernel import DocumentId, StorageFull, Unavailable
from shared.settings import WrongSettings

PUBLISHED = {version: Path(__file__).parent / f"qdrant_openapi_{version}.json" for version in ("1.16", "1.18")}
"""The oldest version that is accepted, and the one that the index was run on."""


@pytest.fixture
def server() -> Iterator[QdrantStandIn]:
    with a_qdrant_stand_in() as server:
        yield server


async def everything(server: QdrantStandIn) -> None:
    """Whatever the index can ask."""
    model = SmallModel()
    given = settings(server, index_quantization="int8", index_on_disk=True, index_replicas=3, index_shards=2)
    async with an_index(given, model) as index:
        await index.ready()
        await index.upsert([a_unit(number) for number in range(7)])
        await index.upsert([a_unit(7, dense=None), a_unit(8, sparse=None)])
        await index.delete([(DocumentId("d1"), 1), (DocumentId("d2"), 4)])
        await index.set_labels(DocumentId("d3"), labels(name="새 이름.txt", metadata={"부서": ["무역", 1, 2.5]}))
        await index.flush()
        every = parse_filters(
            {
                "collection": ["default", "b"],
                "document": "d3",
                "page": [1, 2],
                "received_at": {"gte": "2026-01-01", "lt": "2027-01-01T00:00:00+09:00"},
                "metadata.year": {"gt": 2000, "lte": 2026.5},
                "metadata.deep.er": ["x", 3, True],
                "metadata.due": {"gt": "2026-01-01"},
            }
        )
        at = parse_filters({"received_at": ["2026-01-01", "2026-01-02"]})
        joined = parse_filters({"or": [{"page": 1}, {"metadata.a.b": "x", "not": {"metadata.c": True}}]})
        for filters in ((), every, at, joined, (Condition("collection"),)):
            await index.search(dense=near(), sparse=TEA, filters=filters, limit=3, window=5)
        with_words = (await index.search(dense=None, sparse=TEA)).sparse
        vectors = dict(zip((unit.document_id for unit in with_words), await index.vectors(with_words), strict=True))
        assert vectors[DocumentId("d7")] is None and vectors[DocumentId("d4")] == a_unit(4).dense
        page, after = await index.versions(after=None, limit=3)
        assert page and after is not None
        await index.versions(after=after, limit=3)
        assert (await index.check()).ready
        model.fingerprint = "small-2"
        await index.ready()
        await index.upsert([a_unit(20, "small-2")])
        await eventually(lambda: index.fingerprint == "small-2")
        await eventually(lambda: len(server.collections) == 1)
    async with an_index(settings(server, index_hnsw_m=32), model) as index:
        await index.ready()
        assert await index.size() > 0
        # Labels that changed while a page was being copied: compared, and set.
        model.fingerprint = "small-3"
        (former,) = server.collections.values()
        copied = former["points"]
        await index.ready()
        ((target, following),) = (one for one in server.collections.items() if one[1] is not former)
        for one in copied.values():
            following["points"][one["id"]] = {**one, "payload": {**one["payload"], "copied": "x", "name": ["old"]}}
        copied.pop(next(iter(copied)))
        await eventually(lambda: index.fingerprint == "small-3")
        assert target in server.collections


def fault(published: dict[str, Any], request: Request) -> str | None:
    """What is wrong with a request, or with what the stand-in answered, by the published description."""
    described = published["operations"][request.operation]
    unknown = set(request.parameters) - set(described["parameters"])
    if unknown:
        return f"{request.operation}: parameters {unknown}"
    for schema, given in ((described["body"], request.body), (described["answer"], request.answer)):
        if (schema is None) != (given is None) and given is not request.answer:
            return f"{request.operation}: body {given}"
        if schema is not None and given is not None:
            try:
                Draft202012Validator({**schema, "components": published["components"]}).validate(given)
            except ValidationError as error:
                return f"{request.operation}: {error.json_path}: {error.message[:500]}"
    return None


@pytest.mark.parametrize("version", PUBLISHED)
async def test_every_request_is_as_the_server_s_description_says(server: QdrantStandIn, version: str) -> None:
    published = json.loads(PUBLISHED[version].read_text())
    await everything(server)
    assert [wrong for request in server.requests if (wrong := fault(published, request))] == []
    assert server.operations() == set(OPERATIONS)


async def test_a_wrong_name_in_a_request_is_seen(server: QdrantStandIn) -> None:
    published = json.loads(PUBLISHED["1.18"].read_text())
    path = "/collections/{collection_name}/points/query/batch"
    good = {"searches": [{"query": [1.0], "using": "dense", "limit": 3}]}
    bad = {"searches": [{"query": [1.0], "used": "dense", "limit": 3}]}
    assert fault(published, Request(f"POST {path}", (), None, good, None)) is None
    assert fault(published, Request(f"POST {path}", (), None, bad, None))
    assert fault(published, Request(f"POST {path}", ("wait",), None, good, None))


@pytest.mark.parametrize(("version", "asked"), [("1.18.3", [None]), ("1.19.0", [{"idf": {"corpus": {}}}])])
async def test_how_rare_a_word_is_is_counted_over_what_is_there_where_the_server_can(
    server: QdrantStandIn, version: str, asked: list[Any]
) -> None:
    server.version = version
    async with an_index(settings(server)) as index:
        await index.ready()
        await index.upsert([a_unit(1)])
        await index.search(dense=None, sparse=TEA)
    queries = [one.body for one in server.requests if one.operation.endswith("/points/query/batch")]
    assert [query.get("params") for body in queries for query in body["searches"]] == asked


async def test_a_collection_is_made_as_the_settings_say_with_its_indexes_before_any_point(
    server: QdrantStandIn,
) -> None:
    given = settings(server, index_hnsw_m=24, index_hnsw_ef_construct=200, index_quantization="int8", index_replicas=3)
    async with an_index(given) as index:
        await index.ready()
        await index.upsert([a_unit(1)])
    ((name, made),) = server.collections.items()
    assert name.startswith("shelf-chunks-") and server.aliases == {"shelf-chunks": name}
    ((vectors),) = made["vectors"].values()
    assert vectors == {"size": DIMENSION, "distance": "Dot", "on_disk": False, "datatype": "float16"}
    assert made["sparse_vectors"]["sparse"]["modifier"] == "idf"
    assert made["hnsw_config"] == {"m": 24, "ef_construct": 200}
    assert made["quantization_config"]["scalar"]["type"] == "int8"
    assert (made["replication_factor"], made["write_consistency_factor"]) == (3, 2)
    assert made["indexes"]["collection"] == {"type": "keyword", "is_tenant": True}
    order = [request.operation for request in server.requests]
    last_index = max(at for at, operation in enumerate(order) if operation.endswith("/index"))
    assert last_index < order.index("PUT /collections/{collection_name}/points")


async def test_many_units_are_sent_in_pieces_and_waited_for(server: QdrantStandIn) -> None:
    async with an_index(settings(server)) as index:
        await index.ready()
        await index.upsert([a_unit(number) for number in range(500)])
    sent = [one for one in server.requests if one.operation == "PUT /collections/{collection_name}/points"]
    assert [len(one.body["points"]) for one in sent] == [125] * 4
    assert all("wait" in one.parameters for one in sent)


async def test_a_search_is_one_request(server: QdrantStandIn) -> None:
    async with an_index(settings(server)) as index:
        await index.ready()
        await index.upsert([a_unit(number) for number in range(5)])
        before = len(server.requests)
        answer = await index.search(dense=near(), sparse=TEA)
        assert len(answer.dense) == len(answer.sparse) == answer.total == 5
        asked = [one for one in server.requests[before:] if "/points" in one.operation]
        assert [len(one.body["searches"]) for one in asked] == [2]


def looks(server: QdrantStandIn) -> int:
    return sum(request.operation == "GET /aliases" for request in server.requests)


async def test_that_it_is_ready_is_asked_once_in_a_while_and_again_after_any_trouble(server: QdrantStandIn) -> None:
    model = SmallModel()
    async with an_index(settings(server), model, replace(NOT_YET, sure_seconds=60.0)) as index:
        await index.ready()
        before = looks(server)
        await asyncio.gather(*(index.ready() for _ in range(50)))
        assert looks(server) == before
        server.trouble = (500, "Service internal error")
        with pytest.raises(Unavailable):
            await index.search(dense=None, sparse=TEA)
        with pytest.raises(Unavailable):
            await index.ready()
        server.trouble = None
        await index.ready()
        before = looks(server)
        # Another model needs another collection before its first unit is written.
        model.fingerprint = "small-2"
        await asyncio.gather(*(index.ready() for _ in range(50)))
        assert before < looks(server) < before + 10 and len(server.collections) == 2


async def test_writes_of_one_moment_share_the_look_after_them_and_fail_each_by_itself(server: QdrantStandIn) -> None:
    async with an_index(settings(server), moving=NOT_YET) as index:
        await index.ready()
        before = looks(server)
        outcomes = await asyncio.gather(
            *(index.upsert([a_unit(number, labels=labels() if number != 3 else None)]) for number in range(20)),
            index.delete([(DocumentId("d4"), 1)]),
            index.upsert([a_unit(4)]),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes if outcome is not None] == [AttributeError]
        assert looks(server) == before + 1 and await index.size() == 19


async def test_the_key_goes_with_every_request_and_into_no_message(server: QdrantStandIn) -> None:
    server.key = "the secret key"
    with pytest.raises(WrongSettings, match="SEOGA_INDEX_KEY"):
        await an_index(settings(server)).__aenter__()
    with pytest.raises(WrongSettings, match="SEOGA_INDEX_KEY") as refused:
        await an_index(settings(server, index_key="another key")).__aenter__()
    assert "another key" not in str(refused.value)
    async with an_index(settings(server, index_key="the secret key")) as index:
        await index.ready()
        # Exchanged while it runs: nothing that was asked for is wrong, so it waits.
        server.key = "a newer key"
        with pytest.raises(Unavailable, match="SEOGA_INDEX_KEY"):
            await index.upsert([a_unit(1)])
        with pytest.raises(Unavailable, match="SEOGA_INDEX_KEY"):
            await index.check()


@pytest.mark.parametrize("version", ["1.15.5", "0.11.7", "1.9.0-dev"])
async def test_a_server_below_the_floor_is_refused(server: QdrantStandIn, version: str) -> None:
    server.version = version
    with pytest.raises(WrongSettings, match=rf"SEOGA_INDEX_URL.*{version}.*1\.16 or newer"):
        await an_index(settings(server)).__aenter__()


async def test_what_is_no_qdrant_is_refused(server: QdrantStandIn) -> None:
    server.title = "another engine"
    with pytest.raises(WrongSettings, match=r"SEOGA_INDEX_URL.*no Qdrant"):
        await an_index(settings(server)).__aenter__()


@pytest.mark.parametrize("url", ["qdrant:", "qdrant://:6333", "qdrant://host:port", "qdrant://user:pw@host:6333"])
async def test_a_url_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(WrongSettings, match="SEOGA_INDEX_URL") as refused:
        await an_index(settings(url)).__aenter__()
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        {"vectors": {"dense": {"size": 99, "distance": "Cosine"}}},
        {"sparse_vectors": {}},
        {"metadata": None},
    ],
)
async def test_a_collection_changed_by_hand_is_refused_with_a_remedy(
    server: QdrantStandIn, change: dict[str, Any]
) -> None:
    async with an_index(settings(server)) as index:
        await index.ready()
    ((name, made),) = server.collections.items()
    made |= change
    with pytest.raises(WrongSettings, match=rf"'{name}'.*SEOGA_INDEX_URL.*Delete it.*SEOGA_INSTALLATION"):
        await an_index(settings(server)).__aenter__()


async def test_a_collection_that_has_the_alias_s_name_is_told(server: QdrantStandIn) -> None:
    server.collections["shelf-chunks"] = {"points": {}, "indexes": {}, "metadata": None}
    async with an_index(settings(server)) as index:
        with pytest.raises(Unavailable, match=r"'shelf-chunks'.*SEOGA_INSTALLATION"):
            await index.ready()


async def test_another_installation_s_collections_are_left_alone(server: QdrantStandIn) -> None:
    others = {
        "shelf-chunks-0123456789ab-chunks-0123456789ab": "another installation's",
        "shelf-two-chunks-0123456789ab": "another's",
        "shelf-chunks-notes": "somebody's",
    }
    made = {"points": {}, "indexes": {}, "metadata": {"role": "former"}}
    server.collections |= {name: dict(made) for name in others} | {"shelf-chunks-0123456789ab": dict(made)}
    async with an_index(settings(server)) as index:
        await index.ready()
        await eventually(lambda: "shelf-chunks-0123456789ab" not in server.collections)
        assert others.keys() < server.collections.keys()


async def test_it_can_be_entered_before_there_is_a_server_and_is_ready_once_there_is_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    async with an_index(settings(f"qdrant://127.0.0.1:{port}")) as index:
        assert index.fingerprint is None
        with pytest.raises(Unavailable, match="SEOGA_INDEX_URL"):
            await index.search(dense=None, sparse=TEA)
        with a_qdrant_stand_in(port) as server:
            # Nobody has to ask: what it needs is made in the background.
            await eventually(lambda: index.fingerprint == "small-1")
            await index.upsert([a_unit(1)])
            assert len(server.aliases) == 1


async def test_trouble_of_the_server_is_no_fault_of_what_was_asked(server: QdrantStandIn) -> None:
    async with an_index(settings(server)) as index:
        await index.ready()
        server.trouble = (
            500,
            "Service internal error: No space left on device: WAL buffer size exceeds available disk",
        )
        with pytest.raises(StorageFull, match="full"):
            await index.upsert([a_unit(1)])
        server.trouble = (400, "Wrong input: Vector dimension error: expected dim: 99, got 32")
        with pytest.raises(Unavailable, match="expected dim: 99"):
            await index.upsert([a_unit(1)])
        server.trouble = None
        await index.upsert([a_unit(1)])


async def test_a_collection_that_somebody_deletes_is_made_again(server: QdrantStandIn) -> None:
    async with an_index(settings(server)) as index:
        await index.ready()
        await index.upsert([a_unit(1)])
        server.collections.clear()
        server.aliases.clear()
        await index.upsert([a_unit(2)])
        assert await index.size() == 1
        server.collections.clear()
        server.aliases.clear()
        assert (await index.search(dense=near(), sparse=TEA)).total == 0


async def test_what_was_done_although_its_answer_was_lost_is_not_done_twice(server: QdrantStandIn) -> None:
    make = "PUT /collections/{collection_name}"
    server.loses = {make, "create_alias"}
    model = SmallModel()
    async with an_index(settings(server), model) as index:
        await index.ready()
        await index.upsert([a_unit(1)])
        assert not server.loses and len(server.collections) == 1
        server.loses = {make, "create_alias", "rename_alias"}
        model.fingerprint = "small-2"
        await index.ready()
        await eventually(lambda: index.fingerprint == "small-2" and not server.loses)
        await eventually(lambda: len(server.collections) == len(server.aliases) == 1)
        assert await index.size() == 1


async def test_a_move_that_nobody_goes_on_with_is_dropped_in_the_end(server: QdrantStandIn) -> None:
    looking = replace(AT_ONCE, look_for_abandoned_seconds=-1.0)
    model = SmallModel()
    async with an_index(settings(server), model, looking) as index:
        await index.ready()
        served = set(server.collections)
    # As of a process that was ended while it filled another collection.
    model.fingerprint = "small-2"
    async with an_index(settings(server), model, replace(looking, move_after_seconds=60.0)) as index:
        await index.ready()
    assert len(server.collections) == len(server.aliases) == 2
    model.fingerprint = "small-1"
    async with an_index(settings(server), model, looking) as index:
        await index.upsert([a_unit(1)])
        assert len(server.collections) == 2, "somebody may still be at it"
    (filled,) = server.collections.keys() - served
    server.collections[filled]["metadata"]["beat"] = "2026-01-01T00:00:00+00:00"
    async with an_index(settings(server), model, looking):
        await eventually(lambda: server.collections.keys() == served and len(server.aliases) == 1)
