"""Cursors: opaque words that say where in the ranking of which query a page begins."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Final

from shared.kernel import DomainError

WINDOW: Final = 1000
"""How deep a ranking can be paged."""


class WrongCursor(DomainError):
    """The cursor is damaged, or belongs to another query (HTTP 400)."""

    code = "cursor_mismatch"
    title = "The cursor does not belong to this query"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The next page begins at `offset` in the ranking that the query had at that index version."""

    query_hash: str
    index_version: int
    offset: int

    def encode(self) -> str:
        """URL-safe text."""
        raw = json.dumps([self.query_hash, self.index_version, self.offset], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str, *, query_hash: str) -> "Cursor":
        """Raises WrongCursor when it is not a cursor, or not of this query."""
        try:
            raw = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
            given_hash, index_version, offset = raw
        except (binascii.Error, UnicodeError, ValueError, TypeError) as error:
            raise WrongCursor("This is not a cursor that Seoga gave out.", code="cursor_malformed") from error
        if not isinstance(given_hash, str) or type(index_version) is not int or type(offset) is not int:
            raise WrongCursor("This is not a cursor that Seoga gave out.", code="cursor_malformed")
        if not 0 < offset <= WINDOW or index_version < 0:
            raise WrongCursor("This is not a cursor that Seoga gave out.", code="cursor_malformed")
        if given_hash != query_hash:
            raise WrongCursor("The cursor belongs to another query: repeat the query it came from, or leave it out.")
        return cls(given_hash, index_version, offset)


def query_hash(*parts: object) -> str:
    """Names a query; equal parts (compared as JSON) give equal names."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:20]
