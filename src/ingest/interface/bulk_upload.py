"""Uploading many files through the API: found, sent eight at a time, then watched until each has its end.

A server that goes away is waited for: what it answered for is safe, and sending the rest again is harmless.
"""

import json
import os
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx

from shared.runtime.client import ApiProblem, json_of, patient

T = TypeVar("T")
_UPLOADS_AT_ONCE: Final = 8
_PIECE_BYTES: Final = 256 << 10
_PAGE: Final = 200
_FEW: Final = 2 * _PAGE
_FINAL: Final = frozenset(("searchable", "failed", "withdrawn"))
_ABOUT_ALL_FILES: Final = frozenset(("collection_not_allowed", "wrong_metadata"))
_FIRST_COLUMN: Final = "[progress.description]{task.description}"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file and the name that its document gets."""

    path: Path
    name: str
    size: int


@dataclass(slots=True)
class Outcome:
    """What became of one file."""

    path: Path
    name: str
    status: str
    """As the API says; `refused` also for files that could not be read or sent."""
    reason: str = ""
    document_id: str | None = None
    duplicate: bool = False

    @property
    def is_bad(self) -> bool:
        """Whether the file is not, and will not be, searchable."""
        return self.status in ("refused", "failed", "withdrawn")

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        path = str(self.path).encode(errors="replace").decode()
        return {
            "path": path,
            "name": self.name,
            "id": self.document_id,
            "status": self.status,
            "duplicate": self.duplicate,
            "reason": self.reason or None,
        }


def find_files(paths: Sequence[Path]) -> list[FoundFile]:
    """Files as given, and those below folders without hidden ones, each once, in order of their names.

    A file in a folder is named by its path from there (NFC, forward slashes), a file by its own name.
    """
    found: dict[Path, FoundFile] = {}
    for path in paths:
        if not path.is_dir():
            _add(found, path, path.name)
            continue
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                file = Path(folder, name)
                if not name.startswith(".") and file.is_file():
                    _add(found, file, file.relative_to(path).as_posix())
    return list(found.values())


def same_names(files: Sequence[FoundFile]) -> dict[str, list[Path]]:
    """Names that more than one file would get."""
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(file.name, []).append(file.path)
    return {name: paths for name, paths in by_name.items() if len(paths) > 1}


def _add(found: dict[Path, FoundFile], path: Path, name: str) -> None:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    found.setdefault(path.absolute(), FoundFile(path, unicodedata.normalize("NFC", name), size))


@dataclass(frozen=True, slots=True)
class BulkUploadTimes:
    """How patient a run is, and how often it asks."""

    patience_seconds: float = 60.0
    """So long it tries on while the server is away or says that something is unavailable."""
    look_every_seconds: float = 0.3
    """At the earliest: where asking takes long, it asks less often."""
    look_closely_every_seconds: float = 10.0
    """While many are on their way, for to list them takes a call a page; their number is asked for each time."""


_TIMES: Final = BulkUploadTimes()


class BulkUpload:
    """One run. Not to be used twice."""

    def __init__(
        self,
        client: httpx.Client,
        collection: str,
        metadata: dict[str, Any],
        *,
        show_progress: bool = False,
        times: BulkUploadTimes = _TIMES,
    ) -> None:
        self._client = client
        self._collection = collection
        self._metadata = metadata
        self._show_progress = show_progress
        self._times = times
        self._stopped = threading.Event()

    def run(self, files: Sequence[FoundFile], *, wait: bool) -> list[Outcome]:
        """One outcome per file, in their order.

        Raises ApiProblem when the API refuses the whole (no such right), httpx.TransportError when the server
        is gone for longer than its patience.
        """
        with self._progress(files) as (sent, finished):
            outcomes = self._upload(files, sent)
            pending = {
                outcome.document_id: outcome
                for outcome in outcomes
                if outcome.document_id is not None and outcome.status not in _FINAL
            }
            finished(len(outcomes) - len(pending))
            if wait and pending:
                self._wait_for(pending, lambda done: finished(len(outcomes) - len(pending) + done))
        return outcomes

    def _upload(self, files: Sequence[FoundFile], sent: Callable[[int], None]) -> list[Outcome]:
        executor = ThreadPoolExecutor(_UPLOADS_AT_ONCE, thread_name_prefix="upload")
        try:
            futures: list[Future[Outcome]] = [executor.submit(self._upload_one, file, sent) for file in files]
            return [future.result() for future in futures]
        except BaseException:
            self._stopped.set()
            raise
        finally:
            executor.shutdown(cancel_futures=True)

    def _upload_one(self, file: FoundFile, sent: Callable[[int], None]) -> Outcome:
        outcome = Outcome(file.path, file.name, "refused")
        try:
            file.name.encode()
        except UnicodeEncodeError:
            outcome.name = file.name.encode(errors="replace").decode()
            outcome.reason = "Its name is not valid Unicode; rename the file."
            return outcome
        progress = _Sent(sent)
        try:
            answer = self._patiently(lambda: self._send(file, progress))
        except OSError as error:
            outcome.reason = f"It cannot be read: {error.strerror}."
            return outcome
        except httpx.LocalProtocolError:
            outcome.reason = "It changed while it was read."
            return outcome
        except ApiProblem as problem:
            if problem.status in (401, 403) or problem.code in _ABOUT_ALL_FILES:
                raise
            outcome.reason = problem.detail or problem.title
            return outcome
        finally:
            progress.complete(file.size)
        document = answer["documents"][0] if "documents" in answer else answer
        outcome.status = document["status"]
        outcome.document_id = document.get("id")
        outcome.duplicate = bool(document.get("duplicate"))
        outcome.reason = _reason(document)
        return outcome

    def _send(self, file: FoundFile, progress: "_Sent") -> Any:
        """A stream of the file; with metadata a form, which takes both in one step."""
        progress.restart()
        with file.path.open("rb") as stream:
            counted = _CountedFile(stream, progress, self._stopped)
            if self._metadata:
                return json_of(
                    self._client.post(
                        "/api/v1/documents",
                        data={"collection": self._collection, "metadata": json.dumps(self._metadata)},
                        files={"files": (file.name, counted)},  # type: ignore[dict-item]  # reads like a file
                    )
                )
            size = os.fstat(stream.fileno()).st_size
            return json_of(
                self._client.put(
                    f"/api/v1/documents/{quote(self._collection, safe='')}/{quote(file.name, safe='/')}",
                    content=iter(lambda: counted.read(_PIECE_BYTES), b""),
                    headers={"content-length": str(size)},
                )
            )

    def _wait_for(self, pending: dict[str, Outcome], done: Callable[[int], None]) -> None:
        """Fills in the end of each. While many are on their way, only their number is asked for."""
        unfinished, looked_closely_at = set(pending), time.monotonic()
        while unfinished:
            started = time.monotonic()
            pages = [self._list(status=status) for status in ("received", "processing")]
            total = sum(page["total"] for page in pages)
            if total <= _FEW or started - looked_closely_at > self._times.look_closely_every_seconds:
                # `received` first: documents move from there to `processing`, so that none is missed between.
                unfinished &= {*self._ids("received"), *self._ids("processing")}
                looked_closely_at = time.monotonic()
                done(len(pending) - len(unfinished))
            else:
                done(max(len(pending) - len(unfinished), len(pending) - total))
            if not unfinished:
                unfinished = self._read_ends(pending)
            if unfinished:
                # At most a fifth of the time is spent asking.
                time.sleep(max(self._times.look_every_seconds, 4 * (time.monotonic() - started)))

    def _read_ends(self, pending: dict[str, Outcome]) -> set[str]:
        """Reads how each ended; those that are on their way again (a replay) are given back."""
        missing = {document_id for document_id, outcome in pending.items() if outcome.status not in _FINAL}
        for document in self._documents(most=4 * len(pending) + _PAGE):
            if document["id"] in missing and document["status"] in _FINAL:
                missing.discard(document["id"])
                _end(pending[document["id"]], document)
            if not missing:
                break
        for document_id in list(missing):
            try:
                document = self._patiently(
                    lambda document_id=document_id: json_of(  # type: ignore[misc]  # binds the present value
                        self._client.get(
                            f"/api/v1/documents/{document_id}", extensions=patient(self._times.patience_seconds)
                        )
                    )
                )
            except ApiProblem as problem:
                if problem.status not in (404, 410):
                    raise
                document = {"status": "withdrawn", "problem": {"detail": "It was deleted in the meantime."}}
            if document["status"] in _FINAL:
                missing.discard(document_id)
                _end(pending[document_id], document)
        return missing

    def _ids(self, status: str) -> Iterator[str]:
        return (document["id"] for document in self._documents(status=status))

    def _documents(self, *, most: int | None = None, **filters: str) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        seen = 0
        while True:
            page = self._list(cursor=cursor, **filters)
            yield from page["items"]
            seen += len(page["items"])
            cursor = page["next_cursor"]
            if cursor is None or (most is not None and seen >= most):
                return

    def _list(self, *, cursor: str | None = None, **filters: str) -> Any:
        parameters = {"collection": self._collection, "limit": str(_PAGE), **filters}
        if cursor is not None:
            parameters["cursor"] = cursor
        return self._patiently(
            lambda: json_of(
                self._client.get(
                    "/api/v1/documents", params=parameters, extensions=patient(self._times.patience_seconds)
                )
            )
        )

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """Tries on while the server is away or says that something is unavailable."""
        deadline = time.monotonic() + self._times.patience_seconds
        while True:
            try:
                return attempt()
            except ApiProblem as problem:
                if problem.status != 503 or time.monotonic() > deadline:
                    raise
                pause = min(problem.retry_after_seconds, 5)
            except httpx.LocalProtocolError:
                raise
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                pause = 0.5
            if self._stopped.wait(pause):
                raise InterruptedError(4, "The command was interrupted")

    @contextmanager
    def _progress(self, files: Sequence[FoundFile]) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
        """Two functions: so many more bytes are sent; so many documents are finished."""
        if not self._show_progress:
            yield (lambda _: None), (lambda _: None)
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
        from rich.text import Text

        class Amount(ProgressColumn):
            """Done, total and rate, in files or megabytes."""

            def render(self, task: Task) -> Text:
                speed = task.speed or 0
                if task.fields["unit"] == "bytes":
                    return Text(f"{task.completed / 1e6:.1f}/{(task.total or 0) / 1e6:.1f} MB {speed / 1e6:.1f} MB/s")
                return Text(f"{task.completed:.0f}/{task.total or 0:.0f} {speed:.1f}/s")

        with Progress(
            TextColumn(_FIRST_COLUMN),
            BarColumn(),
            Amount(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(stderr=True),
            transient=True,
        ) as progress:
            sending = progress.add_task("uploading", total=sum(file.size for file in files), unit="bytes")
            working = progress.add_task("searchable", total=len(files), unit="files")
            yield (
                lambda count: progress.advance(sending, count),
                lambda count: progress.update(working, completed=count),
            )


class _Sent:
    """Counts a file's bytes once, also when it is sent again."""

    def __init__(self, sent: Callable[[int], None]) -> None:
        self._sent = sent
        self._told = 0
        self._position = 0

    def restart(self) -> None:
        self._position = 0

    def add(self, count: int) -> None:
        self._position += count
        if self._position > self._told:
            self._sent(self._position - self._told)
            self._told = self._position

    def complete(self, size: int) -> None:
        if size > self._told:
            self._sent(size - self._told)
            self._told = size


class _CountedFile:
    """A binary file that tells how much of it was read, and breaks off when the command is interrupted."""

    def __init__(self, stream: Any, progress: _Sent, stopped: threading.Event) -> None:
        self._stream = stream
        self._progress = progress
        self._stopped = stopped

    def read(self, size: int = -1) -> bytes:
        if self._stopped.is_set():
            raise InterruptedError(4, "The command was interrupted")
        piece: bytes = self._stream.read(size)
        self._progress.add(len(piece))
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        position: int = self._stream.seek(offset, whence)
        return position

    def fileno(self) -> int:
        number: int = self._stream.fileno()
        return number


def _end(outcome: Outcome, document: dict[str, Any]) -> None:
    outcome.status = document["status"]
    outcome.reason = _reason(document)


def _reason(document: dict[str, Any]) -> str:
    problem = document.get("problem") or {}
    detail = str(problem.get("detail") or problem.get("title") or "")
    stage = problem.get("stage")
    return f"{detail} (stage {stage})" if detail and stage else detail
