"""FileBlobs: the disk's limits, memory, leftovers, and a collector that runs beside uploads."""

import asyncio
import errno
import os
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from builders import eventually
from shared.infrastructure.files.blobs import FileBlobs
from shared.kernel import Damaged, StorageFull, TooLarge, Unavailable


async def a_stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_failed_upload_leaves_nothing_behind(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path) as blobs:
        with pytest.raises(TooLarge):
            await blobs.store(a_stream(b"x" * 2_000_000, b"y" * 2_000_000), max_bytes=3_000_000)
        assert files_in(tmp_path) == []


async def test_a_cancelled_upload_leaves_nothing_behind(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path) as blobs:
        is_half_way = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield b"x" * 4_000_000
            is_half_way.set()
            await asyncio.Event().wait()

        upload = asyncio.create_task(blobs.store(endless(), max_bytes=1 << 30))
        await is_half_way.wait()
        assert files_in(tmp_path) != []
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        assert files_in(tmp_path) == []


async def test_a_file_that_nobody_waits_for_any_more_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    is_asked, may_open, open_it = threading.Event(), threading.Event(), Path.open

    def open_late(path: Path, *how: Any, **more: Any) -> Any:
        is_asked.set()
        assert may_open.wait(20)
        opened.append(open_it(path, *how, **more))
        return opened[-1]

    async with FileBlobs(tmp_path) as blobs:
        blob = await blobs.store(a_stream(b"content"), max_bytes=10)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", open_late)
            pieces = blobs.open(blob.key)
            reading = asyncio.ensure_future(anext(pieces))
            assert await asyncio.to_thread(is_asked.wait, 20)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            may_open.set()
            await eventually(lambda: bool(opened) and opened[0].closed)


async def test_the_reserve_of_the_disk_is_not_touched(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path, min_free_bytes=1 << 60) as blobs:
        with pytest.raises(StorageFull):
            await blobs.store(a_stream(b"x"), max_bytes=10)
        with pytest.raises(StorageFull):
            await blobs.put("artefacts/a", b"x")
        assert await blobs.free_bytes() == 0
        assert files_in(tmp_path) == []


async def test_the_reserve_is_watched_while_streaming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FileBlobs(tmp_path, min_free_bytes=10_000_000) as blobs:
        real = os.statvfs

        async def stream() -> AsyncIterator[bytes]:
            yield b"x" * 2_000_000
            # The disk fills up by another's hand: only a tenth of the reserve is left.
            state = real(tmp_path)
            parts = list(state)[:10]
            parts[4] = 1_000_000 // state.f_frsize
            monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(tuple(parts)))
            yield b"y" * 2_000_000

        with pytest.raises(StorageFull):
            await blobs.store(stream(), max_bytes=1 << 30)
        monkeypatch.undo()
        assert files_in(tmp_path) == []
        assert (await blobs.store(a_stream(b"z"), max_bytes=10)).new


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_is_storage_full_and_leaves_the_old_artefact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    async with FileBlobs(tmp_path) as blobs:
        await blobs.put("artefacts/a", b"before")
        # Space that was only promised runs out at the sync.
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageFull):
            await blobs.put("artefacts/a", b"after")
        with pytest.raises(StorageFull):
            await blobs.store(a_stream(b"content"), max_bytes=100)
        monkeypatch.undo()
        assert await blobs.read("artefacts/a") == b"before"
        assert files_in(tmp_path) == [tmp_path / "artefacts" / "a"]


async def test_a_folder_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    blobs = FileBlobs(tmp_path / "file")
    with pytest.raises(Unavailable):
        await blobs.put("artefacts/a", b"x")


async def test_a_large_stream_takes_little_memory(tmp_path: Path) -> None:
    piece = os.urandom(1 << 16)

    async def large() -> AsyncIterator[bytes]:
        for _ in range((200 << 20) // len(piece)):
            yield piece

    async with FileBlobs(tmp_path) as blobs:
        tracemalloc.start()
        try:
            blob = await blobs.store(large(), max_bytes=1 << 30)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert blob.size == 200 << 20
    assert peak < 10 << 20


async def test_storing_old_bytes_again_makes_them_young(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path) as blobs:
        blob = await blobs.store(a_stream(b"content"), max_bytes=100)
        artefact = f"artefacts/{blob.sha256[:2]}/{blob.sha256}.parse-1-00"
        await blobs.put(artefact, b"text")
        for path in files_in(tmp_path):
            os.utime(path, (1, 1))
        again = await blobs.store(a_stream(b"content"), max_bytes=100)
        assert not again.new
        assert await blobs.discard([blob.sha256], older_than_seconds=3600) == {blob.sha256}
        os.utime(tmp_path / blob.key, (1, 1))
        assert await blobs.discard([blob.sha256], older_than_seconds=3600) == frozenset()
        # In the trash, both are of today.
        assert await blobs.waiting(longer_than_seconds=3600) == frozenset()


async def test_half_written_uploads_of_a_crash_are_collected(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path) as blobs:
        old, young = tmp_path / "incoming" / "old", tmp_path / "incoming" / "young"
        old.write_bytes(b"half")
        young.write_bytes(b"half")
        os.utime(old, (time.time() - 7200,) * 2)
        await blobs.tidy(older_than_seconds=3600)
        assert files_in(tmp_path) == [young]


async def test_a_damaged_original_is_replaced(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path) as blobs:
        blob = await blobs.store(a_stream(b"content"), max_bytes=100)
        (tmp_path / blob.key).write_bytes(b"cont")
        assert (await blobs.store(a_stream(b"content"), max_bytes=100)).new
        assert await blobs.read(blob.key) == b"content"


async def test_a_collector_beside_uploads_takes_nothing_that_was_answered(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path) as blobs:
        contents = [f"document {number}".encode() for number in range(20)]
        old = [await blobs.store(a_stream(content), max_bytes=100) for content in contents]
        for blob in old:
            os.utime(tmp_path / blob.key, (1, 1))
        collecting = asyncio.create_task(blobs.discard([blob.sha256 for blob in old], older_than_seconds=3600))
        answered = await asyncio.gather(*(blobs.store(a_stream(content), max_bytes=100) for content in contents))
        await collecting
        assert [(tmp_path / blob.key).is_file() for blob in answered] == [True] * 20


async def test_what_an_older_release_left_is_read_as_it_is(tmp_path: Path) -> None:
    beginning = f"artefacts/ab/{'ab' * 32}"
    older = {"parse-1-00": b'{"text":"x"}', "embed-1-00": b"\x93NUMPY...", "parse-renewed-1-00": b""}
    (tmp_path / "artefacts" / "ab").mkdir(parents=True)
    for name, content in older.items():
        (tmp_path / f"{beginning}.{name}").write_bytes(content)
    (tmp_path / f"{beginning}.chunk-1-00").write_bytes(b"")
    async with FileBlobs(tmp_path) as blobs:
        assert await blobs.read_all([f"{beginning}.{name}" for name in older]) == list(older.values())
        assert await blobs.exists(f"{beginning}.parse-renewed-1-00")
        with pytest.raises(Damaged):
            await blobs.read(f"{beginning}.chunk-1-00")
        # What is put anew counts from then on.
        await blobs.put(f"{beginning}.parse-1-00", b"new")
        assert await blobs.read(f"{beginning}.parse-1-00") == b"new"
        await blobs.delete(f"{beginning}.parse-1-00")
        assert not await blobs.exists(f"{beginning}.parse-1-00")


async def test_small_artefacts_of_one_original_are_one_file_whoever_puts_them(tmp_path: Path) -> None:
    beginning = f"artefacts/ab/{'ab' * 32}"
    contents = {f"{beginning}.parse-{number}-00": bytes([number]) * 100 for number in range(12)}
    async with FileBlobs(tmp_path) as blobs:
        await asyncio.gather(*(blobs.put(key, content) for key, content in contents.items()))
        assert files_in(tmp_path) == [tmp_path / f"{beginning}.pack"]
        assert await blobs.read_all(list(contents)) == list(contents.values())
        # A long one is beside it, whichever came first.
        first, *_ = contents
        await blobs.put(first, bytes(1 << 20))
        assert len(files_in(tmp_path)) == 2
        assert await blobs.read(first) == bytes(1 << 20)
        await blobs.put(first, b"short")
        assert await blobs.read(first) == b"short"


_TEXT = " ".join(f"Sentence {number} of {number * 7919 % 10007}." for number in range(500)).encode()
_PARSED = b'{"text":"' + _TEXT + b'"}'


async def test_an_artefact_of_a_text_takes_hardly_any_room_beside_it(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path) as blobs:
        blob = await blobs.store(a_stream(_TEXT), max_bytes=1 << 20)
        key = f"artefacts/{blob.sha256[:2]}/{blob.sha256}.parse-1-00"
        await blobs.put(key, _PARSED)
        (pack,) = (tmp_path / "artefacts").rglob("*.pack")
        assert pack.stat().st_size < len(_TEXT) / 20
        assert await blobs.read(key) == _PARSED


async def test_an_artefact_comes_back_out_of_the_trash_with_the_original_that_it_needs(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path) as blobs:
        blob = await blobs.store(a_stream(_TEXT), max_bytes=1 << 20)
        key = f"artefacts/{blob.sha256[:2]}/{blob.sha256}.parse-1-00"
        await blobs.put(key, _PARSED)
        for path in files_in(tmp_path):
            os.utime(path, (1, 1))
        assert await blobs.discard([blob.sha256], older_than_seconds=3600) == frozenset()
        assert await blobs.exists(key)
        assert await blobs.read(key) == _PARSED
        assert not files_in(tmp_path / "trash")
        assert await blobs.destroy([blob.sha256], waiting_longer_than_seconds=-1) == 0
        assert await blobs.read_all([key]) == [_PARSED]


async def test_an_artefact_of_a_damaged_text_is_damaged_until_that_is_there_again(tmp_path: Path) -> None:
    async with FileBlobs(tmp_path) as blobs:
        blob = await blobs.store(a_stream(_TEXT), max_bytes=1 << 20)
        key = f"artefacts/{blob.sha256[:2]}/{blob.sha256}.parse-1-00"
        await blobs.put(key, _PARSED)
        (tmp_path / blob.key).write_bytes(_TEXT[1:])
        with pytest.raises(Damaged):
            await blobs.read(key)
        assert not await blobs.exists(key)
        assert (await blobs.store(a_stream(_TEXT), max_bytes=1 << 20)).new
        assert await blobs.read(key) == _PARSED
        # What is put while it is damaged does not lean on it.
        (tmp_path / blob.key).write_bytes(_TEXT[1:])
        await blobs.put(key, _PARSED)
        assert await blobs.read(key) == _PARSED
        (tmp_path / blob.key).unlink()
        assert await blobs.read(key) == _PARSED
