"""Facts inside documents: nothing is lost in a crash, nothing is forgotten unpublished, processes share the work."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mongo_builders import a_mongo, settings_for_mongo

from builders import a_document_received, eventually
from shared.events.envelope import Envelope
from shared.infrastructure.mongo.database import Insert, MongoCollection, MongoDatabase
from shared.infrastructure.mongo.facts import MongoFacts, merged
from shared.infrastructure.mongo.queries import Given, Query, Row
from shared.kernel import new_id

THINGS = "things"
THING = Query(THINGS, {"_id": Given("id")})


class Process:
    """What one process has: its door, its facts, and a store that saves them with its documents."""

    def __init__(self, database: MongoDatabase, *, own_seconds: float, collections: tuple[str, ...]) -> None:
        self.database = database
        self.facts = MongoFacts(database, "ingest", collections, own_seconds=own_seconds)
        self.things: MongoCollection = database.collection(THINGS)

    async def save(self, thing: str, count: int = 1) -> list[str]:
        """The ids of the facts that were saved."""
        envelopes = self.facts.wrap(a_document_received() for _ in range(count))
        change: Row = {"$set": {"changed": True}}
        await self.things.update(THING, merged(change, self.facts.pushed(envelopes)), upsert=True, id=thing)
        self.facts.saved()
        return [envelope.id for envelope in envelopes]

    async def pending(self, limit: int = 100) -> list[str]:
        return [fact.envelope.id for fact in await self.facts.pending_facts(limit)]

    async def document(self, thing: str) -> Row | None:
        return await self.things.find_one(THING, id=thing)


Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts further processes on one database."""
    async with a_mongo(settings_for_mongo(tmp_path)) as door, asyncio.TaskGroup() as open_ones:
        ended = asyncio.Event()

        async def hold(process: Process, entered: asyncio.Event) -> None:
            async with process.database:
                entered.set()
                await ended.wait()

        async def begin(*, own_seconds: float = 60, collections: tuple[str, ...] = (THINGS,)) -> Process:
            process, entered = Process(door(), own_seconds=own_seconds, collections=collections), asyncio.Event()
            open_ones.create_task(hold(process, entered))
            await entered.wait()
            return process

        try:
            yield begin
        finally:
            ended.set()


@pytest.mark.servers
async def test_facts_of_several_documents_and_collections_are_found(start: Start) -> None:
    process = await start(collections=(THINGS, "others"))
    saved = {await_id for thing in "abc" for await_id in await process.save(thing, 2)}
    envelopes = process.facts.wrap([a_document_received()])
    await process.database.collection("others").insert({"_id": "x", **process.facts.fields(envelopes)})
    assert set(await process.pending()) == saved | {envelopes[0].id}
    assert len(await process.pending(3)) == 3


@pytest.mark.servers
async def test_a_document_whose_facts_are_published_is_as_if_it_never_had_any(start: Start) -> None:
    process = await start()
    await process.save("a", 3)
    await process.facts.forget_facts([fact.place for fact in await process.facts.pending_facts(10)])
    assert await process.document("a") == {"_id": "a", "changed": True}


@pytest.mark.servers
async def test_a_fact_saved_while_others_are_published_is_kept(start: Start) -> None:
    process = await start()
    await process.save("a")
    await process.save("b")
    published = await process.facts.pending_facts(10)
    later = await process.save("a", 2)
    await process.facts.forget_facts([fact.place for fact in published])
    assert await process.pending() == later
    assert (await process.document("b")) == {"_id": "b", "changed": True}


@pytest.mark.servers
async def test_forgetting_a_part_keeps_the_rest_in_order(start: Start) -> None:
    process = await start()
    saved = await process.save("a", 5)
    found = await process.facts.pending_facts(10)
    # Also where the newest is among them.
    await process.facts.forget_facts([found[1].place, found[4].place])
    assert await process.pending() == [saved[0], saved[2], saved[3]]
    await process.facts.forget_facts([fact.place for fact in found])
    assert await process.document("a") == {"_id": "a", "changed": True}


@pytest.mark.servers
async def test_forgetting_twice_takes_nothing_that_came_since(start: Start) -> None:
    process = await start()
    await process.save("a")
    places = [fact.place for fact in await process.facts.pending_facts(10)]
    await process.facts.forget_facts(places)
    later = await process.save("a")
    await process.facts.forget_facts(places)
    assert await process.pending() == later


@pytest.mark.servers
async def test_facts_of_a_process_that_died_are_published_by_another(start: Start) -> None:
    dead = await start(own_seconds=0.3)
    saved = await dead.save("a", 2)
    other = await start()
    assert await other.pending() == []
    assert await eventually(other.pending, every_seconds=0.1) == saved


@pytest.mark.servers
async def test_facts_whose_saving_was_not_told_are_found_too(start: Start) -> None:
    """As after a write whose answer was lost."""
    process = await start()
    assert await process.pending() == []
    envelopes = process.facts.wrap([a_document_received()])
    await process.things.update(THING, process.facts.pushed(envelopes), upsert=True, id="a")
    assert await eventually(process.pending, every_seconds=0.1) == [envelopes[0].id]


@pytest.mark.servers
async def test_what_is_saved_while_others_are_published_is_found(start: Start) -> None:
    process = await start()
    await process.save("a")
    published = await process.facts.pending_facts(10)
    later = await process.save("b")
    await process.facts.forget_facts([fact.place for fact in published])
    assert await process.pending() == later


@pytest.mark.servers
async def test_facts_of_a_process_that_lives_are_left_to_it(start: Start) -> None:
    living, other = await start(), await start()
    saved = await living.save("a")
    await other.facts.wait_for_facts(0)
    assert await other.pending() == []
    assert await living.pending() == saved


@pytest.mark.servers
async def test_what_is_left_over_goes_to_one_process(start: Start) -> None:
    dead = await start(own_seconds=-1)
    saved = {await_id for number in range(40) for await_id in await dead.save(f"a{number}")}
    others = [await start() for _ in range(4)]
    found = await asyncio.gather(*(other.pending(15) for other in others))
    taken = [fact for of_one in found for fact in of_one]
    assert len(taken) == len(set(taken)) and set(taken) <= saved and len(taken) > 0


@pytest.mark.servers
async def test_a_crash_between_publishing_and_forgetting_publishes_again(start: Start) -> None:
    process = await start(own_seconds=0.3)
    saved = await process.save("a", 2)
    published = await process.pending()
    other = await start()
    assert published == await eventually(other.pending, every_seconds=0.1) == saved


@pytest.mark.servers
async def test_two_processes_that_save_to_one_document_keep_the_order(start: Start) -> None:
    first, second = await start(own_seconds=0.3), await start(own_seconds=0.3)
    saved = await first.save("a") + await second.save("a") + await first.save("a")

    async def whole_by(process: Process) -> bool:
        return await process.pending() == saved

    assert await eventually(lambda: whole_by(first), every_seconds=0.1)


@pytest.mark.servers
async def test_saving_and_publishing_at_the_same_time_publishes_each_in_order(start: Start) -> None:
    """Three processes save to the same few documents and publish all the while; one of them stops in between."""
    processes = [await start(own_seconds=0.5) for _ in range(3)]
    saved: dict[str, list[str]] = {}
    published: list[Envelope] = []

    async def save(process: Process, number: int) -> None:
        for turn in range(15):
            thing = f"a{(turn + number) % 4}"
            saved.setdefault(f"{thing}/{number}", []).extend(await process.save(thing, 2))

    async def publish(process: Process, rounds: int) -> None:
        for _ in range(rounds):
            pending = await process.facts.pending_facts(7)
            published.extend(fact.envelope for fact in pending)
            await process.facts.forget_facts([fact.place for fact in pending])

    async with asyncio.TaskGroup() as tasks:
        for number, process in enumerate(processes):
            tasks.create_task(save(process, number))
            tasks.create_task(publish(process, 5 if number == 0 else 25))

    async def all_published() -> bool:
        await publish(processes[1], 1)
        return {envelope.id for envelope in published} == {one for ids in saved.values() for one in ids}

    assert await eventually(all_published, every_seconds=0.05)
    # Where one is published twice, its first time counts.
    first_place = {envelope.id: place for place, envelope in reversed(list(enumerate(published)))}
    for ids in saved.values():
        places = [first_place[one] for one in ids]
        assert places == sorted(places)


@pytest.mark.servers
async def test_a_thousand_facts_are_found_and_forgotten(start: Start) -> None:
    process = await start()
    many = [process.facts.wrap([a_document_received()]) for _ in range(1000)]
    await process.things.write(*(Insert({"_id": new_id(), **process.facts.fields(one)}) for one in many))
    pending = await process.facts.pending_facts(1000)
    await process.facts.forget_facts([fact.place for fact in pending])
    assert len(pending) == 1000
    assert await process.pending() == []


row_of_operators = st.dictionaries(
    st.sampled_from(["$set", "$inc", "$push"]), st.dictionaries(st.sampled_from("abcd"), st.integers()), max_size=3
)


@given(row_of_operators, row_of_operators)
def test_merging_keeps_every_change_or_refuses(first: dict[str, Any], second: dict[str, Any]) -> None:
    twice = any(first[operator].keys() & second[operator].keys() for operator in first.keys() & second.keys())
    if twice:
        with pytest.raises(ValueError, match="twice"):
            merged(first, second)
        return
    both = merged(first, second)
    flat = [(operator, *pair) for update in (first, second) for operator in update for pair in update[operator].items()]
    assert sorted((operator, *pair) for operator in both for pair in both[operator].items()) == sorted(flat)
