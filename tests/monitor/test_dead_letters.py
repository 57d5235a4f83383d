"""Events and jobs that were given up: one list, one way to have them tried again."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mongo_builders import a_mongo_door, settings_for_mongo
from monitor_builders import Monitor, a_monitor, told

from builders import a_document_received, eventually, labels
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.envelope import Envelope
from shared.infrastructure.mongo.facts import MongoFacts
from shared.infrastructure.mongo.jobs import MongoJobs
from shared.infrastructure.sqlite.audit import SqliteAudit
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.kernel import DocumentId, new_document_id, utc_now
from shared.ports.event_bus import DeadLetter
from shared.ports.jobs import NewJob

PATH = "/api/v1/monitor/dead-letters"
ADMIN = {"authorization": "Bearer everything-key-0001"}


class Jobs:
    """A job store of the module `search` with its facts."""

    def __init__(self, store: SqliteJobs, facts: SqliteFacts) -> None:
        self.store = store
        self.facts = facts

    async def bury_one(self, document: DocumentId, reason: str = "a bug") -> str:
        await self.store.add(NewJob(kind="index", document_id=document, document_version=1))
        (job,) = await self.store.claim("index", owner="test", limit=1, lease_seconds=30)
        fact = EventDeadLettered(
            group="search",
            dead_letter_id=job.id,
            subject="job:index",
            document_id=document,
            document_version=1,
            reason=reason,
        )
        assert await self.store.bury(job, reason, fact)
        return job.id


@pytest.fixture
async def jobs(monitor: Monitor, tmp_path: Path) -> AsyncIterator[Jobs]:
    async with SqliteDatabase(tmp_path / "search.sqlite", SqliteJobs.SCHEMA + SqliteFacts.SCHEMA) as database:
        facts = SqliteFacts(database, "search")
        store = SqliteJobs(database, facts)
        monitor.job_stores["search"] = store
        yield Jobs(store, facts)


async def bury_event(monitor: Monitor, envelope: Envelope | None, *, number: int = 1, reason: str = "a bug") -> str:
    raw = envelope.to_json() if envelope else b"\xffno event"
    letter = DeadLetter(f"letter-{number}", "process", "ingest.document.v1", reason, 3, utc_now(), raw)
    await monitor.bus.bury(letter)
    return letter.id


async def test_lists_events_and_jobs_together_newest_first(monitor: Monitor, jobs: Jobs) -> None:
    document = new_document_id()
    oldest = await bury_event(monitor, told(a_document_received(document)), number=1)
    middle = await jobs.bury_one(new_document_id(), reason="cannot be indexed")
    newest = await bury_event(monitor, None, number=2)
    items = (await monitor.get(PATH))["items"]
    assert [item["id"] for item in items] == [newest, middle, oldest]
    assert [item["kind"] for item in items] == ["event", "job", "event"]
    assert [item["module"] for item in items] == ["process", "search", "process"]
    assert [item["subject"] for item in items] == ["ingest.document.v1", "job:index", "DocumentReceived"]
    assert [item["reason"] for item in items] == ["a bug", "cannot be indexed", "a bug"]
    assert items[2]["document_id"] == document
    assert items[0]["content"] == "\ufffdno event"
    assert (await monitor.get("/api/v1/monitor"))["dead_letters"] == 3


async def test_pages_through_both_kinds_without_gap_or_double(monitor: Monitor, jobs: Jobs) -> None:
    buried = set()
    for number in range(4):
        buried.add(await bury_event(monitor, told(a_document_received()), number=number))
        buried.add(await jobs.bury_one(new_document_id()))
    seen: list[str] = []
    page = await monitor.get(PATH, limit=3)
    while True:
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        page = await monitor.get(PATH, limit=3, cursor=page["next_cursor"])
    assert len(seen) == 8
    assert set(seen) == buried


async def test_a_replayed_event_is_published_again_after_the_fact_that_tells_so(monitor: Monitor) -> None:
    received = told(a_document_received())
    letter = await bury_event(monitor, received)
    async with monitor.bus.tail(received.topic, DeadLetterReplayed.topic) as events:
        answer = await monitor.client.post(f"{PATH}/{letter}/replay", headers=ADMIN)
        assert answer.status_code == 202, answer.text
        assert answer.json()["replayed_at"] is not None
        first, second = await anext(events), await anext(events)
    assert first.name == "DeadLetterReplayed"
    assert first.payload["document_id"] == received.payload["document_id"]
    assert (second.name, second.id) == ("DocumentReceived", received.id)
    (item,) = (await monitor.get(PATH))["items"]
    assert item["replayed_at"] is not None
    assert (await monitor.get("/api/v1/monitor"))["dead_letters"] == 0


async def test_the_audit_log_tells_who_replayed_what(tmp_path: Path) -> None:
    async with SqliteDatabase(tmp_path / "access.sqlite", SqliteAudit.SCHEMA) as database:
        log = SqliteAudit(database)
        async with a_monitor(tmp_path, audit=log) as monitor:
            letters = [await bury_event(monitor, told(a_document_received()), number=number) for number in range(3)]
            assert (await monitor.client.post(f"{PATH}/{letters[0]}/replay", headers=ADMIN)).status_code == 202
            assert (await monitor.client.post(f"{PATH}/nothing/replay", headers=ADMIN)).status_code == 404
            for body in ({"all": True, "dry_run": True}, {"all": True}):
                answer = await monitor.client.post(f"{PATH}/replay", headers=ADMIN, json=body)
                assert answer.status_code == 202, answer.text
        entries = await log.entries(before=None, limit=10)
    assert {entry.subject for entry in entries} == set(letters)
    assert (len(entries), entries[-1].subject) == (3, letters[0])
    assert {(entry.key_name, entry.action) for entry in entries} == {("keys-file:2", "dead_letter.replayed")}


async def test_the_summary_tells_what_it_knew_while_a_store_is_away(
    monitor: Monitor, jobs: Jobs, tmp_path: Path
) -> None:
    await jobs.bury_one(new_document_id())
    assert (await monitor.get("/api/v1/monitor"))["dead_letters"] == 1
    nowhere = settings_for_mongo(tmp_path, url="mongodb://127.0.0.1:1/nowhere", server_timeout_seconds=0.2)
    async with a_mongo_door(nowhere) as database:
        monitor.job_stores["search"] = MongoJobs(database, MongoFacts(database, "search"))

        async def is_degraded() -> bool:
            # A summary is kept for a second.
            summary = await monitor.get("/api/v1/monitor")
            assert "SEOGA_STORE_URL" in " ".join(summary["degraded"]), summary
            assert summary["dead_letters"] == 1
            return True

        await eventually(is_degraded, every_seconds=0.2)


async def test_a_replayed_job_waits_again_and_its_fact_is_saved_with_it(monitor: Monitor, jobs: Jobs) -> None:
    document = new_document_id()
    job_id = await jobs.bury_one(document)
    answer = await monitor.client.post(f"{PATH}/{job_id}/replay", headers=ADMIN)
    assert answer.status_code == 202, answer.text
    assert (await monitor.get(PATH))["items"] == []
    assert (await jobs.store.counts("index")).waiting == 1
    facts = [fact.envelope for fact in await jobs.facts.pending_facts(10)]
    assert [fact.name for fact in facts] == ["EventDeadLettered", "DeadLetterReplayed"]
    assert facts[1].payload["document_id"] == document
    assert facts[1].payload["group"] == "search"


async def test_poison_cannot_be_replayed_and_an_unknown_letter_not_found(monitor: Monitor) -> None:
    poison = await bury_event(monitor, None)
    assert (await monitor.client.post(f"{PATH}/{poison}/replay", headers=ADMIN)).status_code == 409
    assert (await monitor.client.post(f"{PATH}/nothing/replay", headers=ADMIN)).status_code == 404


async def test_replaying_needs_the_right_and_the_collection(monitor: Monitor, jobs: Jobs) -> None:
    mine, theirs = new_document_id(), new_document_id()
    for document, collection in ((mine, "a"), (theirs, "b")):
        await monitor.hear(told(a_document_received(document, labels=labels(collection=collection))))
    my_job, their_job = await jobs.bury_one(mine), await jobs.bury_one(theirs)
    page = await monitor.get(PATH, key="tenant-a-key-000001")
    assert [item["id"] for item in page["items"]] == [my_job]

    async def replay(job_id: str, key: str) -> int:
        headers = {"authorization": f"Bearer {key}"}
        return (await monitor.client.post(f"{PATH}/{job_id}/replay", headers=headers)).status_code

    assert await replay(their_job, "tenant-a-key-000001") == 404
    assert await replay(my_job, "reader-key-00000001") == 403
    assert await replay(my_job, "tenant-a-key-000001") == 202
    assert await replay(their_job, "everything-key-0001") == 202


async def test_the_summary_shows_queues_and_waiting_documents_are_not_stuck(monitor: Monitor, jobs: Jobs) -> None:
    await jobs.store.add(NewJob(kind="index", document_id=new_document_id(), document_version=1))
    (queue,) = (await monitor.get("/api/v1/monitor"))["queues"]
    assert (queue["module"], queue["kind"], queue["waiting"], queue["running"]) == ("search", "index", 1, 0)


async def test_all_with_a_reason_are_replayed_after_a_dry_run_that_changes_nothing(
    monitor: Monitor, jobs: Jobs
) -> None:
    lacking = "RuntimeError: can't start new thread"
    oldest, middle = [await jobs.bury_one(new_document_id(), lacking) for _ in range(2)]
    await jobs.bury_one(new_document_id(), "KeyError: a bug")
    newest = await bury_event(monitor, told(a_document_received()), reason=lacking)
    await bury_event(monitor, None, number=2, reason=lacking)  # no event, and never will be

    async def replay(**body: object) -> dict[str, Any]:
        answer = await monitor.client.post(f"{PATH}/replay", headers=ADMIN, json={"reason": "START NEW thread", **body})
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    for _ in range(2):
        found = await replay(dry_run=True)
        assert [item["id"] for item in found["items"]] == [oldest, middle, newest]
        assert (found["dry_run"], found["matching"], found["left"]) == (True, 3, 0)
    first = await replay(limit=1)
    assert ([item["id"] for item in first["items"]], first["matching"], first["left"]) == ([oldest], 3, 2)
    rest = await replay()
    assert ([item["id"] for item in rest["items"]], rest["left"]) == ([middle, newest], 0)
    assert (await replay())["items"] == []
    assert (await jobs.store.counts("index")).waiting == 2
    letters = {letter.id: letter for letter in await monitor.bus.dead_letters()}
    assert letters[newest].replayed_at is not None
    assert (await monitor.client.post(f"{PATH}/replay", headers=ADMIN, json={"reason": ""})).status_code == 422


async def test_replaying_all_reaches_only_what_the_key_may_see(monitor: Monitor, jobs: Jobs) -> None:
    mine, theirs = new_document_id(), new_document_id()
    for document, collection in ((mine, "a"), (theirs, "b")):
        await monitor.hear(told(a_document_received(document, labels=labels(collection=collection))))
    my_job, _ = await jobs.bury_one(mine), await jobs.bury_one(theirs)
    headers = {"authorization": "Bearer tenant-a-key-000001"}
    answer = await monitor.client.post(f"{PATH}/replay", headers=headers, json={"reason": "bug"})
    assert [item["id"] for item in answer.json()["items"]] == [my_job]
    headers = {"authorization": "Bearer reader-key-00000001"}
    assert (await monitor.client.post(f"{PATH}/replay", headers=headers, json={"reason": "bug"})).status_code == 403


async def test_several_by_their_ids_or_all_are_replayed_and_a_dry_run_tells_which(monitor: Monitor, jobs: Jobs) -> None:
    first, second, third = [await jobs.bury_one(new_document_id()) for _ in range(3)]

    async def replay(**body: object) -> tuple[int, list[str]]:
        answer = await monitor.client.post(f"{PATH}/replay", headers=ADMIN, json=body)
        return answer.status_code, [item["id"] for item in answer.json().get("items", ())]

    assert await replay(ids=[third, "gone", first, first], dry_run=True) == (202, [first, third])
    assert await replay(ids=[third, "gone", first]) == (202, [first, third])
    assert await replay(all=True, dry_run=True) == (202, [second])
    assert await replay(all=True) == (202, [second])
    assert (await jobs.store.counts("index")).waiting == 3
    wrongs: list[dict[str, object]] = [{}, {"ids": []}, {"all": False}, {"all": True, "reason": "bug"}]
    for wrong in wrongs:
        assert (await replay(**wrong))[0] == 422


async def test_an_event_is_shown_with_its_envelope_and_a_job_with_none(monitor: Monitor, jobs: Jobs) -> None:
    envelope = told(a_document_received())
    await bury_event(monitor, envelope)
    await jobs.bury_one(new_document_id())
    job, event = (await monitor.get(PATH))["items"]
    assert job["envelope"] is None
    assert event["envelope"] == envelope.model_dump(mode="json", exclude={"payload"})
    assert event["content"] == envelope.payload
