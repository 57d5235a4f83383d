"""One server away for some seconds under load, then back: what must hold, and how long it took."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from end_to_end.server_faults.fleet import Fault, Fleet
from end_to_end.server_faults.house import House
from end_to_end.server_faults.load import Answer, Load, Note, a_load
from servers import Name

from builders import eventually

_CALM_SECONDS: Final = 3.0
_NOTICED_SECONDS: Final = 4.0
"""A probe of health may take two, its answer is kept for one, and the load asks five times a second."""
_RECOVERY_SECONDS: Final = 90.0
LONGEST_UPLOAD_SECONDS: Final = 2.5
_LONGEST_SEARCH_SECONDS: Final = 5.0
_LINES_A_SECOND: Final = 3.0
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

    def __str__(self) -> str:
        return (
            f"ready {self.ready:.1f} s, first searchable {self.first_searchable:.1f} s, all {self.all_searchable:.1f} s"
            f" ({self.accepted} accepted, {self.refused} refused, slowest upload {self.slowest_upload:.2f} s)"
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
    async with a_load(house.url, collection) as load:
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
        quiet(house, outage)
        refused = sum(answer.status == 503 for answer in load.uploads)
        slowest = max(answer.seconds for answer in load.uploads)
        since = outage.ended_at
        return Recovery(ready_at - since, first_at - since, all_at - since, len(load.accepted), refused, slowest)


async def _ready(load: Load, outage: Outage) -> float:
    async def looked() -> float:
        ready = [each for each in load.health if each.asked_at >= outage.ended_at and each.status == 200]
        return ready[0].at if ready else 0.0

    return await eventually(looked, timeout_seconds=_RECOVERY_SECONDS)


async def _first_searchable(load: Load, outage: Outage) -> float:
    async def accepted() -> tuple[float, str] | None:
        after = [(at, document_id) for document_id, (at, _) in load.accepted.items() if at > outage.ended_at]
        return min(after, default=None)

    first = await eventually(accepted, timeout_seconds=_RECOVERY_SECONDS)

    async def searchable() -> bool:
        answer = await load.ask("GET", f"/api/v1/documents/{first[1]}")
        return answer.status == 200 and answer.body["status"] == "searchable"

    await eventually(searchable, timeout_seconds=_RECOVERY_SECONDS, every_seconds=0.05)
    return time.monotonic()


async def everything_searchable(load: Load, *, within: float = _RECOVERY_SECONDS) -> float:
    """When that was so; what was refused is accepted before."""
    await load.upload_what_waits(within=within)

    async def counted() -> bool:
        counts = await _counts(load)
        assert counts == {"searchable": len(load.accepted)}
        return True

    await eventually(counted, timeout_seconds=within, every_seconds=0.1)
    return time.monotonic()


async def _counts(load: Load) -> dict[str, int]:
    answer = await load.ask("GET", "/api/v1/collections")
    assert answer.status == 200, answer.body
    counts = next(item["documents"] for item in answer.body["items"] if item["name"] == load.collection)
    return {status: count for status, count in counts.items() if count}


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


def answered_in_time(load: Load) -> None:
    """Uploads were accepted or refused cleanly; searches answered, some with what they had to do without, or refused.

    How late `/health/live` answered in the same moments, which needs no server, is the machine's part in it.
    """
    assert {answer.status for answer in load.uploads} <= {200, 202, 503}, _unexpected(load.uploads, 200, 202, 503)
    assert {answer.status for answer in load.searches} <= {200, 503}, _unexpected(load.searches, 200, 503)
    assert {answer.status for answer in load.ticks} == {200}, _unexpected(load.ticks, 200)
    for answer in (*load.uploads, *load.searches):
        if answer.status == 503:
            assert answer.headers["content-type"] == "application/problem+json", answer
            assert int(answer.headers["retry-after"]) >= 1, answer
            assert answer.body["detail"] and answer.body["code"] != "internal_error", answer
    late = [
        (answer.seconds, noise, answer.status, answer.body)
        for answers, limit in ((load.uploads, LONGEST_UPLOAD_SECONDS), (load.searches, _LONGEST_SEARCH_SECONDS))
        for answer in answers
        if answer.seconds > limit + (noise := _noise(load, answer))
    ]
    assert not late, late


def _noise(load: Load, answer: Answer) -> float:
    beside = [tick.seconds for tick in load.ticks if tick.asked_at <= answer.at and tick.at >= answer.asked_at]
    noise = max(beside, default=0.0)
    assert noise < 1.0, "the process itself stood still"
    return noise


def _unexpected(answers: list[Answer], *expected: int) -> list[Any]:
    return [(answer.status, answer.body) for answer in answers if answer.status not in expected][:3]


async def nothing_lost_and_nothing_twice(house: House, load: Load) -> None:
    """Every accepted document is in the list once and in search once, its bytes are what was sent, its way is whole."""
    listed: list[Any] = []
    cursor = None
    while cursor is not None or not listed:
        page = {"collection": load.collection, "limit": 100, **({"cursor": cursor} if cursor else {})}
        answer = await load.ask("GET", "/api/v1/documents", params=page)
        assert answer.status == 200, answer.body
        listed += answer.body["items"]
        cursor = answer.body["next_cursor"]
    assert sorted(item["id"] for item in listed) == sorted(load.accepted)
    at_once = asyncio.Semaphore(4)

    async def check(document_id: str, note: Note) -> None:
        async with at_once:
            asked = {"query": note.word, "mode": "keyword", "limit": 50}
            answer = await load.ask("POST", "/api/v1/search", json=asked)
            hits = [hit for hit in answer.body["hits"] if note.word in hit["chunk"]["text"]]
            assert [hit["document"]["id"] for hit in hits] == [document_id], (note.word, answer.body)
            answer = await load.ask("GET", f"/api/v1/documents/{document_id}/content")
            assert answer.body == note.content.decode()

    await asyncio.gather(*(check(document_id, note) for document_id, (_, note) in load.accepted.items()))
    await eventually(lambda: _journeys_are_whole(load), timeout_seconds=30, every_seconds=0.2)


async def _journeys_are_whole(load: Load) -> bool:
    """Monitor hears of the last steps a moment later."""
    answer = await load.ask("GET", "/api/v1/monitor/dead-letters")
    assert answer.status == 200 and answer.body["items"] == [], answer.body
    for document_id in load.accepted:
        answer = await load.ask("GET", f"/api/v1/monitor/journeys/{document_id}")
        assert answer.status == 200, answer.body
        newest = answer.body["items"][0]
        steps = {step["step"] for step in newest["steps"]}
        assert newest["state"] == "searchable" and {"received", "processed", "indexed"} <= steps, newest
    return True


async def well(house: House, load: Load) -> None:
    """All processes run and are ready, every breaker is closed, nothing waits and nothing is stuck."""

    async def is_well() -> bool:
        for member in house.members:
            assert member.process.poll() is None, member.words()
            answer = await load.ask("GET", f"{member.url}/health/ready")
            assert answer.status == 200, (member.name, answer.body)
            assert all(one["ready"] for one in answer.body["components"].values()), (member.name, answer.body)
        answer = await load.ask("GET", "/api/v1/monitor")
        assert answer.status == 200, answer.body
        summary = answer.body
        assert {remote["state"] for remote in summary["remotes"]} == {"closed"}, summary["remotes"]
        assert summary["stuck"] == 0 and summary["dead_letters"] == 0, summary
        assert not any(queue["waiting"] or queue["running"] for queue in summary["queues"]), summary["queues"]
        return True

    await eventually(is_well, timeout_seconds=60, every_seconds=0.2)


def quiet(house: House, outage: Outage) -> None:
    """What was logged tells changes, not every failed call; no traceback."""
    for member in (*house.members, *house.gone):
        words = member.words(outage.began_at)
        assert "Traceback" not in words, f"{member.name}:\n{words}"
        lines = len(words.splitlines())
        seconds = outage.ended_at - outage.began_at + 5
        assert lines <= _LINES_A_SECOND * seconds, f"{member.name}: {lines} lines in {seconds:.0f} s\n{words}"
