"""Blobs in MongoDB beyond the contract: GridFS's layout, large artefacts, interrupted writers, local copies."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mongo_builders import a_mongo, a_mongo_door, settings_for_mongo
from motor.motor_asyncio import AsyncIOMotorGridFSBucket
from servers import mongo_url
from tcp_proxy import TcpProxy

from builders import eventually
from shared.artefacts.address import original_key
from shared.infrastructure.files.copies import LocalCopies
from shared.infrastructure.mongo.blob_queries import FILE
from shared.infrastructure.mongo.blobs import MongoBlobs
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.garbage import ARTEFACTS, CHUNKS, FILES
from shared.infrastructure.mongo.queries import Query
from shared.kernel import InvalidInput, NotFound, TooLarge, Unavailable
from shared.ports.storage import StoredBlob

MEGABYTE = 1 << 20
SHA256 = hashlib.sha256(b"an original").hexdigest()
KEY = f"artefacts/ab/{SHA256}.vectors-1-0011"
LARGE = os.urandom(5 * MEGABYTE + 3)


@dataclass(frozen=True, slots=True)
class Process:
    database: MongoDatabase
    blobs: MongoBlobs

    async def store(self, *pieces: bytes) -> StoredBlob:
        async def stream() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return await self.blobs.store(stream(), max_bytes=1 << 30)

    async def holds(self, chunks: int) -> bool:
        return await self.count(CHUNKS) == chunks

    async def count(self, collection: str) -> int:
        return await self.database.collection(collection).count(Query(collection, {}, scans="a test"))


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[list[Process]]:
    settings = settings_for_mongo(tmp_path)
    async with a_mongo(settings) as door:
        first, second = door(), door()
        started = [Process(one, MongoBlobs(one, settings)) for one in (first, second)]
        async with first, second, started[0].blobs, started[1].blobs:
            yield started


@pytest.mark.servers
async def test_an_original_can_be_read_by_any_gridfs_tool(processes: list[Process]) -> None:
    process = processes[0]
    for content in (b"", b"small", LARGE):
        blob = await process.store(content[:10], content[10 : 3 * MEGABYTE], content[3 * MEGABYTE :])
        assert await process.database.call(partial(read_by_tool, blob.key), idempotent=True) == content


async def read_by_tool(name: str, database: Any) -> bytes:
    stream = await AsyncIOMotorGridFSBucket(database, bucket_name="blobs").open_download_stream_by_name(name)
    return bytes(await stream.read())


@pytest.mark.servers
async def test_an_artefact_too_large_for_a_document_is_kept_and_replaced_whole(processes: list[Process]) -> None:
    first, second = (process.blobs for process in processes)
    await first.put(KEY, LARGE)
    assert await second.read(KEY) == LARGE
    part = b"".join([piece async for piece in second.open(KEY, start=MEGABYTE - 1, length=MEGABYTE + 2)])
    assert part == LARGE[MEGABYTE - 1 : 2 * MEGABYTE + 1]
    await second.put(KEY, LARGE[::-1])
    assert await first.read(KEY) == LARGE[::-1]
    await first.put(KEY, b"small")
    assert await second.read(KEY) == b"small"
    await second.tidy(older_than_seconds=-60)
    assert await first.read(KEY) == b"small"
    assert await processes[0].count(CHUNKS) == await processes[0].count(FILES) == 0
    await second.put(KEY, LARGE)
    await first.delete(KEY)
    assert [await processes[0].count(collection) for collection in (FILES, CHUNKS, ARTEFACTS)] == [0, 0, 0]


@pytest.mark.servers
async def test_processes_that_put_at_the_same_moment_leave_one_whole_content(processes: list[Process]) -> None:
    contents = [b"small", LARGE, LARGE[::-1], b"other"]
    await asyncio.gather(*(process.blobs.put(KEY, content) for content in contents for process in processes))
    found = await processes[0].blobs.read(KEY)
    assert found in contents
    await processes[0].blobs.tidy(older_than_seconds=-60)
    assert await processes[1].blobs.read(KEY) == found
    assert await processes[0].count(FILES) == (len(found) > MEGABYTE)


@pytest.mark.servers
async def test_processes_that_store_the_same_bytes_keep_them_once(processes: list[Process]) -> None:
    blobs = await asyncio.gather(*(process.store(LARGE) for process in processes * 3))
    assert sum(blob.new for blob in blobs) == 1
    assert await processes[0].count(FILES) == 1
    assert await processes[1].blobs.read(blobs[0].key) == LARGE
    await eventually(lambda: processes[0].holds(6))


@pytest.mark.servers
async def test_nothing_stays_of_an_upload_that_is_refused_or_breaks(processes: list[Process]) -> None:
    process = processes[0]

    async def breaks() -> AsyncIterator[bytes]:
        yield LARGE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await process.blobs.store(breaks(), max_bytes=1 << 30)
    with pytest.raises(TooLarge):
        await process.blobs.store(breaks(), max_bytes=2 * MEGABYTE)
    assert await process.count(FILES) == 0
    await eventually(lambda: process.holds(0))


@pytest.mark.servers
async def test_nothing_stays_of_an_upload_that_is_cancelled(processes: list[Process]) -> None:
    process, began = processes[0], asyncio.Event()

    async def hangs() -> AsyncIterator[bytes]:
        yield LARGE
        began.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(process.blobs.store(hangs(), max_bytes=1 << 30))
    await began.wait()
    assert await process.count(CHUNKS) == 5
    upload.cancel()
    await asyncio.gather(upload, return_exceptions=True)
    await eventually(lambda: process.holds(0))


@pytest.mark.servers
async def test_an_original_whose_answer_was_lost_is_whole_for_who_stores_it_again(
    processes: list[Process], tmp_path: Path
) -> None:
    """The server made it the key's content, and nobody heard of it: its chunks must stay."""
    server = urlsplit(mongo_url())
    async with TcpProxy(server.hostname or "", server.port or 27017) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}/{processes[0].database.name}"
        settings = settings_for_mongo(tmp_path, url=url, server_timeout_seconds=1)
        async with a_mongo_door(settings) as database, MongoBlobs(database, settings) as blobs:
            process = Process(database, blobs)
            # Of the three calls of an upload only the last one names its length.
            proxy.lose_the_answer_to(b"chunkSize")
            with pytest.raises(Unavailable):
                await process.store(b"an original")
            await eventually(lambda: processes[0].blobs.exists(original_key(SHA256)))
            blob = await process.store(b"an original")
            assert not blob.new
        assert await processes[1].blobs.read(blob.key) == b"an original"


@pytest.mark.servers
async def test_an_upload_whose_process_died_is_collected_when_it_is_old(processes: list[Process]) -> None:
    """As it stays behind: chunks without a file."""
    process, began = processes[0], asyncio.Event()

    async def hangs() -> AsyncIterator[bytes]:
        yield LARGE
        began.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(process.blobs.store(hangs(), max_bytes=1 << 30))
    await began.wait()
    kept = await processes[1].store(LARGE)
    await processes[1].blobs.tidy(older_than_seconds=3600)
    assert await process.count(CHUNKS) == 5 + 6
    await processes[1].blobs.tidy(older_than_seconds=-60)
    assert await process.count(CHUNKS) == 6
    assert await process.blobs.read(kept.key) == LARGE
    upload.cancel()
    await asyncio.gather(upload, return_exceptions=True)


@pytest.mark.servers
async def test_storing_the_same_bytes_again_makes_them_young(processes: list[Process]) -> None:
    process = processes[0]
    blob = await process.store(b"same")
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    await process.database.collection(FILES).update(FILE, {"$set": {"uploadDate": long_ago}}, name=blob.key)
    again = await processes[1].store(b"same")
    assert not again.new
    assert await process.blobs.discard([blob.sha256], older_than_seconds=3600) == {blob.sha256}


@pytest.mark.servers
async def test_collecting_takes_large_artefacts_with_their_files(processes: list[Process]) -> None:
    process = processes[0]
    await process.blobs.put(KEY, LARGE)
    await process.blobs.put("artefacts/ab/no-hash", LARGE)
    await process.blobs.discard([SHA256], older_than_seconds=-60)
    assert await process.blobs.destroy([SHA256], waiting_longer_than_seconds=-60) == 1
    assert await process.count(FILES) == 1
    assert await process.blobs.read("artefacts/ab/no-hash") == LARGE


@pytest.mark.servers
async def test_an_original_is_stored_and_never_put(processes: list[Process]) -> None:
    blob = await processes[0].store(b"original")
    with pytest.raises(InvalidInput):
        await processes[0].blobs.put(blob.key, b"other")
    assert await processes[0].blobs.read(blob.key) == b"original"


@pytest.mark.servers
async def test_a_local_path_has_the_newest_content_and_ends_with_the_blob(processes: list[Process]) -> None:
    first, second = (process.blobs for process in processes)
    for content in (b"one", LARGE, b"two", b""):
        await first.put(KEY, content)
        for blobs in (first, second, first):
            path = await blobs.local_path(KEY)
            assert content_of(path) == content
    await second.delete(KEY)
    assert content_of(path) is None
    with pytest.raises(NotFound):
        await first.local_path(KEY)


def content_of(path: str) -> bytes | None:
    return Path(path).read_bytes() if Path(path).exists() else None


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


def make_older(folder: Path, **seconds: float) -> None:
    for name, age in seconds.items():
        os.utime(folder / name, (time.time() - age, time.time() - age))


async def test_copies_that_were_used_least_lately_make_room(tmp_path: Path) -> None:
    copies = LocalCopies(tmp_path / "copies", most_bytes=250)
    for name in "abcd":
        await copies.put(name, pieces(bytes(50), bytes(50)))
    make_older(tmp_path / "copies", a=1000, b=900, c=800, d=700)
    assert await copies.get("a", 100) is not None
    await copies.tidy()
    assert names_in(tmp_path / "copies") == ["a", "d"]


async def test_copies_that_were_just_given_out_stay_whatever_is_needed(tmp_path: Path) -> None:
    copies = LocalCopies(tmp_path, most_bytes=10)
    paths = [await copies.put(name, pieces(bytes(100))) for name in "abc"]
    await copies.tidy()
    assert [content_of(path) for path in paths] == [bytes(100)] * 3


async def test_copies_that_nobody_used_for_an_hour_go(tmp_path: Path) -> None:
    copies = LocalCopies(tmp_path, most_bytes=1 << 30)
    await copies.put("a", pieces(b"x"))
    (tmp_path / "incoming-half").write_bytes(b"half")
    make_older(tmp_path, **{"a": 3700, "incoming-half": 3700})
    await copies.tidy()
    assert names_in(tmp_path) == []


async def test_a_copy_that_a_power_cut_left_empty_is_none(tmp_path: Path) -> None:
    copies = LocalCopies(tmp_path, most_bytes=1 << 30)
    await copies.put("a", pieces(b"content"))
    os.truncate(tmp_path / "a", 0)
    assert await copies.get("a", 7) is None


async def test_a_copy_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b"half"
        raise NotFound("gone")

    copies = LocalCopies(tmp_path, most_bytes=1 << 30)
    with pytest.raises(NotFound):
        await copies.put("a", breaks())
    assert names_in(tmp_path) == []
