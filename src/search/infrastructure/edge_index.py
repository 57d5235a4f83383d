"""The chunk index on Qdrant Edge: the parent's side. The shard itself lives in edge_process.py."""

import asyncio
import contextlib
import json
import re
from array import array
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

import psutil

from search.application.ports import DocumentVersion, IndexAnswer, IndexCapabilities, Unit
from search.domain.filters import Filters
from search.domain.terms import SparseVector
from search.infrastructure.edge_wire import from_wire, payload_of, to_wire
from shared.events.ingest import Labels
from shared.kernel import DocumentId, Unavailable
from shared.ports.model import Model
from shared.runtime.children import ChildEnded, ChildError, ChildProcess
from shared.telemetry import get_log

_MODULE: Final = "search.infrastructure.edge_process"
_LOCK_WAIT_SECONDS: Final = 5.0
_MOST_UNITS: Final = 500
_PIECE: Final = 125
"""Units a call of the child: a search waits at most for one such piece."""
_PACKAGED_DIMENSION: Final = 384
_FOLDER: Final = re.compile(r"(?P<dimension>\d+)-(?P<fingerprint>[\w.]+)-a(?P<analysis>[\w.]+)")
_SAFE: Final = re.compile(r"[^\w.]")

_log = get_log("search")


class EdgeIndex:
    """An async context manager; the child starts beside everything else, and again when it dies.

    `folder` holds one shard per vector space and analysis version: another model means another shard.
    """

    capabilities = IndexCapabilities(survives_kill_unflushed=True)

    def __init__(self, folder: Path, model: Model, analysis_version: str) -> None:
        self._folder = folder
        self._model = model
        self._analysis_version = analysis_version
        self._fingerprint: str | None = None
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
        if self._opening is not None:
            # Not cancelled: a child that was just started must not be left behind.
            await asyncio.wait({self._opening}, timeout=4 * _LOCK_WAIT_SECONDS)
        if self._child is not None:
            with contextlib.suppress(ChildEnded, ChildError, TimeoutError):
                await asyncio.wait_for(self._child.call("close"), 10)
            await self._child.stop()
            self._child = None
            self._owner_file.unlink(missing_ok=True)

    @property
    def fingerprint(self) -> str | None:
        """See ChunkIndex."""
        return self._fingerprint

    @property
    def is_ready(self) -> bool:
        """Whether the child answers now."""
        return self._child is not None and self._child.is_alive

    async def ready(self) -> None:
        """See ChunkIndex."""
        await self._owner()

    async def upsert(self, units: Sequence[Unit]) -> None:
        """See ChunkIndex."""
        assert len(units) <= _MOST_UNITS
        for start in range(0, len(units), _PIECE):
            await self._write("upsert", units=[to_wire(unit) for unit in units[start : start + _PIECE]])

    async def delete(self, versions: Sequence[DocumentVersion]) -> None:
        """See ChunkIndex."""
        for start in range(0, len(versions), _PIECE):
            await self._write("delete", versions=[list(pair) for pair in versions[start : start + _PIECE]])

    async def set_labels(self, document_id: DocumentId, labels: Labels) -> None:
        """See ChunkIndex."""
        await self._write("set_payload", document=document_id, payload=payload_of(labels))

    async def flush(self) -> None:
        """See ChunkIndex."""
        await self._write("flush")

    async def search(
        self,
        *,
        dense: bytes | None,
        sparse: SparseVector | None,
        filters: Filters = (),
        limit: int = 100,
        window: int = 1000,
    ) -> IndexAnswer:
        """See ChunkIndex."""
        if sparse is not None and not sparse.indices:
            sparse = None
        answer = await self._call(
            "search",
            dense=dense,
            indices=None if sparse is None else array("I", sparse.indices).tobytes(),
            values=None if sparse is None else array("f", sparse.values).tobytes(),
            conditions=[asdict(condition) for condition in filters],
            limit=limit,
            window=window,
        )
        return IndexAnswer(
            dense=[from_wire(entry) for entry in answer["dense"]],
            sparse=[from_wire(entry) for entry in answer["sparse"]],
            total=answer["total"],
            total_is_exact=answer["exact"],
        )

    async def versions(self, *, after: str | None, limit: int) -> tuple[Sequence[DocumentVersion], str | None]:
        """See ChunkIndex."""
        answer = await self._call("versions", after=after, limit=limit)
        return [(DocumentId(document), version) for document, version in answer["versions"]], answer["next"]

    async def size(self) -> int:
        """See ChunkIndex."""
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
            name, dimension, self._fingerprint = await placing
            try:
                await child.call("open", path=str(name), dimension=dimension, wait_seconds=_LOCK_WAIT_SECONDS)
            except ChildError as error:
                if error.kind != "ShardLocked":
                    raise
                await asyncio.to_thread(self._end_former_owner)
                await child.call("open", path=str(name), dimension=dimension, wait_seconds=_LOCK_WAIT_SECONDS)
            await asyncio.to_thread(self._record_owner, child.pid)
        except (ChildEnded, ChildError) as error:
            await child.kill()
            raise Unavailable(f"The index cannot be opened: {error}.", code="index_unavailable") from error
        except BaseException:
            await child.kill()
            raise
        self._child = child
        return child

    def _place(self) -> tuple[Path, int, str | None]:
        """The shard's folder, dimension and vector space; without a model, those used last."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            model = self._model.describe()
            dimension, fingerprint = model.dimension, model.fingerprint
        except Unavailable as error:
            found = [
                (path.stat().st_mtime, path, match)
                for path in self._folder.iterdir()
                if (match := _FOLDER.fullmatch(path.name)) and match["analysis"] == self._analysis_version
            ]
            _log.warning("no model: keyword search only", action="index.no_model", error=error.detail)
            if found:
                _, path, match = max(found, key=lambda item: item[0])
                return path, int(match["dimension"]), None
            dimension, fingerprint = _PACKAGED_DIMENSION, "none"
        name = f"{dimension}-{_SAFE.sub('_', fingerprint)[:40]}-a{self._analysis_version}"
        return self._folder / name, dimension, fingerprint

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
