"""Moving between collections, and following all documents at once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ingest_builders import AnIngest, an_ingest

from ingest.application.shelf import Seen
from shared.kernel import DocumentId
from shared.web.access import Access, Principal


async def test_a_document_moves_with_its_name_and_metadata(ingest: AnIngest) -> None:
    document = (await ingest.put("보고서/1.txt", b"text")).json()
    path = document["links"]["self"]
    await ingest.client.patch(path, json={"metadata": {"year": 2026}})
    moved = (await ingest.client.post(f"{path}/move", json={"collection": "archive"})).json()
    assert (moved["name"], moved["collection"], moved["metadata"]) == ("보고서/1.txt", "archive", {"year": 2026})
    assert moved["id"] != document["id"] and moved["sha256"] == document["sha256"]
    assert (await ingest.document(document["id"]))["status"] == "withdrawn"
    assert (await ingest.client.get(moved["links"]["content"])).content == b"text"
    # What was broken off in the middle is ended by asking again, and a second time there is nothing to move.
    assert (await ingest.client.post(f"{path}/move", json={"collection": "archive"})).json()["code"] == "withdrawn"
    here = await ingest.client.post(f"{moved['links']['self']}/move", json={"collection": "archive"})
    assert (here.status_code, here.json()["code"]) == (409, "same_collection")


async def test_no_document_takes_the_place_of_another(ingest: AnIngest) -> None:
    document = (await ingest.put("a.txt", b"mine")).json()
    await ingest.put("a.txt", b"another", "archive")
    answer = await ingest.client.post(f"{document['links']['self']}/move", json={"collection": "archive"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    assert (await ingest.document(document["id"]))["status"] == "received"
    # A copy that an interrupted move left is not another one.
    await ingest.put("b.txt", b"same", "archive")
    copy = (await ingest.put("b.txt", b"same")).json()
    assert (
        await ingest.client.post(f"{copy['links']['self']}/move", json={"collection": "archive"})
    ).status_code == 202


async def test_nothing_moves_to_where_a_key_does_not_reach(tmp_path: Path) -> None:
    rights = frozenset(("read", "write"))
    access = Access({"key-of-somebody-01": Principal(frozenset(("notes",)), rights)})
    async with an_ingest(tmp_path, access, {"Authorization": "Bearer key-of-somebody-01"}) as ingest:
        document = (await ingest.put("a.txt", b"mine", "notes")).json()
        answer = await ingest.client.post(f"{document['links']['self']}/move", json={"collection": "others"})
        assert answer.status_code == 403
        assert (await ingest.document(document["id"]))["status"] == "received"


async def test_who_follows_all_sees_each_change_of_what_they_may_see(ingest: AnIngest) -> None:
    shelf = ingest.container.shelf()
    seen: list[tuple[Any, str]] = []

    async def follow() -> None:
        documents: list[Seen]
        async for documents, _ in shelf.changes(frozenset(("mine",)), every_seconds=0):
            seen.extend((one.document.name, one.document.status) for one in documents)
            if ("a.txt", "withdrawn") in seen:
                return

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    mine = (await ingest.put("a.txt", b"mine", "mine")).json()
    theirs = (await ingest.put("b.txt", b"theirs", "theirs")).json()
    await ingest.container.ingestion().withdraw(DocumentId(mine["id"]))
    for document in (theirs, mine):
        ingest.container.feed().tell(document["id"])
    await asyncio.wait_for(following, 20)
    assert {name for name, _ in seen} == {"a.txt"}


async def test_more_changes_than_are_told_one_by_one_are_told_of(ingest: AnIngest) -> None:
    with ingest.container.feed().watch_all() as watch:
        for number in range(1001):
            ingest.container.feed().tell(DocumentId(str(number)))
        changed, missed = await watch.wait(1)
        assert (len(changed), missed) == (1000, True)
        assert await watch.wait(0.01) == ([], False)


@pytest.mark.parametrize("collection", ["", "a/b", "x" * 65])
async def test_a_collection_that_cannot_be_is_refused(ingest: AnIngest, collection: str) -> None:
    document = (await ingest.put("a.txt", b"text")).json()
    answer = await ingest.client.post(f"{document['links']['self']}/move", json={"collection": collection})
    assert answer.status_code == 422
