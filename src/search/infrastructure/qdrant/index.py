"""The chunk index on a Qdrant server, which any number of processes share."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Self, TypeVar

from qdrant_client import models
from typing_extensions import override

from search.application.ports.chunk_index import ChunkIndex, DenseVector, IndexAnswer, Matches, ScoredUnit, Unit
from search.application.ports.versions import DocumentVersion
from search.domain.filters import Filters
from search.domain.terms import SparseVector
from search.infrastructure.payloads import labels_payload
from search.infrastructure.points import ANALYSIS
from search.infrastructure.qdrant.collections import Collection, QdrantCollections
from search.infrastructure.qdrant.filters import is_value, of_versions
from search.infrastructure.qdrant.layout import COPIED
from search.infrastructure.qdrant.moving import Moving, MovingTimes
from search.infrastructure.qdrant.points import MOST_UNITS, to_point
from search.infrastructure.qdrant.searching import Searching
from search.infrastructure.qdrant.server import QdrantServer, Rejected
from shared.events.ingest import Labels
from shared.kernel import DocumentId, Unavailable
from shared.ports.duties import DutyStore
from shared.ports.health import ComponentHealth
from shared.ports.model import Model
from shared.runtime.grouping import GroupedCalls
from shared.runtime.resilience import Remotes
from shared.settings import Settings, WrongSettings

T = TypeVar("T")
Write = Callable[[Collection], Awaitable[None]]
"""Into one collection."""
_MOST_UNITS_A_CALL: Final = 500
_VERSIONS_A_REQUEST: Final = 125
_MOST_LOOKS: Final = 5
"""At what is written where, for one write or search; each is due to another process's step of a move."""
_MOVING: Final = MovingTimes()


class QdrantIndex(ChunkIndex):
    """An async context manager; entering it waits for the server at most as long as one call may take.

    Collections and aliases: collections.py. Another model, or another version of the analysis, means another
    collection, filled while the former one answers: moving.py.
    """

    def __init__(
        self,
        settings: Settings,
        model: Model,
        analyzer_version: str,
        duties: DutyStore,
        remotes: Remotes,
        *,
        moving: MovingTimes = _MOVING,
    ) -> None:
        self._analysis = analyzer_version
        self._server = QdrantServer(settings, remotes)
        self._collections = QdrantCollections(self._server, settings)
        self._searching = Searching(self._server, self._collections.alias, settings)
        self._moving = Moving(self._server, self._collections, duties, model, analyzer_version, times=moving)
        # In the order they came: what is deleted and then written stays written.
        self._writes: GroupedCalls[Write, Exception | None] = GroupedCalls(self._write_all, name="write-index", most=50)

    async def __aenter__(self) -> Self:
        """Raises WrongSettings for what waiting cannot mend, if the server can say so now."""
        await self._server.__aenter__()
        try:
            await self._server.check_version()
            await self._moving.look_first()
        except (Unavailable, Rejected):
            # Tried again in the background, which also tells it.
            pass
        except BaseException:
            await self._server.__aexit__()
            raise
        self._moving.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._moving.end()
        await self._server.__aexit__()

    @property
    @override
    def fingerprint(self) -> str | None:
        """Another process may have changed it since this one asked."""
        standing = self._moving.standing
        return None if standing is None else standing.serving.place.space

    @property
    @override
    def losses(self) -> int:
        """The server's business: it keeps what it acknowledged."""
        return 0

    @property
    def counts_what_is_there(self) -> bool:
        """Whether scores are free of deleted units at once: a question of the server's version."""
        return self._server.counts_what_is_there

    @override
    async def ready(self) -> None:
        with _known_as_unavailable():
            await self._server.check_version()
            await self._moving.follow_model()

    async def check(self) -> ComponentHealth:
        """How the server is, in words. Raises Unavailable."""
        with _known_as_unavailable():
            await self._server.check_version()
            standing = await self._moving.look()
            size = await self._size()
        words = f"{size:,} units in {standing.serving.name} of Qdrant {self._server.version}"
        if standing.filling:
            words += "; another collection is being filled"
        return ComponentHealth(True, words)

    @override
    async def upsert(self, units: Sequence[Unit]) -> None:
        assert len(units) <= _MOST_UNITS_A_CALL

        async def write(to: Collection) -> None:
            for start in range(0, len(units), MOST_UNITS):
                part = units[start : start + MOST_UNITS]
                await self._upsert(to, [to_point(unit, to.place, self._analysis) for unit in part])

        if units:
            await self._write(write)

    @override
    async def delete(self, versions: Sequence[DocumentVersion]) -> None:
        async def write(to: Collection) -> None:
            for start in range(0, len(versions), _VERSIONS_A_REQUEST):
                await self._delete(to, versions[start : start + _VERSIONS_A_REQUEST])

        if versions:
            await self._write(write)

    @override
    async def set_labels(self, document_id: DocumentId, labels: Labels) -> None:
        own = models.Filter(must=[is_value("document", document_id)])
        # They are as they are to be: whoever is copying leaves them so (see copying.py).
        payload = {**labels_payload(labels), COPIED: None}

        async def write(to: Collection) -> None:
            await self._server.call(lambda client: client.set_payload(to.name, payload, own, wait=True))

        await self._write(write)

    async def flush(self) -> None:
        """Nothing: what was acknowledged is in the write-ahead log of a majority of replicas.

        That log survives the end of the server's process; a loss of power only as its disk and replicas do.
        """

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

        async def ask(serving: Collection) -> IndexAnswer:
            return await self._searching.search(serving.place, dense, sparse, filters, limit, window)

        return await self._read(ask)

    @override
    async def vectors(self, units: Sequence[ScoredUnit]) -> Sequence[DenseVector | None]:
        async def ask(serving: Collection) -> Sequence[DenseVector | None]:
            return await self._searching.vectors(serving.place, units)

        return await self._read(ask)

    @override
    async def documents(
        self, *, dense: DenseVector | None, sparse: SparseVector | None, filters: Filters = (), most: int
    ) -> Matches:
        if sparse is not None and not sparse.indices:
            sparse = None

        async def ask(serving: Collection) -> Matches:
            return await self._searching.documents(serving.place, dense, sparse, filters, most)

        return await self._read(ask)

    @override
    async def versions(self, *, after: str | None, limit: int) -> tuple[Sequence[DocumentVersion], str | None]:
        """Units of another version of the analysis are left out: they are to be built again."""
        present = models.Filter(must=[is_value(ANALYSIS, self._analysis)])

        async def ask(_: Collection) -> tuple[list[models.Record], models.ExtendedPointId | None]:
            return await self._server.call(
                lambda client: client.scroll(
                    self._collections.alias,
                    scroll_filter=present,
                    limit=limit,
                    offset=after,
                    with_payload=["document", "version"],
                )
            )

        records, following = await self._read(ask)
        payloads = [record.payload or {} for record in records]
        found = {(DocumentId(payload["document"]), int(payload["version"])) for payload in payloads}
        return list(found), None if following is None else str(following)

    @override
    async def size(self) -> int:
        async def ask(_: Collection) -> int:
            return await self._size()

        return await self._read(ask)

    async def _size(self) -> int:
        counted = await self._server.call(lambda client: client.count(self._collections.alias, exact=True))
        return int(counted.count)

    async def _upsert(self, to: Collection, points: list[models.PointStruct]) -> None:
        await self._server.call(lambda client: client.upsert(to.name, points, wait=True))

    async def _delete(self, to: Collection, versions: Sequence[DocumentVersion]) -> None:
        those = models.FilterSelector(filter=of_versions(versions))
        await self._server.call(lambda client: client.delete(to.name, those, wait=True))

    async def _write(self, write: Write) -> None:
        with self._doubting(), _known_as_unavailable():
            error = await self._writes.ask(write)
            if error is not None:
                raise error

    async def _write_all(self, writes: Sequence[Write]) -> Sequence[Exception | None]:
        """To all that must have them, the one that serves first (why: copying.py); each fails by itself."""
        outcomes: list[Exception | None] = [None] * len(writes)
        standing = self._moving.standing or await self._moving.look()
        written: set[str] = set()
        for _ in range(_MOST_LOOKS):
            for one in standing.written:
                if one.name not in written and await self._is_there(writes, outcomes, one):
                    written.add(one.name)
            if None not in outcomes:
                return outcomes
            # Looked at after the writing: who names another one later reads what was written.
            standing = await self._moving.look()
            if all(one.name in written for one in standing.written):
                self._searching.forget_counts()
                return outcomes
        raise Unavailable("The collections of the index change too fast.", code="index_unavailable")

    async def _is_there(self, writes: Sequence[Write], outcomes: list[Exception | None], to: Collection) -> bool:
        for place, write in enumerate(writes):
            if outcomes[place] is not None:
                continue
            try:
                await write(to)
            except Rejected as error:
                if error.is_missing:
                    self._moving.doubt()
                    return False
                outcomes[place] = error
            except Exception as error:
                outcomes[place] = error
        return True

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._moving.doubt()
            raise

    async def _read(self, ask: Callable[[Collection], Awaitable[T]]) -> T:
        """From what serves now, which may be another collection than this process knows."""
        with self._doubting(), _known_as_unavailable():
            standing = self._moving.standing or await self._moving.look()
            for _ in range(_MOST_LOOKS):
                try:
                    return await ask(standing.serving)
                except Rejected as error:
                    self._moving.doubt()
                    known, standing = standing, await self._moving.look()
                    # One that was missing is there again, or another is.
                    if standing.serving == known.serving and not error.is_missing:
                        raise
        raise Unavailable("The collections of the index change too fast.", code="index_unavailable")


@contextmanager
def _known_as_unavailable() -> Iterator[None]:
    """A request that is refused because of the server's state or a setting says nothing against what was asked."""
    try:
        yield
    except (Rejected, WrongSettings) as error:
        raise Unavailable(error.detail, code="index_unavailable") from error
