"""Compares the list of documents with what the other modules have, and sets going again what does not agree.

A store that was copied a moment earlier than another, or made anew, leaves documents that are waited for and never
come, or that are said to be searchable and are not found. What can be made again from the originals is made again by
itself; the rest is told.
"""

import asyncio
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from typing_extensions import override

from ingest.application.inventory import DocumentInventory, Kept
from ingest.application.originals import LOST_CODES, original_state
from ingest.application.remaking import Remaking
from shared.kernel import Damaged, DocumentId, NotFound, Unavailable
from shared.ports.duties import DutyStore
from shared.ports.event_bus import EventBus
from shared.ports.health import Checked, ComponentHealth
from shared.ports.jobs import JobStore
from shared.ports.served import Served, ServedDocuments, Shown
from shared.ports.storage import BlobStore
from shared.runtime.background import Background
from shared.runtime.duty import Duty
from shared.telemetry import Metrics, get_log
from shared.vocabulary import JOB_KINDS

_PAGE: Final = 200
_AT_ONCE: Final = 8
_SHARES: Final = 64
"""So many rounds read every original and chunk artefact once; sizes and records are compared in each."""
_MOST_NAMED: Final = 20
_MOST_LACKING: Final = 1_000
"""Documents whose original was missing are looked at again soon: somebody may upload it."""
_MOST_DOUBLINGS: Final = 8
_log = get_log("ingest")

Reason = Literal["not_served", "served_otherwise", "no_work", "artefact_lost", "original_back", "still_served"]
"""Why a document is set going again; the metric's label."""


@dataclass(frozen=True, slots=True)
class ComparingTimes:
    """When it is compared, and how fast."""

    start_seconds: float = 5.0
    """A server that starts has better things to do."""
    settle_seconds: float = 30.0
    """What does not agree must have stayed so for this time: events that tell of it may be on their way."""
    every_seconds: float = 3600.0
    """Between rounds past everything; what did not agree is looked at again as soon as it has settled."""
    share: float = 0.1
    """Of the time that is spent comparing; the rest belongs to others."""


_TIMES: Final = ComparingTimes()


@dataclass(slots=True)
class Comparison:
    """What one round found."""

    documents: int = 0
    """Compared, tombstones not counted."""
    healed: dict[str, int] = field(default_factory=dict)
    """How many were set going again, by reason."""
    adopted: int = 0
    """Documents that only searches knew, and that are in the list again."""
    missing: list[DocumentId] = field(default_factory=list)
    """Whose original is not there."""
    damaged: list[DocumentId] = field(default_factory=list)
    """Whose original is not what was uploaded."""
    unknown: list[DocumentId] = field(default_factory=list)
    """Shown by searches, and not in the list; they could not be adopted."""

    @property
    def words(self) -> str:
        """For health: what a person has to do; empty where nothing is."""
        said = []
        for lost, what in ((self.missing, "missing"), (self.damaged, "damaged")):
            if lost:
                way_out = "upload these files again, or bring back a backup"
                said.append(f"{len(lost)} originals are {what} ({_named(lost)}): {way_out}")
        if self.unknown:
            said.append(
                f"{len(self.unknown)} documents are found that are not in the list ({_named(self.unknown)}): "
                "their originals are missing, upload them again"
            )
        return "; ".join(said)


class Comparing(Background):
    """An async context manager; while entered, one process for all compares, round after round."""

    def __init__(
        self,
        *,
        inventory: DocumentInventory,
        remaking: Remaking,
        blobs: BlobStore,
        served: ServedDocuments,
        job_stores: Mapping[str, JobStore],
        bus: EventBus,
        duties: DutyStore,
        metrics: Metrics,
        times: ComparingTimes = _TIMES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`job_stores` are those of the modules that work on documents, by module."""
        self._inventory = inventory
        self._remaking = remaking
        self._blobs = blobs
        self._served = served
        self._job_stores = job_stores
        self._bus = bus
        self._duty = Duty(duties, "ingest.compare", lease_seconds=max(60.0, 4 * times.settle_seconds))
        self._metrics = metrics
        self._times = times
        self._monotonic = monotonic
        self._rounds = 0
        self._due_at = monotonic()
        self._last: Comparison | None = None
        # Since when a document does not agree, and how it was then.
        self._suspects: dict[DocumentId, tuple[float, object]] = {}
        self._known_damaged: set[DocumentId] = set()
        metrics.count("documents_healed_total", 0, reason="adopted")

    async def check(self) -> ComponentHealth:
        """For health; nothing of it keeps a server from working."""
        if self._last is None:
            return ComponentHealth(True, "not compared yet", required=False)
        words = self._last.words
        if words:
            return ComponentHealth(False, words, required=False)
        return ComponentHealth(True, f"{self._last.documents:,} documents compared", required=False)

    @override
    async def run(self) -> None:
        await asyncio.sleep(self._times.start_seconds)
        async with self._duty:
            while True:
                try:
                    if await self._duty.hold():
                        if self._monotonic() >= self._due_at:
                            await self.compare()
                            self._due_at = self._monotonic() + self._times.every_seconds
                        else:
                            await self.look_again()
                except Unavailable as error:
                    _log.debug("comparing waits", action="documents.compare", reason=str(error))
                except Exception:
                    _log.exception("comparing failed", action="documents.compare")
                # Another process may have the duty, or a store may be away: then as soon as after a doubt.
                left = self._due_at - self._monotonic()
                is_quiet = left > 0 and not self._suspects and not self._lacking()
                await asyncio.sleep(left if is_quiet else self._times.settle_seconds)

    async def compare(self) -> Comparison:
        """One round past everything. Raises Unavailable."""
        await self._must_hear()
        done = Comparison()
        self._rounds += 1
        after: DocumentId | None = None
        while page := await self._inventory.kept(after=after, limit=_PAGE):
            started = self._monotonic()
            after = page[-1].document_id
            await self._look_at(page, done)
            await self._rest(started)
        await self._look_for_unknown(done)
        self._last = done
        self._tell(done)
        return done

    async def look_again(self) -> Comparison:
        """Only at what did not agree, and at what lacked its original. Raises Unavailable."""
        await self._must_hear()
        done = Comparison()
        shown = [how for _, how in self._suspects.values() if isinstance(how, Shown)]
        kept = [one for one, (_, how) in self._suspects.items() if not isinstance(how, Shown)]
        lacking = self._lacking()
        kept = list(dict.fromkeys((*kept, *lacking[:_MOST_LACKING])))
        for first in range(0, len(kept), _PAGE):
            started = self._monotonic()
            page = kept[first : first + _PAGE]
            found = await self._inventory.some_kept(page)
            for gone in set(page) - {one.document_id for one in found}:
                self._suspects.pop(gone, None)
            await self._look_at(found, done)
            await self._rest(started)
        await self._look_at_shown(shown, done)
        if self._last is not None:
            self._last.unknown = done.unknown
            seen = set(kept)
            self._last.missing = [*done.missing, *(one for one in self._last.missing if one not in seen)]
            self._last.damaged = [*done.damaged, *(one for one in self._last.damaged if one not in seen)]
        self._tell(done)
        return done

    def _lacking(self) -> Sequence[DocumentId]:
        return [*self._last.missing, *self._last.damaged] if self._last is not None else ()

    async def _must_hear(self) -> None:
        if isinstance(self._bus, Checked) and not (await self._bus.check()).ready:
            raise Unavailable("The event bus is not well: what does not agree may be on its way.")

    async def _look_at(self, page: Sequence[Kept], done: Comparison) -> None:
        served = await self._served.served([kept.document_id for kept in page])
        busy = await self._at_work(page)
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(kept: Kept) -> None:
            async with room:
                reason = await self._disagreement(kept, served.get(kept.document_id), busy, done)
                if reason is None:
                    self._suspects.pop(kept.document_id, None)
                    return
                if reason != "original_back" and not self._has_settled(kept.document_id, (reason, kept)):
                    return
                known = served.get(kept.document_id)
                if await self._remaking.set_going(kept, above=known.version if known else 0):
                    done.healed[reason] = done.healed.get(reason, 0) + 1
                    self._metrics.count("documents_healed_total", reason=reason)

        async with asyncio.TaskGroup() as tasks:
            for kept in page:
                tasks.create_task(one(kept))

    async def _at_work(self, page: Sequence[Kept]) -> set[DocumentId]:
        """Those that a job waits for or works on."""
        versions = [
            (kept.document_id, kept.standing.content_version)
            for kept in page
            if kept.standing.status in ("received", "processing")
        ]
        busy: set[DocumentId] = set()
        for module, kinds in JOB_KINDS.items():
            for kind in kinds:
                if versions and module in self._job_stores:
                    busy.update(one for one, _ in await self._job_stores[module].unfinished(kind, versions))
        return busy

    async def _disagreement(
        self, kept: Kept, served: Served | None, busy: set[DocumentId], done: Comparison
    ) -> Reason | None:
        standing = kept.standing
        live = served.live_version if served else None
        if standing.status == "withdrawn":
            if live is not None:
                return "still_served"
            return None if standing.removed else "no_work"
        done.documents += 1
        is_original_well = await self._check_original(kept, done)
        if standing.status == "searchable":
            if live is None or live < standing.indexed_version:
                return "not_served"
            if live > standing.content_version:
                return "served_otherwise"
            return "artefact_lost" if is_original_well and not await self._has_chunks(kept) else None
        if standing.status == "failed":
            failure = standing.failure
            is_back = failure is not None and failure.code in LOST_CODES and is_original_well
            return "original_back" if is_back else None
        return None if kept.document_id in busy else "no_work"

    async def _check_original(self, kept: Kept, done: Comparison) -> bool:
        if kept.sha256 is None:
            return False
        was_lost = kept.standing.failure is not None and kept.standing.failure.code in LOST_CODES
        thorough = self._is_turn(kept.document_id) or was_lost or kept.document_id in self._known_damaged
        state = await original_state(self._blobs, kept.sha256, kept.size, thorough=thorough)
        self._known_damaged.discard(kept.document_id)
        if state == "missing":
            done.missing.append(kept.document_id)
        elif state == "damaged":
            done.damaged.append(kept.document_id)
            self._known_damaged.add(kept.document_id)
        return state == "well"

    async def _has_chunks(self, kept: Kept) -> bool:
        artefact = kept.standing.chunks_artefact
        if artefact is None:
            return True
        if not self._is_turn(kept.document_id):
            return await self._blobs.exists(artefact)
        try:
            await self._blobs.read(artefact)
        except (NotFound, Damaged):
            return False
        return True

    async def _look_for_unknown(self, done: Comparison) -> None:
        """What searches show and the list does not know: the list is older, so it learns of them again."""
        after: DocumentId | None = None
        while page := await self._served.shown(after=after, limit=_PAGE):
            started = self._monotonic()
            after = page[-1].document_id
            await self._look_at_shown(page, done)
            await self._rest(started)

    async def _look_at_shown(self, page: Sequence[Shown], done: Comparison) -> None:
        unknown = set(await self._inventory.unknown([shown.document_id for shown in page])) if page else set()
        for shown in page:
            if shown.document_id in unknown:
                await self._adopt(shown, done)
            elif isinstance(self._suspects.get(shown.document_id, (0, None))[1], Shown):
                del self._suspects[shown.document_id]

    async def _adopt(self, shown: Shown, done: Comparison) -> None:
        if not self._has_settled(shown.document_id, shown):
            return
        served = (await self._served.served([shown.document_id])).get(shown.document_id)
        if served is None or served.live_version is None:
            del self._suspects[shown.document_id]
            return
        if await self._remaking.adopt(shown, served):
            done.adopted += 1
            self._metrics.count("documents_healed_total", reason="adopted")
        else:
            done.unknown.append(shown.document_id)

    def _has_settled(self, document_id: DocumentId, how: object) -> bool:
        """Whether it has been so for a while; the longer, the more often it was set going in vain."""
        now = self._monotonic()
        since, before = self._suspects.get(document_id, (now, how))
        if before != how:
            since = now
        self._suspects[document_id] = (since, how)
        doublings = min(_MOST_DOUBLINGS, self._remaking.tries(document_id))
        return now - since >= self._times.settle_seconds * (1 << doublings)

    def _is_turn(self, document_id: DocumentId) -> bool:
        return zlib.crc32(document_id.encode()) % _SHARES == self._rounds % _SHARES

    async def _rest(self, started: float) -> None:
        # A round may take longer than the lease; done by two at once, it is done twice and no harm.
        await self._duty.hold()
        await asyncio.sleep((self._monotonic() - started) * (1 / self._times.share - 1))

    def _tell(self, done: Comparison) -> None:
        if self._last is not None:
            self._metrics.gauge("originals_missing", len(self._last.missing))
            self._metrics.gauge("originals_damaged", len(self._last.damaged))
            self._metrics.gauge("documents_unknown", len(self._last.unknown))
        if done.healed or done.adopted:
            _log.warning(
                "documents that did not agree go on their way again",
                action="documents.heal",
                adopted=done.adopted,
                **done.healed,
            )
        if done is self._last and done.words:
            _log.warning("documents lack something", action="documents.compare", reason=done.words)


def _named(documents: Sequence[DocumentId]) -> str:
    names = ", ".join(documents[:_MOST_NAMED])
    return names if len(documents) <= _MOST_NAMED else f"{names}, …"
