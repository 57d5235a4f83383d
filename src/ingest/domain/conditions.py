"""On which present content of a name an upload depends (RFC 9110, 13.1: If-Match and If-None-Match)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ingest.domain.document import Document
from shared.kernel import PreconditionFailed

ANY: Final = "*"
"""Stands for whatever content there is."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Hashes of contents, or ANY; None: nothing is asked."""

    is_one_of: Collection[str] | None = None
    is_none_of: Collection[str] | None = None

    def check(self, present: Document | None, name: str) -> None:
        """Raises PreconditionFailed where what the name holds now is not what was asked for."""
        if self.is_one_of is not None and not _is_among(present, self.is_one_of):
            there = "has other content" if present is not None else "is not there"
            raise PreconditionFailed(f"The document {name!r} {there}, and If-Match asks for what it was.")
        if self.is_none_of is not None and _is_among(present, self.is_none_of):
            raise PreconditionFailed(f"There is a document named {name!r} already, and If-None-Match asks for none.")


def _is_among(present: Document | None, wanted: Collection[str]) -> bool:
    return present is not None and (ANY in wanted or present.content.sha256 in wanted)
