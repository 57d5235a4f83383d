"""The one JSON shape in which every event travels and is stored, and the cause it carries along."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from shared.kernel import new_id, utc_now


class Event(BaseModel, ABC):
    """A fact in the past tense. Unknown fields are ignored, so that older readers meet newer writers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: ClassVar[str]
    topic: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    @abstractmethod
    def key(self) -> str:
        """Events with the same key are delivered in order: the document id."""


class Envelope(BaseModel):
    """An event with its identity and its cause. The same JSON is a Kafka value and a SQLite row."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    name: str
    version: int
    topic: str
    key: str
    occurred_at: datetime
    correlation_id: str
    causation_id: str | None
    producer: str
    payload: dict[str, Any]

    def to_json(self) -> bytes:
        """UTF-8 JSON."""
        return self.model_dump_json().encode()

    @classmethod
    def from_json(cls, raw: bytes | str) -> "Envelope":
        """Raises pydantic.ValidationError when it is not an envelope."""
        return cls.model_validate_json(raw)


class Cause(BaseModel):
    """What the present work is due to: the request or event it began with, and the one just before."""

    model_config = ConfigDict(frozen=True)

    correlation_id: str
    causation_id: str | None = None


_cause: ContextVar[Cause | None] = ContextVar("cause", default=None)


def current_cause() -> Cause | None:
    """The cause of the present work, or None where nothing set one."""
    return _cause.get()


@contextmanager
def caused_by(correlation_id: str, causation_id: str | None = None) -> Iterator[None]:
    """Everything wrapped inside carries this cause (set by the HTTP door, the consumer and the worker)."""
    token = _cause.set(Cause(correlation_id=correlation_id, causation_id=causation_id))
    try:
        yield
    finally:
        _cause.reset(token)


_handled: ContextVar[Envelope | None] = ContextVar("handled", default=None)


def current_envelope() -> Envelope | None:
    """The envelope of the event that is being handled (its id, its instant), or None outside a handler."""
    return _handled.get()


@contextmanager
def handling(envelope: Envelope) -> Iterator[None]:
    """Set by the consumer around a handler: the envelope, and that it is the cause of what follows."""
    token = _handled.set(envelope)
    try:
        with caused_by(envelope.correlation_id, envelope.id):
            yield
    finally:
        _handled.reset(token)


def wrap(event: Event, *, producer: str) -> Envelope:
    """Gives an event its identity, its instant and its cause."""
    event_id = new_id()
    cause = current_cause()
    return Envelope(
        id=event_id,
        name=event.name,
        version=event.version,
        topic=event.topic,
        key=event.key,
        occurred_at=utc_now(),
        correlation_id=cause.correlation_id if cause else event_id,
        causation_id=cause.causation_id if cause else None,
        producer=producer,
        payload=event.model_dump(mode="json"),
    )
