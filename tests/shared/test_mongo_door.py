"""What people are told when MongoDB is wrong, away or late, and that it never takes long."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mongo_builders import a_database_name, a_mongo, a_mongo_door, settings_for_mongo
from mongo_stand_in import Answer, error, greeting, mongo_stand_in
from servers import mongo_url
from tcp_proxy import TcpProxy

from builders import eventually
from shared.infrastructure.mongo.database import Duplicate, Insert, MongoDatabase
from shared.infrastructure.mongo.queries import Given, Index, Query, Row
from shared.kernel import StorageFull, Unavailable
from shared.settings import WrongSettings

SECRET = "s3cr3t"
THINGS = Index("things", (("name", 1),), unique=True)
BY_NAME = Query("things", {"name": Given("name")})
TIMEOUT = 1.0
"""Two attempts one after the other take twice as long, the waits that the driver has by itself thirty seconds."""


@asynccontextmanager
async def stand_in_door(folder: Path, **answers: Answer) -> AsyncIterator[MongoDatabase]:
    """Not entered: a door to a stand-in that answers commands (in lower case) so."""
    async with mongo_stand_in(answers) as port:
        url = f"mongodb://127.0.0.1:{port}/things"
        yield a_mongo_door(settings_for_mongo(folder, url=url, server_timeout_seconds=5))


async def told(work: Awaitable[Any], kind: type[Exception]) -> str:
    """The words of the error; they name the setting and hold nothing secret."""
    with pytest.raises(kind) as caught:
        await work
    words = str(caught.value)
    assert "SEOGA_STORE_URL" in words and SECRET not in words and "Traceback" not in words
    return words


async def test_a_wrong_password_is_known_at_the_start(tmp_path: Path) -> None:
    refused = {"saslstart": error(18, "Authentication failed.")}
    async with mongo_stand_in(refused) as port:
        url = f"mongodb://seoga:{SECRET}@127.0.0.1:{port}/things?authMechanism=SCRAM-SHA-256"
        door = a_mongo_door(settings_for_mongo(tmp_path, url=url, server_timeout_seconds=5))
        words = await told(door.__aenter__(), WrongSettings)
    assert "does not accept the user or password" in words and f"127.0.0.1:{port}" in words


async def test_missing_rights_are_known_at_the_start(tmp_path: Path) -> None:
    async with stand_in_door(tmp_path, createindexes=error(13, "not authorized on things")) as door:
        door.declare(THINGS)
        assert "`readWrite`" in await told(door.__aenter__(), WrongSettings)


@pytest.mark.parametrize("code", [85, 86])
async def test_an_index_with_other_options_is_known_at_the_start(tmp_path: Path, code: int) -> None:
    words = "An equivalent index already exists with the same name but different options. Requested: name_1"
    async with stand_in_door(tmp_path, createindexes=error(code, words)) as door:
        door.declare(THINGS)
        said = await told(door.__aenter__(), WrongSettings)
    assert "name_1" in said and "Drop that index" in said


async def test_what_is_found_wrong_later_is_no_fault_of_what_is_handled_then(tmp_path: Path) -> None:
    """A handler that meets it waits; were it refused for good, its event would be dead-lettered."""
    async with stand_in_door(tmp_path, createindexes=error(86, "name_1 has other options")) as door, door:
        door.declare(THINGS)
        words = await told(door.collection("things").find_one(BY_NAME, name="a"), Unavailable)
    assert "Drop that index" in words


@pytest.mark.parametrize("changes", [{"ismaster": False, "secondary": True}, {"readOnly": True}])
async def test_a_server_that_is_read_only_is_not_ready(tmp_path: Path, changes: dict[str, Any]) -> None:
    answer = greeting(**changes)
    async with stand_in_door(tmp_path, ismaster=answer, hello=answer) as door, door:
        health = await door.check()
    assert not health.ready and "takes no writes" in health.detail and "SEOGA_STORE_URL" in health.detail


async def test_a_mongodb_that_greets_and_has_no_room_is_not_well(tmp_path: Path) -> None:
    async with stand_in_door(tmp_path, findandmodify=error(14031, "no room")) as door, door:
        assert "no room left" in await told(door.check(), StorageFull)


async def test_a_mongodb_that_takes_a_row_and_has_none_is_not_well(tmp_path: Path) -> None:
    nothing = {"ok": 1.0, "cursor": {"id": 0, "ns": "things.probes", "firstBatch": []}}
    taken = {"ok": 1.0, "value": {"_id": "probe", "number": 3}}
    async with stand_in_door(tmp_path, findandmodify=taken, find=nothing) as door, door:
        assert "does not give back what it took" in await told(door.check(), Unavailable)


@pytest.mark.servers
async def test_a_mongodb_gives_back_what_it_took(tmp_path: Path) -> None:
    async with a_mongo(settings_for_mongo(tmp_path)) as make, make() as one, make() as other:
        await asyncio.gather(one.check(), other.check())
        for _ in range(3):
            assert (await one.check()).ready

        async def number() -> int:
            row = await one.call(lambda database: database["probes"].find_one({"_id": "probe"}), idempotent=True)
            return int(row["number"])

        assert await number() in (1, 2)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (10107, Unavailable, "takes no writes now"),
        (13435, Unavailable, "takes no writes now"),
        (14031, StorageFull, "no room left"),
        (50, Unavailable, "did not answer in time"),
        (13, Unavailable, "readWrite"),
        (4711, Unavailable, "something new"),
    ],
)
async def test_an_error_of_the_server_has_its_meaning(
    tmp_path: Path, code: int, kind: type[Exception], words: str
) -> None:
    async with stand_in_door(tmp_path, insert=error(code, "something new")) as door, door:
        things = door.collection("things")
        assert words in await told(things.insert({"name": "a"}), kind)
        assert words in await told(things.write(Insert({"name": "a"})), kind)


async def test_the_clock_is_the_servers_where_they_differ_much(tmp_path: Path) -> None:
    told_at = datetime.now(UTC) + timedelta(hours=1)
    async with stand_in_door(tmp_path, ismaster=lambda _: greeting(localTime=told_at)) as door:
        assert abs(door.now() - datetime.now(UTC)) < timedelta(seconds=5)
        async with door:
            assert abs(door.now() - told_at) < timedelta(seconds=30)


async def test_small_differences_of_clocks_are_left_alone(tmp_path: Path) -> None:
    def near(_: Any) -> dict[str, Any]:
        return greeting(localTime=datetime.now(UTC) + timedelta(seconds=0.5))

    async with stand_in_door(tmp_path, ismaster=near) as door, door:
        assert door.now() - datetime.now(UTC) < timedelta(seconds=0.3)


@pytest.mark.parametrize(
    "url",
    [
        f"mongodb://seoga:{SECRET}/x@127.0.0.1:1/things",
        f"mongodb://seoga:x/{SECRET}@127.0.0.1:1/things",
        f"mongodb://seoga:{SECRET}@x@127.0.0.1:1/things",
        f"mongodb://seoga:{SECRET}?x@127.0.0.1:1/things",
        f"mongodb://seoga:{SECRET}@127.0.0.1:port/things",
        f"mongodb://seoga:{SECRET}@/things",
        "mongodb://127.0.0.1:1/things?authMechanism=NONE",
        "mongodb://",
        "mongodb://127.0.0.1:99999/things",
    ],
)
async def test_a_url_that_is_none_is_known_at_the_start(tmp_path: Path, url: str) -> None:
    door = a_mongo_door(settings_for_mongo(tmp_path, url=url))
    await told(door.__aenter__(), WrongSettings)


async def seconds_to_fail(work: Awaitable[Any]) -> float:
    started = time.monotonic()
    await told(work, Unavailable)
    return time.monotonic() - started


async def test_a_server_that_refuses_connections_is_waited_for(tmp_path: Path) -> None:
    async with mongo_stand_in() as port:
        pass
    url = f"mongodb://seoga:{SECRET}@127.0.0.1:{port}/things"
    door = a_mongo_door(settings_for_mongo(tmp_path, url=url, server_timeout_seconds=TIMEOUT))
    async with door:
        assert await seconds_to_fail(door.check()) < 2 * TIMEOUT


@pytest.mark.slow
async def test_a_server_that_never_answers_takes_no_longer_than_the_timeout(tmp_path: Path) -> None:
    connected: set[asyncio.StreamWriter] = set()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.add(writer)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        connected.discard(writer)

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        url = f"mongodb://127.0.0.1:{server.sockets[0].getsockname()[1]}/things"
        door = a_mongo_door(settings_for_mongo(tmp_path, url=url, server_timeout_seconds=TIMEOUT))
        started = time.monotonic()
        async with door:
            assert time.monotonic() - started < 2 * TIMEOUT
            things = door.collection("things")
            # Who comes together waits for one attempt together.
            for _ in range(5):
                times = await asyncio.gather(*(seconds_to_fail(things.insert({"name": "a"})) for _ in range(20)))
                assert max(times) < 2 * TIMEOUT
            # By now the breaker is open.
            assert await seconds_to_fail(things.find_one(BY_NAME, name="a")) < TIMEOUT
        await eventually(lambda: not connected)


@pytest.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[tuple[TcpProxy, MongoDatabase]]:
    """A door that leads through a proxy to a database of its own; neither listens nor is entered yet."""
    server, name = urlsplit(mongo_url()), a_database_name()
    async with a_mongo(settings_for_mongo(tmp_path, database=name)):
        proxy = TcpProxy(server.hostname or "", server.port or 27017)
        url = f"mongodb://127.0.0.1:{proxy.port}/{name}"
        try:
            yield proxy, a_mongo_door(settings_for_mongo(tmp_path, url=url, server_timeout_seconds=2))
        finally:
            await proxy.cut()


@pytest.mark.servers
async def test_a_server_that_is_away_at_the_start_is_used_once_it_is_there(
    proxied: tuple[TcpProxy, MongoDatabase],
) -> None:
    proxy, door = proxied
    door.declare(THINGS)
    things = door.collection("things")
    async with door:
        assert await seconds_to_fail(things.insert({"name": "a"})) < 2.6
        await proxy.restore()
        assert await eventually(lambda: is_inserted(things.insert({"name": "a"})), every_seconds=0.2)
        with pytest.raises(Duplicate):
            await things.insert({"name": "a"})


async def is_inserted(work: Awaitable[None]) -> bool:
    try:
        await work
    except Unavailable:
        return False
    return True


@pytest.mark.servers
async def test_indexes_are_made_again_after_the_server_was_away(
    proxied: tuple[TcpProxy, MongoDatabase], tmp_path: Path
) -> None:
    """It may come back with an empty disk; without its index a second of the same name would be taken."""
    proxy, door = proxied
    door.declare(THINGS)
    await proxy.restore()
    async with door:
        things = door.collection("things")
        await things.insert({"name": "a"})
        await proxy.cut()
        await told(things.insert({"name": "b"}), Unavailable)
        async with a_mongo_door(settings_for_mongo(tmp_path, database=door.name)) as another:
            await another.drop()
        await proxy.restore()
        assert await eventually(lambda: is_inserted(things.insert({"name": "a"})), every_seconds=0.2)
        with pytest.raises(Duplicate):
            await things.insert({"name": "a"})


@pytest.mark.servers
async def test_a_black_hole_ends_every_call_in_time(proxied: tuple[TcpProxy, MongoDatabase]) -> None:
    proxy, door = proxied
    await proxy.restore()
    async with door:
        things = door.collection("things")
        await things.insert({"name": "a"})
        await proxy.black_hole()
        times = await asyncio.gather(*(seconds_to_fail(things.find_one(BY_NAME, name="a")) for _ in range(30)))
        assert max(times) < 2.6
        await proxy.restore()

        async def is_back() -> bool:
            try:
                return await things.find_one(BY_NAME, name="a") is not None
            except Unavailable:
                return False

        assert await eventually(is_back, every_seconds=0.2)


@pytest.mark.servers
async def test_an_index_of_the_same_name_that_is_not_unique_is_found_by_the_server(tmp_path: Path) -> None:
    async with a_mongo(settings_for_mongo(tmp_path)) as door:
        first, second = door(), door()
        first.declare(Index("things", (("name", 1),)))
        second.declare(THINGS)
        async with first:
            try:
                async with second:
                    pytest.skip("needs a real mongod: this server keeps the older index and says nothing")
            except WrongSettings as error:
                assert "Drop that index" in error.detail


@pytest.mark.servers
async def test_a_database_belongs_to_the_first_installation(tmp_path: Path) -> None:
    async with a_mongo(settings_for_mongo(tmp_path)) as door:
        async with door() as first, door() as of_the_same:
            await first.claim({"installation": "one", "events": "kafka://a:9092"})
            await of_the_same.claim({"installation": "one", "events": "kafka://a:9092"})
        async with door() as other:
            words = await told(other.claim({"installation": "two", "events": "kafka://a:9092"}), WrongSettings)
            assert "'one'" in words and "'two'" in words and "kafka" not in words and other.name in words
            # And nothing of it is touched.
            await told(other.collection("things").insert({"name": "a"}), Unavailable)


@pytest.mark.servers
async def test_of_two_installations_that_come_first_one_is_the_owner(tmp_path: Path) -> None:
    async with a_mongo(settings_for_mongo(tmp_path)) as door, door() as first, door() as second:
        claims = (first.claim({"installation": "one"}), second.claim({"installation": "two"}))
        outcomes = await asyncio.gather(*claims, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes if outcome is not None] == [WrongSettings]


@pytest.mark.servers
async def test_whose_database_it_is_is_asked_once_the_server_is_there(
    proxied: tuple[TcpProxy, MongoDatabase], tmp_path: Path
) -> None:
    proxy, door = proxied
    async with door:
        await door.claim({"installation": "two"})
        async with a_mongo_door(settings_for_mongo(tmp_path, database=door.name)) as owner:
            await owner.claim({"installation": "one"})
        await proxy.restore()
        things = door.collection("things")

        async def belongs_to_another() -> bool:
            with pytest.raises(Unavailable) as caught:
                await things.insert({"name": "a"})
            return "belongs to another installation" in caught.value.detail

        assert await eventually(belongs_to_another, every_seconds=0.2)


async def test_indexes_that_are_declared_late_hold_for_everybody_who_comes_at_once(tmp_path: Path) -> None:
    async with a_mongo(settings_for_mongo(tmp_path)) as door, door() as database:
        database.declare(THINGS)
        things = database.collection("things")
        inserts = (things.insert({"_id": number, "name": "the only one"}) for number in range(30))
        outcomes = await asyncio.gather(*inserts, return_exceptions=True)
        assert outcomes.count(None) == 1
        assert sum(isinstance(outcome, Duplicate) for outcome in outcomes) == 29


async def test_who_is_late_once_is_the_same_server_with_its_indexes(tmp_path: Path) -> None:
    made: list[Row] = []

    def create(command: Row) -> Row:
        made.append(command)
        return {"ok": 1.0}

    async with mongo_stand_in({"createindexes": create}) as port, TcpProxy("127.0.0.1", port) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}/things"
        door = a_mongo_door(settings_for_mongo(tmp_path, url=url, server_timeout_seconds=TIMEOUT))
        door.declare(THINGS)
        async with door:
            assert len(made) == 1
            await proxy.black_hole()
            await told(door.check(), Unavailable)
            await proxy.restore()
            await door.collection("things").insert({"name": "a"})
            assert len(made) == 1
            await proxy.cut()
            await told(door.check(), Unavailable)
            await proxy.restore()
            assert await eventually(lambda: is_inserted(door.collection("things").insert({"name": "b"})))
            assert len(made) == 2


async def test_indexes_of_many_collections_are_made_side_by_side(tmp_path: Path) -> None:
    async with mongo_stand_in() as port, TcpProxy("127.0.0.1", port) as proxy:
        await proxy.slow(0.05)
        door = a_mongo_door(settings_for_mongo(tmp_path, url=f"mongodb://127.0.0.1:{proxy.port}/things"))
        door.declare(*(Index(f"things_{number}", (("name", 1),)) for number in range(40)))
        started = time.monotonic()
        async with door:
            # One after the other they would take four seconds.
            assert time.monotonic() - started < 2
