"""What words, names and headings there are: in memory, collection by collection, and brought up to what is live.

Nothing needs it to answer: without it there are no corrections, and suggestions wait for it. A process that nobody asks
never reads it.
"""

import asyncio
import contextlib
import time
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self, TypeVar

from search.application.ports.live_store import HitRecord, LiveStore
from search.application.ports.versions import DocumentVersion, LiveVersion
from search.domain.completion import LONGEST, RANK, Completion, Suggestion, merged
from search.domain.folding import fold
from search.domain.spelling import Correction, Spelling, Unknown, corrections, unknown_words, written_words
from search.domain.tokens import Stem
from search.domain.writings import with_what_is_meant
from shared.kernel import DocumentId, NotFound, Unavailable
from shared.telemetry import get_log

_PAGE: Final = 1_000
_CHUNKS_TOGETHER: Final = 100
_MOST_HEADINGS: Final = 200
"""Of one document."""

_Counted = TypeVar("_Counted", int, str)
_log = get_log("search")


@dataclass(frozen=True, slots=True)
class VocabularyTimes:
    """How much of the machine it takes, and how late it may be."""

    first_seconds: float = 3.0
    """From the first search to the first reading: what starts a server has other work."""
    pause_seconds: float = 0.02
    """Between two readings of chunks, so that searches go on."""
    again_seconds: float = 2.0
    """From one look at what is live to the next, at least; at least ten times as long as the last one took too."""
    suggest_seconds: float = 5.0
    """How long suggestions wait for the first reading."""
    catch_up_seconds: float = 0.3
    """The same for a later one."""


@dataclass(slots=True)
class _Version:
    """What a version of a document has put into its collection's shelf."""

    collection: str
    words: "array[int]"
    headings: tuple[str, ...]


@dataclass(slots=True)
class _Shelf:
    """Of one collection. Word numbers are of the whole vocabulary."""

    words: Counter[int] = field(default_factory=Counter)
    headings: Counter[str] = field(default_factory=Counter)
    names: dict[str, int] = field(default_factory=dict)
    versions: int = 0
    spelling: Spelling | None = None
    """Of the words when they were read last."""
    completion: Completion | None = None
    is_changed: bool = False


_TIMES: Final = VocabularyTimes()


class Vocabulary:
    """An async context manager. What a key may not see it is not told of, not even a word."""

    def __init__(
        self,
        store: LiveStore,
        stem: Stem,
        *,
        times: VocabularyTimes = _TIMES,
        most_words: int = 200_000,
        most_offered: int = 30_000,
    ) -> None:
        """No more than `most_words` different words are known: those that came first."""
        self._store = store
        self._stem = stem
        self._times = times
        self._most_words = most_words
        self._most_offered = most_offered
        self._numbers: dict[str, int] = {}
        self._words: list[str] = []
        self._versions: dict[DocumentVersion, _Version] = {}
        self._shelves: dict[str, _Shelf] = {}
        self._at = -1
        self._not_before = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def knows(self, at: int) -> bool:
        """Whether it has read what is live at this index version."""
        return at == self._at

    def follow(self, at: int) -> None:
        """It will know what is live at this index version, some time later."""
        if at == self._at or (self._task is not None and not self._task.done()):
            return
        loop = asyncio.get_running_loop()
        wait = self._times.first_seconds if self._at < 0 else max(0.0, self._not_before - loop.time())
        self._task = loop.create_task(self._read_later(wait), name="read-vocabulary")

    async def _catch_up(self) -> None:
        """Returns when it has read what is live, or after a while: what has just gone is not to be offered."""
        if self._at < 0:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._read_later(0.0), name="read-vocabulary")
            seconds = self._times.suggest_seconds
        else:
            at = await self._store.index_version()
            self.follow(at)
            seconds = 0.0 if self.knows(at) else self._times.catch_up_seconds
        if seconds and self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._task), seconds)

    def unknown(self, text: str, collections: Collection[str] | None) -> Sequence[Unknown]:
        """Words of a query that stand nowhere in these collections (None: in all), as far as it has read them."""
        spellings = self._spellings(collections)
        return unknown_words(text, spellings) if spellings else ()

    async def corrections(
        self, unknown: Sequence[Unknown], collections: Collection[str] | None
    ) -> Sequence[Correction]:
        """Those that are near to a word of these collections, in order."""
        # Comparing takes milliseconds, and the first time as long as reading the words took.
        return await asyncio.to_thread(corrections, unknown, self._spellings(collections))

    def _spellings(self, collections: Collection[str] | None) -> list[Spelling]:
        return [shelf.spelling for shelf in self._of(collections) if shelf.spelling is not None]

    async def suggest(
        self, typed: str, *, collection: str | None, visible: frozenset[str] | None, limit: int
    ) -> Sequence[Suggestion]:
        """How it may go on, by what is in the collections that may be seen; of several words the last one too.

        Raises NotFound for a collection that is not there or not theirs to see.
        """
        if collection is not None:
            is_hidden = visible is not None and collection not in visible
            if is_hidden or await self._store.unknown_collections([collection]):
                raise NotFound(f"There is no collection named {collection!r}.", code="collection_not_found")
            visible = frozenset((collection,))
        await self._catch_up()
        shelves = self._of(visible)
        if any(shelf.completion is None for shelf in shelves):
            await asyncio.to_thread(lambda: [self._completion(shelf) for shelf in shelves])
        found = self._begin(typed, shelves, limit)
        before, space, last = typed.rstrip().rpartition(" ")
        if space and len(found) < limit:
            # Several words: the last one is being typed, those before it stay.
            more = (
                replace(one, text=f"{before} {one.text}")
                for one in self._begin(last, shelves, limit)
                if one.kind == "word"
            )
            found = merged([found, more], limit=limit)
        return found

    def _begin(self, typed: str, shelves: Sequence[_Shelf], limit: int) -> list[Suggestion]:
        parts = [self._completion(shelf).begin(typed, limit=limit) for shelf in shelves]
        if len(parts) > 1:
            parts = [sorted((one for part in parts for one in part), key=lambda one: (RANK[one.kind], -one.count))]
        return merged(parts, limit=limit)

    def _of(self, collections: Collection[str] | None) -> list[_Shelf]:
        names: Iterable[str] = self._shelves if collections is None else collections
        return [self._shelves[name] for name in names if name in self._shelves]

    def _counts(self, shelf: _Shelf) -> dict[str, int]:
        # A copy, made in one go: a thread may be at it while words are added on the loop.
        return {self._words[number]: count for number, count in list(shelf.words.items()) if count > 0}

    def _completion(self, shelf: _Shelf) -> Completion:
        completion = shelf.completion
        if completion is None:
            words = self._counts(shelf)
            completion = Completion(dict(shelf.names), dict(shelf.headings), words, most_words=self._most_offered)
            shelf.completion = completion
        return completion

    async def _read_later(self, wait_seconds: float) -> None:
        await asyncio.sleep(wait_seconds)
        started = time.monotonic()
        try:
            await self._read()
        except Unavailable as error:
            _log.warning("the vocabulary is read later", action="vocabulary.later", error=error.detail)
        except Exception:
            # Searches go on without it; nobody waits for this task who could say so.
            _log.exception("the vocabulary cannot be read", action="vocabulary.failed")
        took = time.monotonic() - started
        self._not_before = asyncio.get_running_loop().time() + max(self._times.again_seconds, 10 * took)

    async def _read(self) -> None:
        at = await self._store.index_version()
        live: dict[DocumentVersion, LiveVersion] = {}
        after: DocumentId | None = None
        while page := await self._store.live(after=after, limit=_PAGE):
            live |= {(one.document_id, one.version): one for one in page}
            after = page[-1].document_id
        names = {collection: await self._store.names(collection) for collection in self._shelves}
        in_collection = {collection: frozenset(found.values()) for collection, found in names.items()}
        for version, known in list(self._versions.items()):
            # Gone, replaced, or in another collection by now.
            if version not in live or version[0] not in in_collection[known.collection]:
                self._forget(version)
        await self._learn(at, [one for version, one in live.items() if version not in self._versions])
        await self._show_names(names)
        for shelf in self._shelves.values():
            if shelf.is_changed:
                shelf.is_changed = False
                shelf.spelling = await asyncio.to_thread(Spelling, self._counts(shelf), self._stem)
                shelf.completion = None
        self._at = at

    async def _learn(self, at: int, versions: Sequence[LiveVersion]) -> None:
        """What is not live any more by now is left out."""
        places = [(one.document_id, one.version, ordinal) for one in versions for ordinal in range(one.chunk_count)]
        for start in range(0, len(places), _CHUNKS_TOGETHER):
            part = places[start : start + _CHUNKS_TOGETHER]
            try:
                records = [record for record in await self._store.hits(at, part) if record is not None]
                words = await asyncio.to_thread(lambda found: [_words_of(one) for one in found], records)
            except Unavailable:
                # Half a version is none: it is read again.
                for document_id, version, _ in part:
                    if (document_id, version) in self._versions:
                        self._forget((document_id, version))
                raise
            for record, written in zip(records, words, strict=True):
                self._add(record, written)
            await asyncio.sleep(self._times.pause_seconds)

    def _add(self, record: HitRecord, words: Iterable[str]) -> None:
        numbers = [number for word in words if (number := self._number(word)) is not None]
        version = record.document_id, record.version
        known = self._versions.get(version)
        if known is None:
            known = self._versions[version] = _Version(record.labels.collection, array("I"), ())
            self._shelves.setdefault(known.collection, _Shelf()).versions += 1
        shelf = self._shelves[known.collection]
        known.words.extend(numbers)
        shelf.words.update(numbers)
        fresh = [one for one in record.chunk.headings if 1 < len(one) <= LONGEST and one not in known.headings][
            : _MOST_HEADINGS - len(known.headings)
        ]
        known.headings += tuple(fresh)
        shelf.headings.update(fresh)
        shelf.is_changed = True

    def _number(self, word: str) -> int | None:
        number = self._numbers.get(word)
        if number is None and len(self._words) < self._most_words:
            number = self._numbers[word] = len(self._words)
            self._words.append(word)
        return number

    def _forget(self, version: DocumentVersion) -> None:
        known = self._versions.pop(version)
        shelf = self._shelves[known.collection]
        _take_off(shelf.words, known.words)
        _take_off(shelf.headings, known.headings)
        shelf.is_changed = True
        shelf.versions -= 1
        if not shelf.versions:
            del self._shelves[known.collection]

    async def _show_names(self, known: Mapping[str, Mapping[str, DocumentId]]) -> None:
        """Names are labels: they change while versions stay. `known`: of the collections that were there before."""
        for collection, shelf in list(self._shelves.items()):
            found = known[collection] if collection in known else await self._store.names(collection)
            names = dict(Counter(_shown_name(name) for name in found))
            if names != shelf.names:
                shelf.names, shelf.completion = names, None


def _take_off(counts: Counter[_Counted], given: Iterable[_Counted]) -> None:
    gone = list(given)
    counts.subtract(gone)
    for one in set(gone):
        if counts[one] <= 0:
            del counts[one]


def _shown_name(name: str) -> str:
    """As people would type it: without folders and ending."""
    last = name.rpartition("/")[2]
    stem, dot, ending = last.rpartition(".")
    return (stem if dot and stem and len(ending) <= 8 else last)[:LONGEST]


def _words_of(record: HitRecord) -> frozenset[str]:
    return frozenset(written_words(with_what_is_meant(fold(record.chunk.text))))
