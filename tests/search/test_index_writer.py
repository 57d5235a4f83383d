"""Many small writes become one: what waits at the same time shares upserts and a flush."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from builders import eventually, labels
from search.application.index_writer import IndexWriter
from search.application.ports.chunk_index import ChunkIndex, Unit
from shared.kernel import Unavailable, new_document_id

GATHERING_SECONDS = 0.3


class Disk:
    """An index that keeps what comes, in calls, and flushes once it may."""

    def __init__(self) -> None:
        self.upserts: list[int] = []
        self.flushed: list[float] = []
        self.error: Exception | None = None
        self.losses = 0
        # How often it begins anew just before a flush.
        self.restarts = 0
        self.may_flush = asyncio.Event()
        self.may_flush.set()

    async def upsert(self, units: Sequence[Unit]) -> None:
        self.upserts.append(len(units))
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    async def flush(self) -> None:
        await self.may_flush.wait()
        if self.restarts:
            self.restarts -= 1
            self.losses += 1
        self.flushed.append(time.monotonic())


def some_units(number: int) -> list[Unit]:
    given: dict[str, Any] = {"document_id": new_document_id(), "version": 1, "kind": "chunk", "labels": labels()}
    nothing: dict[str, Any] = dict.fromkeys(("dense", "sparse", "language", "page"))
    return [Unit(ordinal=ordinal, chunk_ordinals=(ordinal,), **given, **nothing) for ordinal in range(number)]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
async def writer(disk: Disk) -> AsyncIterator[IndexWriter]:
    async with IndexWriter(cast(ChunkIndex, disk), gathering_seconds=GATHERING_SECONDS) as entered:
        yield entered


async def test_all_that_waits_shares_one_flush_whatever_its_size(disk: Disk, writer: IndexWriter) -> None:
    await asyncio.gather(*(writer.write(some_units(number)) for number in (300, 400, 0, 700)))
    assert disk.upserts == [500, 500, 400]
    assert len(disk.flushed) == 1


async def test_what_comes_alone_does_not_wait(disk: Disk) -> None:
    async with IndexWriter(cast(ChunkIndex, disk), gathering_seconds=60) as writer, asyncio.timeout(20):
        for _ in range(3):
            await writer.write(some_units(1))
    assert disk.upserts == [1, 1, 1]


async def test_after_a_burst_there_is_time_for_more_to_gather(disk: Disk, writer: IndexWriter) -> None:
    await asyncio.gather(*(writer.write(some_units(1)) for _ in range(2)))
    first = asyncio.create_task(writer.write(some_units(1)))
    await asyncio.sleep(GATHERING_SECONDS / 3)
    await asyncio.gather(first, writer.write(some_units(1)))
    assert disk.upserts == [2, 2]
    assert disk.flushed[1] - disk.flushed[0] > GATHERING_SECONDS / 2


async def test_what_failed_can_be_written_again(disk: Disk, writer: IndexWriter) -> None:
    disk.error = Unavailable("away")
    units = some_units(2)
    outcomes = await asyncio.gather(writer.write(units), writer.write(some_units(1)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    await writer.write(units)
    assert disk.upserts == [3, 2]


async def test_what_was_lost_before_it_was_on_disk_is_written_again(disk: Disk, writer: IndexWriter) -> None:
    disk.restarts = 1
    await writer.write(some_units(3))
    assert disk.upserts == [3, 3]


async def test_an_index_that_loses_all_the_time_is_unavailable(disk: Disk, writer: IndexWriter) -> None:
    disk.restarts = 100
    with pytest.raises(Unavailable):
        await writer.write(some_units(3))


async def test_who_is_cancelled_takes_nobody_along(disk: Disk, writer: IndexWriter) -> None:
    disk.may_flush.clear()
    writes = [asyncio.create_task(writer.write(some_units(1))) for _ in range(2)]
    await eventually(lambda: bool(disk.upserts))
    writes[0].cancel()
    disk.may_flush.set()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1] is None


async def test_leaving_cancels_what_is_being_written_and_what_waits(disk: Disk) -> None:
    disk.may_flush.clear()
    async with IndexWriter(cast(ChunkIndex, disk)) as writer:
        first = asyncio.create_task(writer.write(some_units(1)))
        await eventually(lambda: bool(disk.upserts))
        second = asyncio.create_task(writer.write(some_units(1)))
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 2
    assert disk.upserts == [1]
    assert disk.flushed == []
