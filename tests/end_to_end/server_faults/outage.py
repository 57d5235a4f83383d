"""One server away for some seconds under load, then back: what must hold, and how long it took."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from end_to_end.server_faults.checks import (
    PATIENCE_SECONDS,
    answered_in_time,
    everything_searchable,
    nothing_lost_and_nothing_twice,
    quiet,
    well,
)
from end_to_end.server_faults.fleet import Fault, Fleet
from end_to_end.server_faults.house import House
from end_to_end.server_faults.load import Answer, Load, a_load
from servers import Name

from builders import eventually

_CALM_SECONDS: Final = 3.0
_NOTICED_SECONDS: Final = 4.0
"""A probe of health may take two, its answer is kept for one, and the load asks five times a second."""
_SETTINGS: Final[dict[Name, str]] = {
    "kafka": "SEOGA_EVENTS_URL",
    "mongo": "SEOGA_STORE_URL",
    "redis": "SEOGA_CACHE_URL",
    "qdrant": "SEOGA_INDEX_URL",
}
_GUARDS: Final[dict[Name, str]] = {"kafka": "kafka", "mongo": "mongodb", "redis": "redis", "qdrant": "qdrant"}


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from the server's return."""

    ready: float
    first_searchable: float
    """The first document that was accepted after it."""
    all_searchable: float
    accepted: int
    refused: int
    slowest_upload: float
    slowest_search: float

    def __str__(self) -> str:
        return (
            f"ready {self.ready:.1f} s, first searchable {self.first_searchable:.1f} s, all {self.all_searchable:.1f} s"
            f" ({self.accepted} accepted, {self.refused} refused, slowest upload {self.slowest_upload:.2f} s,"
            f" search {self.slowest_search:.2f} s)"
        )


@dataclass(frozen=True, slots=True)
class Outage:
    """When the server was away (monotonic)."""

    name: Name
    fault: Fault
    began_at: float
    ended_at: float

    @property
    def is_total(self) -> bool:
        """Whether nothing of the server was to be had."""
        return self.fault != "slow"

    def within(self, answers: list[Answer], *, after: float = 0.0) -> list[Answer]:
        """Asked and answered while it was away, at least so many seconds after the beginning."""
        return [each for each in answers if each.asked_at >= self.began_at + after and each.at <= self.ended_at]


async def endure(house: House, fleet: Fleet, name: Name, fault: Fault, seconds: float, collection: str) -> Recovery:
    """Asserts everything that must hold; gives the recovery times."""
    with house.telling():
        async with a_load(house.url, collection) as load:
            return await _endure(load, house, fleet, name, fault, seconds)


async def _endure(load: Load, house: House, fleet: Fleet, name: Name, fault: Fault, seconds: float) -> Recovery:
    await well(house, load)
    async with load.running():
        await asyncio.sleep(_CALM_SECONDS)
        began_at = time.monotonic()
        await fleet.strike(name, fault)
        await asyncio.sleep(seconds)
        # A killed server takes a while to start: it is away until then.
        await fleet.heal(name)
        outage = Outage(name, fault, began_at, time.monotonic())
        ready_at, first_at = await asyncio.gather(_ready(load, outage), _first_searchable(load, outage))
    all_at = await everything_searchable(load)
    told_what_was_wrong(load, outage, fleet.address(name))
    answered_in_time(load)
    await nothing_lost_and_nothing_twice(house, load)
    await well(house, load)
    quiet(house, outage.began_at, outage.ended_at)
    refused = sum(answer.status == 503 for answer in load.uploads)
    slowest = [max(answer.seconds for answer in answers) for answers in (load.uploads, load.searches)]
    since = outage.ended_at
    return Recovery(ready_at - since, first_at - since, all_at - since, len(load.accepted), refused, *slowest)


async def _ready(load: Load, outage: Outage) -> float:
    async def looked() -> float:
        ready = [each for each in load.health if each.asked_at >= outage.ended_at and each.status == 200]
        return ready[0].at if ready else 0.0

    return await eventually(looked, timeout_seconds=PATIENCE_SECONDS)


async def _first_searchable(load: Load, outage: Outage) -> float:
    def accepted() -> tuple[float, str] | None:
        after = [(at, document_id) for document_id, (at, _) in load.accepted.items() if at > outage.ended_at]
        return min(after, default=None)

    first = await eventually(accepted, timeout_seconds=PATIENCE_SECONDS)
    assert first is not None

    async def searchable() -> bool:
        answer = await load.ask("GET", f"/api/v1/documents/{first[1]}")
        return answer.status == 200 and answer.body["status"] == "searchable"

    await eventually(searchable, timeout_seconds=PATIENCE_SECONDS, every_seconds=0.05)
    return time.monotonic()


def told_what_was_wrong(load: Load, outage: Outage, address: str) -> None:
    """Health named the server and the setting while it was away; the monitor showed its breaker."""
    if not outage.is_total:
        return
    for answer in outage.within(load.health, after=_NOTICED_SECONDS):
        assert answer.status == (200 if outage.name == "redis" else 503), (answer.status, answer.body)
        components: dict[str, Any] = answer.body["components"]
        away = [one["detail"] for one in components.values() if not one["ready"]]
        assert any(address in detail and _SETTINGS[outage.name] in detail for detail in away), components
    seen = [
        remote
        for answer in outage.within(load.monitor)
        if answer.status == 200
        for remote in answer.body["remotes"]
        if remote["name"] == _GUARDS[outage.name]
    ]
    assert any(remote["state"] != "closed" for remote in seen), seen
