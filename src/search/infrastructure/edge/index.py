"""The chunk index on Qdrant Edge: the parent's side. The shards live in process.py."""

import asyncio
import contextlib
import time
from array import array
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

from typing_extensions import override

from search.application.ports.chunk_index import ChunkIndex, DenseVector, IndexAnswer, Matches, ScoredUnit, Unit
from search.application.ports.versions import DocumentVersion
from search.domain.filters import Filters
from search.domain.terms import SparseVector
from search.infrastructure.edge import PROCESS
from search.infrastructure.edge.child import Ask, IndexChild
from search.infrastructure.edge.faults import LITTLE_ROOM_BYTES
from search.infrastructure.edge.folders import EdgeFolders, Place
from search.infrastructure.edge.known_lists import KnownLists
from search.infrastructure.edge.times import EdgeIndexTimes
from search.infrastructure.edge.wire import from_wire, to_wire
from search.infrastructure.payloads import labels_payload
from shared.disk_reserve import DiskReserve, free_bytes
from shared.events.ingest import Labels
from shared.kernel import DocumentId, StorageFull, Unavailable, utc_now
from shared.ports.health import Checked, ComponentHealth
from shared.ports.model import Model
from shared.telemetry import Metrics, get_log

_MOST_UNITS: Final = 500
_PIECE: Final = 125
"""Units a call of the child: a search waits at most for one such piece."""
_LEAST_DEAD: Final = 2_000
"""Points for whose room (some 5 MB, and as much memory) the others are written anew."""

_log = get_log("search")


_TIMES: Final = EdgeIndexTimes()


class EdgeIndex(ChunkIndex, Checked):
    """An async context manager; the child starts beside everything else, and again when it dies.

    `folder` holds a shard for the vector space. Another model means another shard: its points are moved there without
    their dense vectors, while the former shard answers; then its folder goes. Another layout of shards means the same,
    but dense vectors come along; so does a folder of which more than a third are dead points.
    After another analysis of words the former's points go on answering until they are written anew; `versions` leaves
    them out.
    """

    def __init__(
        self,
        folder: Path,
        model: Model,
        analysis_version: str,
        metrics: Metrics,
        *,
        reserve: DiskReserve | None = None,
        trash_seconds: float = 7 * 86400,
        least_dead: int = _LEAST_DEAD,
        times: EdgeIndexTimes = _TIMES,
        module: str = PROCESS,
    ) -> None:
        """New units leave room for the `reserve` of the disk while it is given up.

        A folder of another space that nobody moved here waits in the trash for `trash_seconds`.
        `module` is the child's.
        """
        self._folder = folder
        self._reserve = reserve or DiskReserve(folder)
        self._folders = EdgeFolders(folder, trash_seconds=trash_seconds)
        self._analysis_version = analysis_version
        self._model = model
        self._known_lists = KnownLists()
        self._times = times
        self._fingerprint: str | None = None
        # Where points are to be; another than the shard that answers while they are being moved.
        self._home: Place | None = None
        self._generation = 0
        self._least_dead = least_dead
        self._looked_at_room = -times.room_seconds
        self._moving: asyncio.Task[None] | None = None
        self._metrics = metrics
        self._set_aside_count = 0
        self._closed = True
        self._child = IndexChild(
            folder / "owner.json",
            set_up=self._open,
            set_aside=self._set_aside,
            reserve=self._reserve,
            metrics=metrics,
            times=times,
            module=module,
        )
        # Writes take turns, in the order they came, so that a search waits for one of them at most.
        self._writes = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._closed = False
        self._child.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.gather(self._moving, return_exceptions=True)
        await self._child.close()

    @property
    @override
    def fingerprint(self) -> str | None:
        return self._fingerprint

    @property
    @override
    def losses(self) -> int:
        """A child that ended may have left less than it acknowledged; one that was set aside left nothing."""
        return max(0, self._child.openings - 1) + self._set_aside_count

    @override
    async def ready(self) -> None:
        await self._child.ready()
        await self._follow_model()

    @override
    async def upsert(self, units: Sequence[Unit]) -> None:
        assert len(units) <= _MOST_UNITS
        for start in range(0, len(units), _PIECE):
            self._must_have_room()
            await self._write("upsert", units=[to_wire(unit) for unit in units[start : start + _PIECE]])

    @override
    async def delete(self, versions: Sequence[DocumentVersion]) -> None:
        for start in range(0, len(versions), _PIECE):
            await self._write("delete", versions=[list(pair) for pair in versions[start : start + _PIECE]])
        with contextlib.suppress(Unavailable):  # another time
            await self._make_room()

    @override
    async def set_labels(self, document_id: DocumentId, labels: Labels) -> None:
        await self._write("set_payload", document=document_id, payload=labels_payload(labels))

    @override
    async def flush(self) -> None:
        await self._write("flush")

    @override
    async def search(
        self,
        *,
        dense: DenseVector | None,
        sparse: SparseVector | None,
        filters: Filters = (),
        limit: int = 100,
        window: int = 1000,
    ) -> IndexAnswer:
        if sparse is not None and not sparse.indices:
            sparse = None
        answer = await self._child.ask_soon(
            "search",
            space=None if dense is None else dense.space,
            dense=None if dense is None else dense.values,
            indices=None if sparse is None else array("I", sparse.indices).tobytes(),
            values=None if sparse is None else array("f", sparse.values).tobytes(),
            conditions=[asdict(condition) for condition in filters],
            limit=limit,
            window=window,
        )
        return IndexAnswer(
            dense=from_wire(answer["dense"]),
            sparse=from_wire(answer["sparse"]),
            total=answer["total"],
            total_is_exact=answer["exact"],
        )

    @override
    async def vectors(self, units: Sequence[ScoredUnit]) -> Sequence[DenseVector | None]:
        answer = await self._child.ask_soon("vectors", units=[unit[:4] for unit in units])
        space, values = answer["space"], answer["vectors"]
        return [None if one is None else DenseVector(space, one) for one in values]

    @override
    async def documents(
        self, *, dense: DenseVector | None, sparse: SparseVector | None, filters: Filters = (), most: int
    ) -> Matches:
        has_words, known = sparse is not None and bool(sparse.indices), self._known_lists.now()
        answer = await self._child.ask_soon(
            "documents",
            space=None if dense is None else dense.space,
            by_dense=dense is not None,
            indices=array("I", sparse.indices).tobytes() if sparse is not None and has_words else None,
            values=array("f", sparse.values).tobytes() if sparse is not None and has_words else None,
            conditions=[asdict(condition) for condition in filters],
            most=most,
            known=list(known),
        )
        return Matches(self._known_lists.documents_of(answer, known), answer["exact"])

    @override
    async def versions(self, *, after: str | None, limit: int) -> tuple[Sequence[DocumentVersion], str | None]:
        answer = await self._child.ask("versions", after=after, limit=limit)
        return [(DocumentId(document), version) for document, version in answer["versions"]], answer["next"]

    @override
    async def size(self) -> int:
        size: int = await self._child.ask("size")
        return size

    @override
    async def check(self) -> ComponentHealth:
        words = f"{await self.size():,} units"
        # A real read, of a unit's record; what cannot be read has the child set aside and built again.
        await self._child.ask("versions", after=None, limit=1)
        if self._home is not None and not self._is_moving and not await asyncio.to_thread(self._home.path.exists):
            return ComponentHealth(
                False, f"The folder {self._home.path} is gone. Restart the server: the index is built again."
            )
        if damaged := await asyncio.to_thread(self._folders.damaged):
            words += f"; damaged and set aside, yours to delete: {', '.join(path.name for path in damaged)}"
        return ComponentHealth(True, words)

    def _must_have_room(self) -> None:
        """The engine's files have holes, and a page that the disk does not have for one ends its process."""
        with contextlib.suppress(FileNotFoundError):  # not even begun
            if free_bytes(self._folder) - self._reserve.owed_bytes < LITTLE_ROOM_BYTES:
                raise StorageFull("The disk has hardly any room left, so that nothing new can be indexed.")

    async def _write(self, method: str, **arguments: Any) -> None:
        async with self._writes:
            await self._child.ask(method, **arguments)

    async def _open(self, ask: Ask) -> None:
        """Has a new child open the shard that answers, and the one that points are to be moved to."""
        serving, home = await asyncio.to_thread(self._place)
        await ask(
            "open",
            **_wire(serving),
            wait_seconds=self._times.lock_wait_seconds,
            analysis=self._analysis_version,
        )
        if home != serving:
            await ask("move", **_wire(home))
        self._fingerprint, self._home = serving.space, home
        if not self._closed:
            self._begin_moving()

    async def _set_aside(self, reason: str) -> None:
        """What cannot be read is kept for a person; an empty shard takes its place, to be filled again."""
        damaged, _ = await asyncio.to_thread(self._place)
        try:
            kept = await asyncio.to_thread(self._folders.set_aside, damaged, utc_now())
        except FileNotFoundError:
            return  # it was not even made
        except OSError as error:
            raise Unavailable(f"The damaged index cannot be set aside: {error}.", code="index_unavailable") from error
        self._set_aside_count += 1
        self._metrics.count("search_index_set_aside_total")
        _log.error("the index is damaged and was set aside", action="index.damaged", reason=reason, folder=str(kept))

    def _place(self) -> tuple[Place, Place]:
        """The shard that can answer at once, and the one where the model wants points to be."""
        complete = self._folders.complete()
        self._generation = complete[0].generation if complete else 0
        try:
            home = self._model_place()
        except Unavailable as error:
            _log.warning("no model: keyword search only", action="index.no_model", error=error.detail)
            home = complete[0] if complete else self._folders.place(None)
        if not complete or complete[0].path == home.path:
            return home, home
        # One of the same space that was used since is of an earlier Seoga, to which somebody had gone back.
        if complete[0].space != home.space and home.path in {place.path for place in complete}:
            return home, home
        return complete[0], home

    def _model_place(self) -> Place:
        model = self._model.describe()
        return self._folders.place(model.fingerprint, model.dimension, self._generation)

    async def _follow_model(self) -> None:
        """Another model since the index was opened: the move to its space begins."""
        try:
            # In a thread: another machine's model may have to be asked.
            home = await asyncio.to_thread(self._model_place)
        except Unavailable:
            return
        if home.path == self._home_path:
            return
        async with self._writes:
            await self._child.ask("move", **_wire(home))
            self._home = home
        self._begin_moving()

    async def _make_room(self) -> None:
        """The engine keeps dead points for good: once they are many, those that are alive move to another folder."""
        home = self._home
        if home is None or self._is_moving or time.monotonic() < self._looked_at_room + self._times.room_seconds:
            return
        self._looked_at_room = time.monotonic()
        wider = self._folders.place(home.space, home.dimension, home.generation + 1)
        async with self._writes:
            room = await self._child.ask("room")
            if room["dead"] < self._least_dead or 2 * room["dead"] <= room["alive"] or self._home != home:
                return
            await self._child.ask("move", **_wire(wider))
            self._home, self._generation = wider, wider.generation
        _log.info("making room", action="index.room", **room)
        self._begin_moving()

    @property
    def _is_moving(self) -> bool:
        return self._moving is not None and not self._moving.done()

    @property
    def _home_path(self) -> Path | None:
        return None if self._home is None else self._home.path

    def _begin_moving(self) -> None:
        if not self._is_moving:
            self._moving = asyncio.create_task(self._move(), name="move-index")

    async def _move(self) -> None:
        """Fills the model's shard, step by step, until it is the one that answers; frees the room of others."""
        await asyncio.sleep(self._times.move_after_seconds)
        steps = 0
        while True:
            try:
                self._must_have_room()
                async with self._writes:
                    answer = await self._child.ask("fill", limit=_PIECE)
                    self._fingerprint = answer["space"]
                    if not answer["moving"]:
                        if self._home is not None:
                            await asyncio.to_thread(self._folders.remove_others, self._home)
                        break
                steps += 1
                await asyncio.sleep(self._times.move_pause_seconds)
            except Unavailable as error:
                _log.warning("moving later", action="index.move", error=error.detail)
                await asyncio.sleep(self._times.move_retry_seconds)
        if steps:
            _log.info("moved to another folder", action="index.moved", fingerprint=self._fingerprint)


def _wire(place: Place) -> dict[str, Any]:
    return {"path": str(place.path), "space": place.space, "dimension": place.dimension}
