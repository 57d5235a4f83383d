"""What nobody needs of the blobs in MongoDB: found and deleted, with the originals and artefacts it belongs to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shared.infrastructure.files.keys import hash_of_original
from shared.infrastructure.mongo.database import MongoCollection
from shared.infrastructure.mongo.queries import Given, Query

FILES: Final = "blobs.files"
CHUNKS: Final = "blobs.chunks"
ARTEFACTS: Final = "blobs.artefacts"
_LARGE: Final = {"file": {"$exists": True}}
_PAGE: Final = 1000
_INSTANT_DIGITS: Final = 12

FILES_AFTER: Final = Query(FILES, {"_id": {"$gt": Given("after")}}, sort=(("_id", 1),))
OLD_FILES: Final = Query(FILES, {"_id": {"$in": Given("ids")}, "uploadDate": {"$lt": Given("oldest")}})
FILES_OF: Final = Query(FILES, {"_id": {"$in": Given("ids")}})
CHUNKS_OF: Final = Query(CHUNKS, {"files_id": {"$in": Given("ids")}})
LAST_CHUNK: Final = Query(CHUNKS, {"files_id": Given("file")}, sort=(("n", -1),))
BEGUN: Final = Query(
    CHUNKS,
    {"files_id": {"$gt": Given("after"), "$lt": Given("before")}, "n": 0},
    sort=(("files_id", 1), ("n", 1)),
)
HASHES: Final = Query(ARTEFACTS, {"sha256": {"$gte": ""}})
OLD_ARTEFACTS: Final = Query(ARTEFACTS, {"sha256": {"$in": Given("hashes")}, "at": {"$lt": Given("oldest")}})
LARGE_OF: Final = Query(ARTEFACTS, {"file": {"$in": Given("files")}})


class MongoGarbage:
    """Of the three collections of MongoBlobs. Whoever is young or kept stays, also when it came meanwhile."""

    def __init__(self, files: MongoCollection, chunks: MongoCollection, artefacts: MongoCollection) -> None:
        self._files = files
        self._chunks = chunks
        self._artefacts = artefacts
        # Until when no upload was left half written; the ids of files begin with their instant.
        self._whole_until = ""

    async def collect(self, keep: frozenset[str], oldest: datetime) -> int:
        """How many originals and artefacts went. A hash whose original is young keeps its artefacts."""
        removed, young = await self._collect_files(keep, oldest)
        removed += await self._collect_artefacts(keep | young, oldest)
        await self._collect_half_written(oldest)
        return removed

    async def drop_files(self, files: Sequence[str]) -> None:
        """With their chunks."""
        if files:
            await self._files.delete(FILES_OF, many=True, ids=files)
            await self.drop_chunks(files)

    async def drop_chunks(self, files: Sequence[str]) -> None:
        """Of files that are none (any more)."""
        if files:
            await self._chunks.delete(CHUNKS_OF, many=True, ids=files)

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
                sha256 = hash_of_original(row["filename"])
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
        await self.drop_chunks([file for file in files if file not in left])
        return left

    async def _drop_unused(self, files: Sequence[str]) -> None:
        """What no artefact names: its writer was stopped before or after it switched to it."""
        if files:
            rows = await self._artefacts.find(LARGE_OF, fields={"file": 1}, files=files)
            used = {row["file"] for row in rows}
            await self.drop_files([file for file in files if file not in used])

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
            await self.drop_files([row["file"] for row in large])
        return removed

    async def _collect_half_written(self, oldest: datetime) -> None:
        """Chunks of no file whose last one is old. Each start looks at everything once, then at what is new."""
        after, before = self._whole_until, file_id(oldest)
        spared = before
        while rows := await self._chunks.find(BEGUN, limit=_PAGE, fields={"files_id": 1}, after=after, before=before):
            begun = [row["files_id"] for row in rows]
            after = begun[-1]
            whole = {row["_id"] for row in await self._files.find(FILES_OF, fields={"_id": 1}, ids=begun)}
            for file in (one for one in begun if one not in whole):
                last = await self._chunks.find_one(LAST_CHUNK, fields={"at": 1}, file=file)
                if last is None or last["at"] < oldest:
                    await self.drop_chunks([file])
                else:
                    spared = min(spared, file)
        self._whole_until = max(self._whole_until, spared[:_INSTANT_DIGITS])


def file_id(at: datetime) -> str:
    """The beginning of an id, so that ids sort by their instant."""
    return f"{int(at.timestamp() * 1000):0{_INSTANT_DIGITS}x}-"
