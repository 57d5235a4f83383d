"""What waits in this process because something it needs is away: workers and consumers say it, health shows it."""

import time
from collections.abc import Callable

from shared.kernel import Unavailable
from shared.ports.health import ComponentHealth


class Waiting:
    """One for the process. Who waits says so again and again; who goes on says so once."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        # Who waits: since when, and for what by the last word.
        self._waits: dict[str, tuple[float, str]] = {}

    def waits(self, name: str, error: Unavailable) -> None:
        """`name` cannot go on for this reason."""
        since, _ = self._waits.get(name, (self._monotonic(), ""))
        self._waits[name] = since, error.detail

    def goes_on(self, name: str) -> None:
        """`name` works; also when it never waited."""
        self._waits.pop(name, None)

    async def health(self) -> ComponentHealth:
        """Not ready while anything waits; never required: what was accepted is kept, and searching may go on."""
        if not self._waits:
            return ComponentHealth(ready=True, detail="nothing waits", required=False)
        now = self._monotonic()
        said = [f"{name} waits since {now - since:.0f} s: {why}" for name, (since, why) in sorted(self._waits.items())]
        return ComponentHealth(ready=False, detail=" ".join(said), required=False)
