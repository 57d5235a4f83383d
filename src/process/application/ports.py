"""What Process needs that only it needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.artefacts.parsed import ParsedDocument


@dataclass(frozen=True, slots=True)
class ManyPages:
    """What is said of a document that has more pages than are read at once; it is read a range at a time."""

    pages: int


@dataclass(frozen=True, slots=True)
class PageRange:
    """Pages that are read together; 1-based, both inclusive."""

    first: int
    last: int
    bytes: int
    """About so many of the file are theirs."""


class DocumentParser(Protocol):
    """Reads files that may be hostile, without danger for this process."""

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
        """The document in a local file; `name` is for logs only: the same bytes give the same document.

        `password` opens a file that has one; it is told to the child alone. ManyPages, at once and without the
        document, where it has more pages than `most_pages` and can be read a range at a time.

        The bytes of its parts lie in `parts_folder` then, each under its sha256; the folder is made when there are
        any, and is the caller's to delete, also after a failure.

        Raises Refused (stage "parse"): not retryable for what the file is (encrypted, corrupt, without text,
        unsupported, too long), retryable for what it did (time, memory or a crash). Raises Unavailable when no
        child process can be started.
        """
        ...

    async def read_pages(
        self, path: str, media_type: str, name: str, pages: PageRange, *, password: str | None = None
    ) -> bytes:
        """What is on some pages of a document of ManyPages, for `assemble` of this version. Raises as `parse`."""
        ...

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
        """What `parse` gives without `most_pages`: of what `read_pages` gave of all pages, in order. Raises as it."""
        ...

    @property
    def at_once(self) -> int:
        """How many files or ranges are read side by side."""
        ...

    @property
    def most_characters(self) -> int:
        """A document with more text is refused; part of what makes a parse artefact."""
        ...
