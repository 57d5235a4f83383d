"""The promises of BlobStore, on every adapter."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.infrastructure.files.blobs import FileBlobs
from shared.kernel import Damaged, InvalidInput, NotFound, TooLarge
from shared.ports.storage import BlobStore, StoredBlob

KEY = f"artefacts/ab/{'ab' * 32}.parse-1-0011"


async def a_stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def stored(blobs: BlobStore, content: bytes) -> StoredBlob:
    return await blobs.store(a_stream(content), max_bytes=len(content))


async def opened(blobs: BlobStore, key: str, **part: int) -> bytes:
    return b"".join([piece async for piece in blobs.open(key, **part)])


async def test_what_was_stored_is_read_under_its_hash(blobs: BlobStore) -> None:
    content = "한국어 text".encode() * 400_000
    blob = await blobs.store(a_stream(content[:10], content[10:3_000_000], content[3_000_000:]), max_bytes=1 << 30)
    assert blob.sha256 == hashlib.sha256(content).hexdigest()
    assert (blob.size, blob.head, blob.new) == (len(content), content[:8192], True)
    assert await blobs.read(blob.key) == content


async def test_the_same_bytes_are_stored_once(blobs: BlobStore) -> None:
    first, second = await stored(blobs, b"same"), await stored(blobs, b"same")
    assert (first.new, second.new) == (True, False)
    assert first.key == second.key


async def spoil(blobs: BlobStore, key: str, *, size: int) -> None:
    """As a disk does: other bytes, as many as before."""
    other = b"?" * size
    if isinstance(blobs, FileBlobs):
        await asyncio.to_thread(Path(await blobs.local_path(key)).write_bytes, other)
        return
    from shared.infrastructure.mongo.blob_queries import PART
    from shared.infrastructure.mongo.blobs import MongoBlobs

    assert isinstance(blobs, MongoBlobs)
    row = await blobs._find(key)
    pieces = -(-size // (1 << 20))
    for number in range(pieces):
        change = {"$set": {"data": other[number << 20 : (number + 1) << 20]}}
        assert await blobs._chunks.update(PART, change, file=row["file"], first=number, last=number + 1)


@pytest.mark.parametrize("size", [40, 100_000, 3_000_000])
async def test_the_right_bytes_replace_what_was_damaged(blobs: BlobStore, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    blob = await stored(blobs, content)
    await spoil(blobs, blob.key, size=size)
    assert await blobs.read(blob.key) != content
    again = await stored(blobs, content)
    assert (again.key, again.new) == (blob.key, True)
    assert await blobs.read(blob.key) == content
    assert await asyncio.to_thread(Path(await blobs.local_path(blob.key)).read_bytes) == content
    assert not (await stored(blobs, content)).new


async def test_the_same_bytes_at_the_same_moment_are_both_answered(blobs: BlobStore) -> None:
    answers = await asyncio.gather(*(stored(blobs, b"race" * 1000) for _ in range(8)))
    assert len({blob.key for blob in answers}) == 1
    assert await blobs.read(answers[0].key) == b"race" * 1000


async def test_an_empty_stream_is_a_blob_too(blobs: BlobStore) -> None:
    blob = await blobs.store(a_stream(), max_bytes=10)
    assert (blob.size, blob.head) == (0, b"")
    assert await blobs.read(blob.key) == b""


async def test_more_than_the_most_is_too_large(blobs: BlobStore) -> None:
    assert (await blobs.store(a_stream(b"12345"), max_bytes=5)).size == 5
    with pytest.raises(TooLarge):
        await blobs.store(a_stream(b"123", b"456"), max_bytes=5)


async def test_a_stream_that_breaks_is_raised_and_the_next_is_stored(blobs: BlobStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        raise ConnectionResetError("the client went away")

    with pytest.raises(ConnectionResetError):
        await blobs.store(broken(), max_bytes=1 << 30)
    assert (await stored(blobs, b"x" * 3_000_000)).new


async def test_an_artefact_is_replaced_whole(blobs: BlobStore) -> None:
    await blobs.put(KEY, b"long first content")
    await blobs.put(KEY, b"second")
    assert await blobs.read(KEY) == b"second"


@pytest.mark.parametrize("size", [10, 300_000, 5 << 20])
async def test_artefacts_put_together_are_all_there(blobs: BlobStore, size: int) -> None:
    contents = {f"{KEY}{number}": bytes([number]) * size for number in range(3)}
    contents[f"{KEY}-mark"] = b""
    await blobs.put(f"{KEY}0", b"before")
    await blobs.put_all(contents)
    assert list(await blobs.read_all(list(contents))) == list(contents.values())
    assert [await blobs.exists(key) for key in contents] == [True] * 4
    await blobs.delete(f"{KEY}1")
    assert [await blobs.exists(key) for key in contents] == [True, False, True, True]
    with pytest.raises(NotFound):
        await blobs.read_all(list(contents))


@pytest.mark.parametrize("size", [1_000, 300_000])
@pytest.mark.parametrize("how", ["changed", "cut", "emptied"])
async def test_a_damaged_artefact_is_told_apart_and_put_again(blobs: BlobStore, how: str, size: int) -> None:
    content = json.dumps([number * number for number in range(size // 8)]).encode()
    await blobs.put(KEY, content)
    await damage(blobs, how)
    with pytest.raises(Damaged):
        await blobs.read(KEY)
    with pytest.raises(Damaged):
        await blobs.read_all([KEY])
    await blobs.put(KEY, content)
    assert await blobs.read(KEY) == content


async def damage(blobs: BlobStore, how: str) -> None:
    """Whatever lies where the artefact does."""

    def damaged(content: bytes) -> bytes:
        middle = len(content) // 2
        changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        return {"changed": changed, "cut": content[:middle], "emptied": b""}[how]

    if isinstance(blobs, FileBlobs):
        (path,) = (path for path in (blobs._root / "artefacts").rglob("*") if path.is_file())
        path.write_bytes(damaged(path.read_bytes()))
        return
    from shared.infrastructure.mongo.blob_queries import ARTEFACT
    from shared.infrastructure.mongo.blobs import MongoBlobs

    assert isinstance(blobs, MongoBlobs)
    artefacts = blobs._artefacts
    row = await artefacts.find_one(ARTEFACT, key=KEY)
    assert row is not None
    await artefacts.update(ARTEFACT, {"$set": {"data": damaged(row["data"])}}, key=KEY)


async def test_artefacts_put_at_the_same_moment_leave_one_whole(blobs: BlobStore) -> None:
    contents = [bytes([number]) * 10_000 for number in range(8)]
    await asyncio.gather(*(blobs.put(KEY, content) for content in contents))
    assert await blobs.read(KEY) in contents


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, None, b"0123456789"), (3, None, b"3456789"), (3, 4, b"3456"), (8, 10, b"89"), (20, None, b""), (2, 0, b"")],
)
async def test_opens_any_part(blobs: BlobStore, start: int, length: int | None, expected: bytes) -> None:
    await blobs.put(KEY, b"0123456789")
    assert b"".join([piece async for piece in blobs.open(KEY, start=start, length=length)]) == expected


async def test_opens_in_pieces_of_a_mebibyte_at_most(blobs: BlobStore) -> None:
    content = bytes(range(256)) * 10_000
    await blobs.put(KEY, content)
    pieces = [piece async for piece in blobs.open(KEY)]
    assert max(len(piece) for piece in pieces) <= 1 << 20
    assert b"".join(pieces) == content


async def test_what_is_not_there_is_not_found(blobs: BlobStore) -> None:
    with pytest.raises(NotFound):
        await blobs.read(KEY)
    with pytest.raises(NotFound):
        await opened(blobs, KEY)
    with pytest.raises(NotFound):
        await blobs.local_path(KEY)
    assert not await blobs.exists(KEY)
    await blobs.delete(KEY)


async def test_tells_the_size_of_an_original_that_is_there(blobs: BlobStore) -> None:
    blob = await stored(blobs, b"12345")
    assert await blobs.size(blob.key) == 5
    await blobs.delete(blob.key)
    assert await blobs.size(blob.key) is None


async def test_a_deleted_blob_is_gone(blobs: BlobStore) -> None:
    blob = await stored(blobs, b"content")
    assert await blobs.exists(blob.key)
    await blobs.delete(blob.key)
    assert not await blobs.exists(blob.key)


async def test_a_local_path_has_the_content(blobs: BlobStore) -> None:
    blob = await stored(blobs, b"for a child process")
    path = await blobs.local_path(blob.key)
    assert await asyncio.to_thread(Path(path).read_bytes) == b"for a child process"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "a/",
        "a/./b",
        "A/b",
        "a b",
        "a\x00b",
        "메모",
        ".hidden",
        "a" * 500,
    ],
)
async def test_a_key_that_is_none_is_refused(blobs: BlobStore, key: str) -> None:
    with pytest.raises(InvalidInput):
        await blobs.put(key, b"x")
    with pytest.raises(InvalidInput):
        await blobs.read(key)


def artefact_of(blob: StoredBlob) -> str:
    return f"artefacts/{blob.sha256[:2]}/{blob.sha256}.parse-1-00"


async def stored_with_artefact(blobs: BlobStore, content: bytes) -> StoredBlob:
    blob = await stored(blobs, content)
    await blobs.put(artefact_of(blob), b"text")
    return blob


async def all_hashes(blobs: BlobStore) -> set[str]:
    found, after = set[str](), None
    while True:
        page, after = await blobs.hashes(after)
        found |= set(page)
        if after is None:
            return found


async def test_lists_the_hashes_of_originals_and_of_artefacts(blobs: BlobStore) -> None:
    assert await all_hashes(blobs) == set()
    both = [await stored_with_artefact(blobs, b"one"), await stored(blobs, b"two")]
    await blobs.put(KEY, b"without an original")
    await blobs.put("artefacts/ab/no-hash", b"of no content")
    assert await all_hashes(blobs) == {*(blob.sha256 for blob in both), "ab" * 32}


async def test_what_is_discarded_waits_in_the_trash_and_what_is_young_stays(blobs: BlobStore) -> None:
    kept, dropped = await stored_with_artefact(blobs, b"kept"), await stored_with_artefact(blobs, b"dropped")
    assert await blobs.young([dropped.sha256, "cd" * 32], younger_than_seconds=3600) == {dropped.sha256}
    assert await blobs.young([dropped.sha256], younger_than_seconds=-60) == frozenset()
    assert await blobs.discard([dropped.sha256], older_than_seconds=3600) == {dropped.sha256}
    assert (await blobs.trash()).hashes == 0
    assert await blobs.discard([dropped.sha256, "cd" * 32], older_than_seconds=-60) == frozenset()
    assert await all_hashes(blobs) == {kept.sha256}
    content = await blobs.trash()
    assert content.hashes == 1
    # What artefacts are packed into takes room too.
    assert len(b"dropped") + len(b"text") <= content.bytes <= 200
    assert content.oldest_at is not None


@pytest.mark.parametrize("way", ["read", "open", "local_path", "store", "bring_back"])
async def test_who_refers_to_what_is_in_the_trash_has_it_back(blobs: BlobStore, way: str) -> None:
    blob = await stored_with_artefact(blobs, b"content")
    await blobs.discard([blob.sha256], older_than_seconds=-60)
    assert await blobs.exists(blob.key)
    if way == "store":
        assert not (await stored(blobs, b"content")).new
    elif way == "bring_back":
        await blobs.bring_back([blob.sha256])
    elif way == "open":
        assert await opened(blobs, blob.key, start=3) == b"tent"
    else:
        await getattr(blobs, way)(blob.key)
    # It is young again, and no purge finds it.
    assert await blobs.discard([blob.sha256], older_than_seconds=3600) == {blob.sha256}
    await blobs.destroy([blob.sha256], waiting_longer_than_seconds=-60)
    assert await blobs.read(blob.key) == b"content"


async def test_an_artefact_in_the_trash_is_had_back_by_its_key_and_replaced_by_a_new_one(blobs: BlobStore) -> None:
    blob = await stored_with_artefact(blobs, b"content")
    await blobs.discard([blob.sha256], older_than_seconds=-60)
    assert await blobs.read(artefact_of(blob)) == b"text"
    await blobs.discard([blob.sha256], older_than_seconds=-60)
    await blobs.put(artefact_of(blob), b"newer")
    await blobs.bring_back([blob.sha256])
    assert await blobs.read(artefact_of(blob)) == b"newer"


async def test_only_what_has_waited_long_enough_is_destroyed(blobs: BlobStore) -> None:
    gone, other = await stored_with_artefact(blobs, b"gone"), await stored_with_artefact(blobs, b"other")
    live = await stored_with_artefact(blobs, b"live")
    await blobs.discard([gone.sha256, other.sha256], older_than_seconds=-60)
    assert await blobs.waiting(longer_than_seconds=3600) == frozenset()
    assert await blobs.waiting(longer_than_seconds=-60) == {gone.sha256, other.sha256}
    assert await blobs.destroy([gone.sha256], waiting_longer_than_seconds=3600) == 0
    assert await blobs.destroy([gone.sha256, live.sha256], waiting_longer_than_seconds=-60) == 2
    for key, is_there in ((gone.key, False), (artefact_of(gone), False), (other.key, True), (live.key, True)):
        assert await blobs.exists(key) == is_there
    with pytest.raises(NotFound):
        await blobs.read(gone.key)


async def test_discarding_beside_uploads_takes_nothing_that_was_answered(blobs: BlobStore) -> None:
    contents = [f"document {number}".encode() for number in range(20)]
    hashes = [(await stored(blobs, content)).sha256 for content in contents]
    discarding = asyncio.create_task(blobs.discard(hashes, older_than_seconds=-60))
    answered = await asyncio.gather(*(stored(blobs, content) for content in contents))
    await discarding
    assert [await blobs.read(blob.key) for blob in answered] == contents


async def test_tells_how_much_room_is_left(blobs: BlobStore) -> None:
    free = await blobs.free_bytes()
    assert free is None or free > 0
