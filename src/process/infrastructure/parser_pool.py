"""Parsers behind the port: a few warm child processes, each killed when a file is too much for it."""

import asyncio
import math
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, overload

from pydantic import ValidationError
from typing_extensions import override

from process.application.ports import DocumentParser, ManyPages, PageRange
from process.infrastructure.turns import Pace, Turns
from shared.artefacts.parsed import ParsedDocument
from shared.kernel import Refused, Unavailable
from shared.ports.health import ComponentHealth
from shared.runtime.children import ChildEnded, ChildError, ChildLimits, ChildNotStarted, ChildProcess
from shared.runtime.sandbox import ALL
from shared.telemetry import Metrics, get_log
from shared.vocabulary import PARSE

_MODULE: Final = "process.infrastructure.parser_child"
_DOCUMENTS_PER_CHILD: Final = 2_000
_PEAK_BYTES_PER_CHILD: Final = 256 << 20
"""A child that once needed more gives it back by ending."""
_LEAST_TIME: Final = 0.01
_MOST_PATIENCE: Final = 10
"""A parser that gets hardly any time is given up after so many times its limit."""
_MOST_KILLS: Final = 3
_MOST_REMEMBERED: Final = 1_000
_log = get_log("process")


@dataclass(slots=True, eq=False)
class _Parser:
    child: ChildProcess
    documents: int = 0
    reaper: asyncio.TimerHandle | None = field(default=None)


class ParserPool(DocumentParser):
    """DocumentParser over child processes; an async context manager that starts nothing until it is needed."""

    def __init__(
        self,
        *,
        workers: int,
        timeout_seconds: float,
        memory_bytes: int,
        most_characters: int,
        metrics: Metrics,
        most_parts: int = 10_000,
        most_part_bytes: int = 1 << 30,
        scratch: Path | None = None,
        module: str = _MODULE,
        idle_seconds: float = 60.0,
        documents_per_child: int = _DOCUMENTS_PER_CHILD,
    ) -> None:
        """`module` is what the children run: one that answers `parse` as parser_child.py does.

        A child ends after `idle_seconds` without a document. What it may write lies below `scratch`, which exists then.
        """
        self._most_characters = most_characters
        self._scratch = None if scratch is None else str(scratch.absolute())
        self._part_limits = {"most": most_parts, "most_bytes": most_part_bytes}
        self._timeout_seconds = timeout_seconds
        self._memory_bytes = memory_bytes
        self._metrics = metrics
        self._module = module
        self._idle_seconds = idle_seconds
        self._documents_per_child = documents_per_child
        self._workers = workers
        self._turns = Turns(workers)
        self._idle: list[_Parser] = []
        self._busy: set[_Parser] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = True
        self._not_given_up: frozenset[str] = frozenset()
        # Files whose parser was killed from outside, and how often; oldest first.
        self._killed: dict[str, int] = {}
        self._pace = Pace()

    async def __aenter__(self) -> Self:
        self._closed = False
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        parsers = [*self._idle, *self._busy]
        self._idle.clear()
        for parser in parsers:
            if parser.reaper is not None:
                parser.reaper.cancel()
        await asyncio.gather(*(parser.child.kill() for parser in parsers), *self._ending, return_exceptions=True)

    @property
    def child_pids(self) -> list[int]:
        """The children alive now."""
        return [parser.child.pid for parser in (*self._idle, *self._busy) if parser.child.is_alive]

    async def health(self) -> ComponentHealth:
        """Ready while open: children are started when a document comes."""
        busy, idle = len(self._busy), len(self._idle)
        if self._closed:
            return ComponentHealth(ready=False, detail="The parsers are stopped.")
        detail = f"{busy} parsers busy, {idle} idle, at most {self._workers}."
        if self._not_given_up:
            detail += f" This machine cannot take from them: {', '.join(sorted(self._not_given_up))}."
        return ComponentHealth(ready=True, detail=detail)

    @property
    @override
    def most_characters(self) -> int:
        return self._most_characters

    @overload
    async def parse(
        self,
        path: str,
        media_type: str,
        name: str,
        *,
        parts_folder: str | None = ...,
        password: str | None = ...,
        most_pages: None = None,
    ) -> ParsedDocument: ...
    @overload
    async def parse(
        self,
        path: str,
        media_type: str,
        name: str,
        *,
        parts_folder: str | None = ...,
        password: str | None = ...,
        most_pages: int | None = ...,
    ) -> ParsedDocument | ManyPages: ...
    @override
    async def parse(
        self,
        path: str,
        media_type: str,
        name: str,
        *,
        parts_folder: str | None = None,
        password: str | None = None,
        most_pages: int | None = None,
    ) -> ParsedDocument | ManyPages:
        asked = self._asked(path, media_type, parts_folder, password)
        if most_pages is not None:
            asked["most_pages"] = most_pages
        async with self._turns.turn(_size_of(path)):
            answer = await self._call("parse", name, asked)
        return ManyPages(int(answer["pages"])) if "pages" in answer else _document(answer)

    @override
    async def read_pages(
        self, path: str, media_type: str, name: str, pages: PageRange, *, password: str | None = None
    ) -> bytes:
        asked = self._asked(path, media_type, None, password) | {"first": pages.first, "last": pages.last}
        del asked["parts"]
        async with self._turns.turn(pages.bytes, is_large=self._pace.is_slow(path)):
            with self._pace.of(path):
                answer = await self._call("parse_pages", name, asked)
        found: bytes = answer["range"]
        return found

    @override
    async def assemble(
        self,
        path: str,
        media_type: str,
        name: str,
        ranges: Sequence[bytes],
        *,
        parts_folder: str | None = None,
        password: str | None = None,
    ) -> ParsedDocument:
        asked = self._asked(path, media_type, parts_folder, password) | {"ranges": list(ranges)}
        async with self._turns.turn(_size_of(path), is_large=True):
            return _document(await self._call("parse", name, asked))

    @property
    @override
    def at_once(self) -> int:
        return self._workers

    def _asked(self, path: str, media_type: str, parts_folder: str | None, password: str | None) -> dict[str, Any]:
        return {
            "path": path,
            "media_type": media_type,
            "most_characters": self._most_characters,
            "parts": None if parts_folder is None else {"folder": parts_folder, **self._part_limits},
        } | ({} if password is None else {"password": password})

    async def _call(self, method: str, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        """A child's answer, for whoever has a turn. Raises as the port says."""
        path = str(asked["path"])
        parser = await self._take()
        keep = False
        try:
            answer = await self._answer(parser, method, asked)
            parser.documents += 1
            self._not_given_up = ALL - (parser.child.given_up or frozenset())
            keep = answer["peak_bytes"] < _PEAK_BYTES_PER_CHILD and parser.documents < self._documents_per_child
        except TimeoutError:
            raise self._gave_up(
                name,
                "parse_timeout",
                f"Reading the file took longer than {self._timeout_seconds:g} seconds and was stopped. It may be "
                "damaged or unusually complex: save it again, or split it.",
            ) from None
        except ChildNotStarted as error:
            raise Unavailable(
                "No parser could be started: it ended before it was given a file, which happens when the machine "
                "runs out of memory or threads. What it said is in the log.",
                code="parser_not_started",
                retry_after_seconds=5,
            ) from error
        except ChildEnded:
            await self._judge_end(parser, path)
            raise self._gave_up(
                name,
                "parser_crashed",
                "The file made its reader crash, which damaged files do. Save it again and upload the new file.",
            ) from None
        except ChildError as error:
            keep = error.kind != "MemoryError"
            raise self._refusal(name, error) from None
        finally:
            self._busy.discard(parser)
            if keep and parser.child.is_alive and not self._closed:
                self._put_back(parser)
            else:
                self._end(parser)
        self._killed.pop(path, None)
        return answer

    async def _answer(self, parser: _Parser, method: str, asked_for: dict[str, Any]) -> dict[str, Any]:
        """Raises TimeoutError after the time limit, in which waiting for a core is not counted."""
        asked = asyncio.create_task(
            parser.child.call(
                method,
                # The last word, should this process not look at the time itself.
                within_seconds=self._timeout_seconds * (_MOST_PATIENCE + 1),
                **asked_for,
                # The wall limit is the parent's; this one holds even when the parent is held up.
                cpu_seconds=math.ceil(self._timeout_seconds) + 1,
            )
        )
        clock, limit = time.monotonic, self._timeout_seconds
        started, starved_before = clock(), _starved_seconds(parser.child.pid)
        left = limit
        try:
            while not (await asyncio.wait({asked}, timeout=left))[0]:
                lasted = clock() - started
                left = limit + _starved_seconds(parser.child.pid) - starved_before - lasted
                if left < limit * _LEAST_TIME:
                    raise TimeoutError
                if lasted > limit * _MOST_PATIENCE:
                    raise Unavailable("The machine is too busy to read files.", code="out_of_time")
            answer: dict[str, Any] = asked.result()
            return answer
        finally:
            if not asked.done():
                asked.cancel()

    async def _judge_end(self, parser: _Parser, path: str) -> None:
        """Raises Unavailable for a parser that was killed from outside, which the system does when memory runs out.

        A file whose parser that happens to again and again is to blame, though: it would take the machine down.
        """
        if await parser.child.end_signal() is not signal.SIGKILL:
            return
        times = self._killed.pop(path, 0) + 1
        if times >= _MOST_KILLS:
            return
        self._killed[path] = times
        if len(self._killed) > _MOST_REMEMBERED:
            del self._killed[next(iter(self._killed))]
        self._metrics.count("process_parser_failures_total", code="parser_killed")
        raise Unavailable(
            "A parser was killed from outside, as the system does when the machine runs out of memory.",
            code="parser_killed",
            retry_after_seconds=5,
        )

    async def _take(self) -> _Parser:
        while self._idle:
            parser = self._idle.pop()
            if parser.reaper is not None:
                parser.reaper.cancel()
            if parser.child.is_alive:
                self._busy.add(parser)
                return parser
            self._end(parser)
        child = await ChildProcess.start(
            self._module,
            limits=ChildLimits(memory_bytes=self._memory_bytes, is_sandboxed=True, writable=self._scratch),
        )
        parser = _Parser(child)
        self._busy.add(parser)
        return parser

    def _put_back(self, parser: _Parser) -> None:
        parser.reaper = asyncio.get_running_loop().call_later(self._idle_seconds, self._reap, parser)
        self._idle.append(parser)

    def _reap(self, parser: _Parser) -> None:
        if parser in self._idle:
            self._idle.remove(parser)
            self._end(parser)

    def _end(self, parser: _Parser) -> None:
        task = asyncio.get_running_loop().create_task(parser.child.kill())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _refusal(self, name: str, error: ChildError) -> Refused:
        if error.kind == "Unreadable":
            return Refused(
                error.detail,
                code=str(error.data.get("code", "unreadable")),
                stage=PARSE,
                retryable=bool(error.data.get("retryable")),
            )
        if error.kind == "MemoryError":
            return self._gave_up(
                name,
                "too_much_memory",
                f"Reading the file needs more than the {self._memory_bytes >> 20} MB that one file may use. "
                "It may be damaged; otherwise split it into smaller documents.",
            )
        _log.warning("parser failed", action="parse.failed", document=name, error=str(error))
        self._metrics.count("process_parser_failures_total", code="parser_failed")
        return Refused(
            f"The file could not be read; it seems to be damaged or of an unusual kind ({error.kind}). "
            "Save it again, or in another format, and upload the new file.",
            code="parser_failed",
            stage=PARSE,
        )

    def _gave_up(self, name: str, code: str, reason: str) -> Refused:
        _log.warning("parser ended", action="parse.ended", document=name, code=code)
        self._metrics.count("process_parser_failures_total", code=code)
        return Refused(reason, code=code, stage=PARSE, retryable=True)


def _document(answer: dict[str, Any]) -> ParsedDocument:
    try:
        return ParsedDocument.from_bytes(answer["document"])
    except ValidationError as error:
        raise RuntimeError(f"a parser answered with something else than a parsed document: {error}") from error


def _starved_seconds(pid: int) -> float:
    """How long the process's main thread has waited for a core since it began; 0 where the kernel does not say."""
    try:
        # Documentation/scheduler/sched-stats.rst: time on a core and time waiting for one, in nanoseconds.
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _size_of(path: str) -> int:
    """In bytes; 0 for a file that is not there, of which the parser tells."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
