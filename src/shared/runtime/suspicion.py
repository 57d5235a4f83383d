"""When so much has no record that more likely the records are missing: nothing goes until an operator says so."""

from typing import Final

from shared.ports.health import ComponentHealth
from shared.telemetry import Metrics, get_log

_log = get_log("main")
MOST_BY_ITSELF: Final = 100
MOST_SHARE: Final = 0.1


class Suspicion:
    """Of one kind of things. Not about what users deleted: that is known, and may be everything."""

    def __init__(self, things: str, metrics: Metrics, *, confirm: str) -> None:
        """`things` in words; `confirm` is the command by which an operator lets them go."""
        self._things = things
        self._metrics = metrics
        self._confirm = confirm
        self.words: str | None = None
        """Why the last look ended without deleting; None when it did not."""

    def raised_by(self, count: int, total: int, *, is_confirmed: bool = False) -> bool:
        """Whether so many of so many must stay."""
        is_raised = not is_confirmed and count > MOST_BY_ITSELF and count > MOST_SHARE * total
        words = (
            f"{count} of {total} are {self._things}, which is suspiciously many: they stay. Put back the store that "
            f"knows them, or run `{self._confirm}` if they are to go."
            if is_raised
            else None
        )
        if words is not None and words != self.words:
            _log.error(
                "a collection waits for an operator", action="collection.held", things=self._things, reason=words
            )
        self.words = words
        self._metrics.gauge("held_collection_items", count if is_raised else 0, things=self._things)
        return is_raised

    def health(self) -> ComponentHealth:
        """Nothing is lost or missing, so the server is ready all the same."""
        if self.words is None:
            return ComponentHealth(ready=True, detail=f"no collection waits for an operator ({self._things})")
        return ComponentHealth(ready=False, detail=self.words, required=False)
