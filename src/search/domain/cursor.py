"""Cursors: where in the ranking of which query a page begins."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 1000
"""How deep a ranking can be paged."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The next page begins at `offset` in the ranking that the query had at that index version."""

    query_hash: str
    index_version: int
    offset: int

    def fits(self, query_hash: str) -> bool:
        """Whether it is of this query, and within the window."""
        return self.query_hash == query_hash and self.index_version >= 0 and 0 < self.offset <= WINDOW


def query_hash(*parts: object) -> str:
    """Names a query; equal parts (compared as JSON) give equal names."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:20]
