"""Rules and alerts as laws: what is met, what is over, what is told and what is not."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.alert import Alert, AlertState, acknowledged, ended, observed, resolved
from monitor.domain.metric import Point, Resolution, labels_of, merged, resolution_for
from monitor.domain.rule import (
    AlertRule,
    Operator,
    Reading,
    RuleKind,
    deviation_of,
    must_fit,
    rate_of,
    reading_of,
    rule_of,
)
from monitor.domain.silence import Silence, silence_of
from shared.kernel import Conflict, InvalidInput

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
DISK = AlertRule("1", "disk", "disk_free_ratio", operator=Operator.BELOW, value=0.1, clear_value=0.15, for_seconds=60)


def look(
    alert: Alert | None, value: float | None, seconds: float, rule: AlertRule = DISK, held: float | None = None,
    silenced: bool = False, suppressed_by: str = "",
) -> Alert | None:  # fmt: skip
    return observed(
        alert,
        rule,
        (),
        reading_of(rule, value),
        AT + timedelta(seconds=seconds),
        held_seconds=seconds if held is None else held,
        silenced=silenced,
        suppressed_by=suppressed_by,
    )


def a_firing() -> Alert:
    alert = look(look(None, 0.05, 0), 0.05, 60)
    assert alert is not None and alert.state is AlertState.FIRING
    return alert


def test_it_fires_when_it_held_for_as_long_as_the_rule_asks() -> None:
    pending = look(None, 0.05, 0)
    assert pending is not None and pending.state is AlertState.PENDING and pending.is_announced
    still = look(pending, 0.05, 59.9)
    assert still is not None and still.state is AlertState.PENDING
    firing = look(still, 0.04, 60)
    assert firing is not None and firing.state is AlertState.FIRING
    assert (firing.announcements, firing.is_announced, firing.value) == (1, False, 0.04)


def test_a_short_trouble_is_told_to_nobody() -> None:
    over = look(look(None, 0.05, 0), 0.5, 30)
    assert over is not None and over.state is AlertState.RESOLVED and over.announcements == 0 and over.is_announced


def test_between_the_two_limits_what_fires_goes_on_and_nothing_begins() -> None:
    assert look(None, 0.12, 0) is None
    assert look(a_firing(), 0.12, 70) is not None
    assert (look(a_firing(), 0.12, 70) or a_firing()).state is AlertState.FIRING
    over = look(a_firing(), 0.15, 70)
    assert over is not None and over.state is AlertState.RESOLVED and over.announcements == 2


def test_nothing_measured_is_neither_trouble_nor_its_end() -> None:
    firing = a_firing()
    assert look(None, None, 0) is None
    assert look(firing, None, 100) is firing
    assert look(firing, math.nan, 100) is firing


def test_it_is_told_again_after_a_while_and_at_once_when_the_clock_was_put_back() -> None:
    rule = replace(DISK, repeat_seconds=600)
    firing = a_firing()
    assert look(firing, 0.05, 659, rule) is firing
    again = look(firing, 0.05, 660, rule)
    assert again is not None and again.announcements == 2
    back = look(firing, 0.05, -86400, rule, held=100)
    assert back is not None and back.announcements == 2
    assert look(firing, 0.05, 10**6, replace(DISK, repeat_seconds=0)) is firing


def test_who_acknowledges_hears_only_of_the_end() -> None:
    known = acknowledged(a_firing(), "kim", AT)
    assert look(known, 0.05, 10**6) is known
    over = look(known, 0.9, 100)
    assert over is not None and over.state is AlertState.RESOLVED and over.announcements == 2
    with pytest.raises(Conflict):
        acknowledged(over, "kim", AT)
    with pytest.raises(Conflict):
        resolved(over, AT)


def test_what_depends_on_something_in_trouble_is_told_only_when_it_outlasts_it() -> None:
    pending = look(None, 0.05, 0, suppressed_by="search.index")
    assert pending is not None and pending.state is AlertState.SUPPRESSED and pending.announcements == 0
    assert look(pending, 0.05, 5_000, suppressed_by="search.index") is pending
    back = look(pending, 0.05, 5_001, held=0)
    assert back is not None and back.state is AlertState.PENDING
    firing = look(back, 0.05, 5_061, held=60)
    assert firing is not None and firing.announcements == 1
    over = look(pending, 0.9, 5_001)
    assert over is not None and over.announcements == 0


def test_a_silence_lets_it_fire_and_tells_nobody_until_it_ends() -> None:
    silent = look(look(None, 0.05, 0), 0.05, 60, silenced=True)
    assert silent is not None and silent.state is AlertState.FIRING and silent.silenced and silent.announcements == 0
    heard = look(silent, 0.05, 90)
    assert heard is not None and heard.announcements == 1
    assert ended(silent, AT).announcements == 0


@given(st.lists(NUMBERS, max_size=60), st.sampled_from(Operator), NUMBERS, st.floats(0, 1000), st.floats(0, 90))
def test_each_beginning_that_was_told_has_one_end_and_states_agree_with_values(
    values: list[float], operator: Operator, limit: float, gap: float, for_seconds: float
) -> None:
    clear = limit - gap if operator.is_upward else limit + gap
    rule = rule_of(AlertRule("1", "r", "m", operator=operator, value=limit, clear_value=clear, for_seconds=for_seconds))
    alert: Alert | None = None
    for number, value in enumerate(values):
        reading = reading_of(rule, value)
        assert not (reading.breached and reading.cleared)
        held = 0.0 if alert is None else (AT + timedelta(seconds=10 * number) - alert.since).total_seconds()
        alert = observed(alert, rule, (), reading, AT + timedelta(seconds=10 * number), held_seconds=held)
        if alert is None:
            assert not reading.breached
        elif not alert.state.is_open:
            assert reading.cleared or not alert.was_announced
            alert = None
        elif alert.state is AlertState.FIRING:
            assert not reading.cleared and alert.announcements == 1


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        (replace(DISK, value=math.nan), {"value", "clear_value"}),
        (replace(DISK, value=math.inf, clear_value=None), {"value"}),
        (replace(DISK, clear_value=0.05), {"clear_value"}),
        (replace(DISK, name=""), {"name"}),
        (replace(DISK, for_seconds=-1, window_seconds=1), {"for_seconds", "window_seconds"}),
        (replace(DISK, depends_on=("disk",)), {"depends_on"}),
        (replace(DISK, metric="nothing"), {"metric"}),
        (replace(DISK, labels=(("a b", "c"),)), {"labels"}),
    ],
)
def test_a_rule_says_all_that_is_wrong_with_it(rule: AlertRule, fields: set[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        rule_of(rule, metrics=["disk_free_ratio"])
    assert {error.field for error in caught.value.errors} == fields


def test_dependencies_are_known_and_lead_nowhere_in_a_circle() -> None:
    one, two = (AlertRule(name, name, "m", depends_on=on) for name, on in (("one", ("two",)), ("two", ("index",))))
    must_fit(one, [two], ["index"])
    for wrong, error in (
        (replace(two, depends_on=("one",)), InvalidInput),
        (replace(two, depends_on=("nobody",)), InvalidInput),
        (replace(two, id="other"), Conflict),
    ):
        with pytest.raises(error):
            must_fit(wrong, [one, two], ["index"])


def test_absence_rate_and_deviation() -> None:
    absence = AlertRule("1", "r", "m", kind=RuleKind.ABSENCE, window_seconds=60)
    assert reading_of(absence, 59.9) == Reading(59.9, False, True)
    assert reading_of(absence, 60) == Reading(60, True, False)
    assert reading_of(absence, None).breached
    assert rate_of([(0, 5), (5, 0), (10, 25)]) == 2
    assert rate_of([(0, 5)]) is None and rate_of([(3, 5), (3, 6)]) is None
    assert deviation_of(5, [1, 2]) is None
    assert deviation_of(10, [10, 10, 10]) == 0
    assert deviation_of(20, [10, 10, 10]) == pytest.approx(20)
    assert deviation_of(1, [0, 0, 0]) == math.inf
    anomaly = rule_of(AlertRule("1", "r", "m", kind=RuleKind.ANOMALY, value=4, clear_value=2))
    assert reading_of(anomaly, -5).breached and reading_of(anomaly, 2).cleared


POINTS = st.lists(st.tuples(st.integers(0, 20_000), NUMBERS), min_size=1, max_size=80, unique_by=lambda one: one[0])


@given(POINTS)
def test_coarser_in_steps_is_coarser_at_once(samples: list[tuple[int, float]]) -> None:
    points = [Point(at, 1, value, value, value) for at, value in sorted(samples)]
    once, twice = merged(points, 3600), merged(merged(points, 60), 3600)
    assert [(one.start, one.samples, one.least, one.most) for one in once] == [
        (one.start, one.samples, one.least, one.most) for one in twice
    ]
    scale = max(abs(value) for _, value in samples)
    for one, other in zip(once, twice, strict=True):
        assert one.mean == pytest.approx(other.mean, rel=1e-6, abs=1e-6 * scale + 1e-30)
        assert one.least <= one.mean <= one.most
    assert sum(one.samples for one in once) == len(samples)


def test_the_resolution_reaches_back_and_is_no_finer_than_asked() -> None:
    assert resolution_for(600, 1) is Resolution.SECOND
    assert resolution_for(600, 90) is Resolution.MINUTE
    assert resolution_for(86400, 1) is Resolution.MINUTE
    assert resolution_for(30 * 86400, 60) is Resolution.HOUR
    assert resolution_for(5 * 365 * 86400, 60) is Resolution.HOUR


def test_a_maintenance_window_holds_each_week_and_covers_what_it_names() -> None:
    weekly = silence_of(Silence("1", AT, AT + timedelta(hours=2), rule="disk", every_seconds=604800), AT)
    hours = (1, 3, 7 * 24 + 1, -7 * 24 + 1)
    assert [weekly.holds(AT + timedelta(hours=hour)) for hour in hours] == [True, False, True, False]
    assert weekly.covers("disk", (("a", "c"),)) and not weekly.covers("other", ())
    assert not replace(weekly, rule="", labels=labels_of({"a": "b"})).covers("disk", (("a", "c"),))
    for wrong in (
        replace(weekly, ends_at=AT),
        replace(weekly, every_seconds=60),
        replace(weekly, every_seconds=86400, ends_at=AT + timedelta(days=2)),
        replace(weekly, every_seconds=0, starts_at=AT - timedelta(2), ends_at=AT - timedelta(1)),
    ):
        with pytest.raises(InvalidInput):
            silence_of(wrong, AT)
