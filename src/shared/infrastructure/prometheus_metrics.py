"""Numbers that Prometheus can read, each set of them by itself, so that two applications in one process do not mix.

They are kept here and given to its client only when somebody reads: an event of an ingest is counted and timed some
twenty times, which took the client's own objects a hundredth of the whole.
"""

import math
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import ClassVar, Final, Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from typing_extensions import override

from shared.infrastructure.metric_catalogue import help_of
from shared.lossy_stream import dropped_lines
from shared.telemetry import Metrics

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A name and labels, sorted."""
_Kind = Literal["counter", "gauge", "histogram"]
_PREFIX: Final = "seoga_"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_BOUNDS: Final = (*map(float, _BUCKETS), math.inf)
_BOUNDS_IN_WORDS: Final = tuple(map(floatToGoString, _BOUNDS))


class _Number:
    """A counter or a gauge with one set of labels."""

    __slots__ = ("key", "value")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.value = 0.0


class _Histogram:
    """A distribution with one set of labels: of each bucket alone how many samples were in it."""

    __slots__ = ("counts", "has_moved", "key", "sum", "up_to")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.counts = [0.0] * len(_BOUNDS)
        self.sum = 0.0
        self.has_moved = True
        self.up_to: Mapping[float, float] = {}
        """As they were summed up last."""


class _Families(Collector):
    """Every metric by its name, in the order in which they came: all with one name are of one kind and labels."""

    def __init__(self) -> None:
        self._of_name: dict[str, tuple[_Kind, tuple[str, ...], list[_Number | _Histogram]]] = {}

    def add(self, kind: _Kind, one: _Number | _Histogram) -> None:
        """Raises ValueError where its name is another kind's, or has other labels."""
        name, labels = one.key[0].removesuffix("_total"), tuple(label for label, _ in one.key[1])
        known, names, members = self._of_name.setdefault(name, (kind, labels, []))
        if (known, names) != (kind, labels):
            raise ValueError(f"{name} is a {known} with the labels {names}, not a {kind} with {labels}")
        members.append(one)

    @override
    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(f"{_PREFIX}log_lines_dropped", help_of("log_lines_dropped"), value=dropped_lines())
        for kind, labels, members in list(self._of_name.values()):
            # As it was named: the client takes the end of a counter's name away, and gives it back.
            name = members[0].key[0]
            told = (_PREFIX + name, help_of(name))
            family = _FAMILIES[kind](*told, labels=labels)
            for one in list(members):
                values = [str(value) for _, value in one.key[1]]
                if isinstance(one, _Number):
                    family.add_metric(values, one.value)
                else:
                    buckets = list(zip(_BOUNDS_IN_WORDS, accumulate(one.counts), strict=True))
                    family.add_metric(values, buckets, one.sum)
            yield family


_FAMILIES: Final = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}


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
        self._families = _Families()
        self._registry = CollectorRegistry()
        self._registry.register(self._families)
        # One for all: it is held for less time than it takes to find another.
        self._lock = threading.Lock()
        # By labels as they are given: to have them sorted each time costs more than all the rest.
        self._counters: dict[Key, _Number] = {}
        self._gauges: dict[Key, _Number] = {}
        self._histograms: dict[Key, _Histogram] = {}
        self._set: dict[Key, _Number] = {}
        """Gauges that were set since it was asked for them."""
        for name in self.WITHOUT_LABELS:
            self.count(name, 0)

    @override
    def count(self, name: str, value: float = 1, /, **labels: str) -> None:
        given = (name, tuple(labels.items()))
        counter = self._counters.get(given) or self._number("counter", self._counters, given)
        if value < 0:
            raise ValueError(f"{name} only rises")
        with self._lock:
            counter.value += value

    @override
    def observe(self, name: str, value: float, times: int = 1, /, **labels: str) -> None:
        given = (name, tuple(labels.items()))
        histogram = self._histograms.get(given) or self._histogram(given)
        place = bisect_left(_BOUNDS, value)
        with self._lock:
            histogram.counts[place] += times
            histogram.sum += value * times
            histogram.has_moved = True

    @override
    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        given = (name, tuple(labels.items()))
        gauge = self._gauges.get(given) or self._number("gauge", self._gauges, given)
        gauge.value = float(value)
        self._set[gauge.key] = gauge

    def gauges(self) -> Mapping[Key, float]:
        """Each gauge as it was set last, by name and labels."""
        return {gauge.key: gauge.value for gauge in list(self._gauges.values())}

    def set_gauges(self) -> list[tuple[Key, float]]:
        """Those that were set since this was last asked; cheap enough for every second."""
        found = []
        for _ in range(len(self._set)):
            # What is set meanwhile, in another thread, is taken now or the next time.
            key, gauge = self._set.popitem()
            found.append((key, gauge.value))
        return found

    def totals(self) -> Mapping[Key, float]:
        """Each counter, by name and labels."""
        return {counter.key: counter.value for counter in list(self._counters.values())}

    def buckets(self) -> Mapping[Key, Mapping[float, float]]:
        """Each histogram, by name and labels: how many samples were at most so much (the last bound is infinite).

        Of one that nothing was added to, the same object as before.
        """
        found = {}
        for histogram in list(self._histograms.values()):
            if histogram.has_moved:
                # First: a sample that comes meanwhile is taken now or the next time.
                histogram.has_moved = False
                histogram.up_to = dict(zip(_BOUNDS, accumulate(histogram.counts), strict=True))
            found[histogram.key] = histogram.up_to
        return found

    def exposition(self) -> bytes:
        """The Prometheus text format, version 0.0.4."""
        return generate_latest(self._registry)

    def _number(self, kind: _Kind, known: dict[Key, _Number], given: Key) -> _Number:
        """Made when it is first asked for; the same for every order of its labels."""
        with self._lock:
            key = _sorted(given)
            number = known.get(key)
            if number is None:
                number = _Number(key)
                self._families.add(kind, number)
            known[key] = known[given] = number
            return number

    def _histogram(self, given: Key) -> _Histogram:
        with self._lock:
            key = _sorted(given)
            histogram = self._histograms.get(key)
            if histogram is None:
                histogram = _Histogram(key)
                self._families.add("histogram", histogram)
            self._histograms[key] = self._histograms[given] = histogram
            return histogram


def _sorted(given: Key) -> Key:
    name, labels = given
    return name, tuple(sorted(labels))
