"""Of several processes on one store, one collects what no document refers to."""

import hashlib
import os
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from duty_builders import Cut, killed
from ingest_builders import AnIngest

from builders import eventually
from ingest.application.collector import BlobCollector
from shared.artefacts.address import artefact_key
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import new_id
from shared.ports.duties import DutyStore


class Blobs:
    """The blobs as one process calls them."""

    def __init__(self, ingest: AnIngest) -> None:
        self._blobs = ingest.blobs
        self.gone = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)

    async def collect(self, *, keep: Collection[str], older_than_seconds: float) -> int:
        gone = await self._blobs.collect(keep=keep, older_than_seconds=older_than_seconds)
        self.gone += gone
        return gone


@asynccontextmanager
async def a_process(
    ingest: AnIngest, duties: DutyStore | None = None, every_seconds: float = 0.05
) -> AsyncIterator[Blobs]:
    blobs: Any = Blobs(ingest)
    async with BlobCollector(
        ingest.documents,
        blobs,
        duties or ingest.container.duties(),
        PrometheusMetrics(),
        first_after_seconds=0.0,
        every_seconds=every_seconds,
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
