"""Switches in MongoDB that race, stand still or die half-way, seen by searches of other processes."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from live_store_builders import OpenSearchStore, SearchStore, a_version, indexed, mongo_search_store, removed, seen
from mongo_builders import a_mongo_door, a_remotes, settings_for_mongo

from builders import labels
from search.application.ports.live_store import LiveStore
from search.application.ports.versions import NewVersion
from search.infrastructure.mongo.chunks import MongoChunks
from search.infrastructure.mongo.live_store import MongoLiveStore
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.facts import MongoFacts
from shared.kernel import DocumentId, Unavailable, new_document_id
from shared.settings import Settings

T = TypeVar("T")
PARTS = 3

pytestmark = pytest.mark.servers


@pytest.fixture
async def open_it(tmp_path: Path) -> AsyncIterator[OpenSearchStore]:
    async with mongo_search_store(tmp_path) as opener:
        yield opener


@pytest.fixture
async def stores(open_it: OpenSearchStore) -> AsyncIterator[list[SearchStore]]:
    """Of three processes."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_it()) for _ in range(3)]


def whole(document_id: DocumentId, version: int) -> NewVersion:
    return a_version(document_id, version, [f"part{part} of {version}" for part in range(PARTS)])


async def version_at(live: LiveStore, at: int, document_id: DocumentId, newest: int) -> int:
    """Which version a search at that number sees, 0 for none; never two, never a half of one."""
    hits = await seen(live, at, document_id, range(1, newest + 1), PARTS)
    versions = {hit.version for hit in hits}
    assert len(hits) == PARTS * len(versions) and len(versions) <= 1, f"at {at}: {[hit.chunk.text for hit in hits]}"
    return max(versions, default=0)


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
async def test_racing_switches_end_with_the_newest_in_any_order(
    stores: list[SearchStore], order: tuple[int, ...]
) -> None:
    for _ in range(5):
        document_id = new_document_id()
        await stores[0].live.label(document_id, 1, labels())
        done = await asyncio.gather(
            *(
                store.live.switch(whole(document_id, version), indexed(whole(document_id, version)))
                for store, version in zip(stores, order, strict=True)
            )
        )
        came = {version for version, outcome in zip(order, done, strict=True) if outcome is not None}
        assert 3 in came
        for store in stores:
            state = await store.live.document(document_id)
            assert state is not None and state.live_version == 3
            assert await version_at(store.live, await store.live.index_version(), document_id, 3) == 3
        retired = await stores[0].live.retired(before=await stores[0].live.index_version(), limit=100)
        assert {version for one, version in retired if one == document_id} == came - {3}
        await stores[0].live.forget(retired)
    facts = {fact.envelope.id: fact.envelope for store in stores for fact in await store.outbox.pending_facts(100)}
    about = [(fact.payload["document_id"], fact.payload["document_version"]) for fact in facts.values()]
    assert len(about) == len(set(about)), "a switch that was told twice"


@pytest.mark.parametrize("seed", range(4))
async def test_a_search_sees_what_was_live_at_its_number_whatever_happens_meanwhile(
    stores: list[SearchStore], seed: int
) -> None:
    chance = random.Random(seed)
    newest, documents = 6, [new_document_id() for _ in range(4)]
    at_number: dict[tuple[int, DocumentId], int] = {}
    returned: dict[DocumentId, int] = dict.fromkeys(documents, 0)
    working = True
    for document_id in documents:
        await stores[0].live.label(document_id, 1, labels())

    async def write(document_id: DocumentId) -> None:
        versions = list(range(1, newest + 1))
        chance.shuffle(versions)
        for some in (versions[:2], versions[2:4], versions[4:]):
            await asyncio.sleep(chance.random() / 50)
            await asyncio.gather(*(one(document_id, version) for version in some))

    async def one(document_id: DocumentId, version: int) -> None:
        await asyncio.sleep(chance.random() / 100)
        live = chance.choice(stores).live
        if chance.random() < 0.7:
            await live.document(document_id)
        if await live.switch(whole(document_id, version)) is not None:
            returned[document_id] = max(returned[document_id], version)

    async def search(live: LiveStore) -> None:
        while working:
            at_least = dict(returned)
            at = await live.index_version()
            for document_id in chance.sample(documents * 3, 6):
                version = await version_at(live, at, document_id, newest)
                assert version >= at_least[document_id], "a search that begins after a switch does not see it"
                # The same in every process, at any later moment.
                assert at_number.setdefault((at, document_id), version) == version
                await asyncio.sleep(chance.random() / 200)

    searches = [asyncio.create_task(search(store.live)) for store in stores for _ in range(2)]
    await asyncio.gather(*(write(document_id) for document_id in documents))
    working = False
    await asyncio.gather(*searches)
    for (at, document_id), version in at_number.items():
        assert await version_at(stores[0].live, at, document_id, newest) == version
    assert set(returned.values()) == {newest}
    numbers = sorted({at for at, _ in at_number})
    for document_id in documents:
        line = [at_number[at, document_id] for at in numbers if (at, document_id) in at_number]
        assert line == sorted(line)


class DyingDatabase(MongoDatabase):
    """Its process ends with one call: before the server has heard of it, or before the answer is there."""

    def __init__(self, settings: Settings, *, calls: int, heard: bool) -> None:
        super().__init__(settings, a_remotes(settings))
        self._left = calls
        self._heard = heard

    async def call(self, make_call: Callable[[Any], Awaitable[T]], *, idempotent: bool) -> T:
        self._left -= 1
        if self._left == 0 and self._heard:
            await super().call(make_call, idempotent=idempotent)
        if self._left <= 0:
            raise Unavailable("This process is dead.")
        return await super().call(make_call, idempotent=idempotent)


class CountingDatabase(MongoDatabase):
    """Counts its calls."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, a_remotes(settings))
        self.calls = 0

    async def call(self, make_call: Callable[[Any], Awaitable[T]], *, idempotent: bool) -> T:
        self.calls += 1
        return await super().call(make_call, idempotent=idempotent)


class StandingDatabase(MongoDatabase):
    """Its process stands still before one call, until it may go on."""

    def __init__(self, settings: Settings, *, before: int) -> None:
        super().__init__(settings, a_remotes(settings))
        self._left = before
        self.stands, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def call(self, make_call: Callable[[Any], Awaitable[T]], *, idempotent: bool) -> T:
        self._left -= 1
        if self._left == 0:
            self.stands.set()
            await self.may_go_on.wait()
        return await super().call(make_call, idempotent=idempotent)


@pytest.mark.parametrize("before", [1, 2, 3, 4])
@pytest.mark.parametrize("withdraws", [False, True])
@pytest.mark.parametrize("reads", [False, True])
async def test_a_process_that_stands_still_in_the_middle_changes_nothing_that_was_seen(
    tmp_path: Path, before: int, withdraws: bool, reads: bool
) -> None:
    settings = settings_for_mongo(tmp_path)
    standing = StandingDatabase(settings, before=reads + (before - withdraws or 1))
    async with a_mongo_door(settings) as database, standing:
        try:
            live = MongoLiveStore(database, MongoFacts(database, "search"), longest_search_seconds=0)
            slow = MongoLiveStore(standing, MongoFacts(standing, "search"), longest_search_seconds=0)
            document_id = new_document_id()
            await live.label(document_id, 1, labels())
            await live.switch(whole(document_id, 1))
            if reads:
                await slow.document(document_id)
            change = slow.withdraw(document_id, 2) if withdraws else slow.switch(whole(document_id, 2))
            changing = asyncio.ensure_future(change)
            await standing.stands.wait()
            middle = await live.index_version()
            looked = await version_at(live, middle, document_id, 2)
            standing.may_go_on.set()
            assert await changing
            after = await live.index_version()
            assert await version_at(live, after, document_id, 2) == (0 if withdraws else 2)
            assert looked == (0 if withdraws and before > 2 else 1)
            assert await version_at(live, middle, document_id, 2) == (0 if withdraws else 1)
        finally:
            await database.drop()


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("calls", [1, 2, 3, 4])
@pytest.mark.parametrize("searches_first", [False, True])
@pytest.mark.parametrize("reads", [False, True])
async def test_a_process_that_dies_in_the_middle_of_a_switch_leaves_one_whole_version(
    tmp_path: Path, calls: int, heard: bool, searches_first: bool, reads: bool
) -> None:
    settings = settings_for_mongo(tmp_path)
    dying = DyingDatabase(settings, calls=calls + reads, heard=heard)
    async with a_mongo_door(settings) as database, dying:
        try:
            facts = MongoFacts(database, "search", own_seconds=0)
            live = MongoLiveStore(database, facts, longest_search_seconds=0)
            document_id = new_document_id()
            await live.label(document_id, 1, labels())
            await live.switch(whole(document_id, 1))
            before = await live.index_version()

            new = whole(document_id, 2)
            died = MongoLiveStore(dying, MongoFacts(dying, "search", own_seconds=0))
            if reads:
                await died.document(document_id)
            with suppress(Unavailable):
                await died.switch(new, indexed(new))

            middle = await live.index_version()
            came_about = (calls, heard) == (4, True)
            if searches_first:
                assert await version_at(live, middle, document_id, 2) == (2 if came_about else 1)
            # The job runs once more, in another process.
            again = await live.switch(new, indexed(new))
            assert again is not None or came_about or searches_first
            after = await live.index_version()
            assert await version_at(live, after, document_id, 2) == 2
            assert await version_at(live, before, document_id, 2) == 1
            assert await version_at(live, middle, document_id, 2) == (2 if came_about else 1)
            told = [fact.envelope for fact in await facts.pending_facts(10)]
            assert [(fact.name, fact.payload["document_version"]) for fact in told] == [("DocumentIndexed", 2)]
            assert list(await live.retired(before=after, limit=10)) == [(document_id, 1)]
            assert await live.switch(new) is None
        finally:
            await database.drop()


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("calls", [1, 2, 3])
async def test_a_withdrawal_that_dies_in_the_middle_is_done_by_the_next_delivery(
    tmp_path: Path, calls: int, heard: bool
) -> None:
    settings = settings_for_mongo(tmp_path)
    dying = DyingDatabase(settings, calls=calls, heard=heard)
    async with a_mongo_door(settings) as database, dying:
        try:
            facts = MongoFacts(database, "search", own_seconds=0)
            live = MongoLiveStore(database, facts, longest_search_seconds=0)
            document_id = new_document_id()
            await live.label(document_id, 1, labels())
            await live.switch(whole(document_id, 1))
            died = MongoLiveStore(dying, MongoFacts(dying, "search", own_seconds=0))
            with suppress(Unavailable):
                await died.withdraw(document_id, 2, removed(document_id, 2))
            assert await live.switch(whole(document_id, 1)) is None
            done = await live.withdraw(document_id, 2, removed(document_id, 2))
            assert done or calls > 1
            assert await version_at(live, await live.index_version(), document_id, 1) == 0
            told = [fact.envelope for fact in await facts.pending_facts(10)]
            assert [(fact.name, fact.payload["document_version"]) for fact in told] == [("DocumentRemoved", 2)]
            state = await live.document(document_id)
            assert state is not None and state.labels is None and state.live_version is None
        finally:
            await database.drop()


@pytest.mark.parametrize(
    ("meanwhile", "outcome", "at_middle", "at_end"),
    [
        ("labels", 5, 1, 3),
        ("a decision", 3, 1, 3),
        ("an older version", 3, 2, 3),
        ("a newer version", None, 4, 4),
        ("a withdrawal", None, 0, 0),
    ],
)
async def test_what_happens_after_a_record_was_read_is_respected(
    tmp_path: Path, meanwhile: str, outcome: int | None, at_middle: int, at_end: int
) -> None:
    settings = settings_for_mongo(tmp_path)
    dying = DyingDatabase(settings, calls=3, heard=False)
    async with a_mongo_door(settings) as database, a_mongo_door(settings) as second, dying:
        try:
            live, other = (MongoLiveStore(one, MongoFacts(one, "search")) for one in (database, second))
            document_id = new_document_id()
            await live.label(document_id, 1, labels())
            await live.switch(whole(document_id, 1))
            assert await live.document(document_id)
            match meanwhile:
                case "labels":
                    assert await other.label(document_id, 5, labels(name="new.txt"))
                case "a withdrawal":
                    assert await other.withdraw(document_id, 4)
                case "a decision":
                    with suppress(Unavailable):
                        await MongoLiveStore(dying, MongoFacts(dying, "search")).switch(whole(document_id, 2))
                case _:
                    assert await other.switch(whole(document_id, 2 if "older" in meanwhile else 4))
            middle = await live.index_version()

            assert await live.switch(whole(document_id, 3)) == outcome

            after = await live.index_version()
            assert await version_at(other, middle, document_id, 4) == at_middle
            assert await version_at(other, after, document_id, 4) == at_end
            assert list(await live.to_label()) == ([document_id] if meanwhile == "labels" else [])
        finally:
            await database.drop()


async def test_what_is_switched_at_the_same_time_shares_its_calls(tmp_path: Path) -> None:
    settings = settings_for_mongo(tmp_path)
    async with CountingDatabase(settings) as database:
        try:
            live = MongoLiveStore(database, MongoFacts(database, "search"))
            new = [whole(new_document_id(), 1) for _ in range(50)]
            await asyncio.gather(*(live.label(one.document_id, 1, labels()) for one in new))
            await asyncio.gather(*(live.document(one.document_id) for one in new))
            outcomes = await asyncio.gather(*(live.switch(one, indexed(one)) for one in new))
            assert outcomes == [1] * 50
            assert database.calls <= 6, "labels, records, chunks, decisions, number, completions"
            at = await live.index_version()
            assert [await version_at(live, at, one.document_id, 1) for one in new] == [1] * 50
        finally:
            await database.drop()


async def test_a_version_retired_a_moment_ago_is_left_to_the_searches_of_other_processes(tmp_path: Path) -> None:
    settings = settings_for_mongo(tmp_path)
    async with a_mongo_door(settings) as database:
        try:
            live = MongoLiveStore(database, MongoFacts(database, "search"))
            document_id = new_document_id()
            for version in (1, 2):
                await live.switch(whole(document_id, version))
            assert list(await live.retired(before=await live.index_version(), limit=10)) == []
            later = MongoLiveStore(database, MongoFacts(database, "search"), longest_search_seconds=-1)
            assert list(await later.retired(before=await live.index_version(), limit=10)) == [(document_id, 1)]
        finally:
            await database.drop()


async def test_waiting_for_others_ends_soon(stores: list[SearchStore]) -> None:
    async with asyncio.timeout(10):
        await stores[0].live.wait_for_change(60)


async def test_chunks_that_no_record_names_go_with_a_later_version(tmp_path: Path) -> None:
    settings = settings_for_mongo(tmp_path)
    async with a_mongo_door(settings) as database:
        try:
            live, document_id = MongoLiveStore(database, MongoFacts(database, "search")), new_document_id()

            async def kept() -> list[int]:
                chunks = await MongoChunks(database).texts([(document_id, one, 0) for one in range(6)], context=0)
                return [version for (_, version, _), texts in chunks.items() if texts]

            await live.switch(whole(document_id, 1))
            await live.switch(whole(document_id, 3))
            # Refused, but its chunks were written; nothing else takes them for its own.
            assert await live.switch(whole(document_id, 2)) is None
            assert await kept() == [1, 2, 3]
            await live.forget([(document_id, 2)])
            assert await kept() == [1, 3]
            assert await live.switch(whole(document_id, 2)) is None
            await live.switch(whole(document_id, 4))
            await live.forget([(document_id, 3)])
            assert await kept() == [1, 4]
            await live.withdraw(document_id, 5)
            await live.forget([(document_id, 1), (document_id, 4)])
            assert await kept() == []
        finally:
            await database.drop()
