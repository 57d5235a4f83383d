"""What any consumer or worker tells of delivery itself: something was put aside, something was replayed."""

from typing import ClassVar

from shared.events.envelope import Event
from shared.kernel import DocumentId


class _DeliveryEvent(Event):
    topic: ClassVar[str] = "shared.delivery.v1"

    group: str
    """The module that could not handle it."""
    dead_letter_id: str
    subject: str
    """The event's name, or `job:<kind>`."""
    document_id: DocumentId | None
    document_version: int | None

    @property
    def key(self) -> str:
        return self.document_id or self.dead_letter_id


class EventDeadLettered(_DeliveryEvent):
    """An event or a job was refused without being a plain "this file cannot be read"."""

    name: ClassVar[str] = "EventDeadLettered"

    reason: str


class DeadLetterReplayed(_DeliveryEvent):
    """A dead letter is being tried again."""

    name: ClassVar[str] = "DeadLetterReplayed"
