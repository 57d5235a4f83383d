"""Events told to the monitor, and what its routes then say."""

import itertools
import random
from datetime import timedelta
from typing import Any

from monitor_builders import Monitor, told

from builders import a_document_received, labels
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.envelope import Envelope
from shared.events.ingest import DocumentChanged, DocumentWithdrawn
from shared.events.process import DocumentProcessed, ProcessingFailed, StageFinished
from shared.events.search import DocumentIndexed, DocumentRemoved
from shared.kernel import DocumentId, new_document_id, utc_now


def journey_of(
    document: DocumentId, version: int = 1, name: str = "notes.txt", collection: str = "default"
) -> list[Envelope]:
    """A whole journey to searchable, of six seconds."""
    ids: dict[str, Any] = {"document_id": document, "document_version": version}
    its_labels = labels(name=name, collection=collection)
    stages = [
        told(StageFinished(**ids, stage=stage, seconds=0.5, done=done, total=3), seconds=done)
        for done, stage in enumerate(("parse", "chunk", "embed"), start=1)
    ]
    processed = DocumentProcessed(
        **ids,
        revision=1,
        sha256="0" * 64,
        labels=its_labels,
        language="en",
        pages=None,
        characters=10,
        chunk_count=1,
        chunks_artefact="a",
        vectors_artefact=None,
        fingerprint=None,
    )
    return [
        told(a_document_received(document, version, labels=its_labels)),
        *stages,
        told(processed, seconds=5),
        told(DocumentIndexed(**ids, revision=1, chunk_count=1, seconds=0.25), seconds=6),
    ]


async def test_shows_the_journey_of_a_document_with_time_per_stage(monitor: Monitor) -> None:
    document = new_document_id()
    await monitor.hear(*journey_of(document))
    (journey,) = (await monitor.get(f"/api/v1/monitor/journeys/{document}"))["items"]
    assert journey["state"] == "searchable"
    assert journey["name"] == "notes.txt"
    assert journey["total_seconds"] == 6.0
    assert journey["stage_seconds"] == {"parse": 0.5, "chunk": 0.5, "embed": 0.5, "index": 0.25}
    assert [step["step"] for step in journey["steps"]] == [
        "received",
        "stage",
        "stage",
        "stage",
        "processed",
        "indexed",
    ]


async def test_events_out_of_order_and_three_times_leave_the_same_journeys(monitor: Monitor) -> None:
    documents = [new_document_id() for _ in range(5)]
    in_order = [envelope for document in documents[:1] for envelope in journey_of(document)]
    await monitor.hear(*in_order)
    shuffled = [envelope for document in documents[1:] for envelope in journey_of(document)] * 3
    random.Random(7).shuffle(shuffled)
    await monitor.hear_at_once(*shuffled)
    page = await monitor.get("/api/v1/monitor/journeys")
    assert page["total"] == 5
    assert {journey["state"] for journey in page["items"]} == {"searchable"}
    told_steps = [[{**step} for step in journey["steps"]] for journey in page["items"]]
    assert all(steps == told_steps[0] for steps in told_steps)
    assert (await monitor.get("/api/v1/monitor"))["documents"]["searchable"] == 5


async def test_an_overtaken_version_is_superseded_and_counts_no_more(monitor: Monitor) -> None:
    document = new_document_id()
    second = journey_of(document, version=2)
    # The older version becomes known last.
    await monitor.hear(*second, told(a_document_received(document, 1), seconds=-60))
    newest, older = (await monitor.get(f"/api/v1/monitor/journeys/{document}"))["items"]
    assert (newest["version"], newest["state"]) == (2, "searchable")
    assert (older["version"], older["state"], older["stuck"]) == (1, "superseded", False)
    counts = (await monitor.get("/api/v1/monitor"))["documents"]
    assert (counts["searchable"], counts["received"]) == (1, 0)


async def test_a_failure_is_told_with_stage_and_reason_and_a_replay_lifts_a_dead_letter(monitor: Monitor) -> None:
    failed, buried = new_document_id(), new_document_id()
    await monitor.hear(
        told(a_document_received(failed)),
        told(
            ProcessingFailed(
                document_id=failed,
                document_version=1,
                stage="parse",
                code="encrypted",
                reason="It is encrypted.",
                retryable=False,
            ),
            seconds=1,
        ),
        told(a_document_received(buried)),
    )
    letter: dict[str, Any] = {
        "group": "search",
        "dead_letter_id": "letter-1",
        "subject": "job:index",
        "document_id": buried,
        "document_version": 1,
    }
    await monitor.hear(told(EventDeadLettered(**letter, reason="a bug"), seconds=1))
    page = await monitor.get("/api/v1/monitor/journeys", state="failed")
    assert {journey["document_id"]: journey["problem"] for journey in page["items"]} == {
        failed: {"stage": "parse", "detail": "It is encrypted."},
        buried: {"stage": "search", "detail": "job:index: a bug"},
    }
    await monitor.hear(told(DeadLetterReplayed(**letter), seconds=2))
    (journey,) = (await monitor.get(f"/api/v1/monitor/journeys/{buried}"))["items"]
    assert journey["state"] == "processing"


async def test_the_name_goes_with_the_document(monitor: Monitor) -> None:
    document = new_document_id()
    renamed = DocumentChanged(document_id=document, document_version=2, labels=labels(name="new.txt"))
    await monitor.hear(*journey_of(document), told(renamed, seconds=10))
    (journey,) = (await monitor.get(f"/api/v1/monitor/journeys/{document}"))["items"]
    assert journey["name"] == "new.txt"
    withdrawal = [
        told(DocumentWithdrawn(document_id=document, document_version=3, collection="default"), seconds=20),
        told(DocumentRemoved(document_id=document, document_version=3), seconds=21),
    ]
    await monitor.hear(*withdrawal, *journey_of(document))
    journeys = (await monitor.get(f"/api/v1/monitor/journeys/{document}"))["items"]
    assert [(journey["state"], journey["name"]) for journey in journeys] == [("withdrawn", None), ("searchable", None)]
    assert (await monitor.get("/api/v1/monitor"))["documents"]["withdrawn"] == 1


async def test_lists_what_is_stuck_and_nothing_else(monitor: Monitor) -> None:
    silent, lively, finished = new_document_id(), new_document_id(), new_document_id()
    await monitor.hear(
        told(a_document_received(silent), at=utc_now() - timedelta(minutes=3)),
        told(a_document_received(lively), at=utc_now() - timedelta(seconds=10)),
        *journey_of(finished),
    )
    page = await monitor.get("/api/v1/monitor/journeys", stuck="true")
    assert [journey["document_id"] for journey in page["items"]] == [silent]
    assert page["items"][0]["stuck"] is True
    assert page["items"][0]["waits_for"] == "process"
    assert (await monitor.get("/api/v1/monitor"))["stuck"] == 1


async def test_pages_follow_one_another_without_gap_or_double(monitor: Monitor) -> None:
    documents = {new_document_id() for _ in range(7)}
    for number, document in enumerate(documents):
        await monitor.hear(told(a_document_received(document), seconds=number // 2))
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    for _ in itertools.repeat(None, 10):
        page = await monitor.get("/api/v1/monitor/journeys", limit=2, **cursor)
        seen += [journey["document_id"] for journey in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == 7
    assert set(seen) == documents


async def test_refuses_a_foreign_cursor_a_wrong_limit_and_unknown_parameters(monitor: Monitor) -> None:
    path = "/api/v1/monitor/journeys"
    for wrong in ({"limit": 0}, {"state": "lost"}, {"stage": "parse"}):
        assert (await monitor.get(path, status=422, **wrong))["status"] == 422
    await monitor.hear(told(a_document_received()), told(a_document_received()))
    cursor = (await monitor.get(path, limit=1))["next_cursor"]
    assert (await monitor.get(path, cursor=cursor))["next_cursor"] is None
    for wrong in ({"cursor": "nonsense"}, {"cursor": "WyIxIl0"}, {"cursor": cursor, "state": "received"}):
        assert (await monitor.get(path, status=400, **wrong))["code"] == "wrong_cursor"
    assert (await monitor.get("/api/v1/monitor/dead-letters", status=400, cursor=cursor))["code"] == "wrong_cursor"


async def test_shows_only_journeys_of_the_keys_collections(monitor: Monitor) -> None:
    mine, theirs = new_document_id(), new_document_id()
    await monitor.hear(*journey_of(mine, collection="a"), *journey_of(theirs, collection="b"))
    page = await monitor.get("/api/v1/monitor/journeys", key="tenant-a-key-000001")
    assert [journey["document_id"] for journey in page["items"]] == [mine]
    assert page["total"] == 1
    await monitor.get(f"/api/v1/monitor/journeys/{theirs}", key="tenant-a-key-000001", status=404)
    summary = await monitor.get("/api/v1/monitor", key="tenant-a-key-000001")
    assert summary["documents"]["searchable"] == 1
    assert (await monitor.get("/api/v1/monitor"))["documents"]["searchable"] == 2


async def test_an_unknown_document_has_no_journey(monitor: Monitor) -> None:
    problem = await monitor.get(f"/api/v1/monitor/journeys/{new_document_id()}", status=404)
    assert problem["code"] == "journey_not_found"


async def test_the_summary_tells_latencies_and_the_machine(monitor: Monitor) -> None:
    await monitor.hear(*journey_of(new_document_id()))
    summary = await monitor.get("/api/v1/monitor")
    assert summary["stages"]["embed"] == {"samples": 1, "p50_seconds": 0.5, "p95_seconds": 0.5}
    assert summary["total"] == {"samples": 1, "p50_seconds": 6.0, "p95_seconds": 6.0}
    assert summary["system"]["memory_bytes"] > 10_000_000
    assert summary["system"]["disk_free_bytes"] > 0
    assert summary["health"]["ready"] is True
