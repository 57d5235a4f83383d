"""The two capabilities that a conversation runs side by side, as it sees them."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from search.chat.domain.asking import AnswerPart, Asking
from search.chat.domain.detail_page import DetailPageInfo


@runtime_checkable
class Answers(Protocol):
    """Answers questions."""

    def answer(self, asking: Asking) -> AsyncIterator[AnswerPart]:
        """AnswerBegan first, AnswerEnded last. Raises InvalidInput, NotFound, Unavailable."""
        ...


class PreparedPages(Protocol):
    """Buttons as they are ready; after the last one `degraded` says what was missing."""

    @property
    def degraded(self) -> Sequence[str]:
        """Names of parts."""
        ...

    def __aiter__(self) -> AsyncIterator[DetailPageInfo]: ...


@runtime_checkable
class DetailPagePreparer(Protocol):
    """Finds the tariff codes that matter to a question."""

    def prepare(self, question: str, passages: Sequence[str]) -> PreparedPages:
        """Best first, no code twice. Raises Unavailable."""
        ...
