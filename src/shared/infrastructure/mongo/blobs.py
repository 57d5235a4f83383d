"""Blobs in MongoDB: originals in GridFS under their content's hash, artefacts as one document each.

GridFS (bucket `blobs`: `blobs.files`, `blobs.chunks`) is written and read through declared queries like everything
else, in its published layout, so that any GridFS tool finds an original by its key. An artefact is some kilobytes
and is asked for often: in `blobs.artefacts` it takes one call to put, to read and to miss, where GridFS takes two or
three; what is larger than a document should be lies in GridFS, and the artefact's document names the file. What is
small is written together with what else is at that moment.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Self

from typing_extensions import override

from shared.artefacts.address import original_key
from shared.infrastructure.files.copies import LocalCopies, copy_name
from shared.infrastructure.files.keys import (
    HEAD_BYTES,
    PIECE_BYTES,
    checked,
    damaged,
    hash_of_original,
    not_found,
    sha256_in,
    too_large,
)
from shared.infrastructure.mongo.blob_queries import (
    ARTEFACT,
    FILE,
    INDEXES,
    NEW_CHUNK,
    NEW_FILE,
    PART,
    SEVERAL,
    SEVERAL_FILES,
)
from shared.infrastructure.mongo.database import Duplicate, Insert, MongoDatabase
from shared.infrastructure.mongo.garbage import ARTEFACTS, CHUNKS, FILES, MongoGarbage, file_id
from shared.infrastructure.mongo.grouped_writes import GroupedWrites
from shared.infrastructure.mongo.queries import Row
from shared.kernel import InvalidInput, NotFound, Unavailable, new_id
from shared.ports.storage import BlobStore, StoredBlob, Trash
from shared.runtime.grouping import LATE_SECONDS, GroupedCalls
from shared.settings import Settings
from shared.vocabulary import PROCESS

_LARGEST_INLINE_BYTES: Final = 4 << 20
"""A quarter of what a document may be."""
_CHUNKS_A_CALL: Final = 8
_SMALL_BYTES: Final = 64 << 10
"""Of contents up to here many go in one call."""
_MOST_READ: Final = 16
"""Artefacts in one answer, which is then 64 MiB at the very most."""
_COPIES_BYTES: Final = 2 << 30


class MongoBlobs(BlobStore):
    """BlobStore in `database`, which is open while this is. Copies for child processes lie in the data directory."""

    def __init__(self, database: MongoDatabase, settings: Settings, *, copies_bytes: int = _COPIES_BYTES) -> None:
        self._database = database
        self._files = database.collection(FILES)
        self._chunks = database.collection(CHUNKS)
        self._artefacts = database.collection(ARTEFACTS)
        self._copies = LocalCopies(settings.data_dir / "blob-cache", most_bytes=copies_bytes)
        self._new_files = GroupedWrites(self._files)
        self._new_chunks = GroupedWrites(self._chunks)
        self._new_artefacts = GroupedWrites(self._artefacts)
        self._finding = GroupedCalls(self._find_files, name="find-files", late_seconds=LATE_SECONDS)
        self._reading = GroupedCalls(self._find_all, name="read-artefacts", most=_MOST_READ, late_seconds=LATE_SECONDS)
        self._garbage = MongoGarbage(self._files, self._chunks, self._artefacts, database.now)
        # Parsers of this process will ask for a copy of every original at once.
        self._keeps_copies = PROCESS in settings.modules
        self._forgetting: set[asyncio.Task[None]] = set()
        database.declare(*INDEXES)

    async def __aenter__(self) -> Self:
        await self._copies.tidy()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._forgetting)

    @override
    async def store(self, stream: AsyncIterator[bytes], *, max_bytes: int) -> StoredBlob:
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
                    await self._write_chunk(file, count, bytes(rest[:PIECE_BYTES]))
                    del rest[:PIECE_BYTES]
                    count += 1
            sha256 = digest.hexdigest()
            key = original_key(sha256)
            is_small = size <= _SMALL_BYTES
            # Nearly all are new: of small ones only those that turn out not to be ask for what is there.
            new = is_small or not await self._is_renewed(key)
            if new:
                if rest:
                    count += 1
                    await self._write_chunk(file, count - 1, bytes(rest))
                # When no answer comes, the file may be the key's content all the same: only an answer lets it go.
                is_kept = True
                new = is_kept = await self._is_first(file, key, size)
            if not new and not await self._is_whole(key, sha256):
                if rest and not is_small:
                    count += 1
                    await self._write_chunk(file, count - 1, bytes(rest))
                is_kept = True
                new = is_kept = await self._replace(file, key, size)
            if new and is_small and self._keeps_copies:
                await self._copies.keep(copy_name(key, file), bytes(rest))
            return StoredBlob(sha256=sha256, size=size, head=head, key=key, new=new)
        finally:
            if count and not is_kept:
                # Beside the answer, which is not to wait for a server that just did not answer.
                task = asyncio.create_task(self._forget(file))
                self._forgetting.add(task)
                task.add_done_callback(self._forgetting.discard)

    @override
    async def put(self, key: str, content: bytes) -> None:
        """Raises InvalidInput for a key that is none, StorageFull."""
        checked(key)
        if hash_of_original(key):
            raise InvalidInput(f"{key!r} is the key of an original: it is stored, not put.", code="invalid_key")
        version, now = self._new_file(), self._database.now()
        fields: Row = {"length": len(content), "version": version, "at": now, "checksum": _checksum(content)}
        if sha256 := sha256_in(key):
            fields["sha256"] = sha256
        is_large = len(content) > _LARGEST_INLINE_BYTES
        if is_large:
            await self._write_file(version, f"{key}.{version}", content)
        change: Row = {
            "$set": {**fields, "file": version} if is_large else {**fields, "data": content},
            "$unset": {"trashed": "", **({"data": ""} if is_large else {"file": ""})},
        }
        if len(content) <= _SMALL_BYTES:
            # A file that it replaces is collected later.
            while not await self._new_artefacts.update(ARTEFACT, change, key=key):
                pass  # two put the first content of this key at the same moment
            return
        try:
            replaced = await self._switch(key, change)
        except Duplicate:
            replaced = await self._switch(key, change)
        if replaced is not None and "file" in replaced:
            await self._garbage.drop_files([replaced["file"]])

    @override
    async def put_all(self, contents: Mapping[str, bytes]) -> None:
        await asyncio.gather(*(self.put(key, content) for key, content in contents.items()))

    @override
    async def read(self, key: str) -> bytes:
        row = await self._find(key)
        if "data" in row:
            content = bytes(row["data"])
        else:
            content = b"".join([piece async for piece in self._pieces(row, key, a_call=_CHUNKS_A_CALL)])
        # An original has none (its key is its hash), nor what an older Seoga put.
        if "checksum" in row and row["checksum"] != _checksum(content):
            raise damaged(key)
        return content

    @override
    async def read_all(self, keys: Sequence[str]) -> Sequence[bytes]:
        return await asyncio.gather(*(self.read(key) for key in keys))

    @override
    async def open(self, key: str, *, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        row = await self._find(key)
        end = row["length"] if length is None else min(row["length"], start + length)
        async for piece in self._part(row, key, start, end):
            yield piece

    @override
    async def local_path(self, key: str) -> str:
        """Asks each time whether the blob exists; its content is fetched once."""
        row = await self._find(key, data=False)
        name = copy_name(key, row["version"])
        if path := await self._copies.get(name, row["length"]):
            return path
        if "file" not in row:
            row = await self._find(key)
            name = copy_name(key, row["version"])
        return await self._copies.put(name, self._part(row, key, 0, row["length"]))

    @override
    async def exists(self, key: str) -> bool:
        checked(key)
        if hash_of_original(key):
            return await self._files.find_one(FILE, fields={"_id": 1}, name=key) is not None
        return await self._artefacts.find_one(ARTEFACT, fields={"_id": 1}, key=key) is not None

    @override
    async def size(self, key: str) -> int | None:
        row = await self._files.find_one(FILE, fields={"length": 1}, name=checked(key))
        return None if row is None else int(row["length"])

    @override
    async def delete(self, key: str) -> None:
        checked(key)
        if hash_of_original(key):
            row = await self._files.find_one(FILE, fields={"_id": 1}, name=key)
            if row is not None:
                await self._copies.remove(copy_name(key, row["_id"]))
                await self._garbage.drop_files([row["_id"]])
            return
        row = await self._artefacts.find_one(ARTEFACT, fields={"file": 1, "version": 1}, key=key)
        if row is not None:
            await self._artefacts.delete(ARTEFACT, key=key)
            await self._copies.remove(copy_name(key, row["version"]))
            await self._garbage.drop_files([row["file"]] if "file" in row else [])

    @override
    async def hashes(self, after: str | None = None) -> tuple[Collection[str], str | None]:
        return await self._garbage.page(after)

    @override
    async def young(self, hashes: Collection[str], *, younger_than_seconds: float) -> Collection[str]:
        return await self._garbage.young(hashes, self._ago(younger_than_seconds))

    @override
    async def discard(self, hashes: Collection[str], *, older_than_seconds: float) -> Collection[str]:
        return await self._garbage.take(hashes, self._ago(older_than_seconds))

    @override
    async def waiting(self, *, longer_than_seconds: float) -> Collection[str]:
        return await self._garbage.waiting(self._ago(longer_than_seconds))

    @override
    async def bring_back(self, hashes: Collection[str]) -> None:
        await self._garbage.bring_back(hashes)

    @override
    async def destroy(self, hashes: Collection[str], *, waiting_longer_than_seconds: float) -> int:
        return await self._garbage.destroy(hashes, self._ago(waiting_longer_than_seconds))

    @override
    async def trash(self) -> Trash:
        return await self._garbage.content()

    @override
    async def tidy(self, *, older_than_seconds: float) -> None:
        await self._garbage.tidy(self._ago(older_than_seconds))
        await self._copies.tidy()

    @override
    async def free_bytes(self) -> int | None:
        """A server does not tell."""
        return None

    def _ago(self, seconds: float) -> datetime:
        return self._database.now() - timedelta(seconds=seconds)

    async def _find(self, key: str, *, data: bool = True) -> Row:
        """`length`, `version`, and `data` or `file`; out of the trash, if it was there. Raises NotFound."""
        checked(key)
        if hash_of_original(key):
            row = await self._finding.ask(key)
        else:
            row = (
                await self._reading.ask(key)
                if data
                else await self._artefacts.find_one(ARTEFACT, fields={"data": 0}, key=key)
            )
        if row is None:
            raise not_found(key)
        if "trashed" in row:
            await self._take_mark_away(key)
        return row

    async def _take_mark_away(self, key: str) -> None:
        now = self._database.now()
        unmark: Row = {"$unset": {"trashed": ""}}
        if hash_of_original(key):
            await self._files.update(FILE, {**unmark, "$set": {"uploadDate": now}}, name=key)
        else:
            await self._artefacts.update(ARTEFACT, {**unmark, "$set": {"at": now}}, key=key)

    async def _find_files(self, keys: Sequence[str]) -> list[Row | None]:
        fields = {"filename": 1, "length": 1, "chunkSize": 1, "trashed": 1}
        found = await self._files.find(SEVERAL_FILES, fields=fields, names=list(keys))
        rows = {row["filename"]: {**row, "file": row["_id"], "version": row["_id"]} for row in found}
        return [rows.get(key) for key in keys]

    async def _find_all(self, keys: Sequence[str]) -> list[Row | None]:
        rows = {row["_id"]: row for row in await self._artefacts.find(SEVERAL, keys=list(keys))}
        return [rows.get(key) for key in keys]

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
        pieces = [content[place : place + PIECE_BYTES] for place in range(0, len(content), PIECE_BYTES)]
        rows = [self._chunk(file, number, piece) for number, piece in enumerate(pieces)]
        for first in range(0, len(rows), _CHUNKS_A_CALL):
            await self._chunks.write(*map(Insert, rows[first : first + _CHUNKS_A_CALL]))
        await self._files.insert(self._file_row(file, name, len(content)))

    async def _switch(self, key: str, change: Row) -> Row | None:
        return await self._artefacts.take(ARTEFACT, change, upsert=True, before=True, fields={"file": 1}, key=key)

    async def _is_renewed(self, key: str) -> bool:
        """Whether the whole content is there already; then it is young again, so that it is not collected."""
        change = {"$set": {"uploadDate": self._database.now()}, "$unset": {"trashed": ""}}
        return await self._files.update(FILE, change, name=key)

    async def _is_first(self, file: str, key: str, size: int) -> bool:
        """Makes the written chunks the content of the key; False when another was quicker, whose content it is then.

        When it raises, nobody knows. What came of it then is collected if it is no content.
        """
        while True:
            row = self._file_row(file, key, size)
            if await self._new_files.update(NEW_FILE, {"$setOnInsert": row}, file=row.pop("_id")):
                return True
            if await self._is_renewed(key):
                return False

    async def _is_whole(self, key: str, sha256: str) -> bool:
        """Whether what is there is what was written: it is read, as the upload just was."""
        digest = hashlib.sha256()
        try:
            async for piece in self._pieces(await self._find(key), key, a_call=_CHUNKS_A_CALL):
                digest.update(piece)
        except NotFound:
            return False
        return digest.hexdigest() == sha256

    async def _replace(self, file: str, key: str, size: int) -> bool:
        """Makes the written chunks the content of the key in place of what is damaged; it is gone for a moment."""
        row = await self._files.find_one(FILE, fields={"_id": 1}, name=key)
        if row is not None:
            await self._garbage.drop_files([row["_id"]])
        return await self._is_first(file, key, size)

    async def _write_chunk(self, file: str, number: int, data: bytes) -> None:
        row = self._chunk(file, number, data)
        if len(data) > _SMALL_BYTES:
            await self._chunks.insert(row)
        else:
            await self._new_chunks.update(NEW_CHUNK, {"$setOnInsert": row}, chunk=f"{file}/{number}")

    async def _forget(self, file: str) -> None:
        """Of an upload that failed: what cannot be deleted now is collected later."""
        with suppress(Unavailable):
            await self._garbage.drop_chunks([file])

    def _new_file(self) -> str:
        return file_id(self._database.now()) + new_id()

    def _chunk(self, file: str, number: int, data: bytes) -> Row:
        return {"files_id": file, "n": number, "data": data, "at": self._database.now()}

    def _file_row(self, file: str, name: str, size: int) -> Row:
        at = self._database.now()
        return {"_id": file, "filename": name, "length": size, "chunkSize": PIECE_BYTES, "uploadDate": at}


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
