"""Times in which certain alerts are not told: once, or every so often as a maintenance window."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.domain.metric import Labels, labels_of, matches
from shared.kernel import FieldError, InvalidInput

_LONGEST: Final = timedelta(days=366)
_REPEATS: Final = (0, 86400, 604800)


@dataclass(frozen=True, slots=True)
class Silence:
    """What it covers: a rule (by name, empty is each) and labels, both where both are given."""

    id: str
    starts_at: datetime
    ends_at: datetime
    rule: str = ""
    labels: Labels = ()
    every_seconds: int = 0
    """0 is once; a day or a week is a maintenance window."""
    comment: str = ""
    created_by: str = ""

    def covers(self, rule: str, labels: Labels) -> bool:
        """Whether it is about alerts of the rule with these labels."""
        return self.rule in ("", rule) and matches(self.labels, labels)

    def holds(self, now: datetime) -> bool:
        """Whether it is the time for it."""
        if now < self.starts_at:
            return False
        if not self.every_seconds:
            return now < self.ends_at
        passed = (now - self.starts_at).total_seconds() % self.every_seconds
        return passed < (self.ends_at - self.starts_at).total_seconds()

    def is_over(self, now: datetime) -> bool:
        """Whether it never holds again."""
        return not self.every_seconds and now >= self.ends_at


def silence_of(silence: Silence, now: datetime) -> Silence:
    """The silence, checked. Raises InvalidInput."""
    errors: list[FieldError] = []
    length = silence.ends_at - silence.starts_at
    if not timedelta(0) < length <= _LONGEST:
        errors.append(FieldError("ends_at", "must be after `starts_at`, by a year at most"))
    if silence.every_seconds not in _REPEATS:
        errors.append(FieldError("every_seconds", "must be 0 (once), 86400 (each day) or 604800 (each week)"))
    elif silence.every_seconds and length.total_seconds() >= silence.every_seconds:
        errors.append(FieldError("ends_at", "must come before the next time begins"))
    elif silence.is_over(now):
        errors.append(FieldError("ends_at", "is in the past"))
    if len(silence.comment) > 500:
        errors.append(FieldError("comment", "must have 500 characters at most"))
    if errors:
        raise InvalidInput("; ".join(f"{one.field} {one.message}" for one in errors), errors=errors)
    labels_of(dict(silence.labels))
    return silence
