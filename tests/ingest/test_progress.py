"""What a document shows while others work on it, however often and in whatever order they tell."""

import itertools
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from ingest_builders import AnIngest, a_failure, a_removal, an_indexed, work_on

from builders import eventually
from ingest.domain.standing import Standing
from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.envelope import Event
from shared.events.process import ChunksEmbedded, PagesRead, StageFinished
from shared.kernel import DocumentId


def a_dead_letter(document_id: str, version: int, group: str = "search", letter: str = "L1") -> EventDeadLettered:
    return EventDeadLettered(
        group=group, dead_letter_id=letter, subject="job:index", document_id=DocumentId(document_id),
        document_version=version, reason="a bug",
    )  # fmt: skip


def a_replay(document_id: str, version: int, group: str = "search", letter: str = "L1") -> DeadLetterReplayed:
    return DeadLetterReplayed(
        group=group, dead_letter_id=letter, subject="job:index", document_id=DocumentId(document_id),
        document_version=version,
    )  # fmt: skip


async def received(ingest: AnIngest, name: str = "a.txt", content: bytes = b"one") -> DocumentId:
    return DocumentId((await ingest.put(name, content)).json()["id"])


async def test_each_stage_shows_until_it_is_searchable(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    seen = []
    for event in work_on(document_id, 1):
        await ingest.hears(event)
        document = await ingest.document(document_id)
        seen.append((document["status"], document["stage"], document["progress"]["done"]))
    assert seen == [
        ("processing", "ocr", 1),
        ("processing", "chunk", 2),
        ("processing", "embed", 3),
        ("processing", "index", 4),
        ("processing", "index", 4),
        ("searchable", None, 5),
    ]
    document = await ingest.document(document_id)
    assert document["searchable_revision"] == 1
    assert document["searchable_at"] is not None
    assert document["language"] == "ko"
    assert document["warnings"] == ["one"]
    assert document["progress"]["queue_position"] is None


async def test_shows_how_many_chunks_of_a_large_document_are_embedded(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    parsed, chunked, *rest = work_on(document_id, 1)
    ids: dict[str, Any] = {"document_id": document_id, "document_version": 1}

    async def chunks() -> tuple[int | None, int | None]:
        progress = (await ingest.document(document_id))["progress"]
        return progress["chunks_done"], progress["chunks_total"]

    await ingest.hears(parsed, chunked)
    assert await chunks() == (None, None)
    further, before = (ChunksEmbedded(**ids, done=done, total=900) for done in (512, 256))
    await ingest.hears(further, before)  # as where one is heard again
    assert await chunks() == (512, 900)
    await ingest.hears(*rest)
    assert await chunks() == (None, None)


async def test_shows_how_many_pages_of_a_large_document_are_read(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    parsed, read, *_ = work_on(document_id, 1)
    ids: dict[str, Any] = {"document_id": document_id, "document_version": 1}

    async def pages() -> tuple[str, str | None, int | None, int | None]:
        document = await ingest.document(document_id)
        progress = document["progress"]
        return document["status"], document["stage"], progress["pages_done"], progress["pages_total"]

    further, before = (PagesRead(**ids, stage="parse", done=done, total=900) for done in (512, 256))
    await ingest.hears(further, before)  # as where one is heard again
    assert await pages() == ("processing", "parse", 512, 900)
    await ingest.hears(parsed)
    assert await pages() == ("processing", "ocr", None, None)
    await ingest.hears(PagesRead(**ids, stage="ocr", done=8, total=40), further)
    assert await pages() == ("processing", "ocr", 8, 40)
    await ingest.hears(read)
    assert await pages() == ("processing", "chunk", None, None)


async def test_events_thrice_and_shuffled_leave_the_same_state(ingest: AnIngest) -> None:
    ids = [await received(ingest, f"{n}.txt", f"{n}".encode()) for n in range(5)]
    events: list[Event] = [event for document_id in ids for event in work_on(document_id, 1)] * 3
    random.Random(7).shuffle(events)
    await ingest.hears(*events)
    for document_id in ids:
        document = await ingest.document(document_id)
        assert document["status"] == "searchable"
        assert document["progress"]["done"] == 5
        assert document["warnings"] == ["one"]


@pytest.mark.parametrize("last", range(6))
def test_any_order_of_what_is_heard_leads_to_the_same_standing(last: int) -> None:
    events = work_on(DocumentId("d"), 1)
    finished = [event for event in events if isinstance(event, StageFinished)]
    changes: list[Callable[[Standing], Standing]] = [
        partial(Standing.stage_finished, version=1, done=event.done, total=event.total) for event in finished
    ]
    changes.append(lambda it: it.processed(1, revision=1, language="ko", warnings=("w",), chunks_artefact="x"))
    orders = list(itertools.permutations(changes))[last::6]
    standings = set()
    for order in orders:
        standing = Standing(content_version=1)
        for change in order:
            standing = change(change(standing))
        standings.add(standing)
    assert len(standings) == 1


async def test_what_changes_nothing_is_not_written(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    assert await ingest.documents.advance(document_id, lambda it: it.stage_finished(1, done=1, total=3))
    assert not await ingest.documents.advance(document_id, lambda it: it.stage_finished(1, done=1, total=3))
    assert not await ingest.documents.advance(DocumentId("nobody"), lambda it: it.withdrawn(9))


async def test_events_of_an_older_version_change_nothing_but_what_search_serves(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    await ingest.put("a.txt", b"two")
    await ingest.hears(*work_on(document_id, 1)[:-1], a_failure(document_id, 1))
    document = await ingest.document(document_id)
    assert document["status"] == "received"
    assert document["problem"] is None
    await ingest.hears(an_indexed(document_id, 1, revision=1))
    document = await ingest.document(document_id)
    assert document["status"] == "received"
    assert document["searchable_revision"] == 1


async def test_a_failed_second_revision_leaves_the_first_searchable(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    await ingest.becomes_searchable(document_id)
    await ingest.put("a.txt", b"two")
    await ingest.fails(document_id)
    document = await ingest.document(document_id)
    assert document["status"] == "failed"
    assert document["revision"] == 2
    assert document["searchable_revision"] == 1
    assert document["stage"] == "parse"
    assert document["problem"]["code"] == "encrypted"
    assert document["problem"]["detail"] == "The file is encrypted."
    assert document["problem"]["retryable"] is False


async def test_a_dead_letter_shows_as_failed_until_it_is_replayed(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    await ingest.hears(*work_on(document_id, 1)[:-1], a_dead_letter(document_id, 1))
    document = await ingest.document(document_id)
    assert document["status"] == "failed"
    assert document["stage"] == "index"
    assert document["problem"]["retryable"] is True
    assert "a bug" in document["problem"]["detail"]
    await ingest.hears(a_replay(document_id, 1))
    assert (await ingest.document(document_id))["status"] == "processing"
    await ingest.hears(an_indexed(document_id, 1))
    assert (await ingest.document(document_id))["status"] == "searchable"
    await ingest.hears(a_dead_letter(document_id, 1, letter="late"))
    assert (await ingest.document(document_id))["status"] == "searchable"


async def test_a_dead_letter_of_process_shows_the_stage_it_was_in(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    await ingest.hears(a_dead_letter(document_id, 1, group="process"))
    assert (await ingest.document(document_id))["stage"] == "parse"
    await ingest.hears(work_on(document_id, 1)[0])
    assert (await ingest.document(document_id))["stage"] == "ocr"


async def test_a_dead_letter_of_the_monitor_or_of_nobody_changes_nothing(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    await ingest.hears(a_dead_letter(document_id, 1, group="monitor"))
    await ingest.hears(a_dead_letter(document_id, 1).model_copy(update={"document_id": None}))
    assert (await ingest.document(document_id))["status"] == "received"


async def test_a_change_of_labels_meanwhile_keeps_the_progress(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    stale = await ingest.documents.load(document_id)
    await ingest.becomes_searchable(document_id)
    stale.relabel(metadata={"x": 1})
    await ingest.documents.save(stale, expected_version=1)
    document = await ingest.document(document_id)
    assert document["status"] == "searchable"
    assert document["metadata"] == {"x": 1}


async def test_a_removal_that_comes_before_the_withdrawal_is_not_believed(ingest: AnIngest) -> None:
    document_id = await received(ingest)
    await ingest.hears(a_removal(document_id, 5))
    assert (await ingest.document(document_id))["status"] == "received"


async def test_the_queue_is_counted_in_order_of_receipt(ingest: AnIngest) -> None:
    ids = [await received(ingest, f"{n}.txt", f"{n}".encode()) for n in range(4)]

    async def positions() -> list[int | None]:
        return [(await ingest.document(document_id))["progress"]["queue_position"] for document_id in ids]

    assert await positions() == [0, 1, 2, 3]
    await ingest.becomes_searchable(ids[1])
    assert await positions() == [0, None, 1, 2]
    await ingest.put("0.txt", b"changed")
    assert await positions() == [2, None, 0, 1]
    listed = (await ingest.client.get("/api/v1/documents")).json()["items"]
    assert [document["progress"]["queue_position"] for document in listed] == [1, 0, None, 2]


async def test_remaining_time_follows_the_rate_of_finishing(ingest: AnIngest) -> None:
    ids = [await received(ingest, f"{n}.txt", f"{n}".encode()) for n in range(4)]
    for document_id in ids[:3]:
        await ingest.hears(*work_on(document_id, 1), publish=True)

    async def estimated() -> bool:
        remaining = (await ingest.document(ids[3]))["progress"]["remaining_seconds"]
        return remaining is not None and 0 < remaining < 60

    await eventually(estimated)
