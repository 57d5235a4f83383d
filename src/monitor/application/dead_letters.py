"""Dead letters of every kind: events that a group could not handle and jobs that were given up."""

import contextlib
import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import ValidationError

from monitor.application.ports import JourneyStore
from shared.events.delivery import DeadLetterReplayed
from shared.events.envelope import Envelope, wrap
from shared.kernel import Conflict, DocumentId, NotFound
from shared.ports.event_bus import DeadLetter, EventBus
from shared.ports.jobs import BuriedJob, JobStore
from shared.vocabulary import MONITOR

_MOST_JOBS: Final = 1_000
_RAW_CHARACTERS: Final = 2_000
_MOST_LOOKED_AT: Final = 10_000
"""Newest events, and newest jobs of each module, among which those with a reason are looked for."""
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter, whichever kind it is."""

    id: str
    kind: Literal["event", "job"]
    module: str
    """Who could not handle it."""
    subject: str
    """The event's name, `job:<kind>`, or the topic of what is no event."""
    document_id: DocumentId | None
    document_version: int | None
    reason: str
    attempts: int
    buried_at: datetime
    replayed_at: datetime | None
    content: dict[str, Any] | str
    """The event's or job's payload; the first 2,000 characters of what is not readable."""
    envelope: dict[str, Any] | None = None
    """Of an event, without its payload."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended, in the bus's letters and among the jobs."""

    letter_id: str | None = None
    job_buried_at: str = ""
    job_id: str = ""


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Newest first."""

    items: Sequence[Letter]
    next_place: Place | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the letters with a reason."""

    matching: int
    """Those that may be tried again and were not yet, before this."""
    letters: Sequence[Letter]
    """Those that are tried again now; in a dry run, those that would be."""

    @property
    def left(self) -> int:
        """How many still match: ask again for them."""
        return self.matching - len(self.letters)


class DeadLetters:
    """The bus's letters and the buried jobs of every module as one list."""

    def __init__(
        self, bus: EventBus, job_stores: Mapping[str, JobStore], journeys: JourneyStore, *, producer: str = MONITOR
    ) -> None:
        self._bus = bus
        self._job_stores = job_stores
        self._journeys = journeys
        self._producer = producer

    async def page(self, *, collections: frozenset[str] | None, after: Place, limit: int) -> LetterPage:
        """Newest first; only letters about documents of these collections, None for all letters.

        A page may be shorter than `limit` though another follows.
        """
        letters = [
            _of_letter(letter) for letter in await self._bus.dead_letters(after=after.letter_id, limit=limit + 1)
        ]
        jobs = [
            job for job in await self._jobs() if not after.job_id or _key(job) < (after.job_buried_at, after.job_id)
        ]
        merged = list(heapq.merge(letters, jobs[: limit + 1], key=_key, reverse=True))
        page = merged[:limit]
        place = after
        for item in page:
            if item.kind == "event":
                place = Place(item.id, place.job_buried_at, place.job_id)
            else:
                place = Place(place.letter_id, *_key(item))
        return LetterPage(await self._visible(page, collections), place if len(merged) > limit else None)

    async def count(self, collections: frozenset[str] | None) -> int:
        """Letters that nobody replayed yet, about documents of these collections (None: all); events up to 1,000."""
        letters = [one for one in await self._bus.dead_letters(limit=_MOST_JOBS) if one.replayed_at is None]
        if collections is None:
            return len(letters) + len(await self._jobs())
        return len(await self._visible([*map(_of_letter, letters), *await self._jobs()], collections))

    async def replay(self, letter_id: str, collections: frozenset[str] | None) -> Letter:
        """Has it tried again. Raises NotFound, Conflict when it can never be delivered, Unavailable."""
        letter = await self._find(letter_id)
        if not await self._visible([letter], collections):
            raise _not_found(letter_id)
        return await self._replay(letter)

    async def replay_all(
        self,
        *,
        reason: str = "",
        ids: Collection[str] | None = None,
        collections: frozenset[str] | None,
        limit: int,
        dry_run: bool,
    ) -> Replayed:
        """Has up to `limit` tried again whose reason contains these words, in whatever case; oldest first.

        Of `ids` only, where they are given. What is no event and what was replayed already is left out. Raises
        Unavailable: then some may have been tried again, and asking once more does the rest.
        """
        wanted = reason.casefold()
        among = await self._all() if ids is None else await self._found(ids)
        letters = [letter for letter in among if wanted in letter.reason.casefold() and _is_due(letter)]
        matching = await self._visible(letters, collections)
        chosen = sorted(matching, key=_key)[:limit]
        if dry_run:
            return Replayed(len(matching), chosen)
        replayed = []
        for letter in chosen:
            # Somebody else may just have replayed it.
            with contextlib.suppress(NotFound):
                replayed.append(await self._replay(letter))
        return Replayed(len(matching) - len(chosen) + len(replayed), replayed)

    async def _replay(self, letter: Letter) -> Letter:
        fact = DeadLetterReplayed(
            group=letter.module,
            dead_letter_id=letter.id,
            subject=letter.subject,
            document_id=letter.document_id,
            document_version=letter.document_version,
        )
        if letter.kind == "job":
            await self._job_stores[letter.module].replay(letter.id, fact)
            return letter
        if isinstance(letter.content, str):
            raise Conflict("This is not an event and can never be delivered.", code="poison_letter")
        # First the fact: were the event handled (or buried again) before it, the fact would undo the newer state.
        await self._bus.publish(wrap(fact, producer=self._producer))
        return _of_letter(await self._bus.replay(letter.id))

    async def _find(self, letter_id: str) -> Letter:
        try:
            return _of_letter(await self._bus.dead_letter(letter_id))
        except NotFound:
            for job in await self._jobs():
                if job.id == letter_id:
                    return job
        raise _not_found(letter_id)

    async def _found(self, ids: Collection[str]) -> list[Letter]:
        letters = []
        for letter_id in dict.fromkeys(ids):
            # Of several, one may have been replayed or deleted by now.
            with contextlib.suppress(NotFound):
                letters.append(await self._find(letter_id))
        return letters

    async def _all(self) -> list[Letter]:
        letters: list[Letter] = []
        after: str | None = None
        while len(letters) < _MOST_LOOKED_AT:
            page = await self._bus.dead_letters(after=after, limit=_PAGE)
            letters += [_of_letter(letter) for letter in page]
            if len(page) < _PAGE:
                break
            after = page[-1].id
        return letters + await self._jobs(_MOST_LOOKED_AT)

    async def _jobs(self, most: int = _MOST_JOBS) -> list[Letter]:
        jobs = [
            _of_job(module, job)
            for module, store in sorted(self._job_stores.items())
            for job in await store.buried(limit=most)
        ]
        return sorted(jobs, key=_key, reverse=True)

    async def _visible(self, letters: Sequence[Letter], collections: frozenset[str] | None) -> list[Letter]:
        if collections is None:
            return list(letters)
        documents = {letter.document_id for letter in letters if letter.document_id}
        of = await self._journeys.collections_of(documents) if documents else {}
        return [letter for letter in letters if letter.document_id and of.get(letter.document_id) in collections]


def _is_due(letter: Letter) -> bool:
    return letter.replayed_at is None and not isinstance(letter.content, str)


def _not_found(letter_id: str) -> NotFound:
    return NotFound(f"There is no dead letter with the id {letter_id}.", code="dead_letter_not_found")


def _key(letter: Letter) -> tuple[str, str]:
    return f"{letter.buried_at:%Y-%m-%dT%H:%M:%S.%f}", letter.id


def _of_letter(letter: DeadLetter) -> Letter:
    content: dict[str, Any] | str
    around: dict[str, Any] | None = None
    try:
        envelope = Envelope.from_json(letter.raw)
        subject, content = envelope.name, envelope.payload
        around = envelope.model_dump(mode="json", exclude={"payload"})
    except ValidationError:
        subject, content = letter.topic, letter.raw[: 4 * _RAW_CHARACTERS].decode(errors="replace")[:_RAW_CHARACTERS]
    fields = content if isinstance(content, dict) else {}
    document_id, version = fields.get("document_id"), fields.get("document_version")
    return Letter(
        id=letter.id,
        kind="event",
        module=letter.group,
        subject=subject,
        document_id=DocumentId(document_id) if isinstance(document_id, str) else None,
        document_version=version if isinstance(version, int) else None,
        reason=letter.reason,
        attempts=letter.attempts,
        buried_at=letter.buried_at,
        replayed_at=letter.replayed_at,
        content=content,
        envelope=around,
    )


def _of_job(module: str, job: BuriedJob) -> Letter:
    return Letter(
        id=job.id,
        kind="job",
        module=module,
        subject=f"job:{job.kind}",
        document_id=job.document_id,
        document_version=job.document_version,
        reason=job.reason,
        attempts=job.attempts,
        buried_at=job.buried_at,
        replayed_at=None,
        content=job.payload,
    )
