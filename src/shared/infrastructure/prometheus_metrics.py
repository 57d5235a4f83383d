"""Numbers in a Prometheus registry of their own, so that two applications in one process do not mix."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Final, Generic, NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from shared.infrastructure.metric_catalogue import help_of
from shared.lossy_stream import dropped_lines
from shared.telemetry import Metrics

M = TypeVar("M", Counter, Gauge, Histogram)
Key = tuple[str, tuple[tuple[str, str], ...]]
"""A name and labels, sorted."""
# When a counter began is no number of ours, and a line beside each of them.
disable_created_metrics()  # type: ignore[no-untyped-call]  # as its maker left it
_PREFIX: Final = "seoga_"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class _DroppedLines(Collector):
    """Counted where the log is written, which knows no registry: the process has one log."""

    @override
    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(f"{_PREFIX}log_lines_dropped", help_of("log_lines_dropped"), value=dropped_lines())


class _Child(NamedTuple, Generic[M]):
    key: Key
    metric: M
    """Of this one set of labels."""


class _Family(Generic[M]):
    """All metrics of one type."""

    def __init__(self, kind: Callable[..., M], registry: CollectorRegistry, **options: object) -> None:
        self._make: Callable[..., M] = functools.partial(kind, registry=registry, **options)
        self._metrics: dict[str, M] = {}
        # By labels as they are given: to have it found each time cost a thirtieth of an ingest.
        self._children: dict[Key, _Child[M]] = {}
        self.moved: dict[Key, M] = {}
        """What was set or added to since it was looked at: collecting the others takes milliseconds for nothing."""

    def child(self, name: str, labels: Mapping[str, str]) -> _Child[M]:
        """Made when it is first asked for."""
        given = (name, tuple(labels.items()))
        child = self._children.get(given)
        if child is None:
            metric = self._metrics.get(name)
            if metric is None:
                metric = self._metrics[name] = self._make(_PREFIX + name, help_of(name), sorted(labels))
            key = (name, tuple(sorted(labels.items())))
            child = self._children[given] = _Child(key, metric.labels(**labels) if labels else metric)
        return child

    def take_moved(self) -> Iterator[tuple[Key, M]]:
        """Each once; what is added to meanwhile, in another thread, is taken now or the next time."""
        for _ in range(len(self.moved)):
            yield self.moved.popitem()


class PrometheusMetrics(Metrics):
    """Metrics (shared/telemetry.py) that `/metrics` exposes."""

    WITHOUT_LABELS: ClassVar[tuple[str, ...]] = (
        "uploaded_bytes",
        "facts_published_total",
        "collected_blobs",
        "discarded_hashes",
        "index_chunks_total",
        "journeys_forgotten_total",
        "search_renewals_total",
        "search_index_restarts_total",
        "search_index_set_aside_total",
        "model_remote_texts",
    )
    """Counters that are shown from the start, so that the first rise is one."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_DroppedLines())
        self._counters = _Family(Counter, self._registry)
        self._histograms = _Family(Histogram, self._registry, buckets=_BUCKETS)
        self._gauges = _Family(Gauge, self._registry)
        self._now: dict[Key, float] = {}
        self._totals: dict[Key, float] = {}
        self._buckets: dict[Key, Mapping[float, float]] = {}
        for name in self.WITHOUT_LABELS:
            self.count(name, 0)

    @override
    def count(self, name: str, value: float = 1, /, **labels: str) -> None:
        counted = self._counters.child(name, labels)
        counted.metric.inc(value)
        self._counters.moved[counted.key] = counted.metric

    @override
    def observe(self, name: str, value: float, times: int = 1, /, **labels: str) -> None:
        observed = self._histograms.child(name, labels)
        for _ in range(times):
            observed.metric.observe(value)
        self._histograms.moved[observed.key] = observed.metric

    @override
    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        gauge = self._gauges.child(name, labels)
        gauge.metric.set(value)
        self._now[gauge.key] = value
        self._gauges.moved[gauge.key] = gauge.metric

    def gauges(self) -> Mapping[Key, float]:
        """Each gauge as it was set last, by name and labels."""
        return dict(self._now)

    def set_gauges(self) -> list[tuple[Key, float]]:
        """Those that were set since this was last asked; cheap enough for every second."""
        return [(key, self._now[key]) for key, _ in self._gauges.take_moved()]

    def totals(self) -> Mapping[Key, float]:
        """Each counter, by name and labels."""
        for key, counter in self._counters.take_moved():
            for family in counter.collect():
                for sample in family.samples:
                    self._totals[key] = sample.value
        return dict(self._totals)

    def buckets(self) -> Mapping[Key, Mapping[float, float]]:
        """Each histogram, by name and labels: how many samples were at most so much (the last bound is infinite).

        Of one that nothing was added to, the same object as before.
        """
        for key, histogram in self._histograms.take_moved():
            self._buckets[key] = {
                float(sample.labels["le"]): sample.value
                for family in histogram.collect()
                for sample in family.samples
                if sample.name.endswith("_bucket")
            }
        return dict(self._buckets)

    def exposition(self) -> bytes:
        """The Prometheus text format, version 0.0.4."""
        return generate_latest(self._registry)
