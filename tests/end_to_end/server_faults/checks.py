"""What must hold whatever happened: nothing lost, nothing twice, nobody waits, clean answers in time, few log lines."""

import asyncio
import time
from typing import Any, Final

from end_to_end.server_faults.house import House
from end_to_end.server_faults.load import Answer, Load, Note

from builders import eventually

PATIENCE_SECONDS: Final = 90.0
_LONGEST_UPLOAD_SECONDS: Final = 2.5
_LONGEST_SEARCH_SECONDS: Final = 5.0
_LONGEST_FIRST_SEARCH_SECONDS: Final = 12.0
"""It waits for the model, at most ten seconds."""
_LONGEST_STAND_STILL_SECONDS: Final = 1.0
_CONVOY: Final = 10.0
"""How many times as late as this process a process with many threads may be: each waits for the lock's holder, who
waits for a processor."""
_LINES_A_SECOND: Final = 3.0
_AFTERWARDS_SECONDS: Final = 5.0


async def everything_searchable(load: Load, *, within: float = PATIENCE_SECONDS) -> float:
    """When that was so; what was refused is accepted before."""
    await load.upload_what_waits(within=within)

    deadline = time.monotonic() + within
    while (counts := await _counts(load)) != {"searchable": len(load.accepted)}:
        assert "failed" not in counts, await _dead_letters(load)
        assert time.monotonic() < deadline, counts
        await asyncio.sleep(0.1)
    return time.monotonic()


async def _counts(load: Load) -> dict[str, int]:
    answer = await load.ask("GET", "/api/v1/collections")
    assert answer.status == 200, answer.body
    counts = next(item["documents"] for item in answer.body["items"] if item["name"] == load.collection)
    return {status: count for status, count in counts.items() if count}


def answered_in_time(load: Load, *, fault_at: float = 0.0, api_away: tuple[float, float] | None = None) -> None:
    """Uploads were accepted or refused cleanly; searches answered, some with what they had to do without, or refused.

    While the API itself is away (from, until) there may be no answer at all, and then it loads its model again. From
    the fault on (`fault_at`, monotonic) nobody waits longer than the limit, or than before it under the same load.

    How late `/health/live` answered in the same moments, which needs no server, is no fault of what is tested here. A
    process that stands still is, unless this process, which does nothing else, was late too.
    """

    def unexpected(answers: list[Answer], *expected: int) -> list[Any]:
        return [
            (answer.status, answer.body)
            for answer in answers
            if answer.status not in expected and not (answer.status == 0 and _overlaps(answer, api_away))
        ]

    assert not unexpected(load.uploads, 200, 202, 503), unexpected(load.uploads, 200, 202, 503)[:3]
    assert not unexpected(load.searches, 200, 503), unexpected(load.searches, 200, 503)[:3]
    assert not unexpected(load.ticks, 200), unexpected(load.ticks, 200)[:3]
    for answer in (*load.uploads, *load.searches):
        if answer.status == 503:
            assert answer.headers["content-type"] == "application/problem+json", answer
            assert int(answer.headers["retry-after"]) >= 1, answer
            assert answer.body["detail"] and answer.body["code"] != "internal_error", answer
    longest_search = _LONGEST_SEARCH_SECONDS if api_away is None else _LONGEST_FIRST_SEARCH_SECONDS
    late = [
        (f"{waited:.2f} s", f"asked at {answer.asked_at:.2f}", noise, answer.status, str(answer.body)[:500])
        for answers, limit in ((load.uploads, _LONGEST_UPLOAD_SECONDS), (load.searches, longest_search))
        for before in [max((min(each.at, fault_at) - each.asked_at for each in answers), default=0.0)]
        for answer in answers
        for waited in [answer.at - max(answer.asked_at, fault_at)]
        if answer.status and waited > max(limit, before) + (noise := _noise(load, answer))
    ]
    assert not late, late


def slowest(load: Load) -> str:
    """What `answered_in_time` judges, in words."""
    upload, search = (max(answer.seconds for answer in answers) for answers in (load.uploads, load.searches))
    return f"slowest upload {upload:.2f} s, search {search:.2f} s"


def _noise(load: Load, answer: Answer) -> float:
    noise = max((tick.seconds for tick in load.ticks if _overlaps(tick, (answer.asked_at, answer.at))), default=0.0)
    starved = max((late for at, late in load.lateness if answer.asked_at <= at <= answer.at + noise), default=0.0)
    assert noise < _LONGEST_STAND_STILL_SECONDS + _CONVOY * starved, f"the process stood still for {noise:.1f} s"
    return noise


def _overlaps(answer: Answer, span: tuple[float, float] | None) -> bool:
    return span is not None and answer.asked_at <= span[1] and answer.at >= span[0]


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


async def _dead_letters(load: Load) -> list[Any]:
    answer = await load.ask("GET", "/api/v1/monitor/dead-letters")
    assert answer.status == 200, answer.body
    letters: list[Any] = answer.body["items"]
    return letters


async def _journeys_are_whole(load: Load) -> bool:
    """Monitor hears of the last steps a moment later."""
    assert await _dead_letters(load) == []
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
        # Also so that the model is there before anything is timed.
        answer = await load.ask("POST", "/api/v1/search", json={"query": "any pier"})
        assert answer.status == 200 and answer.body["degraded"] == [], answer.body
        answer = await load.ask("GET", "/api/v1/monitor")
        assert answer.status == 200, answer.body
        summary = answer.body
        assert {remote["state"] for remote in summary["remotes"]} == {"closed"}, summary["remotes"]
        assert summary["stuck"] == 0 and summary["dead_letters"] == 0, summary
        assert not any(queue["waiting"] or queue["running"] for queue in summary["queues"]), summary["queues"]
        return True

    await eventually(is_well, timeout_seconds=60, every_seconds=0.2)


def quiet(house: House, began_at: float, ended_at: float) -> None:
    """What was logged tells changes, not every failed call; no traceback."""
    for member in (*house.members, *house.gone):
        words = member.words(began_at)
        assert "Traceback" not in words, f"{member.name}:\n{words}"
        lines, seconds = len(words.splitlines()), ended_at - began_at + _AFTERWARDS_SECONDS
        assert lines <= _LINES_A_SECOND * seconds, f"{member.name}: {lines} lines in {seconds:.0f} s\n{words}"
