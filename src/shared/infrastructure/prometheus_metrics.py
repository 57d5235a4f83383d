"""Numbers in a Prometheus registry of their own, so that two applications in one process do not mix."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_PREFIX: Final = "seoga_"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class PrometheusMetrics:
    """Metrics (shared/telemetry.py) that `/metrics` exposes."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, Gauge] = {}

    def count(self, name: str, value: float = 1, /, **labels: str) -> None:
        """See Metrics."""
        counter = self._counters.get(name)
        if counter is None:
            counter = Counter(_PREFIX + name, name.replace("_", " "), sorted(labels), registry=self._registry)
            self._counters[name] = counter
        (counter.labels(**labels) if labels else counter).inc(value)

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """See Metrics."""
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
        (histogram.labels(**labels) if labels else histogram).observe(value)

    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        """See Metrics."""
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = Gauge(_PREFIX + name, name.replace("_", " "), sorted(labels), registry=self._registry)
            self._gauges[name] = gauge
        (gauge.labels(**labels) if labels else gauge).set(value)

    def exposition(self) -> bytes:
        """The Prometheus text format, version 0.0.4."""
        return generate_latest(self._registry)
