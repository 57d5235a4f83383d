"""A steady load, and what was answered to it when: uploads, searches, health and the monitor's view of the servers."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

_UPLOADS_A_SECOND: Final = 4
_SEARCHES_A_SECOND: Final = 2
_LOOKS_A_SECOND: Final = 5
_WATCH_SECONDS: Final = 0.02
_GIVE_UP_SECONDS: Final = 15
_NUMBERS: Final = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request; status 0 is none at all."""

    asked_at: float
    seconds: float
    status: int
    headers: httpx.Headers
    body: Any

    @property
    def at(self) -> float:
        """When it came (monotonic)."""
        return self.asked_at + self.seconds


@dataclass(slots=True)
class Note:
    """A small document with a word that no other has."""

    number: int

    @property
    def word(self) -> str:
        """To look for it."""
        return f"quay{self.number:05}x"

    @property
    def name(self) -> str:
        """In its collection."""
        return f"{self.number:05}.txt"

    @property
    def content(self) -> bytes:
        """A sentence."""
        return f"Berth note {self.word}: the ferry of pier {self.number} pays harbour dues.\n".encode()


def new_notes(count: int) -> list[Note]:
    """Nobody has seen them."""
    return [Note(next(_NUMBERS)) for _ in range(count)]


@dataclass(slots=True)
class Load:
    """Uploads that are refused are tried again, as a careful client does, until they are accepted."""

    client: httpx.AsyncClient
    collection: str
    uploads: list[Answer] = field(default_factory=list)
    searches: list[Answer] = field(default_factory=list)
    health: list[Answer] = field(default_factory=list)
    monitor: list[Answer] = field(default_factory=list)
    ticks: list[Answer] = field(default_factory=list)
    """`/health/live`, which needs nothing but the process."""
    lateness: list[tuple[float, float]] = field(default_factory=list)
    """When this process itself went on, and how late: so busy was the machine."""
    accepted: dict[str, tuple[float, Note]] = field(default_factory=dict)
    """Document id → when it was accepted."""
    waiting: list[Note] = field(default_factory=list)
    """Refused, or without an answer, and not tried again yet."""

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """Never raises for want of an answer."""
        asked_at = time.monotonic()
        try:
            answer = await self.client.request(method, path, **more)
        except httpx.HTTPError as error:
            return Answer(asked_at, time.monotonic() - asked_at, 0, httpx.Headers(), repr(error))
        seconds = time.monotonic() - asked_at
        is_json = "json" in answer.headers.get("content-type", "")
        return Answer(asked_at, seconds, answer.status_code, answer.headers, answer.json() if is_json else answer.text)

    async def upload(self, note: Note) -> Answer:
        """One try."""
        answer = await self.ask("PUT", f"/api/v1/documents/{self.collection}/{note.name}", content=note.content)
        self.uploads.append(answer)
        if answer.status in (200, 202):
            self.accepted.setdefault(answer.body["id"], (answer.at, note))
        else:
            self.waiting.append(note)
        return answer

    async def upload_what_waits(self, *, within: float) -> None:
        """Until everything is accepted."""
        deadline = time.monotonic() + within
        while self.waiting:
            assert time.monotonic() < deadline, f"{len(self.waiting)} are refused: {self.uploads[-1].body}"
            waiting, self.waiting = self.waiting, []
            for note in waiting:
                await self.upload(note)
            await asyncio.sleep(0.2 if self.waiting else 0)

    async def _upload_next(self) -> None:
        # Every other time one of those that were refused, so that new ones come also while all are refused.
        again = self.waiting.pop(0) if self.waiting and len(self.uploads) % 2 else None
        await self.upload(again or new_notes(1)[0])

    async def _search(self) -> None:
        asked = {"query": "what does the ferry pay at the pier", "limit": 5}
        self.searches.append(await self.ask("POST", "/api/v1/search", json=asked))

    async def _look_at_health(self) -> None:
        self.health.append(await self.ask("GET", "/health/ready"))

    async def _look_at_monitor(self) -> None:
        self.monitor.append(await self.ask("GET", "/api/v1/monitor"))

    async def _tick(self) -> None:
        self.ticks.append(await self.ask("GET", "/health/live"))

    async def _watch_the_machine(self) -> None:
        while True:
            due = time.monotonic() + _WATCH_SECONDS
            await asyncio.sleep(_WATCH_SECONDS)
            now = time.monotonic()
            self.lateness.append((now, now - due))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Every request is sent at its time, also while others wait; on leaving, answers are waited for."""
        asked: set[asyncio.Task[None]] = set()

        async def steadily(do: Callable[[], Awaitable[None]], a_second: float) -> None:
            while True:
                task = asyncio.ensure_future(do())
                asked.add(task)
                await asyncio.sleep(1 / a_second)

        streams = [asyncio.create_task(self._watch_the_machine())]
        streams += [
            asyncio.create_task(steadily(do, a_second))
            for do, a_second in (
                (self._upload_next, _UPLOADS_A_SECOND),
                (self._search, _SEARCHES_A_SECOND),
                (self._look_at_health, _LOOKS_A_SECOND),
                (self._look_at_monitor, 1),
                (self._tick, _LOOKS_A_SECOND),
            )
        ]
        try:
            yield
        finally:
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
            await asyncio.gather(*asked)


@asynccontextmanager
async def a_load(url: str, collection: str) -> AsyncIterator[Load]:
    """Not running yet."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
    async with httpx.AsyncClient(base_url=url, timeout=_GIVE_UP_SECONDS, limits=limits) as client:
        yield Load(client, collection)
