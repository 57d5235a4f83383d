"""One model in its slot: loaded once, swapped without a gap, unloaded when nobody needs it, honest about failure."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from builders import eventually
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable
from shared.model.lifecycle.memory import MemoryBudget
from shared.model.lifecycle.slot import ModelSlot, SlotLimits


class Thing:
    """Something that can be loaded."""

    def __init__(self, number: int, memory_bytes: int | None = 100) -> None:
        self.number = number
        self.label = f"thing {number}"
        self.memory_bytes = memory_bytes
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Loader:
    """Loads numbered things; `gate` holds loads back, `causes` are raised first."""

    def __init__(self) -> None:
        self.made: list[Thing] = []
        self.causes: list[Exception] = []
        self.gate = threading.Event()
        self.gate.set()
        self.inside = threading.Event()

    def __call__(self) -> Thing:
        self.inside.set()
        self.gate.wait(10)
        if self.causes:
            raise self.causes.pop(0)
        self.made.append(Thing(len(self.made) + 1))
        return self.made[-1]


LIMITS = SlotLimits(load_timeout_seconds=10, queue_limit=100)
MakeSlot = Callable[..., ModelSlot[Thing]]


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def a_slot(loader: Loader, metrics: PrometheusMetrics) -> Iterator[MakeSlot]:
    made: list[ModelSlot[Thing]] = []

    def make(name: str = "thing", limits: SlotLimits = LIMITS, load: Callable[[], Thing] = loader) -> ModelSlot[Thing]:
        made.append(ModelSlot(name, load, limits=limits, metrics=metrics))
        return made[-1]

    yield make
    loader.gate.set()
    for slot in made:
        slot.close()


async def test_fifty_first_leases_load_once(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot()

    async def use() -> int:
        async with slot.lease() as thing:
            return thing.number

    assert await asyncio.gather(*(use() for _ in range(50))) == [1] * 50
    status = slot.status()
    assert (status.state, status.loads, status.uses, status.in_use, len(loader.made)) == ("ready", 1, 50, 0, 1)
    assert [transition.state for transition in status.history] == ["loading", "ready"]


async def test_more_callers_than_may_wait_for_a_load_are_refused(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot(limits=SlotLimits(load_timeout_seconds=10, queue_limit=3))
    loader.gate.clear()
    waiting = [asyncio.create_task(slot.load()) for _ in range(3)]
    await eventually(lambda: slot.status().waiting == 3)
    with pytest.raises(Unavailable, match="3 callers wait") as caught:
        await slot.load()
    assert caught.value.specific_code == "model_busy"
    loader.gate.set()
    await asyncio.gather(*waiting)


async def test_a_caller_does_not_wait_for_a_load_longer_than_it_may(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot(limits=SlotLimits(load_timeout_seconds=0.05, queue_limit=3))
    loader.gate.clear()
    with pytest.raises(Unavailable, match=r"loading for 0\.05 s") as caught:
        await slot.load()
    assert caught.value.specific_code == "model_loading"
    loader.gate.set()
    await eventually(lambda: slot.status().state == "ready")


async def test_a_load_is_tried_again_before_anyone_is_told(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot()
    loader.causes = [Unavailable("a passing fault")]
    await slot.load()
    assert (slot.status().state, slot.status().failed_loads) == ("ready", 0)


async def test_a_load_that_fails_says_why_and_the_next_call_tries_again(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot()
    loader.causes = [OSError("broken disk")] * 2
    answers = await asyncio.gather(*(slot.load() for _ in range(10)), return_exceptions=True)
    assert {str(answer) for answer in answers} == {"The model could not be loaded: OSError: broken disk."}
    status = slot.status()
    assert (status.state, status.failed_loads) == ("failed", 1)
    assert "broken disk" in (status.last_error or "")

    async def loaded() -> bool:
        try:
            await slot.load()
        except Unavailable:
            return False
        return True

    await eventually(loaded)
    assert slot.status().last_error is None


async def test_what_the_machine_lacks_is_not_tried_twice(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot()
    loader.causes = [Unavailable("no weights here", code="weights_not_found")]
    with pytest.raises(Unavailable, match="no weights here"):
        await slot.load()
    assert (slot.status().state, slot.status().last_error) == ("unavailable", "no weights here")
    assert not loader.made


async def test_unloading_waits_for_calls_in_flight(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot()
    async with slot.lease() as thing:
        unloading = asyncio.create_task(asyncio.to_thread(slot.unload))
        await eventually(lambda: slot.status().state == "unloading")
        assert [made.closed for made in loader.made] == [False]
    await unloading
    assert [made.closed for made in loader.made] == [True]
    assert thing.number == 1
    assert slot.status().state == "unloaded"
    async with slot.lease() as fresh:
        assert fresh.number == 2


async def test_a_reload_serves_the_new_one_while_calls_end_on_the_old(a_slot: MakeSlot) -> None:
    slot = a_slot()
    async with slot.lease() as old:
        reloading = asyncio.create_task(asyncio.to_thread(slot.reload))
        await eventually(lambda: slot.loaded is not old)
        async with slot.lease() as fresh:
            assert (fresh.number, old.closed) == (2, False)
    await reloading
    assert old.closed
    assert not fresh.closed


@pytest.mark.parametrize("failing", ["load", "check"])
async def test_a_reload_that_fails_keeps_the_old_one(a_slot: MakeSlot, loader: Loader, failing: str) -> None:
    slot = a_slot()
    await slot.load()

    def check(old: Thing, fresh: Thing) -> None:
        assert (old.number, fresh.number) == (1, 2)
        raise Unavailable("other vectors")

    if failing == "load":
        loader.causes = [Unavailable("no room")]
    with pytest.raises(Unavailable, match="other vectors" if failing == "check" else "no room"):
        await asyncio.to_thread(slot.reload, check)
    async with slot.lease() as thing:
        assert (thing.number, thing.closed) == (1, False)
    assert [thing.closed for thing in loader.made[1:]] == [True] * len(loader.made[1:])


async def test_reloads_at_once_come_one_after_the_other(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot()
    await slot.load()
    await asyncio.gather(*(asyncio.to_thread(slot.reload) for _ in range(4)))
    assert [thing.closed for thing in loader.made] == [True] * 4 + [False]
    assert slot.status().loads == 5


async def test_an_idle_model_is_unloaded_and_looking_at_it_is_no_use(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot(limits=SlotLimits(load_timeout_seconds=10, queue_limit=10, idle_unload_seconds=0.1))
    async with slot.lease():
        pass

    def looked_at() -> bool:
        with slot.lease_if_loaded() as thing:
            return thing is None

    await eventually(looked_at)
    assert loader.made[0].closed
    await eventually(lambda: slot.status().state == "unloaded")


async def test_a_model_in_use_is_not_idle(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot(limits=SlotLimits(load_timeout_seconds=10, queue_limit=10, idle_unload_seconds=0.05))
    other = a_slot("other", SlotLimits(load_timeout_seconds=10, queue_limit=10, idle_unload_seconds=0.05))
    async with slot.lease() as used:
        await other.load()
        await eventually(lambda: other.status().state == "unloaded")
        assert not used.closed


async def test_a_closed_slot_refuses_and_drops_a_load_under_way(a_slot: MakeSlot, loader: Loader) -> None:
    slot = a_slot()
    loader.gate.clear()
    loading = asyncio.create_task(slot.load())
    await eventually(loader.inside.is_set)
    closing = asyncio.create_task(asyncio.to_thread(slot.close))
    loader.gate.set()
    await closing
    with pytest.raises(Unavailable, match="shutting down"):
        await loading
    with pytest.raises(Unavailable, match="shutting down"):
        await slot.load()
    await eventually(lambda: all(thing.closed for thing in loader.made))


async def test_memory_beyond_the_budget_unloads_who_was_idle_for_longest(
    a_slot: MakeSlot, metrics: PrometheusMetrics
) -> None:
    slots = [a_slot(name, load=lambda: Thing(1)) for name in ("first", "second", "third")]
    budget = MemoryBudget(250, slots)
    for slot in slots:
        slot.use_budget(budget.make_room)
    for slot in slots[:2]:
        async with slot.lease():
            pass
    async with slots[0].lease():
        pass
    await slots[2].load()
    assert [slot.status().state for slot in slots] == ["ready", "unloaded", "ready"]
    async with slots[0].lease(), slots[2].lease():
        with pytest.raises(Unavailable, match=r"'second' needs.*BUDGET_BYTES allows.*first.*third") as caught:
            await slots[1].load()
    assert caught.value.specific_code == "model_memory_budget"
    assert slots[1].status().state == "failed"


async def test_a_model_larger_than_the_budget_is_refused_and_closed(a_slot: MakeSlot) -> None:
    huge = Thing(1, memory_bytes=500)
    slot, small = a_slot(load=lambda: huge), a_slot("small")
    budget = MemoryBudget(250, (slot, small))
    slot.use_budget(budget.make_room)
    await small.load()
    with pytest.raises(Unavailable, match="SEOGA_MODEL_MEMORY_BUDGET_BYTES"):
        await slot.load()
    assert huge.closed
    assert small.status().state == "ready", "nothing is unloaded for what cannot fit"
