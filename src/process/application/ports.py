"""What Process needs that only it needs."""

from typing import Protocol

from shared.artefacts.parsed import ParsedDocument


class DocumentParser(Protocol):
    """Reads files that may be hostile, without danger for this process."""

    async def parse(self, path: str, media_type: str, name: str) -> ParsedDocument:
        """The document in a local file; `name` is for logs only: the same bytes give the same document.

        Raises Refused (stage "parse"): not retryable for what the file is (encrypted, corrupt, without text,
        unsupported, too long), retryable for what it did (time, memory or a crash). Raises Unavailable when no
        child process can be started.
        """
        ...

    @property
    def most_characters(self) -> int:
        """A document with more text is refused; part of what makes a parse artefact."""
        ...
