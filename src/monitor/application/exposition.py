"""What `/metrics` shows: the numbers counted all along, and those that are only looked up when somebody asks."""

from collections.abc import Callable

from monitor.application.ports import Lagging
from shared.kernel import Unavailable
from shared.ports.event_bus import EventBus
from shared.telemetry import Metrics


class Exposition:
    """`render` gives the numbers as text."""

    def __init__(self, bus: EventBus, metrics: Metrics, render: Callable[[], bytes]) -> None:
        self._bus = bus
        self._metrics = metrics
        self._render = render

    async def text(self) -> bytes:
        """Now. What cannot be looked up keeps its last number."""
        if isinstance(self._bus, Lagging):
            try:
                for group, lag in (await self._bus.lags()).items():
                    self._metrics.gauge("event_lag", lag, group=group)
            except Unavailable:
                pass
        return self._render()
