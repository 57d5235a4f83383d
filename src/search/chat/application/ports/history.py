"""Where conversations are kept."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from search.chat.domain.conversation import (
    AnsweredMessage,
    HsCodeAnalysis,
    KeptMessage,
    KeptSession,
    Question,
    Rating,
)
from shared.ports.health import ComponentHealth


class ChatHistory(Protocol):
    """Sessions with their messages. Every method may raise Unavailable; every one may be called again.

    A session is its owner's alone: for anybody else there is none. Messages of a session are numbered from 1 in the
    order in which they were begun, and `asked_at` rises with the number, whatever clocks say. What a write has
    answered for is durable.
    """

    @property
    def is_shared(self) -> bool:
        """Whether other processes write to it too (a capability)."""
        ...

    async def begin(self, question: Question) -> None:
        """Keeps a question that is being answered, in a session that is made where there is none of that id.

        A second time with the same message id changes nothing. Raises NotFound when the session is another owner's.
        """
        ...

    async def save_message_with_hscode_analysis(self, message: AnsweredMessage, analysis: HsCodeAnalysis) -> bool:
        """Keeps what became of a question (begun before or not), all of it in one transaction.

        False: the analysis could not be stored and is not there; the message is. A message that is saved already
        stays as it is. Raises NotFound when the session is another owner's.
        """
        ...

    async def forget_question(self, message_id: str, owner: str) -> None:
        """A question that was begun and turned out to be none; a session that holds nothing else goes too."""
        ...

    async def session(self, session: str, owner: str) -> KeptSession:
        """Raises NotFound."""
        ...

    async def sessions(self, owner: str, *, limit: int, before: tuple[int, str] | None = None) -> Sequence[KeptSession]:
        """The owner's, last used first. `before` are `last_at` (in microseconds since 1970) and id of the last seen."""
        ...

    async def count_sessions(self, owner: str) -> int:
        """How many the owner has."""
        ...

    async def messages(self, session: str, owner: str, *, limit: int, after: int = 0) -> Sequence[KeptMessage]:
        """In order, those with a greater ordinal than `after`. Raises NotFound where there is no such session."""
        ...

    async def last_messages(self, session: str, owner: str, *, limit: int) -> Sequence[KeptMessage]:
        """The last ones, in order. Raises NotFound where there is no such session."""
        ...

    async def message(self, session: str, message_id: str, owner: str) -> KeptMessage:
        """Raises NotFound."""
        ...

    async def rate(self, session: str, message_id: str, owner: str, rating: Rating, comment: str | None) -> None:
        """What its asker thinks of an answer; replaces what they thought before. Raises NotFound."""
        ...

    async def delete(self, session: str, owner: str) -> None:
        """The session with all its messages is gone for good. Raises NotFound."""
        ...

    async def check(self) -> None:
        """Raises Unavailable."""
        ...


@runtime_checkable
class HistorySource(Protocol):
    """Opens the history when it is first needed: most of what it costs is loading its driver."""

    async def get(self) -> ChatHistory:
        """Open and of the present schema; afterwards the same one at once. Raises Unavailable."""
        ...

    async def check(self) -> ComponentHealth:
        """For health: not asked for yet is well. Raises Unavailable."""
        ...
