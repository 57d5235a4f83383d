"""Gives room back, now and then: the bytes and artefacts that no document refers to any more.

Nothing goes because it was not found. What removed documents gave up (positive evidence) goes into the trash, if no
other document has the same bytes. What has no record at all is an orphan: it goes there only if the store proves that
it belongs to these blobs, and not when there are suspiciously many. What has waited in the trash for its time, and is
still not referred to, is deleted for good.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from ingest.application.ports import ReleaseStore
from shared.kernel import DocumentId
from shared.ports.duties import DutyStore
from shared.ports.health import ComponentHealth
from shared.ports.storage import BlobInventory
from shared.runtime.background import Background
from shared.runtime.belonging import BLOBS, Belonging
from shared.runtime.duty import Duty
from shared.runtime.suspicion import Suspicion
from shared.telemetry import Metrics, get_log

_DOCUMENTS_AT_ONCE: Final = 500
_HASHES_AT_ONCE: Final = 1_000
_log = get_log("ingest")


@dataclass(frozen=True, slots=True)
class CollectorTimes:
    """When the collector looks, and what is old enough for it."""

    first_after_seconds: float = 120.0
    every_seconds: float = 900.0
    orphans_every_seconds: float = 3600.0
    """A look at everything that is kept."""
    young_seconds: float = 3600.0
    """An upload stores its bytes before its document: what is younger stays."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What one collection did."""

    discarded: int = 0
    """Hashes that went into the trash."""
    orphans: int = 0
    """Of those, the ones without any record."""
    destroyed: int = 0
    """Originals and artefacts that are gone for good."""
    objection: str | None = None
    """Why nothing, or no orphan, was touched."""


class BlobCollector(Background):
    """An async context manager; while entered, it collects every quarter of an hour, if no other process does."""

    def __init__(
        self,
        releases: ReleaseStore,
        blobs: BlobInventory,
        duties: DutyStore,
        belonging: Belonging,
        metrics: Metrics,
        *,
        trash_seconds: float,
        times: CollectorTimes,
    ) -> None:
        """What goes waits in the trash for `trash_seconds`."""
        self._releases = releases
        self._blobs = blobs
        # Longer than the pauses, so that the process that has it keeps it; nothing depends on it but room.
        self._duty = Duty(duties, "ingest.collect", lease_seconds=2 * times.every_seconds)
        self._belonging = belonging
        self._metrics = metrics
        self._trash_seconds = trash_seconds
        self._times = times
        self._one_at_a_time = asyncio.Lock()
        self.suspicion = Suspicion("originals without a record", metrics, confirm="seoga collect --confirm")
        """Why a collection stopped, until one is confirmed or finds less."""

    async def collect(
        self, *, young_seconds: float | None = None, with_orphans: bool = True, is_confirmed: bool = False
    ) -> Collected:
        """Once; `is_confirmed`: an operator has seen how many orphans there are, and wants them gone.

        Raises Unavailable.
        """
        young = self._times.young_seconds if young_seconds is None else young_seconds
        async with self._one_at_a_time:
            await self._blobs.tidy(older_than_seconds=young)
            if objection := await self._belonging.objection(BLOBS):
                return Collected(objection=objection)
            discarded = await self._discard_released(young)
            orphans = await self._discard_orphans(young, is_confirmed=is_confirmed) if with_orphans else 0
            destroyed = await self._destroy(self._trash_seconds)
        done = Collected(discarded + orphans, orphans, destroyed, self.suspicion.words)
        self._metrics.count("collected_blobs", done.destroyed)
        self._metrics.count("discarded_hashes", done.discarded)
        return done

    async def empty_trash(self) -> Collected:
        """Everything in it goes for good now, if nobody refers to it. Raises Unavailable."""
        async with self._one_at_a_time:
            if objection := await self._belonging.objection(BLOBS):
                return Collected(objection=objection)
            # What was put there this very moment too.
            destroyed = await self._destroy(-1.0)
        self._metrics.count("collected_blobs", destroyed)
        return Collected(destroyed=destroyed)

    async def check(self) -> ComponentHealth:
        """For health: whether a collection waits for an operator."""
        return self.suspicion.health()

    @override
    async def run(self) -> None:
        await asyncio.sleep(self._times.first_after_seconds)
        orphans_at = time.monotonic()
        async with self._duty:
            while True:
                try:
                    if await self._duty.hold():
                        is_due = time.monotonic() >= orphans_at
                        done = await self.collect(with_orphans=is_due)
                        if is_due:
                            orphans_at = time.monotonic() + self._times.orphans_every_seconds
                        _tell(done)
                except Exception as error:  # tries again later: nothing depends on it but room
                    _log.warning("collecting failed", action="blobs.collect", error=str(error))
                await asyncio.sleep(self._times.every_seconds)

    async def _discard_released(self, young: float) -> int:
        after: DocumentId | None = None
        discarded = 0
        while page := await self._releases.released(after=after, limit=_DOCUMENTS_AT_ONCE):
            after = page[-1].document_id
            given_up = {sha256 for release in page for sha256 in release.hashes}
            unused = given_up - set(await self._releases.referred(given_up))
            stay = set(await self._blobs.discard(unused, older_than_seconds=young))
            discarded += len(unused) - len(stay)
            await self._releases.forget([release.document_id for release in page if stay.isdisjoint(release.hashes)])
        return discarded

    async def _discard_orphans(self, young: float, *, is_confirmed: bool) -> int:
        """Looks at everything before anything goes."""
        await self._belonging.count_collection(BLOBS)
        found: list[str] = []
        after: str | None = None
        total, is_last = 0, False
        while not is_last:
            page, after = await self._blobs.hashes(after)
            is_last = after is None
            total += len(page)
            known = set(await self._releases.referred(page))
            found += (sha256 for sha256 in page if sha256 not in known)
        # Asked last: what was removed during the look has a record here.
        given_up = await self._given_up()
        orphans = await self._old([sha256 for sha256 in found if sha256 not in given_up], young)
        if self.suspicion.raised_by(len(orphans), total, is_confirmed=is_confirmed):
            return 0
        discarded = 0
        for first in range(0, len(orphans), _HASHES_AT_ONCE):
            some = orphans[first : first + _HASHES_AT_ONCE]
            discarded += len(some) - len(await self._blobs.discard(some, older_than_seconds=young))
        return discarded

    async def _old(self, hashes: Sequence[str], young: float) -> list[str]:
        """Without those whose record may be on its way."""
        old: list[str] = []
        for first in range(0, len(hashes), _HASHES_AT_ONCE):
            some = hashes[first : first + _HASHES_AT_ONCE]
            stay = set(await self._blobs.young(some, younger_than_seconds=young))
            old += (sha256 for sha256 in some if sha256 not in stay)
        return old

    async def _given_up(self) -> set[str]:
        """What removed documents gave up and is too young to go: it has a record still."""
        found = set[str]()
        after: DocumentId | None = None
        while page := await self._releases.released(after=after, limit=_DOCUMENTS_AT_ONCE):
            after = page[-1].document_id
            found.update(sha256 for release in page for sha256 in release.hashes)
        return found

    async def _destroy(self, waited_seconds: float) -> int:
        due = sorted(await self._blobs.waiting(longer_than_seconds=waited_seconds))
        destroyed = 0
        for first in range(0, len(due), _HASHES_AT_ONCE):
            some = due[first : first + _HASHES_AT_ONCE]
            # A store that was put back refers to them again.
            referred = set(await self._releases.referred(some))
            await self._blobs.bring_back(referred)
            unused = [sha256 for sha256 in some if sha256 not in referred]
            destroyed += await self._blobs.destroy(unused, waiting_longer_than_seconds=waited_seconds)
        return destroyed


def _tell(done: Collected) -> None:
    if done.objection is not None:
        _log.warning("not collected", action="blobs.collect", reason=done.objection)
    if done.discarded or done.destroyed:
        _log.info(
            "collected",
            action="blobs.collect",
            discarded=done.discarded,
            orphans=done.orphans,
            destroyed=done.destroyed,
        )
