"""What every bus says about dead letters that cannot be found or replayed."""

from pydantic import ValidationError

from shared.events.envelope import Envelope
from shared.kernel import Conflict, NotFound
from shared.ports.event_bus import DeadLetter


def no_such_letter(letter_id: str) -> NotFound:
    """To be raised."""
    return NotFound(f"There is no dead letter {letter_id!r}.", code="dead_letter_not_found")


def buried_event(letter: DeadLetter) -> Envelope:
    """The event to publish again. Raises Conflict for poison."""
    try:
        return Envelope.from_json(letter.raw)
    except ValidationError as error:
        raise not_replayable() from error


def not_replayable() -> Conflict:
    """To be raised."""
    return Conflict(
        "This dead letter is not an event that can be read; replaying it would only fail again.",
        code="not_replayable",
    )
