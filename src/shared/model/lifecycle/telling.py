"""What a slot tells the metrics of itself."""

from typing import Any, get_args

from shared.model.lifecycle.loading import Entry
from shared.model.lifecycle.status import ModelState
from shared.telemetry import Metrics


class SlotNumbers:
    """Gauges and counters of one model."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._metrics = metrics
        self._name = name
        self._engine: str | None = None

    def state(self, state: ModelState) -> None:
        """It came to this state."""
        self._metrics.gauge("model_loaded", float(state == "ready"), model=self._name)
        for one in get_args(ModelState):
            self._metrics.gauge("model_state", float(one == state), model=self._name, state=one)

    def loaded(self, entry: Entry[Any] | None) -> None:
        """What is loaded now."""
        gauge, name = self._metrics.gauge, self._name
        gauge("model_memory_bytes", entry.held_bytes if entry else 0, model=name)
        gauge("model_loaded_timestamp_seconds", entry.at.timestamp() if entry else 0, model=name)
        engine = entry.loaded.label if entry else None
        if self._engine not in (None, engine):
            gauge("model_info", 0, model=name, engine=str(self._engine))
        if engine is not None:
            gauge("model_info", 1, model=name, engine=engine)
        self._engine = engine

    def calls(self, running: int) -> None:
        """So many use it."""
        self._metrics.gauge("model_calls_running", running, model=self._name)

    def waiting(self, number: int) -> None:
        """So many wait for it to be loaded."""
        self._metrics.gauge("model_calls_waiting", number, model=self._name)

    def used(self) -> None:
        """A call has used it."""
        self._metrics.count("model_uses_total", model=self._name)
