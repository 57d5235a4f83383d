"""Those who look now and then look together."""

from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.beats import until_beat


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.sampled_from([0.5, 1, 2, 5, 10, 30]))
def test_whoever_begins_when_all_come_to_the_same_beat(one: float, other: float, seconds: float) -> None:
    for began in (one, other):
        pause = until_beat(seconds, lambda began=began: began)  # type: ignore[misc]
        assert 0.1 * seconds <= pause <= 1.1 * seconds
        beats = (began + pause) / seconds
        assert abs(beats - round(beats)) < 1e-6


def test_who_looks_all_the_time_does_not_wait() -> None:
    assert until_beat(0) == 0
