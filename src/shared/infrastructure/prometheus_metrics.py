"""Numbers in a Prometheus registry of their own, so that two applications in one process do not mix."""

from collections.abc import Iterator
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from shared.lossy_stream import dropped_lines
from shared.telemetry import Metrics

M = TypeVar("M", Counter, Gauge, Histogram)
_PREFIX: Final = "seoga_"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class _DroppedLines(Collector):
    """Counted where the log is written, which knows no registry: the process has one log."""

    @override
    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(f"{_PREFIX}log_lines_dropped", "log lines dropped total", value=dropped_lines())


class PrometheusMetrics(Metrics):
    """Metrics (shared/telemetry.py) that `/metrics` exposes."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_DroppedLines())
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, Gauge] = {}
        # What is counted for one set of labels: to have it found each time cost a thirtieth of an ingest.
        self._children: dict[tuple[str, tuple[tuple[str, str], ...]], Any] = {}

    @override
    def count(self, name: str, value: float = 1, /, **labels: str) -> None:
        counter = self._counters.get(name)
        if counter is None:
            counter = Counter(_PREFIX + name, name.replace("_", " "), sorted(labels), registry=self._registry)
            self._counters[name] = counter
        self._child(name, counter, labels).inc(value)

    @override
    def observe(self, name: str, value: float, /, **labels: str) -> None:
        histogram = self._histograms.get(name)
        if histogram is None:
            histogram = Histogram(
                _PREFIX + name,
                name.replace("_", " "),
                sorted(labels),
                registry=self._registry,
                buckets=_BUCKETS,
            )
            self._histograms[name] = histogram
        self._child(name, histogram, labels).observe(value)

    @override
    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = Gauge(_PREFIX + name, name.replace("_", " "), sorted(labels), registry=self._registry)
            self._gauges[name] = gauge
        self._child(name, gauge, labels).set(value)

    def exposition(self) -> bytes:
        """The Prometheus text format, version 0.0.4."""
        return generate_latest(self._registry)

    def _child(self, name: str, metric: M, labels: dict[str, str]) -> M:
        if not labels:
            return metric
        key = (name, tuple(labels.items()))
        child: M | None = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(**labels)
        return child
