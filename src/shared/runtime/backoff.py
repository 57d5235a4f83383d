"""Pauses that double up to a limit, with jitter so that those who wait together do not return together."""

import random


class Backoff:
    """Asked for one pause after another; `reset` after a success."""

    def __init__(self, first_seconds: float, longest_seconds: float) -> None:
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._next_seconds = first_seconds

    @property
    def is_first(self) -> bool:
        """Whether nothing failed since the last success: then the failure is news."""
        return self._next_seconds == self._first_seconds

    def next_seconds(self) -> float:
        """Between 75 % and 100 % of the present step, which then doubles."""
        seconds = self._next_seconds
        self._next_seconds = min(2 * seconds, self._longest_seconds)
        return seconds * random.uniform(0.75, 1)

    def reset(self) -> None:
        """The next pause is the first one again."""
        self._next_seconds = self._first_seconds
