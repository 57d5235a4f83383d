"""Takes away units nobody can see any more, and builds again what the index has lost. Runs behind everything.

Any number of processes may do so on one index and store, while others write.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from search.application.index_writer import IndexWriter
from search.application.labelling import Labelling
from search.application.ports.analysis import Analyzer
from search.application.ports.chunk_index import ChunkIndex
from search.application.ports.live_store import LiveInventory
from search.application.ports.versions import DocumentVersion
from search.application.snapshots import Snapshots
from search.application.units import build_units, read_artefacts
from search.application.wholeness import Wholeness
from shared.events.envelope import wrap
from shared.events.search import ArtefactsLost
from shared.kernel import DocumentId, Refused, Unavailable
from shared.ports.duties import DutyStore
from shared.ports.event_bus import EventBus
from shared.ports.health import ComponentHealth
from shared.ports.jobs import JobStore
from shared.ports.storage import BlobStore
from shared.runtime.background import Background
from shared.runtime.backoff import Backoff
from shared.runtime.beats import until_beat
from shared.runtime.belonging import INDEX, Belonging
from shared.runtime.duty import Duty
from shared.runtime.suspicion import Suspicion
from shared.telemetry import Metrics, get_log
from shared.vocabulary import INDEX_JOB, SEARCH

_BATCH: Final = 100
_PAGE: Final = 1000

_log = get_log("search")


@dataclass(frozen=True, slots=True)
class CleaningTimes:
    """When the cleaner looks, and how long it waits for others."""

    start_seconds: float = 0.5
    """Before the recovery: what is left over is hidden anyway, and a server that starts has better things to do."""
    shortest_wait_seconds: float = 0.05
    longest_wait_seconds: float = 1.0
    """While a search still reads an older version, or a version is still being written."""
    patience_seconds: float = 10.0
    """For those; then they are looked at again with the others."""
    look_again_seconds: float = 10.0
    """For what other processes have retired, and what was retired too lately to go at once."""
    sweep_seconds: float = 3600.0
    """Between looks through the whole index, of one process for all. Hardly anything is ever found: what a worker
    wrote that was killed, or stood still, while a newer version took its job away. A thousand versions cost two
    calls."""
    sweep_lease_seconds: float = 7200.0
    """Longer than the pauses between sweeps, so that the process that sweeps keeps doing it."""
    pause_seconds: float = 0.005
    """Between pages of the recovery, for those who search meanwhile."""
    rebuild_lease_seconds: float = 60.0
    """After this time at the latest another process builds lost units again in the place of one that is gone."""
    unavailable_seconds: float = 1.0


_TIMES: Final = CleaningTimes()


class Cleaning(Background):
    """An async context manager: one background task, first the recovery, then whatever is retired.

    Now and then one process for all looks for units without a record.
    """

    def __init__(
        self,
        *,
        blobs: BlobStore,
        analyzer: Analyzer,
        index: ChunkIndex,
        writer: IndexWriter,
        store: LiveInventory,
        jobs: JobStore,
        duties: DutyStore,
        snapshots: Snapshots,
        labelling: Labelling,
        wholeness: Wholeness,
        bus: EventBus,
        belonging: Belonging,
        metrics: Metrics,
        times: CleaningTimes = _TIMES,
    ) -> None:
        self._blobs = blobs
        self._analyzer = analyzer
        self._index = index
        self._writer = writer
        self._store = store
        self._jobs = jobs
        self._snapshots = snapshots
        self._labelling = labelling
        labelling.attend(self.doubt)
        self._wholeness = wholeness
        wholeness.attend(on_loss=self.wake, is_beside=self._is_beside)
        self._bus = bus
        self._belonging = belonging
        self._suspicion = Suspicion("units without a record", metrics, confirm="seoga collect --confirm")
        self._times = times
        self._sweep_duty = Duty(duties, "search.sweep", lease_seconds=times.sweep_lease_seconds)
        self._rebuild_duty = Duty(duties, "search.rebuild", lease_seconds=times.rebuild_lease_seconds)
        self._wake = asyncio.Event()
        self._writing: Counter[DocumentVersion] = Counter()
        # Versions that may have units without a record.
        self._doubtful: set[DocumentVersion] = set()
        # Versions whose units were deleted when a job had perhaps just begun to write them.
        self._robbed: set[DocumentVersion] = set()

    def wake(self) -> None:
        """Something was retired."""
        self._wake.set()

    def doubt(self, version: DocumentVersion) -> None:
        """It may have units that nobody will ever see: they go, unless the version is live after all."""
        self._doubtful.add(version)
        self._wake.set()

    @contextmanager
    def sparing(self, version: DocumentVersion) -> Iterator[None]:
        """This version is being written: it has units before it has a record. If that fails, they go."""
        self._doubtful.discard(version)
        self._writing[version] += 1
        try:
            yield
        except BaseException:
            self.doubt(version)
            raise
        finally:
            self._writing[version] -= 1
            if not self._writing[version]:
                del self._writing[version]

    @override
    async def run(self) -> None:
        await self._until_done(self._look_for_emptiness)
        await asyncio.sleep(self._times.start_seconds)
        await self._until_done(self._recover)
        self._wake.set()
        sweep_at = time.monotonic() + self._times.sweep_seconds
        async with self._sweep_duty, self._rebuild_duty:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(until_beat(self._times.look_again_seconds)):
                        await self._wake.wait()
                self._wake.clear()
                await self._until_done(self._clean)
                await self._until_done(self._recover_again)
                if time.monotonic() >= sweep_at:
                    await self._until_done(self._sweep)
                    sweep_at = time.monotonic() + self._times.sweep_seconds

    async def _until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
                return
            except Unavailable as error:
                await asyncio.sleep(max(self._times.unavailable_seconds, error.retry_after_seconds))
            except Exception:
                _log.exception("cleaning failed", action="search.clean")
                await asyncio.sleep(self._times.unavailable_seconds)

    def _is_beside(self) -> bool:
        return bool(self._writing or self._doubtful or self._robbed)

    async def _look_for_emptiness(self) -> None:
        """Searches that come before the recovery must not take an index that is gone for one that finds nothing."""
        documents = await self._store.live(after=None, limit=_PAGE)
        if any(live.chunk_count for live in documents) and not await self._index.size():
            await self._store.mark_whole(False)
        self._wholeness.looked_at()

    async def _recover_again(self) -> None:
        """When the index has lost units since, or another process was gone before it had built them all again."""
        if not await self._wholeness.is_whole() and await self._rebuild_duty.hold():
            await self._recover()

    async def _clean(self) -> None:
        await self._look_at_doubtful()
        waiting = Backoff(self._times.shortest_wait_seconds, self._times.longest_wait_seconds)
        enough_at = time.monotonic() + self._times.patience_seconds
        while True:
            oldest, is_newest = await self._snapshots.oldest()
            batch = await self._store.retired(before=oldest, limit=_BATCH)
            if batch:
                await self._index.delete(batch)
                await self._store.forget(batch)
            elif (not is_newest or self._doubtful or self._robbed) and time.monotonic() < enough_at:
                await asyncio.sleep(waiting.next_seconds())
                await self._look_at_doubtful()
            else:
                return

    async def _recover(self) -> None:
        """After a crash: units without a record go, records without units are built again, labels catch up."""
        await self._clean()
        losses = self._wholeness.losses
        missing = await self._live_versions()
        after: str | None = None
        seen = set[DocumentVersion]()
        while True:
            page, after = await self._index.versions(after=after, limit=_PAGE)
            seen.update(page)
            if after is None:
                break
            await asyncio.sleep(self._times.pause_seconds)
        missing.update(dict.fromkeys(seen & missing.keys(), True))
        unrecorded = set[DocumentVersion]()
        unknown = list(seen - missing.keys())
        for first in range(0, len(unknown), _PAGE):
            unrecorded.update(await self._store.unrecorded(unknown[first : first + _PAGE]))
        await self._doubt_unrecorded(unrecorded, len(seen))
        lost = [version for version, found in missing.items() if not found]
        if (lost or not await self._wholeness.is_whole()) and not await self._make_whole(lost, losses):
            return  # another process is at it
        for document_id in await self._store.to_label():
            await self._labelling.apply(document_id)

    async def _make_whole(self, lost: list[DocumentVersion], losses: int) -> bool:
        """By one process for all, so that whoever is done first does not say it for another. False: by another."""
        if not await self._rebuild_duty.hold():
            return False
        if lost:
            _log.warning("building lost units again", action="search.rebuild", documents=len(lost))
            # Until then answers say that they are incomplete, and are not kept; what was kept before is not found.
            await self._store.mark_whole(False)
            await self._rebuild(lost, duty=self._rebuild_duty)
            _log.info("lost units are there again", action="search.rebuilt", documents=len(lost))
        self._wholeness.make_good(losses)
        await self._store.mark_whole(True)
        await self._rebuild_duty.give_back()
        return True

    async def _live_versions(self) -> dict[DocumentVersion, bool]:
        found: dict[DocumentVersion, bool] = {}
        after: DocumentId | None = None
        while page := await self._store.live(after=after, limit=_PAGE):
            # A document of no chunks has no units: it is not lost.
            found.update(((one.document_id, one.version), one.chunk_count == 0) for one in page)
            after = page[-1].document_id
        return found

    async def collect(self, *, is_confirmed: bool = False) -> str | None:
        """A look through the whole index now; `is_confirmed`: also when suspiciously much has no record.

        Why units without a record stay, if they do. Raises Unavailable.
        """
        self._wake.set()
        return await self._look_through(lambda: asyncio.sleep(0, True), is_confirmed=is_confirmed)

    async def check(self) -> ComponentHealth:
        """For health: whether units without a record wait for an operator."""
        return self._suspicion.health()

    async def _sweep(self) -> None:
        """Units without a record go, whoever left them behind; as far as the duty is this process's."""
        await self._look_through(self._sweep_duty.hold)

    async def _look_through(
        self, may_go_on: Callable[[], Awaitable[bool]], *, is_confirmed: bool = False
    ) -> str | None:
        after: str | None = None
        seen, unrecorded = set[DocumentVersion](), set[DocumentVersion]()
        while await may_go_on():
            page, after = await self._index.versions(after=after, limit=_PAGE)
            fresh = set(page) - seen
            seen |= fresh
            unrecorded.update(await self._store.unrecorded(list(fresh)))
            if after is None:
                return await self._doubt_unrecorded(unrecorded, len(seen), is_confirmed=is_confirmed)
            await asyncio.sleep(self._times.pause_seconds)
        return None

    async def _doubt_unrecorded(
        self, versions: Collection[DocumentVersion], total: int, *, is_confirmed: bool = False
    ) -> str | None:
        """Units go because their record is missing: only if the store proves to know, and not if that is too many.

        The answer says why they stay.
        """
        if versions and (objection := await self._belonging.objection(INDEX)):
            _log.warning("units without a record stay", action="search.orphans", reason=objection)
            return objection
        if self._suspicion.raised_by(len(versions), total, is_confirmed=is_confirmed):
            return self._suspicion.words
        # What this process writes just now has no record yet; should that fail, it is doubted then.
        doubtful = [version for version in versions if version not in self._writing]
        for first in range(0, len(doubtful), _PAGE):
            self._doubtful.update(doubtful[first : first + _PAGE])
            await self._look_at_doubtful()
        return None

    async def _look_at_doubtful(self) -> None:
        asked = list(self._doubtful - self._writing.keys())
        finished, orphans = await self._looked_up(asked)
        self._doubtful.difference_update(set(finished) - set(orphans))
        # A job that began meanwhile took its version out of the doubtful ones. From here to the index's queue
        # nothing waits, so that a job of this process that begins now writes after this deletes.
        orphans = [version for version in orphans if version in self._doubtful and version not in self._writing]
        if orphans:
            _log.info("deleting units without a record", action="search.orphans", versions=len(orphans))
            await self._index.delete(orphans)
            self._doubtful.difference_update(orphans)
            # A job of another process may have begun since it was asked for (a dead letter was replayed), and have
            # written before this deleted: then it is there now, or the version is live.
            _, still = await self._looked_up(orphans)
            self._robbed |= set(orphans) - set(still)
            await self._store.forget(still)
        await self._make_good()

    async def _make_good(self) -> None:
        if not self._robbed:
            return
        finished, orphans = await self._looked_up(list(self._robbed))
        if live := [version for version in finished if version not in orphans]:
            await self._rebuild(live)
            # What was found meanwhile may have been kept.
            await self._store.mark_whole(await self._wholeness.is_whole())
        self._robbed.difference_update(finished)

    async def _looked_up(
        self, versions: Sequence[DocumentVersion]
    ) -> tuple[Sequence[DocumentVersion], Sequence[DocumentVersion]]:
        """Those whose job is not at work any more, in whichever process; and which of these have no record.

        The jobs are asked first: a job ends after its switch, so the record of a job that has ended is there. Asked
        the other way round, a job could switch and end between the two questions, and what it wrote would go.
        """
        if not versions:
            return (), ()
        unfinished = set(await self._jobs.unfinished(INDEX_JOB, versions))
        finished = [version for version in versions if version not in unfinished]
        return finished, await self._store.unrecorded(finished) if finished else ()

    async def _rebuild(self, versions: list[DocumentVersion], *, duty: Duty | None = None) -> None:
        wanted = set(versions)
        after: DocumentId | None = None
        while page := await self._store.live(after=after, limit=_PAGE):
            after = page[-1].document_id
            for live in page:
                if (live.document_id, live.version) not in wanted:
                    continue
                if duty is not None:
                    await duty.hold()
                state = await self._store.document(live.document_id)
                if state is None or state.labels is None or state.live_version != live.version:
                    continue
                try:
                    artefacts = await read_artefacts(self._blobs, live.sources)
                except Refused as error:
                    _log.warning(
                        "cannot build again", action="search.rebuild", document_id=live.document_id, error=error.detail
                    )
                    lost = ArtefactsLost(
                        document_id=live.document_id, document_version=live.version, reason=error.detail
                    )
                    await self._bus.publish(wrap(lost, producer=SEARCH))
                    continue
                await self._writer.write(
                    await build_units(
                        self._analyzer,
                        artefacts,
                        document_id=live.document_id,
                        version=live.version,
                        language=live.language,
                        labels=state.labels,
                    )
                )
                # Others that came meanwhile were set on what was there.
                await self._labelling.apply(live.document_id, carried=state.labels_version)
