"""Blobs in MongoDB: originals in GridFS under their content's hash, artefacts as one document each.

GridFS (bucket `blobs`: `blobs.files`, `blobs.chunks`) is written and read through declared queries like everything
else, in its published layout, so that any GridFS tool finds an original by its key. An artefact is some kilobytes
and is asked for often: in `blobs.artefacts` it takes one call to put, to read and to miss, where GridFS takes two or
three; what is larger than a document should be lies in GridFS, and the artefact's document names the file.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Self

from shared.artefacts.address import original_key
from shared.infrastructure.blob_copies import LocalCopies
from shared.infrastructure.blob_keys import HEAD_BYTES, PIECE_BYTES, checked, not_found, sha256_in, too_large
from shared.infrastructure.mongo import Duplicate, Insert, MongoDatabase
from shared.infrastructure.mongo_queries import Given, Index, Query, Row
from shared.kernel import InvalidInput, Unavailable, new_id
from shared.ports.storage import StoredBlob
from shared.settings import Settings

_LARGEST_INLINE_BYTES: Final = 4 << 20
"""A quarter of what a document may be."""
_CHUNKS_A_CALL: Final = 8
_PAGE: Final = 1000
_COPIES_BYTES: Final = 2 << 30
_INSTANT_DIGITS: Final = 12

FILES: Final = "blobs.files"
CHUNKS: Final = "blobs.chunks"
ARTEFACTS: Final = "blobs.artefacts"
_HASHED: Final = {"sha256": {"$exists": True}}
_LARGE: Final = {"file": {"$exists": True}}
INDEXES: Final = (
    Index(FILES, (("filename", 1),), unique=True),
    Index(CHUNKS, (("files_id", 1), ("n", 1)), unique=True),
    Index(ARTEFACTS, (("sha256", 1), ("at", 1)), where=_HASHED),
    Index(ARTEFACTS, (("file", 1),), where=_LARGE),
)
FILE: Final = Query(FILES, {"filename": Given("name")})
FILES_AFTER: Final = Query(FILES, {"_id": {"$gt": Given("after")}}, sort=(("_id", 1),))
OLD_FILES: Final = Query(FILES, {"_id": {"$in": Given("ids")}, "uploadDate": {"$lt": Given("oldest")}})
FILES_OF: Final = Query(FILES, {"_id": {"$in": Given("ids")}})
PART: Final = Query(
    CHUNKS, {"files_id": Given("file"), "n": {"$gte": Given("first"), "$lt": Given("last")}}, sort=(("n", 1),)
)
CHUNKS_OF: Final = Query(CHUNKS, {"files_id": {"$in": Given("ids")}})
LAST_CHUNK: Final = Query(CHUNKS, {"files_id": Given("file")}, sort=(("n", -1),))
BEGUN: Final = Query(
    CHUNKS,
    {"files_id": {"$gt": Given("after"), "$lt": Given("before")}, "n": 0},
    sort=(("files_id", 1), ("n", 1)),
)
ARTEFACT: Final = Query(ARTEFACTS, {"_id": Given("key")})
HASHES: Final = Query(ARTEFACTS, {"sha256": {"$gte": ""}})
OLD_ARTEFACTS: Final = Query(ARTEFACTS, {"sha256": {"$in": Given("hashes")}, "at": {"$lt": Given("oldest")}})
LARGE_OF: Final = Query(ARTEFACTS, {"file": {"$in": Given("files")}})


class MongoBlobs:
    """BlobStore in `database`, which is open while this is. Copies for child processes lie in the data directory."""

    def __init__(self, database: MongoDatabase, settings: Settings, *, copies_bytes: int = _COPIES_BYTES) -> None:
        self._database = database
        self._files = database.collection(FILES)
        self._chunks = database.collection(CHUNKS)
        self._artefacts = database.collection(ARTEFACTS)
        self._copies = LocalCopies(settings.data_dir / "blob-cache", most_bytes=copies_bytes)
        # Until when no upload was left half written; the ids of files begin with their instant.
        self._whole_until = ""
        database.declare(*INDEXES)

    async def __aenter__(self) -> Self:
        await self._copies.tidy()
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def store(self, stream: AsyncIterator[bytes], *, max_bytes: int) -> StoredBlob:
        """See BlobStore."""
        file = self._new_file()
        digest, head, rest, size, count = hashlib.sha256(), b"", bytearray(), 0, 0
        is_kept = False
        try:
            async for piece in stream:
                size += len(piece)
                if size > max_bytes:
                    raise too_large(max_bytes)
                digest.update(piece)
                head += piece[: HEAD_BYTES - len(head)]
                rest += piece
                while len(rest) >= PIECE_BYTES:
                    await self._chunks.insert(self._chunk(file, count, bytes(rest[:PIECE_BYTES])))
                    del rest[:PIECE_BYTES]
                    count += 1
            sha256 = digest.hexdigest()
            key = original_key(sha256)
            new = not await self._is_renewed(key)
            if new:
                if rest:
                    await self._chunks.insert(self._chunk(file, count, bytes(rest)))
                    count += 1
                new = is_kept = await self._is_first(file, key, size)
            return StoredBlob(sha256=sha256, size=size, head=head, key=key, new=new)
        finally:
            if count and not is_kept:
                # Also when cancelled.
                await asyncio.shield(self._forget(file))

    async def put(self, key: str, content: bytes) -> None:
        """See BlobStore. Raises InvalidInput for a key that is none, StorageFull."""
        checked(key)
        if _hash_of_original(key):
            raise InvalidInput(f"{key!r} is the key of an original: it is stored, not put.", code="invalid_key")
        version, now = self._new_file(), self._database.now()
        fields: Row = {"length": len(content), "version": version, "at": now}
        if sha256 := sha256_in(key):
            fields["sha256"] = sha256
        is_large = len(content) > _LARGEST_INLINE_BYTES
        if is_large:
            await self._write_file(version, f"{key}.{version}", content)
        change: Row = {
            "$set": {**fields, "file": version} if is_large else {**fields, "data": content},
            "$unset": {"data": ""} if is_large else {"file": ""},
        }
        try:
            replaced = await self._switch(key, change)
        except Duplicate:  # two put the first content of this key at the same moment
            replaced = await self._switch(key, change)
        if replaced is not None and "file" in replaced:
            await self._drop_files([replaced["file"]])

    async def read(self, key: str) -> bytes:
        """See BlobStore."""
        row = await self._find(key)
        if "data" in row:
            return bytes(row["data"])
        return b"".join([piece async for piece in self._pieces(row, key, a_call=_CHUNKS_A_CALL)])

    async def open(self, key: str, *, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See BlobStore."""
        row = await self._find(key)
        end = row["length"] if length is None else min(row["length"], start + length)
        async for piece in self._part(row, key, start, end):
            yield piece

    async def local_path(self, key: str) -> str:
        """See BlobStore. Asks each time whether the blob exists; its content is fetched once."""
        row = await self._find(key, data=False)
        name = _copy_name(key, row["version"])
        if path := await self._copies.get(name, row["length"]):
            return path
        if "file" not in row:
            row = await self._find(key)
            name = _copy_name(key, row["version"])
        return await self._copies.put(name, self._part(row, key, 0, row["length"]))

    async def exists(self, key: str) -> bool:
        """See BlobStore."""
        checked(key)
        if _hash_of_original(key):
            return await self._files.find_one(FILE, fields={"_id": 1}, name=key) is not None
        return await self._artefacts.find_one(ARTEFACT, fields={"_id": 1}, key=key) is not None

    async def delete(self, key: str) -> None:
        """See BlobStore."""
        checked(key)
        if _hash_of_original(key):
            row = await self._files.find_one(FILE, fields={"_id": 1}, name=key)
            if row is not None:
                await self._copies.remove(_copy_name(key, row["_id"]))
                await self._drop_files([row["_id"]])
            return
        row = await self._artefacts.find_one(ARTEFACT, fields={"file": 1, "version": 1}, key=key)
        if row is not None:
            await self._artefacts.delete(ARTEFACT, key=key)
            await self._copies.remove(_copy_name(key, row["version"]))
            await self._drop_files([row["file"]] if "file" in row else [])

    async def collect(self, *, keep: Collection[str], older_than_seconds: float) -> int:
        """See BlobStore. A hash whose original is young keeps its artefacts, however old they are."""
        spared = frozenset(keep)
        oldest = self._database.now() - timedelta(seconds=older_than_seconds)
        removed, young = await self._collect_files(spared, oldest)
        removed += await self._collect_artefacts(spared | young, oldest)
        await self._collect_half_written(oldest)
        await self._copies.tidy()
        return removed

    async def free_bytes(self) -> int | None:
        """See BlobStore: a server does not tell."""
        return None

    async def _find(self, key: str, *, data: bool = True) -> Row:
        """`length`, `version`, and `data` or `file`. Raises NotFound."""
        checked(key)
        if _hash_of_original(key):
            row = await self._files.find_one(FILE, fields={"length": 1, "chunkSize": 1}, name=key)
            if row is not None:
                row = {**row, "file": row["_id"], "version": row["_id"]}
        else:
            row = await self._artefacts.find_one(ARTEFACT, fields=None if data else {"data": 0}, key=key)
        if row is None:
            raise not_found(key)
        return row

    async def _part(self, row: Row, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        if "data" in row:
            data = row["data"]
            for place in range(start, end, PIECE_BYTES):
                yield bytes(data[place : min(end, place + PIECE_BYTES)])
            return
        size = row.get("chunkSize", PIECE_BYTES)
        place = start // size * size
        async for chunk in self._pieces(row, key, first=start // size, end=end):
            if piece := chunk[max(0, start - place) : end - place]:
                yield piece
            place += len(chunk)

    async def _pieces(
        self, row: Row, key: str, *, first: int = 0, end: int | None = None, a_call: int = 1
    ) -> AsyncIterator[bytes]:
        """The chunks of a file from `first` up to byte `end`."""
        size = row.get("chunkSize", PIECE_BYTES)
        count = -(-min(row["length"], row["length"] if end is None else end) // size)
        while first < count:
            last = min(count, first + a_call)
            chunks = await self._chunks.find(PART, file=row["file"], first=first, last=last)
            if len(chunks) != last - first:
                raise not_found(key)  # it was deleted or replaced meanwhile
            for chunk in chunks:
                yield bytes(chunk["data"])
            first = last

    async def _write_file(self, file: str, name: str, content: bytes) -> None:
        for first in range(0, -(-len(content) // PIECE_BYTES), _CHUNKS_A_CALL):
            numbers = range(first, min(first + _CHUNKS_A_CALL, -(-len(content) // PIECE_BYTES)))
            await self._chunks.write(
                *(
                    Insert(self._chunk(file, number, content[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]))
                    for number in numbers
                )
            )
        await self._files.insert(self._file_row(file, name, len(content)))

    async def _switch(self, key: str, change: Row) -> Row | None:
        return await self._artefacts.take(ARTEFACT, change, upsert=True, before=True, fields={"file": 1}, key=key)

    async def _is_renewed(self, key: str) -> bool:
        """Whether the whole content is there already; then it is young again, so that it is not collected."""
        return await self._files.update(FILE, {"$set": {"uploadDate": self._database.now()}}, name=key)

    async def _is_first(self, file: str, key: str, size: int) -> bool:
        """Makes the written chunks the content of the key; False when another was quicker, whose content it is then."""
        while True:
            try:
                await self._files.insert(self._file_row(file, key, size))
            except Duplicate:
                if await self._is_renewed(key):
                    return False
            else:
                return True

    async def _collect_files(self, keep: frozenset[str], oldest: datetime) -> tuple[int, frozenset[str]]:
        """How many originals went, and the hashes of those that are neither kept nor old."""
        removed, young, after = 0, set[str](), ""
        while True:
            rows = await self._files.find(
                FILES_AFTER, limit=_PAGE, fields={"filename": 1, "uploadDate": 1}, after=after
            )
            if not rows:
                return removed, frozenset(young)
            after = rows[-1]["_id"]
            old: dict[str, str] = {}
            large: list[str] = []
            for row in rows:
                sha256 = _hash_of_original(row["filename"])
                if sha256 is None:
                    large += [row["_id"]] * (row["uploadDate"] < oldest)
                elif sha256 not in keep:
                    old[row["_id"]] = sha256
            left = await self._drop_older(list(old), oldest)
            removed += len(old) - len(left)
            young.update(old[file] for file in left)
            await self._drop_unused(large)

    async def _drop_older(self, files: Sequence[str], oldest: datetime) -> frozenset[str]:
        """Deletes those of them that are still old at that moment; the others."""
        if not files:
            return frozenset()
        await self._files.delete(OLD_FILES, many=True, ids=files, oldest=oldest)
        left = frozenset(row["_id"] for row in await self._files.find(FILES_OF, fields={"_id": 1}, ids=files))
        await self._drop_chunks([file for file in files if file not in left])
        return left

    async def _drop_unused(self, files: Sequence[str]) -> None:
        """What no artefact names: its writer was stopped before or after it switched to it."""
        if files:
            rows = await self._artefacts.find(LARGE_OF, fields={"file": 1}, files=files)
            used = {row["file"] for row in rows}
            await self._drop_files([file for file in files if file not in used])

    async def _collect_artefacts(self, keep: frozenset[str], oldest: datetime) -> int:
        rows = await self._artefacts.aggregate(HASHES, [{"$group": {"_id": "$sha256"}}])
        doomed = [row["_id"] for row in rows if row["_id"] not in keep]
        removed = 0
        for first in range(0, len(doomed), _PAGE):
            hashes = doomed[first : first + _PAGE]
            large = await self._artefacts.find(
                OLD_ARTEFACTS, fields={"file": 1}, also=_LARGE, hashes=hashes, oldest=oldest
            )
            removed += await self._artefacts.delete(OLD_ARTEFACTS, many=True, hashes=hashes, oldest=oldest)
            await self._drop_files([row["file"] for row in large])
        return removed

    async def _collect_half_written(self, oldest: datetime) -> None:
        """Chunks of no file whose last one is old. Each start looks at everything once, then at what is new."""
        after, before = self._whole_until, _file_id(oldest)
        spared = before
        while rows := await self._chunks.find(BEGUN, limit=_PAGE, fields={"files_id": 1}, after=after, before=before):
            begun = [row["files_id"] for row in rows]
            after = begun[-1]
            whole = {row["_id"] for row in await self._files.find(FILES_OF, fields={"_id": 1}, ids=begun)}
            for file in (one for one in begun if one not in whole):
                last = await self._chunks.find_one(LAST_CHUNK, fields={"at": 1}, file=file)
                if last is None or last["at"] < oldest:
                    await self._drop_chunks([file])
                else:
                    spared = min(spared, file)
        self._whole_until = max(self._whole_until, spared[:_INSTANT_DIGITS])

    async def _drop_files(self, files: Sequence[str]) -> None:
        if files:
            await self._files.delete(FILES_OF, many=True, ids=files)
            await self._drop_chunks(files)

    async def _drop_chunks(self, files: Sequence[str]) -> None:
        if files:
            await self._chunks.delete(CHUNKS_OF, many=True, ids=files)

    async def _forget(self, file: str) -> None:
        """Of an upload that failed: what cannot be deleted now is collected later."""
        with suppress(Unavailable):
            await self._drop_chunks([file])

    def _new_file(self) -> str:
        return _file_id(self._database.now()) + new_id()

    def _chunk(self, file: str, number: int, data: bytes) -> Row:
        return {"files_id": file, "n": number, "data": data, "at": self._database.now()}

    def _file_row(self, file: str, name: str, size: int) -> Row:
        at = self._database.now()
        return {"_id": file, "filename": name, "length": size, "chunkSize": PIECE_BYTES, "uploadDate": at}


def _file_id(at: datetime) -> str:
    """The beginning of an id, so that ids sort by their instant."""
    return f"{int(at.timestamp() * 1000):0{_INSTANT_DIGITS}x}-"


def _hash_of_original(key: str) -> str | None:
    """Of `originals/ab/ab…`; None for every other key."""
    sha256 = sha256_in(key)
    return sha256 if sha256 is not None and key == original_key(sha256) else None


def _copy_name(key: str, version: str) -> str:
    return hashlib.sha256(f"{key} {version}".encode()).hexdigest()
