"""Journeys looked for by name and by id, and those in trouble first."""

import unicodedata
from datetime import timedelta
from typing import Any

from monitor_builders import AT, Monitor, told

from builders import a_document_received, labels
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.process import DocumentProcessed, StageFinished
from shared.events.search import DocumentIndexed
from shared.kernel import DocumentId, new_document_id, utc_now

PATH = "/api/v1/monitor/journeys"


async def a_journey(monitor: Monitor, name: str, collection: str = "default") -> DocumentId:
    document = new_document_id()
    await monitor.hear(told(a_document_received(document, labels=labels(name=name, collection=collection))))
    return document


async def found(monitor: Monitor, **query: Any) -> list[str]:
    return [item["document_id"] for item in (await monitor.get(PATH, **query))["items"]]


async def test_finds_by_words_of_the_name_in_either_form_of_hangul_and_any_case(monitor: Monitor) -> None:
    tariff = await a_journey(monitor, "2026/관세율표 Notes.pdf")
    other = await a_journey(monitor, "invoice.pdf")
    assert await found(monitor, q="관세율") == [tariff]
    assert await found(monitor, q=unicodedata.normalize("NFD", "관세율")) == [tariff]
    assert await found(monitor, q="NOTES 2026") == [tariff]
    assert set(await found(monitor, q=".pdf")) == {tariff, other}
    assert await found(monitor, q="nothing of the kind") == []
    assert (await monitor.get(PATH, q="pdf"))["total"] is None


async def test_finds_by_the_whole_id_or_how_it_begins_among_what_the_key_may_see(monitor: Monitor) -> None:
    mine = await a_journey(monitor, "a.txt", collection="a")
    theirs = await a_journey(monitor, "b.txt", collection="b")
    for query in (mine, mine.upper(), mine[:8]):
        assert await found(monitor, q=query) == [mine]
        assert await found(monitor, q=query, state="failed") == []
    assert await found(monitor, q=theirs, key="tenant-a-key-000001") == []
    assert await found(monitor, q=theirs) == [theirs]


async def test_pages_of_what_is_found_follow_one_another_without_gap_or_double(monitor: Monitor) -> None:
    wanted = [await a_journey(monitor, f"{number}-tea.txt") for number in range(5)]
    for number in range(5):
        await a_journey(monitor, f"{number}-coffee.txt")
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await monitor.get(PATH, q="tea", limit=2, **cursor)
        seen += [item["document_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(seen) == sorted(wanted)
    assert (await monitor.get(PATH, q="coffee", status=400, **cursor))["code"] == "wrong_cursor"


async def test_stuck_ones_come_first_then_slow_ones_then_the_rest_each_once(monitor: Monitor) -> None:
    now = utc_now()
    done = []
    for number in range(20):
        document = new_document_id()
        done.append(document)
        indexed = DocumentIndexed(document_id=document, document_version=1, revision=1, chunk_count=1, seconds=0.2)
        begun = now - timedelta(seconds=30 - number)
        await monitor.hear(told(a_document_received(document), at=begun), told(indexed, seconds=2, at=begun))
    fresh, slow, stuck = [new_document_id() for _ in range(3)]
    parsed = StageFinished(document_id=slow, document_version=1, stage="parse", seconds=1, done=1, total=3)
    await monitor.hear(
        told(a_document_received(stuck), at=AT),
        told(a_document_received(slow), at=now - timedelta(seconds=100)),
        told(parsed, at=now),
        told(a_document_received(fresh), at=now),
    )
    seen: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await monitor.get(PATH, sort="troubled", limit=2, **cursor)
        assert page["total"] == 23
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [item["document_id"] for item in seen] == [stuck, slow, fresh, *reversed(done)]
    assert [(item["stuck"], item["slow"]) for item in seen[:3]] == [(True, True), (False, True), (False, False)]
    assert await found(monitor, sort="troubled", stuck="true") == [stuck]
    assert await found(monitor, sort="troubled", state="searchable", limit=3) == [*reversed(done)][:3]


async def test_a_journey_tells_warnings_and_attempts(monitor: Monitor) -> None:
    document = new_document_id()
    ids: dict[str, Any] = {"document_id": document, "document_version": 1}
    letter: dict[str, Any] = {**ids, "group": "search", "dead_letter_id": "letter", "subject": "job:index"}
    processed = DocumentProcessed(
        **ids,
        revision=1,
        sha256="0" * 64,
        labels=labels(),
        language="en",
        pages=None,
        characters=10,
        chunk_count=1,
        chunks_artefact="a",
        vectors_artefact=None,
        fingerprint=None,
        warnings=("A table was cut.", "A font is missing."),
    )
    await monitor.hear(
        told(a_document_received(document)),
        told(processed, seconds=1),
        told(EventDeadLettered(**letter, reason="a bug"), seconds=2),
        told(DeadLetterReplayed(**letter), seconds=3),
    )
    (journey,) = (await monitor.get(f"{PATH}/{document}"))["items"]
    assert journey["warnings"] == ["A table was cut.", "A font is missing."]
    assert journey["attempts"] == 2
