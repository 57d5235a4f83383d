"""Files sent eight at a time, each as a stream."""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import quote

import httpx

from ingest.interface.bulk_upload.finding import FoundFile
from ingest.interface.bulk_upload.outcome import Outcome
from ingest.interface.bulk_upload.patience import Patience
from shared.runtime.client import ApiProblem, json_of

_UPLOADS_AT_ONCE: Final = 8
_PIECE_BYTES: Final = 256 << 10
_ABOUT_ALL_FILES: Final = frozenset(("collection_not_allowed", "wrong_metadata"))


class Uploading:
    """Sends files to one collection, all with the same metadata."""

    def __init__(
        self,
        client: httpx.Client,
        collection: str,
        metadata: dict[str, Any],
        patience: Patience,
        *,
        early: bool = False,
    ) -> None:
        self._query = {"early": "true"} if early else {}
        self._client = client
        self._collection = collection
        self._metadata = metadata
        self._patience = patience

    def upload(self, files: Sequence[FoundFile], sent: Callable[[int], None]) -> list[Outcome]:
        """One outcome per file, in their order; `sent` is told each number of bytes more, by several threads.

        Raises ApiProblem when the API refuses the whole, httpx.TransportError when the server is gone for too long.
        """
        executor = ThreadPoolExecutor(_UPLOADS_AT_ONCE, thread_name_prefix="upload")
        try:
            futures: list[Future[Outcome]] = [executor.submit(self._upload_one, file, sent) for file in files]
            return [future.result() for future in futures]
        except BaseException:
            self._patience.stop()
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
            answer = self._patience.attempt(lambda: self._send(file, progress))
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
            outcome.code = problem.code
            return outcome
        finally:
            progress.complete(file.size)
        document = answer["documents"][0] if "documents" in answer else answer
        outcome.take(document)
        outcome.document_id = document.get("id")
        outcome.duplicate = bool(document.get("duplicate"))
        return outcome

    def _send(self, file: FoundFile, progress: "_Sent") -> Any:
        """A stream of the file; with metadata a form, which takes both in one step."""
        progress.restart()
        with file.path.open("rb") as stream:
            counted = _CountedFile(stream, progress, self._patience)
            if self._metadata:
                return json_of(
                    self._client.post(
                        "/api/v1/documents",
                        params=self._query,
                        data={"collection": self._collection, "metadata": json.dumps(self._metadata)},
                        files={"files": (file.name, counted)},  # type: ignore[dict-item]  # reads like a file
                    )
                )
            size = os.fstat(stream.fileno()).st_size
            return json_of(
                self._client.put(
                    f"/api/v1/documents/{quote(self._collection, safe='')}/{quote(file.name, safe='/')}",
                    params=self._query,
                    content=iter(lambda: counted.read(_PIECE_BYTES), b""),
                    headers={"content-length": str(size)},
                )
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

    def __init__(self, stream: Any, progress: _Sent, patience: Patience) -> None:
        self._stream = stream
        self._progress = progress
        self._patience = patience

    def read(self, size: int = -1) -> bytes:
        self._patience.refuse_when_stopped()
        piece: bytes = self._stream.read(size)
        self._progress.add(len(piece))
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        position: int = self._stream.seek(offset, whence)
        return position

    def fileno(self) -> int:
        number: int = self._stream.fileno()
        return number
