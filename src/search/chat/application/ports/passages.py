"""Where answers come from: passages of the shelf that a search finds for a question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from search.chat.domain.asking import Asking, Passage
from search.chat.domain.relevance import Scores


@dataclass(frozen=True, slots=True)
class FoundPassages:
    """Best first; `degraded` names what the search had to do without."""

    passages: Sequence[Passage]
    degraded: tuple[str, ...] = ()
    scores: Scores | None = None
    """Of the hits that they were taken from; None: nothing is known of them."""


class Passages(Protocol):
    """Searches as Search does: the same filters, and nothing that the asker may not see."""

    async def find(self, asking: Asking, query: str, *, limit: int) -> FoundPassages:
        """At most `limit` passages for the query, of which none holds another; none: nothing was found.

        Of each, `text` is the document's stored text from `start` to `end`; all together they fit into what a
        language model reads of one question.

        Raises InvalidInput (filters that are none), NotFound (a collection that is not there, or not theirs),
        Unavailable.
        """
        ...
