"""Passwords of documents, on their way from who sends one to who opens the file: never stored, told or logged."""

from typing import Protocol, runtime_checkable

from shared.events.ingest import DocumentReceived
from shared.kernel import DocumentId


@runtime_checkable
class Passwords(Protocol):
    """Holds them in memory for a while; what is not used by then, or by the end of the process, is gone."""

    def keep(self, document_id: DocumentId, password: str) -> None:
        """For the next time that the document is read; takes the place of an earlier one."""
        ...

    def of(self, document_id: DocumentId) -> str | None:
        """None where none was kept, or its time is over."""
        ...

    def forget(self, document_id: DocumentId) -> None:
        """It has served, or opens nothing."""
        ...


@runtime_checkable
class Opener(Protocol):
    """Opens a file here, where its password is, for those that work on the document in other processes."""

    async def open(self, event: DocumentReceived, password: str) -> None:
        """Leaves what is in the file where the work that `event` asks for finds it.

        Raises Refused (`encrypted` for another password) and Unavailable; nobody needs to know the password then.
        """
        ...
