"""What asking tells: a question was answered."""

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from shared.events.envelope import Event


class MessageAnswered(Event):
    """Times and counts of one answer, no text. Telemetry: published in batches from a bounded buffer, may be lost."""

    name: ClassVar[str] = "MessageAnswered"
    topic: ClassVar[str] = "chat.message.v1"

    message_id: str
    answered_by: str
    """`llm` or `extractive`."""
    model: str | None = None
    state: str
    """`done`, `cancelled`, `broken_off` or `failed`."""
    finish_reason: str
    remembered: bool
    question_characters: int
    answer_characters: int
    passages: int
    citations: int
    unsupported_sentences: int
    buttons: int
    first_words_seconds: float | None = None
    """From the question to the first words of the answer; None where there were none."""
    seconds: float
    task_seconds: Mapping[str, float] = {}
    """By task, at work."""
    task_statuses: Mapping[str, str] = {}
    """By task."""
    parallel_efficiency: float = 0.0
    degraded: tuple[str, ...] = ()

    @property
    @override
    def key(self) -> str:
        return self.message_id
