"""Puts an event that a group cannot handle among the dead letters, and tells so."""

import json
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.events.delivery import DeadLetterReplayed, EventDeadLettered
from shared.events.envelope import Envelope, caused_by, wrap
from shared.kernel import DocumentId, utc_now
from shared.ports.event_bus import DeadLetter, Delivery, EventBus

_LONGEST_REASON: Final = 2000
# Telling that one of these could not be handled would be another of them, and so on for ever.
_UNTOLD: Final = frozenset((EventDeadLettered.name, DeadLetterReplayed.name))


async def bury_event(
    bus: EventBus, group: str, delivery: Delivery, envelope: Envelope | None, reason: str, *, attempts: int
) -> None:
    """Buries and publishes EventDeadLettered; done twice it leaves one letter. Raises Unavailable.

    Without an envelope (poison), what can be read of the bytes is used.
    """
    readable: dict[str, Any] = envelope.model_dump() if envelope else _readable(delivery.raw)
    identity = envelope.id if envelope else f"{delivery.lane}/{delivery.position}"
    letter = DeadLetter(
        id=str(uuid5(NAMESPACE_URL, f"{group}/{identity}")),
        group=group,
        topic=_text(readable.get("topic")) or delivery.lane,
        reason=reason[:_LONGEST_REASON],
        attempts=attempts,
        buried_at=utc_now(),
        raw=delivery.raw,
    )
    await bus.bury(letter)
    name = _text(readable.get("name")) or "unreadable"
    if name in _UNTOLD:
        return
    payload = readable.get("payload")
    fields: dict[str, Any] = payload if isinstance(payload, dict) else {}
    version = fields.get("document_version")
    notice = EventDeadLettered(
        group=group,
        dead_letter_id=letter.id,
        subject=name,
        document_id=_document_id(fields.get("document_id")),
        document_version=version if isinstance(version, int) and not isinstance(version, bool) else None,
        reason=letter.reason,
    )
    with caused_by(_text(readable.get("correlation_id")) or letter.id, identity):
        await bus.publish(wrap(notice, producer=group))


def _readable(raw: bytes) -> dict[str, Any]:
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _document_id(value: object) -> DocumentId | None:
    try:
        return DocumentId(str(UUID(_text(value))))
    except (ValueError, TypeError):
        return None
