"""What `/metrics` shows is good Prometheus text, by the rules of `promtool check metrics`, and whole from the start."""

import re
from pathlib import Path
from typing import Final

import pytest
from monitor_builders import Monitor, a_monitor, told
from prometheus_client.parser import text_string_to_metric_families
from shown_metrics import shown

from builders import a_document_received
from monitor.application.ports import Recent
from shared.infrastructure.metric_catalogue import HELP
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable, new_document_id
from shared.version import VERSION

SRC: Final = Path(__file__).parents[2] / "src"
# What promlint of Prometheus 2.42 knows and does not like: units that are no base units, abbreviated, or prefixed.
_NO_BASE_UNITS: Final = (
    *("minutes", "hours", "days", "weeks", "kelvin", "kelvins", "fahrenheit", "rankine", "inches", "yards", "miles"),
    *("bits", "calories", "pounds", "ounces", "percent", "percents", "milliseconds", "microseconds", "nanoseconds"),
    *("kilobytes", "megabytes", "gigabytes", "terabytes", "kibibytes", "mebibytes", "gibibytes"),
)
_ABBREVIATED: Final = ("s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d")
_TYPES: Final = ("counter", "gauge", "histogram", "summary")


def lint(exposition: str) -> list[str]:
    """What `promtool check metrics` would say, and what it would not: `_created` lines."""
    found = []
    for family in text_string_to_metric_families(exposition):
        name, words = family.name, family.name.split("_")
        shown = {sample.name for sample in family.samples}
        if not family.documentation:
            found.append(f"{name}: no help text")
        if any(sample.endswith("_created") for sample in shown):
            found.append(f"{name}: _created lines")
        if family.type == "counter" and shown != {f"{name}_total"}:
            found.append(f'{name}: counter metrics should have "_total" suffix')
        if family.type != "counter" and name.endswith("_total"):
            found.append(f'{name}: non-counter metrics should not have "_total" suffix')
        if family.type == "gauge" and name.endswith(("_count", "_sum", "_bucket")):
            found.append(f"{name}: a gauge has the suffix of a histogram")
        if any(word in _TYPES for word in words):
            found.append(f"{name}: metric name should not include its type")
        found += [f"{name}: use base unit instead of {word}" for word in words if word in _NO_BASE_UNITS]
        found += [f"{name}: abbreviated unit {word}" for word in words[-1:] if word in _ABBREVIATED]
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            found.append(f"{name}: names are snake_case")
        found += [
            f"{name}: label {label}"
            for sample in family.samples
            for label in sample.labels
            if not re.fullmatch("[a-z][a-z0-9_]*", label)
        ]
    return found


def counted_names() -> set[str]:
    """Every name that code gives to a counter, gauge or histogram."""
    call = re.compile(r"""(?:\._?(?:count|observe)|\bgauge|\btimed)\(\s*(?:self\._metrics, )?"([a-z_]{5,})"[,)]""")
    return {name for file in SRC.rglob("*.py") for name in call.findall(file.read_text(encoding="utf-8"))}


async def _text(monitor: Monitor) -> str:
    answer = await monitor.client.get("/metrics", headers={"authorization": "Bearer reader-key-00000001"})
    assert answer.status_code == 200
    return answer.text


def _value(text: str, line: str) -> float:
    found = re.search(f"^{re.escape(line)} (.+)$", text, re.M)
    assert found is not None, line
    return float(found[1])


async def test_everything_that_is_shown_passes_the_lint(monitor: Monitor) -> None:
    metrics = monitor.container.metrics()
    assert isinstance(metrics, PrometheusMetrics)
    text = await _text(monitor)
    assert lint(text) == []
    kinds = {family.name.removeprefix("seoga_"): family.type for family in text_string_to_metric_families(text)}
    assert {"counter", "gauge"} <= set(kinds.values())


def test_every_number_of_the_catalogue_passes_it_as_what_it_is() -> None:
    metrics = PrometheusMetrics()
    for name, family in shown().items():
        labels = dict.fromkeys(family.labels, "x")
        if name == "log_lines_dropped_total" or name.removesuffix("_total") in metrics.WITHOUT_LABELS:
            continue
        match family.type:
            case "histogram":
                metrics.observe(name, 1, **labels)
            case "counter":
                metrics.count(name if name in HELP else name.removesuffix("_total"), 1, **labels)
            case _:
                metrics.gauge(name, 1, **labels)
    text = metrics.exposition().decode()
    assert lint(text) == []
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert len(families) == len(HELP)


def test_the_guide_says_of_every_number_what_it_is() -> None:
    guide = (SRC.parent / "docs/operations/monitoring.md").read_text(encoding="utf-8").partition("## Every metric")[2]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$", guide, re.M)
    told = {name: (kind, set(re.findall(r"`(\w+)`", labels)), words) for name, kind, labels, words in rows}
    counted = {
        name: (family.type, family.labels, HELP.get(name) or HELP[name.removesuffix("_total")])
        for name, family in shown().items()
    }
    assert told == counted


def test_the_catalogue_has_what_is_counted_and_nothing_else() -> None:
    counted = counted_names() | {"log_lines_dropped"}
    assert counted - set(HELP) == set()
    assert set(HELP) - counted == set()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# TYPE a_b gauge\na_b 1\n", "no help text"),
        ("# HELP a_total x\n# TYPE a_total gauge\na_total 1\n", "non-counter"),
        ("# HELP a_percent x\n# TYPE a_percent gauge\na_percent 1\n", "base unit"),
        ("# HELP a_ms x\n# TYPE a_ms gauge\na_ms 1\n", "abbreviated"),
        ("# HELP a_count x\n# TYPE a_count gauge\na_count 1\n", "histogram"),
        ("# HELP a_gauge x\n# TYPE a_gauge gauge\na_gauge 1\n", "its type"),
        ("# HELP a_total x\n# TYPE a_total counter\na_total 1\na_created 1\n", "_created"),
    ],
)
def test_the_lint_finds_what_is_planted(text: str, said: str) -> None:
    assert any(said in one for one in lint(text)), lint(text)


async def test_counters_are_there_before_anything_happened(tmp_path: Path) -> None:
    async with a_monitor(tmp_path) as monitor:
        text = await _text(monitor)
    for line in (
        'seoga_journey_steps_total{kind="dead_lettered"}',
        'seoga_store_damage_total{store="monitor"}',
        "seoga_uploaded_bytes_total",
        "seoga_journeys_forgotten_total",
        "seoga_log_lines_dropped_total",
    ):
        assert _value(text, line) >= 0


async def test_documents_stuck_letters_and_the_build_are_shown(monitor: Monitor) -> None:
    await monitor.hear(told(a_document_received(new_document_id())))
    text = await _text(monitor)
    assert _value(text, 'seoga_documents{state="received"}') == 1
    assert _value(text, 'seoga_documents{state="failed"}') == 0
    assert _value(text, "seoga_documents_stuck") == 1  # told of long ago
    assert _value(text, "seoga_dead_letters") == 0
    assert _value(text, "seoga_process_start_time_seconds") > 1.7e9
    assert re.search(rf'^seoga_build_info{{python="3\.[^"]+",version="{re.escape(VERSION)}"}} 1\.0$', text, re.M)
    assert "_created" not in text


async def test_counts_are_shown_without_reading_a_step(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    async def recent(*_: object) -> Recent:
        raise Unavailable("Steps are not to be read.")

    monkeypatch.setattr(type(monitor.container.journey_store()), "recent", recent)
    await monitor.hear(told(a_document_received(new_document_id())))
    assert _value(await _text(monitor), 'seoga_documents{state="received"}') == 1
    summary = await monitor.get("/api/v1/monitor")
    assert (summary["documents"]["received"], summary["degraded"]) == (1, ["Steps are not to be read."])


def test_samples_that_are_alike_are_told_in_one_call() -> None:
    metrics = PrometheusMetrics()
    metrics.observe("event_handling_seconds", 0.2, 3, group="monitor", event="DocumentIndexed")
    metrics.observe("event_handling_seconds", 2.0, group="monitor", event="DocumentIndexed")
    text = metrics.exposition().decode()
    labels = 'event="DocumentIndexed",group="monitor"'
    assert _value(text, f'seoga_event_handling_seconds_bucket{{{labels},le="0.25"}}') == 3
    assert _value(text, f"seoga_event_handling_seconds_count{{{labels}}}") == 4
    assert _value(text, f"seoga_event_handling_seconds_sum{{{labels}}}") == pytest.approx(2.6)
