"""What goes, what stays, and what comes back; and of several processes on one store, one collects for all."""

import hashlib
import os
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from duty_builders import Cut, killed
from ingest_builders import AnIngest, a_removal, an_ingest

from builders import eventually
from ingest.application.collector import BlobCollector, Collected, CollectorTimes
from shared.artefacts.address import artefact_key
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import DocumentId, new_id
from shared.ports.duties import DutyStore


class Blobs:
    """The blobs as one process calls them."""

    def __init__(self, ingest: AnIngest) -> None:
        self._blobs = ingest.blobs
        self.gone = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)

    async def destroy(self, hashes: Collection[str], *, waiting_longer_than_seconds: float) -> int:
        gone = await self._blobs.destroy(hashes, waiting_longer_than_seconds=waiting_longer_than_seconds)
        self.gone += gone
        return gone


@asynccontextmanager
async def a_process(
    ingest: AnIngest, duties: DutyStore | None = None, every_seconds: float = 0.05
) -> AsyncIterator[Blobs]:
    blobs: Any = Blobs(ingest)
    async with BlobCollector(
        ingest.container.storage().releases,
        blobs,
        duties or ingest.container.duties(),
        ingest.container.belonging(),
        PrometheusMetrics(),
        # Nothing waits in the trash.
        trash_seconds=-60.0,
        times=CollectorTimes(first_after_seconds=0.0, every_seconds=every_seconds, orphans_every_seconds=0.0),
    ):
        yield blobs


async def leave_something_behind(ingest: AnIngest) -> str:
    """What was stored two hours ago for a document that never came; its key."""
    key = artefact_key(hashlib.sha256(new_id().encode()).hexdigest(), "parse", 1, {})
    await ingest.blobs.put(key, b"text")
    two_hours_ago = time.time() - 7200
    for path in (ingest.blobs._root / "artefacts").rglob("*"):
        os.utime(path, (two_hours_ago, two_hours_ago))
    return key


async def is_gone(ingest: AnIngest, key: str) -> bool:
    return not await ingest.blobs.exists(key)


async def several_looks(duties: Cut) -> None:
    """Until a process has asked twice more whose duty it is: in between it had its chance to collect."""
    enough = duties.asked + 2
    await eventually(lambda: duties.asked >= enough)


async def test_one_process_collects_for_all(ingest: AnIngest) -> None:
    async with a_process(ingest, every_seconds=0.3) as one, a_process(ingest, every_seconds=0.3) as other:
        for _ in range(3):
            await eventually(partial(is_gone, ingest, await leave_something_behind(ingest)))
        await eventually(lambda: sorted((one.gone, other.gone)) == [0, 3])


async def test_when_the_one_that_collects_leaves_another_goes_on(ingest: AnIngest) -> None:
    async with AsyncExitStack() as leaving:
        # It looks once, and has the duty for two hours.
        key = await leave_something_behind(ingest)
        first = await leaving.enter_async_context(a_process(ingest, every_seconds=3600.0))
        await eventually(partial(is_gone, ingest, key))
        duties = Cut(ingest.container.duties())
        async with a_process(ingest, duties=duties) as other:
            key = await leave_something_behind(ingest)
            await several_looks(duties)
            assert (first.gone, other.gone) == (1, 0)
            await leaving.aclose()
            # Told a moment after the file is gone.
            await eventually(lambda: (first.gone, other.gone) == (1, 1))


async def test_another_process_collects_in_the_place_of_one_that_is_gone(ingest: AnIngest) -> None:
    free_at = await killed(ingest.container.duties(), "ingest.collect", lease_seconds=0.5)
    async with a_process(ingest):
        await eventually(partial(is_gone, ingest, await leave_something_behind(ingest)))
        assert time.time() >= free_at


async def test_who_cannot_ask_whose_it_is_collects_once_it_can(ingest: AnIngest) -> None:
    cut = Cut(ingest.container.duties())
    async with a_process(ingest, duties=cut):
        await eventually(partial(is_gone, ingest, await leave_something_behind(ingest)))
        cut.is_away = True
        # The lease that it has is over when it asks at every look.
        free_at = time.monotonic() + 2 * 0.05
        await eventually(lambda: time.monotonic() > free_at)
        key = await leave_something_behind(ingest)
        await several_looks(cut)
        assert not await is_gone(ingest, key)
        cut.is_away = False
        await eventually(partial(is_gone, ingest, key))


async def add(ingest: AnIngest, name: str, content: bytes, collection: str = "default") -> str:
    """A searchable document with an artefact; its id."""
    answer = await ingest.put(name, content, collection)
    assert answer.status_code == 202
    document_id: str = answer.json()["id"]
    await ingest.blobs.put(artefact_key(answer.json()["sha256"], "parse", 1, {}), b"text")
    await ingest.becomes_searchable(document_id)
    return document_id


async def remove(ingest: AnIngest, document_id: str) -> None:
    """Deleted, and gone from search."""
    withdrawn = await ingest.ingestion.withdraw(DocumentId(document_id))
    await ingest.hears(a_removal(DocumentId(document_id), withdrawn.version))


async def collect(ingest: AnIngest, **how: Any) -> Collected:
    """As if everything were an hour old."""
    return await ingest.collector.collect(young_seconds=-60, **how)


async def test_what_removed_documents_gave_up_goes_into_the_trash_unless_another_has_it(ingest: AnIngest) -> None:
    revised = await add(ingest, "revised.txt", b"first revision")
    assert (await ingest.put("revised.txt", b"second revision")).status_code == 202
    shared = [await add(ingest, "a.txt", b"shared", name) for name in ("one", "two")]
    gone = await add(ingest, "gone.txt", b"gone")
    await remove(ingest, gone)
    await remove(ingest, shared[0])
    await remove(ingest, revised)
    assert await ingest.collector.collect() == Collected()  # all is young
    # Both revisions, with the artefact that the first one has, and the one that was deleted alone.
    assert await collect(ingest) == Collected(discarded=3)
    assert (await ingest.blobs.trash()).hashes == 3
    assert (await ingest.client.get(f"/api/v1/documents/{shared[1]}/content")).content == b"shared"
    # Seen to once.
    assert await collect(ingest) == Collected()
    assert (await ingest.collector.empty_trash()).destroyed == 5
    assert (await ingest.blobs.trash()).hashes == 0
    assert (await ingest.client.get(f"/api/v1/documents/{shared[1]}/content")).content == b"shared"


async def test_what_is_referred_to_again_leaves_the_trash(ingest: AnIngest) -> None:
    await remove(ingest, await add(ingest, "a.txt", b"content"))
    assert (await collect(ingest)).discarded == 1
    again = await add(ingest, "b.txt", b"content")
    assert (await ingest.collector.empty_trash()).destroyed == 0
    assert (await ingest.client.get(f"/api/v1/documents/{again}/content")).content == b"content"


async def test_the_bytes_of_a_refused_upload_are_an_orphan_that_goes_after_the_hour(ingest: AnIngest) -> None:
    assert (await ingest.put("x.exe", b"MZ\x00\x01")).status_code == 415
    assert await ingest.collector.collect() == Collected()
    assert await collect(ingest, with_orphans=False) == Collected()
    assert await collect(ingest) == Collected(discarded=1, orphans=1)


async def many_without_a_record(ingest: AnIngest) -> None:
    for number in range(101):
        key = artefact_key(hashlib.sha256(str(number).encode()).hexdigest(), "parse", 1, {})
        await ingest.blobs.put(key, b"text")


async def test_many_whose_record_may_be_on_its_way_are_not_suspicious(ingest: AnIngest) -> None:
    await many_without_a_record(ingest)
    assert await ingest.collector.collect() == Collected()
    assert (await ingest.collector.check()).ready


async def test_suspiciously_many_orphans_stay_until_an_operator_says_so(ingest: AnIngest) -> None:
    await many_without_a_record(ingest)
    held = await collect(ingest)
    assert held.discarded == 0
    assert held.objection is not None and held.objection.startswith("101 of 101 are originals without a record")
    health = await ingest.collector.check()
    assert (health.ready, health.required, health.detail) == (False, False, held.objection)
    assert await collect(ingest, is_confirmed=True) == Collected(discarded=101, orphans=101)
    assert (await ingest.collector.check()).ready


async def test_what_users_delete_is_never_suspicious(ingest: AnIngest) -> None:
    documents = [await add(ingest, f"{number}.txt", str(number).encode()) for number in range(101)]
    for document_id in documents:
        await remove(ingest, document_id)
    assert await collect(ingest) == Collected(discarded=101)


async def test_a_store_that_does_not_prove_to_be_of_these_blobs_deletes_nothing(tmp_path: Path) -> None:
    async with an_ingest(tmp_path) as ingest:
        gone = await add(ingest, "gone.txt", b"gone")
        await remove(ingest, gone)
        await add(ingest, "kept.txt", b"kept")
        assert (await collect(ingest)).discarded == 1
    (tmp_path / "ingest.sqlite").unlink()
    async with an_ingest(tmp_path) as ingest:
        for done in (await collect(ingest, is_confirmed=True), await ingest.collector.empty_trash()):
            assert done.objection is not None and "no mark in ingest.sqlite" in done.objection
            assert (done.discarded, done.destroyed) == (0, 0)
