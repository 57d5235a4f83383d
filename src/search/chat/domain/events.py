"""What goes out while a question is answered: events with sequences that have no gap."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from shared.kernel import Clock, InvalidInput, utc_now

EventName = Literal[
    "message_start",
    "answer_delta",
    "citation",
    "detail_page_buttons_start",
    "detail_page_button_ready",
    "detail_page_buttons_complete",
    "history_saved",
    "message_complete",
    "error",
]
Data = Mapping[str, Any]
"""Of an event; JSON values."""

_LONGEST_ID: Final = 60


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of one message's stream; sequences are 1, 2, 3 … without a gap."""

    message_id: str
    sequence: int
    name: EventName
    timestamp: datetime
    data: Data

    @property
    def envelope(self) -> dict[str, Any]:
        """What `data:` holds."""
        return {
            "type": self.name,
            "message_id": self.message_id,
            "sequence": self.sequence,
            "timestamp": self.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "data": self.data,
        }

    def to_sse(self) -> bytes:
        """As a server-sent event. JSON has no line breaks of its own, so that one `data:` line is enough."""
        body = json.dumps(self.envelope, ensure_ascii=False, separators=(",", ":"))
        # Half a surrogate pair, which a damaged document may hold, is no text and would end the stream.
        return f"id: {self.message_id}:{self.sequence}\nevent: {self.name}\ndata: {body}\n\n".encode("utf-8", "replace")


class SSEEventGenerator:
    """Numbers the events of one message and dates them."""

    def __init__(self, message_id: str, clock: Clock = utc_now) -> None:
        self._message_id = message_id
        self._clock = clock
        self._sequence = 0

    def make(self, name: EventName, data: Data) -> StreamEvent:
        """The next one."""
        self._sequence += 1
        return StreamEvent(self._message_id, self._sequence, name, self._clock(), data)


def sequence_after(last_event_id: str | None, message_id: str) -> int:
    """How many events of this message somebody has, by the `Last-Event-ID` they send; without one none.

    Raises InvalidInput (code `wrong_last_event_id`) for one of another message, or that is none.
    """
    if not last_event_id:
        return 0
    of_message, _, sequence = last_event_id.strip().rpartition(":")
    if len(last_event_id) > _LONGEST_ID or not (sequence.isascii() and sequence.isdigit()):
        raise InvalidInput("Last-Event-ID is not the id of an event of this stream.", code="wrong_last_event_id")
    if of_message.lower() != message_id:
        raise InvalidInput("Last-Event-ID is of another message.", code="wrong_last_event_id")
    return int(sequence)
