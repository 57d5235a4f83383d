"""Calls to another machine: attempts, timeouts, and the breaker that leaves a sick one alone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Refused, Unavailable
from shared.runtime.resilience import AskedToWait, Resilient
from shared.telemetry import configure_logs


class Time:
    """A clock that moves when somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Server:
    """Answers what it is told to, one outcome after the other (the last one for ever)."""

    def __init__(self, *outcomes: str | BaseException) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


DOWN = Unavailable("it is down")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def resilient(time: Time, metrics: PrometheusMetrics) -> Callable[..., Resilient]:
    def make(**changes: Any) -> Resilient:
        given: dict[str, Any] = {"timeout_seconds": 5, "attempts": 3, "failure_limit": 4, "reset_seconds": 10}
        return Resilient("the shop", **{**given, **changes}, metrics=metrics, clock=lambda: time.now, sleep=time.sleep)

    return make


async def fail(resilient: Resilient, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unavailable):
            await resilient.call(Server(DOWN), idempotent=False)


def begin(call: Awaitable[Any]) -> "asyncio.Future[Any]":
    return asyncio.ensure_future(call)


async def test_an_idempotent_call_is_tried_again_after_growing_pauses(
    time: Time, resilient: Callable[..., Resilient]
) -> None:
    server = Server(DOWN, DOWN, "well")
    assert await resilient().call(server, idempotent=True) == "well"
    assert server.calls == 3
    assert 0 <= time.pauses[0] <= 0.1
    assert 0 <= time.pauses[1] <= 0.2


async def test_attempts_are_bounded_and_the_last_cause_is_told(resilient: Callable[..., Resilient]) -> None:
    server = Server(DOWN)
    with pytest.raises(Unavailable, match="it is down"):
        await resilient().call(server, idempotent=True)
    assert server.calls == 3


async def test_pauses_differ_so_that_callers_do_not_return_together(
    time: Time, resilient: Callable[..., Resilient]
) -> None:
    for _ in range(5):
        with pytest.raises(Unavailable):
            await resilient(attempts=2).call(Server(DOWN), idempotent=True)
    assert len(set(time.pauses)) == 5


async def test_a_call_that_may_not_happen_twice_is_tried_once(resilient: Callable[..., Resilient]) -> None:
    server = Server(DOWN, "well")
    with pytest.raises(Unavailable):
        await resilient().call(server, idempotent=False)
    assert server.calls == 1


async def test_a_refusal_is_an_answer(resilient: Callable[..., Resilient]) -> None:
    shop = resilient()
    await fail(shop, 2)
    server = Server(Refused("it is not a text"))
    with pytest.raises(Refused):
        await shop.call(server, idempotent=True)
    assert server.calls == 1
    assert shop.failures == 0


async def test_a_server_that_names_the_time_is_asked_no_earlier(
    time: Time, resilient: Callable[..., Resilient]
) -> None:
    server = Server(AskedToWait("busy", retry_after_seconds=3), "well")
    assert await resilient().call(server, idempotent=True) == "well"
    assert 3 <= time.pauses[0] <= 3.1


async def test_no_attempt_begins_after_the_time_for_all(time: Time, resilient: Callable[..., Resilient]) -> None:
    server = Server(AskedToWait("busy", retry_after_seconds=30), "well")
    with pytest.raises(Unavailable, match="busy"):
        await resilient(total_seconds=20).call(server, idempotent=True)
    assert server.calls == 1
    assert time.pauses == []


async def test_no_attempt_begins_that_has_no_time_for_an_answer(
    time: Time, resilient: Callable[..., Resilient]
) -> None:
    server = Server(AskedToWait("busy", retry_after_seconds=1.55), "well")
    with pytest.raises(Unavailable, match="busy"):
        await resilient(timeout_seconds=5, total_seconds=2).call(server, idempotent=True)
    assert server.calls == 1


async def test_its_sentences_begin_with_the_server_and_the_setting(resilient: Callable[..., Resilient]) -> None:
    shop = resilient(where="The shop at shop:80 (SEOGA_SHOP_URL)", timeout_seconds=0.01)
    with pytest.raises(Unavailable, match=r"The shop at shop:80 \(SEOGA_SHOP_URL\) did not answer"):
        await shop.call(asyncio.Event().wait, idempotent=False)
    await fail(shop, 3)
    with pytest.raises(Unavailable, match=r"The shop at shop:80 \(SEOGA_SHOP_URL\) failed 4 times"):
        await shop.call(Server("well"), idempotent=False)


async def test_a_connection_that_just_ended_is_no_bug(resilient: Callable[..., Resilient]) -> None:
    """As uvloop says it; other RuntimeErrors are bugs."""
    shop = resilient()
    closed = RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")
    assert await shop.call(Server(closed, "well"), idempotent=True) == "well"
    with pytest.raises(RuntimeError, match="a bug"):
        await shop.call(Server(RuntimeError("a bug")), idempotent=True)


async def test_a_call_without_an_answer_ends_and_counts(resilient: Callable[..., Resilient]) -> None:
    shop = resilient(timeout_seconds=0.01)
    with pytest.raises(Unavailable, match=r"the shop did not answer within 0\.01 s"):
        await shop.call(asyncio.Event().wait, idempotent=False)
    assert shop.failures == 1


async def test_opens_at_its_limit_and_then_calls_nobody(
    time: Time, resilient: Callable[..., Resilient], metrics: PrometheusMetrics
) -> None:
    shop = resilient()
    await fail(shop, 3)
    assert (shop.state, shop.failures, shop.opened_at) == ("closed", 3, None)
    await fail(shop, 1)
    assert shop.state == "open"
    assert shop.opened_at is not None
    time.now += 4
    server = Server("well")
    with pytest.raises(Unavailable, match="it is down") as refusal:
        await shop.call(server, idempotent=True)
    assert refusal.value.specific_code == "circuit_open"
    assert refusal.value.retry_after_seconds == pytest.approx(6)
    assert server.calls == 0
    assert b'seoga_remote_breaker_open{target="the shop"} 1.0' in metrics.exposition()


async def test_a_retry_ends_when_the_breaker_opens_meanwhile(resilient: Callable[..., Resilient]) -> None:
    server = Server(DOWN)
    with pytest.raises(Unavailable) as refusal:
        await resilient(failure_limit=2).call(server, idempotent=True)
    assert server.calls == 2
    assert refusal.value.specific_code == "circuit_open"


async def test_a_success_begins_the_count_anew(resilient: Callable[..., Resilient]) -> None:
    shop = resilient()
    await fail(shop, 3)
    await shop.call(Server("well"), idempotent=False)
    await fail(shop, 3)
    assert shop.state == "closed"


async def test_one_probes_at_a_time_and_its_success_closes(
    time: Time, resilient: Callable[..., Resilient], metrics: PrometheusMetrics
) -> None:
    shop, answer = resilient(), asyncio.Event()
    await fail(shop, 4)
    time.now += 10

    async def slow() -> str:
        await answer.wait()
        return "well"

    probe = begin(shop.call(slow, idempotent=False))
    await asyncio.sleep(0)
    assert shop.state == "half-open"
    others = [Server("well") for _ in range(20)]
    refusals = await asyncio.gather(*(shop.call(other, idempotent=True) for other in others), return_exceptions=True)
    assert all(isinstance(refusal, Unavailable) for refusal in refusals)
    assert sum(other.calls for other in others) == 0
    answer.set()
    assert await probe == "well"
    assert (shop.state, shop.failures, shop.opened_at) == ("closed", 0, None)
    assert b'seoga_remote_breaker_open{target="the shop"} 0.0' in metrics.exposition()
    assert await shop.call(others[0], idempotent=False) == "well"


async def test_a_probe_that_fails_opens_again_for_as_long(time: Time, resilient: Callable[..., Resilient]) -> None:
    shop = resilient()
    await fail(shop, 4)
    time.now += 10
    server = Server(DOWN)
    with pytest.raises(Unavailable, match="it is down"):
        await shop.call(server, idempotent=False)
    assert (server.calls, shop.state) == (1, "open")
    time.now += 9
    with pytest.raises(Unavailable):
        await shop.call(server, idempotent=False)
    assert server.calls == 1
    time.now += 1
    assert await shop.call(Server("well"), idempotent=False) == "well"
    assert shop.state == "closed"


@pytest.fixture
def usual_logs() -> Iterator[None]:
    yield
    configure_logs(level="error", format="text")


@pytest.mark.usefixtures("usual_logs")
async def test_an_outage_is_told_when_it_begins_and_when_it_ends(
    time: Time, resilient: Callable[..., Resilient], metrics: PrometheusMetrics
) -> None:
    shop = resilient()
    configure_logs(level="debug", format="text")
    with structlog.testing.capture_logs() as lines:
        await fail(shop, 4)
        for _ in range(5):
            time.now += 10
            await fail(shop, 1)
            assert b'seoga_remote_breaker_open{target="the shop"} 1.0' in metrics.exposition()
        time.now += 10
        await shop.call(Server("well"), idempotent=False)
    told = [line for line in lines if line["log_level"] != "debug"]
    assert [(line["log_level"], line["event"]) for line in told] == [
        ("warning", "breaker opened"),
        ("info", "breaker closed"),
    ]
    assert (told[0]["target"], told[0]["failures"], told[0]["reason"]) == ("the shop", 4, "it is down")
    assert told[1]["away_seconds"] == 60
    # Whoever looks closer sees each probe begin, and five of them fail.
    assert [line["action"] for line in lines if line not in told] == ["breaker.half-open", "breaker.open"] * 5 + [
        "breaker.half-open"
    ]


async def test_callers_who_went_away_are_not_counted(resilient: Callable[..., Resilient]) -> None:
    shop = resilient(failure_limit=1)
    for _ in range(5):
        call = begin(shop.call(asyncio.Event().wait, idempotent=True))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert (shop.state, shop.failures) == ("closed", 0)


async def test_a_callers_own_deadline_is_not_the_servers_fault(resilient: Callable[..., Resilient]) -> None:
    shop = resilient(failure_limit=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await shop.call(asyncio.Event().wait, idempotent=True)
    assert (shop.state, shop.failures) == ("closed", 0)


async def test_a_probe_that_went_away_leaves_its_place_to_the_next(
    time: Time, resilient: Callable[..., Resilient]
) -> None:
    shop = resilient()
    await fail(shop, 4)
    time.now += 10
    probe = begin(shop.call(asyncio.Event().wait, idempotent=False))
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert shop.opened_at is not None
    assert await shop.call(Server("well"), idempotent=False) == "well"
    assert shop.state == "closed"


async def test_a_bug_in_the_call_says_nothing_of_the_server(time: Time, resilient: Callable[..., Resilient]) -> None:
    shop = resilient(failure_limit=1)
    with pytest.raises(KeyError):
        await shop.call(Server(KeyError("typo")), idempotent=True)
    assert (shop.state, shop.failures) == ("closed", 0)
    await fail(shop, 1)
    time.now += 10
    with pytest.raises(KeyError):
        await shop.call(Server(KeyError("typo")), idempotent=True)
    assert await shop.call(Server("well"), idempotent=False) == "well"


@pytest.mark.parametrize("outcome", ["well", DOWN])
async def test_what_began_before_the_breaker_opened_is_no_news_after(
    time: Time, resilient: Callable[..., Resilient], outcome: str | Unavailable
) -> None:
    shop, answer = resilient(), asyncio.Event()

    async def slow() -> str:
        await answer.wait()
        return await Server(outcome)()

    early = begin(shop.call(slow, idempotent=False))
    await asyncio.sleep(0)
    await fail(shop, 4)
    time.now += 9
    answer.set()
    await asyncio.gather(early, return_exceptions=True)
    assert shop.state == "open"
    time.now += 1
    assert await shop.call(Server("well"), idempotent=False) == "well"


def test_event_loops_of_several_threads_share_one_breaker(resilient: Callable[..., Resilient]) -> None:
    shop = resilient(failure_limit=20)
    server = Server(DOWN)

    def call_often() -> None:
        async def call() -> None:
            for _ in range(20):
                with pytest.raises(Unavailable):
                    await shop.call(server, idempotent=False)

        asyncio.run(call())

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(call_often) for _ in range(4)]:
            done.result()
    assert shop.state == "open"
    assert 20 <= server.calls <= 23
