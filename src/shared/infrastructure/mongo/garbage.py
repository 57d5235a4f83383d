"""What nobody needs of the blobs in MongoDB: put into the trash by a mark, brought back, deleted for good.

A mark, `trashed`, is an instant. Whoever reads or stores a blob takes it away.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from shared.artefacts.address import original_key
from shared.infrastructure.files.keys import ORIGINALS, hash_of_original
from shared.infrastructure.mongo.database import MongoCollection
from shared.infrastructure.mongo.queries import Given, Index, Query, Row
from shared.kernel import Clock
from shared.ports.storage import Trash

FILES: Final = "blobs.files"
CHUNKS: Final = "blobs.chunks"
ARTEFACTS: Final = "blobs.artefacts"
_LARGE: Final = {"file": {"$exists": True}}
_TRASHED: Final = {"trashed": {"$exists": True}}
_NOT_TRASHED: Final = {"trashed": {"$exists": False}}
_PAGE: Final = 1000
_INSTANT_DIGITS: Final = 12
_PREFIXES: Final = tuple(f"{number:02x}" for number in range(256))
_AFTER_ALL: Final = "g"

INDEXES: Final = (
    Index(FILES, (("trashed", 1),), where=_TRASHED),
    Index(ARTEFACTS, (("trashed", 1),), where=_TRASHED),
)
NAMED_BETWEEN: Final = Query(
    FILES, {"filename": {"$gte": Given("first"), "$lt": Given("end")}}, sort=(("filename", 1),)
)
NAMED: Final = Query(FILES, {"filename": {"$in": Given("names")}}, sample={"names": ["a"]})
OLD_NAMED: Final = Query(
    FILES, {"filename": {"$in": Given("names")}, "uploadDate": {"$lt": Given("oldest")}}, sample={"names": ["a"]}
)
DUE_FILES: Final = Query(FILES, {"trashed": {"$lt": Given("before")}})
DUE_NAMED: Final = Query(
    FILES, {"filename": {"$in": Given("names")}, "trashed": {"$lt": Given("before")}}, sample={"names": ["a"]}
)
FILES_OF: Final = Query(FILES, {"_id": {"$in": Given("ids")}})
CHUNKS_OF: Final = Query(CHUNKS, {"files_id": {"$in": Given("ids")}})
LAST_CHUNK: Final = Query(CHUNKS, {"files_id": Given("file")}, sort=(("n", -1),))
BEGUN: Final = Query(
    CHUNKS,
    {"files_id": {"$gt": Given("after"), "$lt": Given("before")}, "n": 0},
    sort=(("files_id", 1), ("n", 1)),
)
HASHES_BETWEEN: Final = Query(ARTEFACTS, {"sha256": {"$gte": Given("first"), "$lt": Given("end")}})
ARTEFACTS_OF: Final = Query(ARTEFACTS, {"sha256": {"$in": Given("hashes")}}, sample={"hashes": ["a"]})
OLD_ARTEFACTS: Final = Query(
    ARTEFACTS, {"sha256": {"$in": Given("hashes")}, "at": {"$lt": Given("oldest")}}, sample={"hashes": ["a"]}
)
DUE_ARTEFACTS: Final = Query(ARTEFACTS, {"trashed": {"$lt": Given("before")}})
DUE_ARTEFACTS_OF: Final = Query(
    ARTEFACTS, {"sha256": {"$in": Given("hashes")}, "trashed": {"$lt": Given("before")}}, sample={"hashes": ["a"]}
)
LARGE_OF: Final = Query(ARTEFACTS, {"file": {"$in": Given("files")}})


class MongoGarbage:
    """Of the three collections of MongoBlobs. Whoever is young or kept stays, also when it came meanwhile."""

    def __init__(self, files: MongoCollection, chunks: MongoCollection, artefacts: MongoCollection, now: Clock) -> None:
        """`now` is by the server's clock."""
        self._files = files
        self._chunks = chunks
        self._artefacts = artefacts
        self._now = now
        # Until when no upload was left half written; the ids of files begin with their instant.
        self._whole_until = ""

    async def page(self, after: str | None) -> tuple[frozenset[str], str | None]:
        """Hashes that begin with the two digits after these, without those in the trash; and these digits."""
        place = 0 if after is None else _PREFIXES.index(after) + 1
        prefix = _PREFIXES[place]
        end = _PREFIXES[place + 1] if place + 1 < len(_PREFIXES) else _AFTER_ALL
        files = await self._files.find(
            NAMED_BETWEEN,
            fields={"filename": 1},
            also=_NOT_TRASHED,
            first=f"{ORIGINALS}/{prefix}/",
            end=f"{ORIGINALS}/{prefix}0",
        )
        artefacts = await self._artefacts.aggregate(
            HASHES_BETWEEN, [{"$group": {"_id": "$sha256"}}], also=_NOT_TRASHED, first=prefix, end=end
        )
        found = [hash_of_original(row["filename"]) for row in files] + [row["_id"] for row in artefacts]
        return frozenset(one for one in found if one), prefix if place + 1 < len(_PREFIXES) else None

    async def young(self, hashes: Collection[str], oldest: datetime) -> frozenset[str]:
        """Those of which anything is younger than `oldest`."""
        wanted = sorted(hashes)
        files = await self._files.find(NAMED, fields={"filename": 1, "uploadDate": 1}, names=_names(wanted))
        artefacts = await self._artefacts.find(ARTEFACTS_OF, fields={"sha256": 1, "at": 1}, hashes=wanted)
        found = {hash_of_original(row["filename"]) for row in files if row["uploadDate"] >= oldest}
        found |= {row["sha256"] for row in artefacts if row["at"] >= oldest}
        return frozenset(one for one in found if one)

    async def take(self, hashes: Collection[str], oldest: datetime) -> frozenset[str]:
        """Marks them; those of which anything is younger than `oldest` stay, and are the answer.

        What becomes young between the look and the mark has lost its artefacts to the trash at worst, where they are
        found.
        """
        young = await self.young(hashes, oldest)
        old = [sha256 for sha256 in sorted(hashes) if sha256 not in young]
        if old:
            mark = {"$set": {"trashed": self._now()}}
            await self._files.update(OLD_NAMED, mark, many=True, names=_names(old), oldest=oldest)
            await self._artefacts.update(OLD_ARTEFACTS, mark, many=True, hashes=old, oldest=oldest)
        return young

    async def waiting(self, before: datetime) -> frozenset[str]:
        """Hashes of which something was marked before that instant."""
        files = await self._files.find(DUE_FILES, fields={"filename": 1}, before=before)
        artefacts = await self._artefacts.aggregate(DUE_ARTEFACTS, [{"$group": {"_id": "$sha256"}}], before=before)
        found = [hash_of_original(row["filename"]) for row in files] + [row["_id"] for row in artefacts]
        return frozenset(one for one in found if one)

    async def bring_back(self, hashes: Collection[str]) -> None:
        """Takes the marks away."""
        wanted, now = sorted(hashes), self._now()
        unmark: Row = {"$unset": {"trashed": ""}}
        await self._files.update(NAMED, {**unmark, "$set": {"uploadDate": now}}, many=True, names=_names(wanted))
        await self._artefacts.update(ARTEFACTS_OF, {**unmark, "$set": {"at": now}}, many=True, hashes=wanted)

    async def destroy(self, hashes: Collection[str], before: datetime) -> int:
        """How many originals and artefacts of these hashes went that were marked before that instant."""
        gone, wanted = 0, sorted(hashes)
        for first in range(0, len(wanted), _PAGE):
            some = wanted[first : first + _PAGE]
            gone += await self._destroy_originals(_names(some), before)
            large = await self._artefacts.find(
                DUE_ARTEFACTS_OF, fields={"file": 1}, also=_LARGE, hashes=some, before=before
            )
            gone += await self._artefacts.delete(DUE_ARTEFACTS_OF, many=True, hashes=some, before=before)
            await self._drop_unused([row["file"] for row in large])
        return gone

    async def content(self) -> Trash:
        """Adds up what is marked."""
        ever = self._now().replace(year=9999)
        sums: Row = {"bytes": {"$sum": "$length"}, "oldest": {"$min": "$trashed"}}
        files = await self._files.aggregate(DUE_FILES, [{"$group": {"_id": "$filename", **sums}}], before=ever)
        artefacts = await self._artefacts.aggregate(
            DUE_ARTEFACTS, [{"$group": {"_id": "$sha256", **sums}}], before=ever
        )
        hashes = {hash_of_original(row["_id"]) for row in files} | {row["_id"] for row in artefacts}
        rows: list[Any] = [*files, *artefacts]
        oldest = min((row["oldest"] for row in rows), default=None)
        return Trash(len(hashes), sum(row["bytes"] for row in rows), oldest)

    async def tidy(self, oldest: datetime) -> None:
        """What writers left behind that were stopped: chunks of no file, files of no artefact."""
        await self._drop_unnamed(oldest)
        await self._collect_half_written(oldest)

    async def drop_files(self, files: Sequence[str]) -> None:
        """With their chunks."""
        if files:
            await self._files.delete(FILES_OF, many=True, ids=files)
            await self.drop_chunks(files)

    async def drop_chunks(self, files: Sequence[str]) -> None:
        """Of files that are none (any more)."""
        if files:
            await self._chunks.delete(CHUNKS_OF, many=True, ids=files)

    async def _destroy_originals(self, names: Sequence[str], before: datetime) -> int:
        """Who reads one at that moment takes its mark away: only what is gone loses its chunks."""
        rows = await self._files.find(DUE_NAMED, fields={"_id": 1}, names=names, before=before)
        files = [row["_id"] for row in rows]
        if not files:
            return 0
        gone = await self._files.delete(DUE_NAMED, many=True, names=names, before=before)
        left = frozenset(row["_id"] for row in await self._files.find(FILES_OF, fields={"_id": 1}, ids=files))
        await self.drop_chunks([file for file in files if file not in left])
        return gone

    async def _drop_unnamed(self, oldest: datetime) -> None:
        """Files of large artefacts; their names begin with the artefact's."""
        first = "artefacts/"
        while rows := await self._files.find(
            NAMED_BETWEEN, limit=_PAGE, fields={"filename": 1, "uploadDate": 1}, first=first, end="artefacts0"
        ):
            first = rows[-1]["filename"] + "\0"
            await self._drop_unused([row["_id"] for row in rows if row["uploadDate"] < oldest])

    async def _drop_unused(self, files: Sequence[str]) -> None:
        """What no artefact names: its writer was stopped before or after it switched to it."""
        if files:
            rows = await self._artefacts.find(LARGE_OF, fields={"file": 1}, files=files)
            used = {row["file"] for row in rows}
            await self.drop_files([file for file in files if file not in used])

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


def _names(hashes: Sequence[str]) -> list[str]:
    return [original_key(sha256) for sha256 in hashes]
