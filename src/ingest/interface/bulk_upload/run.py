"""One run of `seoga ingest`: files are sent, then watched."""

from collections.abc import Sequence
from typing import Any, Final

import httpx

from ingest.interface.bulk_upload.finding import FoundFile
from ingest.interface.bulk_upload.outcome import FINAL, Outcome
from ingest.interface.bulk_upload.patience import Patience
from ingest.interface.bulk_upload.progress import progress_bars
from ingest.interface.bulk_upload.uploading import Uploading
from ingest.interface.bulk_upload.waiting import Waiting, WaitingTimes

_TIMES: Final = WaitingTimes()


class BulkUpload:
    """One run. Not to be used twice."""

    def __init__(
        self,
        client: httpx.Client,
        collection: str,
        metadata: dict[str, Any],
        *,
        early: bool = False,
        show_progress: bool = False,
        patience_seconds: float = 60.0,
        times: WaitingTimes = _TIMES,
    ) -> None:
        """`early`: first pages of large documents are searchable before the whole.

        `patience_seconds` long it tries on while the server is away or says that something is unavailable.
        """
        patience = Patience(patience_seconds)
        self._uploading = Uploading(client, collection, metadata, patience, early=early)
        self._waiting = Waiting(client, collection, patience, times)
        self._show_progress = show_progress

    def run(self, files: Sequence[FoundFile], *, wait: bool) -> list[Outcome]:
        """One outcome per file, in their order.

        Raises ApiProblem when the API refuses the whole (no such right), httpx.TransportError when the server
        is gone for longer than its patience.
        """
        with progress_bars(files, show=self._show_progress) as bars:
            outcomes = self._uploading.upload(files, bars.sent)
            # Files with the same bytes are one document, and each has its outcome.
            pending: dict[str, list[Outcome]] = {}
            for outcome in outcomes:
                if outcome.document_id is not None and outcome.status not in FINAL:
                    pending.setdefault(outcome.document_id, []).append(outcome)
            ended = len(outcomes) - len(pending)
            bars.finished(ended)
            if wait and pending:
                self._waiting.wait_for(pending, bars._replace(finished=lambda done: bars.finished(ended + done)))
        return outcomes
