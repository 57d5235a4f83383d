"""Numbers are kept in objects of our own, and shown as the client's own objects would show them."""

import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from shared.infrastructure.prometheus_metrics import PrometheusMetrics

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_VALUES: Final = (0, 0.001, 0.0010001, 0.0025, 0.3, 1, 5, 300, 300.5, 2e9)


def _seen(text: bytes, *names: str) -> list[tuple[str, float]]:
    """Each line about them with its value, without the words that explain them."""
    lines = [line for line in text.decode().splitlines() if any(name in line for name in names)]
    lines = [line for line in lines if not line.startswith("# HELP") and "_created" not in line]
    values = [
        (line, 0.0) if line.startswith("#") else (line.rpartition(" ")[0], float(line.split(" ")[-1])) for line in lines
    ]
    return sorted(values)


def test_what_is_shown_is_what_the_client_shows() -> None:
    metrics, registry, chance = PrometheusMetrics(), CollectorRegistry(), random.Random(5)
    handled = Counter("seoga_events_handled_total", "-", ["event", "group"], registry=registry)
    took = Histogram("seoga_event_handling_seconds", "-", ["group"], buckets=_BUCKETS, registry=registry)
    evaluated = Histogram("seoga_alert_evaluation_seconds", "-", buckets=_BUCKETS, registry=registry)
    documents = Gauge("seoga_documents", "-", ["state"], registry=registry)
    for _ in range(500):
        group, value, times = chance.choice(('a"b', "c\\d\n", "관세")), chance.choice(_VALUES), chance.randint(1, 4)
        metrics.count("events_handled_total", times, group=group, event="E")
        handled.labels(group=group, event="E").inc(times)
        metrics.observe("event_handling_seconds", value, times, group=group)
        for _ in range(times):
            took.labels(group=group).observe(value)
        metrics.observe("alert_evaluation_seconds", value)
        evaluated.observe(value)
        metrics.gauge("documents", value, state=group)
        documents.labels(state=group).set(value)
    names = ("events_handled", "event_handling", "alert_evaluation", "documents")
    ours, theirs = _seen(metrics.exposition(), *names), _seen(generate_latest(registry), *names)
    assert [line for line, _ in ours] == [line for line, _ in theirs]
    assert [value for _, value in ours] == pytest.approx([value for _, value in theirs], rel=1e-12)


def test_labels_are_the_same_in_any_order() -> None:
    metrics = PrometheusMetrics()
    metrics.count("events_handled_total", group="g", event="E")
    metrics.count("events_handled_total", event="E", group="g")
    assert metrics.totals()["events_handled_total", (("event", "E"), ("group", "g"))] == 2


def test_a_name_is_of_one_kind_and_has_one_set_of_labels() -> None:
    metrics = PrometheusMetrics()
    metrics.gauge("documents", 1, state="failed")
    with pytest.raises(ValueError, match="gauge"):
        metrics.count("documents_total", 1, state="failed")
    with pytest.raises(ValueError, match="state"):
        metrics.gauge("documents", 1)
    with pytest.raises(ValueError, match="rises"):
        metrics.count("collected_blobs", -1)
    assert metrics.totals()["collected_blobs", ()] == 0


@contextmanager
def _threads_that_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def test_nothing_is_lost_between_threads() -> None:
    metrics, each = PrometheusMetrics(), 5_000

    def work(number: int) -> None:
        for _ in range(each):
            metrics.count("collected_blobs")
            metrics.observe("event_handling_seconds", 0.02, group=str(number % 2))

    with _threads_that_change_often(), ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert metrics.totals()["collected_blobs", ()] == 4 * each
    found = metrics.buckets()
    assert [found["event_handling_seconds", (("group", group),)][float("inf")] for group in "01"] == [2 * each] * 2


def test_a_distribution_that_nothing_came_to_is_the_same_object() -> None:
    metrics = PrometheusMetrics()
    metrics.observe("event_handling_seconds", 0.02, group="a")
    metrics.observe("event_handling_seconds", 0.02, group="b")
    first = metrics.buckets()
    metrics.observe("event_handling_seconds", 0.02, group="a")
    second = metrics.buckets()
    a, b = (("event_handling_seconds", (("group", group),)) for group in "ab")
    assert second[b] is first[b] and second[a] is not first[a]
    assert (first[a][0.025], second[a][0.025], second[a][0.01]) == (1, 2, 0)
