"""Watching documents until each has its end."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from ingest.interface.bulk_upload.outcome import FINAL, Outcome
from ingest.interface.bulk_upload.patience import Patience
from ingest.interface.bulk_upload.progress import Bars
from shared.runtime.client import ApiProblem, json_of, patient

_PAGE: Final = 200
_FEW: Final = 2 * _PAGE


@dataclass(frozen=True, slots=True)
class WaitingTimes:
    """How often a run asks."""

    look_every_seconds: float = 0.3
    """At the earliest: where asking takes long, it asks less often."""
    look_closely_every_seconds: float = 10.0
    """While many are on their way, for to list them takes a call a page; their number is asked for each time."""


class Waiting:
    """For documents of one collection."""

    def __init__(self, client: httpx.Client, collection: str, patience: Patience, times: WaitingTimes) -> None:
        self._client = client
        self._collection = collection
        self._patience = patience
        self._times = times

    def wait_for(self, pending: dict[str, list[Outcome]], bars: Bars) -> None:
        """Fills in the ends of the files of each document, by its id; `bars` are moved, but for what was sent.

        While many are on their way, only their number is asked for. Raises as Patience.attempt.
        """
        unfinished, looked_closely_at = set(pending), time.monotonic()
        while unfinished:
            started = time.monotonic()
            pages = [self._list(status=status) for status in ("received", "processing")]
            total = sum(page["total"] for page in pages)
            if total <= _FEW or started - looked_closely_at > self._times.look_closely_every_seconds:
                # `received` first: documents move from there to `processing`, so that none is missed between.
                received = {document["id"] for document in self._documents(status="received")}
                processing = {document["id"]: document for document in self._documents(status="processing")}
                unfinished &= received | processing.keys()
                at_work = [processing[each] for each in unfinished if each in processing]
                bars.pages(*_counted("pages", at_work))
                bars.chunks(*_counted("chunks", at_work))
                looked_closely_at = time.monotonic()
                bars.finished(len(pending) - len(unfinished))
            else:
                bars.finished(max(len(pending) - len(unfinished), len(pending) - total))
            if not unfinished:
                unfinished = self._read_ends(pending)
            if unfinished:
                # At most a fifth of the time is spent asking.
                time.sleep(max(self._times.look_every_seconds, 4 * (time.monotonic() - started)))

    def _read_ends(self, pending: dict[str, list[Outcome]]) -> set[str]:
        """Reads how each ended; those that are on their way again (a replay) are given back."""
        missing = {document_id for document_id, files in pending.items() if files[0].status not in FINAL}
        for document in self._documents(most=4 * len(pending) + _PAGE):
            if document["id"] in missing and document["status"] in FINAL:
                missing.discard(document["id"])
                _take(pending[document["id"]], document)
            if not missing:
                break
        for document_id in list(missing):
            try:
                document = self._patience.attempt(
                    lambda document_id=document_id: json_of(  # type: ignore[misc]  # binds the present value
                        self._client.get(f"/api/v1/documents/{document_id}", extensions=patient(self._patience.seconds))
                    )
                )
            except ApiProblem as problem:
                if problem.status not in (404, 410):
                    raise
                document = {"status": "withdrawn", "problem": {"detail": "It was deleted in the meantime."}}
            if document["status"] in FINAL:
                missing.discard(document_id)
                _take(pending[document_id], document)
        return missing

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
        return self._patience.attempt(
            lambda: json_of(
                self._client.get("/api/v1/documents", params=parameters, extensions=patient(self._patience.seconds))
            )
        )


def _counted(what: str, documents: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Done and all, of those of the documents that count them."""
    counting = [one["progress"] for one in documents if (one["progress"] or {}).get(f"{what}_total")]
    return sum(one[f"{what}_done"] for one in counting), sum(one[f"{what}_total"] for one in counting)


def _take(files: Sequence[Outcome], document: dict[str, Any]) -> None:
    for outcome in files:
        outcome.take(document)
