"""The chunk index on Qdrant Edge: the parent's side. The shards live in process.py."""

import asyncio
import contextlib
import json
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import psutil
from typing_extensions import override

from search.application.ports.chunk_index import ChunkIndex, DenseVector, IndexAnswer, Unit
from search.application.ports.versions import DocumentVersion
from search.domain.filters import Filters
from search.domain.terms import SparseVector
from search.infrastructure.edge.folders import EdgeFolders, Place
from search.infrastructure.edge.wire import from_wire, to_wire
from search.infrastructure.payloads import labels_payload
from shared.events.ingest import Labels
from shared.kernel import DocumentId, Unavailable
from shared.ports.model import Model
from shared.runtime.children import ChildEnded, ChildError, ChildProcess
from shared.telemetry import get_log

_MODULE: Final = "search.infrastructure.edge.process"
_MOST_UNITS: Final = 500
_PIECE: Final = 125
"""Units a call of the child: a search waits at most for one such piece."""

_log = get_log("search")


@dataclass(frozen=True, slots=True)
class EdgeIndexTimes:
    """How long a former owner is waited for, and when a move begins and goes on."""

    lock_wait_seconds: float = 5.0
    move_after_seconds: float = 0.5
    """A server that starts has better things to do."""
    move_pause_seconds: float = 0.005
    """Between the steps of a move (125 points, 17 ms), for those who search and write meanwhile."""
    move_retry_seconds: float = 1.0


_TIMES: Final = EdgeIndexTimes()


class EdgeIndex(ChunkIndex):
    """An async context manager; the child starts beside everything else, and again when it dies.

    `folder` holds a shard for the vector space and the analysis version. Another model means another shard: its
    points are moved there without their dense vectors, while the former shard answers; then its folder goes.
    """

    def __init__(self, folder: Path, model: Model, analysis_version: str, *, times: EdgeIndexTimes = _TIMES) -> None:
        self._folder = folder
        self._folders = EdgeFolders(folder, analysis_version)
        self._model = model
        self._times = times
        self._fingerprint: str | None = None
        # Where points are to be; another than the shard that answers while they are being moved.
        self._home: Place | None = None
        self._moving: asyncio.Task[None] | None = None
        self._child: ChildProcess | None = None
        self._opening: asyncio.Task[ChildProcess] | None = None
        self._closed = True
        # Writes take turns, in the order they came, so that a search waits for one of them at most.
        self._writes = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._closed = False
        self._begin_opening()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.gather(self._moving, return_exceptions=True)
        if self._opening is not None:
            # Not cancelled: a child that was just started must not be left behind.
            await asyncio.wait({self._opening}, timeout=4 * self._times.lock_wait_seconds)
        if self._child is not None:
            with contextlib.suppress(ChildEnded, ChildError, TimeoutError):
                await asyncio.wait_for(self._child.call("close"), 10)
            await self._child.stop()
            self._child = None
            self._owner_file.unlink(missing_ok=True)

    @property
    @override
    def fingerprint(self) -> str | None:
        return self._fingerprint

    @override
    async def ready(self) -> None:
        await self._owner()
        await self._follow_model()

    @override
    async def upsert(self, units: Sequence[Unit]) -> None:
        assert len(units) <= _MOST_UNITS
        for start in range(0, len(units), _PIECE):
            await self._write("upsert", units=[to_wire(unit) for unit in units[start : start + _PIECE]])

    @override
    async def delete(self, versions: Sequence[DocumentVersion]) -> None:
        for start in range(0, len(versions), _PIECE):
            await self._write("delete", versions=[list(pair) for pair in versions[start : start + _PIECE]])

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
        answer = await self._call(
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
    async def versions(self, *, after: str | None, limit: int) -> tuple[Sequence[DocumentVersion], str | None]:
        answer = await self._call("versions", after=after, limit=limit)
        return [(DocumentId(document), version) for document, version in answer["versions"]], answer["next"]

    @override
    async def size(self) -> int:
        size: int = await self._call("size")
        return size

    async def _write(self, method: str, **arguments: Any) -> None:
        async with self._writes:
            await self._call(method, **arguments)

    async def _call(self, method: str, **arguments: Any) -> Any:
        """Every call may be repeated, so a child that dies under one is started again and asked once more."""
        for last in (False, True):
            child = await self._owner()
            try:
                return await child.call(method, **arguments)
            except ChildEnded as error:
                _log.warning("the index's process ended", action="index.restart", method=method, pid=child.pid)
                if last:
                    raise Unavailable("The index is being started again.", code="index_unavailable") from error
            except ChildError as error:
                raise Unavailable(f"The index could not do that: {error}.", code="index_unavailable") from error
        raise AssertionError("unreachable")

    async def _owner(self) -> ChildProcess:
        """The child that has the shard open; one start for everyone who waits."""
        if self._child is not None and self._child.is_alive:
            return self._child
        if self._closed:
            raise Unavailable("The index is closed.", code="index_unavailable")
        if self._opening is None or self._opening.done():
            self._child = None
            self._opening = self._begin_opening()
        return await asyncio.shield(self._opening)

    def _begin_opening(self) -> asyncio.Task[ChildProcess]:
        self._opening = asyncio.create_task(self._open(), name="open-index")
        # Whoever needs the index meets the error; if nobody does, it is no news.
        self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._opening

    @property
    def _owner_file(self) -> Path:
        return self._folder / "owner.json"

    async def _open(self) -> ChildProcess:
        placing = asyncio.create_task(asyncio.to_thread(self._place))
        child = await ChildProcess.start(_MODULE)
        try:
            serving, home = await placing
            opening = {**_wire(serving), "wait_seconds": self._times.lock_wait_seconds}
            try:
                await child.call("open", **opening)
            except ChildError as error:
                if error.kind != "ShardLocked":
                    raise
                await asyncio.to_thread(self._end_former_owner)
                await child.call("open", **opening)
            if home != serving:
                await child.call("move", **_wire(home))
            await asyncio.to_thread(self._record_owner, child.pid)
        except (ChildEnded, ChildError) as error:
            await child.kill()
            raise Unavailable(f"The index cannot be opened: {error}.", code="index_unavailable") from error
        except BaseException:
            await child.kill()
            raise
        self._fingerprint, self._home = serving.space, home
        self._child = child
        if not self._closed:
            self._begin_moving()
        return child

    def _place(self) -> tuple[Place, Place]:
        """The shard that can answer at once, and the one where the model wants points to be."""
        complete = self._folders.complete()
        try:
            home = self._model_place()
        except Unavailable as error:
            _log.warning("no model: keyword search only", action="index.no_model", error=error.detail)
            home = complete[0] if complete else self._folders.place(None)
        if not complete or home.path in {place.path for place in complete}:
            return home, home
        return complete[0], home

    def _model_place(self) -> Place:
        model = self._model.describe()
        return self._folders.place(model.fingerprint, model.dimension)

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
            await self._call("move", **_wire(home))
            self._home = home
        self._begin_moving()

    @property
    def _home_path(self) -> Path | None:
        return None if self._home is None else self._home.path

    def _begin_moving(self) -> None:
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._move(), name="move-index")

    async def _move(self) -> None:
        """Fills the model's shard, step by step, until it is the one that answers; frees the room of others."""
        await asyncio.sleep(self._times.move_after_seconds)
        steps = 0
        while True:
            try:
                async with self._writes:
                    answer = await self._call("fill", limit=_PIECE)
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
            _log.info("moved to the model's vector space", action="index.moved", fingerprint=self._fingerprint)

    def _record_owner(self, pid: int) -> None:
        with contextlib.suppress(psutil.Error, OSError):
            record = {"pid": pid, "started": psutil.Process(pid).create_time()}
            self._owner_file.write_text(json.dumps(record), encoding="utf-8")

    def _end_former_owner(self) -> None:
        """A child whose parent was killed and that did not end: only the very process on record is ended."""
        with contextlib.suppress(psutil.Error, OSError, ValueError, KeyError, TypeError):
            record = json.loads(self._owner_file.read_text(encoding="utf-8"))
            former = psutil.Process(int(record["pid"]))
            if abs(former.create_time() - float(record["started"])) < 0.01:
                _log.warning("ending the index's former process", action="index.end_former", pid=former.pid)
                former.kill()
                former.wait(5)


def _wire(place: Place) -> dict[str, Any]:
    return {"path": str(place.path), "space": place.space, "dimension": place.dimension}
