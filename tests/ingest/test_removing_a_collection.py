"""A collection is deleted piece by piece, beside everything else, and whatever comes in between."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ingest_builders import AnIngest, a_removal, an_ingest, told

from builders import eventually
from shared.events.ingest import DocumentWithdrawn

PATH = "/api/v1/collections/gone"


async def fill(ingest: AnIngest, count: int) -> None:
    for number in range(count):
        assert (await ingest.put(f"{number}.txt", str(number).encode(), "gone")).status_code == 202


async def progress(ingest: AnIngest) -> dict[str, Any]:
    answer = await ingest.client.get(f"{PATH}/removal")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


class Searching:
    """Lets go of every document that is withdrawn, and counts how many it had at once."""

    def __init__(self, ingest: AnIngest) -> None:
        self._ingest = ingest
        self._gone: set[str] = set()
        self.most_at_once = 0

    async def let_go(self) -> None:
        facts = [fact for fact in await told(self._ingest, DocumentWithdrawn) if fact.document_id not in self._gone]
        self.most_at_once = max(self.most_at_once, len(facts))
        for fact in facts:
            await self._ingest.hears(a_removal(fact.document_id, fact.document_version))
            self._gone.add(fact.document_id)

    async def go_on(self) -> None:
        while True:
            await self.let_go()
            await asyncio.sleep(0.01)


async def test_uploads_wait_until_it_is_withdrawn_and_make_new_documents_then(ingest: AnIngest) -> None:
    await fill(ingest, 3)
    begun = await ingest.container.removal().begin("gone", 3)
    refused = await ingest.put("0.txt", b"0", "gone")
    assert (refused.status_code, refused.json()["code"]) == (409, "collection_being_deleted")
    assert (await ingest.put("0.txt", b"0", "other")).status_code == 202

    async def accepts() -> bool:
        return bool((await progress(ingest))["accepts_uploads"])

    await eventually(accepts)
    again = await ingest.put("0.txt", b"0", "gone")
    assert (again.status_code, again.json()["duplicate"]) == (202, False)
    # Search lets go of the former ones; the new one stays.
    searching = Searching(ingest)
    await searching.let_go()
    finished = await ingest.container.removal().wait(begun, 20)
    assert finished.finished_at is not None
    listed = (await ingest.client.get("/api/v1/documents", params={"collection": "gone"})).json()
    assert [one["id"] for one in listed["items"]] == [again.json()["id"]]


async def test_a_small_one_is_done_when_it_is_answered_and_then_unknown(ingest: AnIngest) -> None:
    await fill(ingest, 2)
    assert (await ingest.client.get(f"{PATH}/removal")).status_code == 404
    searching = asyncio.create_task(Searching(ingest).go_on())
    assert (await ingest.client.delete(PATH)).status_code == 204
    searching.cancel()
    assert (await ingest.client.delete(PATH)).status_code == 404
    assert (await progress(ingest))["remaining"] == 0


@pytest.mark.slow
async def test_search_never_has_many_withdrawals_to_see_to(ingest: AnIngest) -> None:
    await fill(ingest, 250)
    searching = Searching(ingest)
    running = asyncio.create_task(searching.go_on())
    # 202 where the machine is so busy that it is not done when it is answered.
    assert (await ingest.client.delete(PATH)).status_code in (202, 204)
    done = await eventually(lambda: _is_gone(ingest))
    running.cancel()
    assert 0 < searching.most_at_once <= 100
    assert done["total"] == 250


async def test_asked_twice_and_cut_off_it_is_one_deletion_that_goes_on(tmp_path: Path) -> None:
    async with an_ingest(tmp_path) as ingest:
        await fill(ingest, 120)
        deleting = asyncio.create_task(ingest.client.delete(PATH))
        # Cut off when it has begun: search is away, so that it cannot be done.
        first = await eventually(lambda: progress(ingest))
        deleting.cancel()
        await asyncio.wait({deleting})
        # A hundred are withdrawn, the others wait.
        await eventually(lambda: _is_withdrawn(ingest, 100))
        assert (await ingest.container.removal().begin("gone", 20)).total == 120
        assert (await progress(ingest))["started_at"] == first["started_at"]
    async with an_ingest(tmp_path) as ingest:
        running = asyncio.create_task(Searching(ingest).go_on())
        removal = await ingest.container.removal().last("gone")
        assert (await ingest.container.removal().wait(removal, 30)).remaining == 0
        running.cancel()
        listed = (await ingest.client.get("/api/v1/collections")).json()
        assert [one["name"] for one in listed["items"]] == ["default"]


async def _is_withdrawn(ingest: AnIngest, wanted: int) -> bool:
    return len(await told(ingest, DocumentWithdrawn)) == wanted


async def _is_gone(ingest: AnIngest) -> dict[str, Any] | None:
    body = await progress(ingest)
    return body if body["remaining"] == 0 else None
