"""How calls to other machines are made safe: a timeout, retries with jitter, and a circuit breaker per name.

pybreaker keeps the state; it is not given the call itself, because its own ways to run one hold a lock for the
whole call, let every caller probe at once, or count a caller who went away as a failure.
"""

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeVar, cast

from shared.kernel import DomainError, Unavailable
from shared.lean_imports import without
from shared.telemetry import Metrics, get_log

with without("redis"):  # for a state that many processes share
    from pybreaker import (
        STATE_CLOSED,
        STATE_HALF_OPEN,
        STATE_OPEN,
        CircuitBreaker,
        CircuitBreakerListener,
        CircuitBreakerState,
        CircuitMemoryStorage,
    )

BreakerState = Literal["closed", "open", "half-open"]

_GAUGE: Final = {STATE_CLOSED: 0.0, STATE_HALF_OPEN: 0.5, STATE_OPEN: 1.0}
_LEAST_SHARE: Final = 0.1
"""Of the timeout: with less time left there is no further attempt."""
_log = get_log("resilience")
T = TypeVar("T")


class AskedToWait(Unavailable):
    """The other side named the time itself (`Retry-After`): no retry comes earlier."""


class Resilient:
    """Guards the calls to one other side. Safe from any thread and event loop; one per name and process.

    - Each attempt ends after `timeout_seconds`.
    - An idempotent call that was Unavailable is tried up to `attempts` times, as long as `total_seconds` allow.
      Pauses have full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    - After `failure_limit` failed attempts in a row the breaker opens: for `reset_seconds` every call raises
      Unavailable at once. Then one caller at a time probes; its success closes the breaker, its failure opens it
      again.

    Failures are Unavailable and TimeoutError. Every other DomainError is an answer: the other side is well and
    the request is not. A caller that is cancelled, or a bug in the call, says nothing of the other side.
    """

    def __init__(
        self,
        name: str,
        *,
        timeout_seconds: float,
        attempts: int = 3,
        failure_limit: int = 5,
        reset_seconds: float = 5,
        total_seconds: float | None = None,
        first_pause_seconds: float = 0.1,
        longest_pause_seconds: float = 2,
        metrics: Metrics,
        where: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`total_seconds` is for all attempts and pauses of one call; None is no limit but theirs.

        `where` begins the sentences that people read: the server and the setting that names it.
        """
        self.name = name
        self._where = where or name
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._reset_seconds = reset_seconds
        self._total_seconds = total_seconds
        self._first_pause_seconds = first_pause_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._metrics = metrics
        self._clock = clock
        self._sleep = sleep
        self._storage = CircuitMemoryStorage(STATE_CLOSED)
        self._breaker = CircuitBreaker(
            fail_max=failure_limit,
            # When it is time for a probe is decided here, by a clock that tests can turn.
            reset_timeout=0,
            state_storage=self._storage,
            name=name,
            throw_new_error_on_trip=False,
            listeners=[_Changes(metrics, clock, lambda: self._last_failure)],
        )
        # Guards what follows and the breaker; held for moments only.
        self._lock = threading.Lock()
        self._probe_at = 0.0
        self._is_probing = False
        self._last_failure = ""
        metrics.gauge("remote_breaker_open", _GAUGE[STATE_CLOSED], target=name)
        metrics.count("remote_retries", 0, target=name)
        for outcome in ("answered", "failed", "not tried"):
            metrics.count("remote_calls", 0, target=name, outcome=outcome)

    @property
    def state(self) -> BreakerState:
        """`open` turns into `half-open` when the first call after `reset_seconds` probes."""
        return cast(BreakerState, self._storage.state)

    @property
    def failures(self) -> int:
        """Failed attempts in a row."""
        return self._storage.counter

    @property
    def opened_at(self) -> datetime | None:
        """When it opened last; None if it never did or is closed again."""
        return None if self.state == STATE_CLOSED else self._storage.opened_at

    @property
    def last_failure(self) -> str | None:
        """Of the failures in a row, the last one's words."""
        return self._last_failure if self.failures or self.state != STATE_CLOSED else None

    async def call(self, make_call: Callable[[], Awaitable[T]], *, idempotent: bool) -> T:
        """What `make_call` gives; it is called anew for each attempt.

        Raises what it raised last (a timeout as Unavailable), and Unavailable (code `circuit_open`) without
        calling it while the breaker is open.
        """
        ends_at = None if self._total_seconds is None else self._clock() + self._total_seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(make_call, ends_at)
            except Unavailable as error:
                if not idempotent or attempt >= self._attempts or error.specific_code == "circuit_open":
                    raise
                pause = self._pause_seconds(attempt, error)
                # What has no time to be answered would only be one failure more, and its words would mislead.
                if ends_at is not None and self._clock() + pause > ends_at - _LEAST_SHARE * self._timeout_seconds:
                    raise
                self._metrics.count("remote_retries", target=self.name)
            await self._sleep(pause)

    async def _attempt(self, make_call: Callable[[], Awaitable[T]], ends_at: float | None) -> T:
        timeout = self._timeout_seconds
        if ends_at is not None:
            timeout = max(0.001, min(timeout, ends_at - self._clock()))
        is_probe = self._admit()
        try:
            async with asyncio.timeout(timeout):
                answer = await make_call()
        except TimeoutError as error:
            late = Unavailable(f"{self._where} did not answer within {timeout:.3g} s.", code="timeout")
            self._failed(is_probe, late)
            raise late from error
        except Unavailable as error:
            self._failed(is_probe, error)
            raise
        except DomainError:
            self._answered(is_probe)
            raise
        except RuntimeError as error:
            # uvloop's word for a connection that has just ended (handles/handle.pyx), where others say OSError.
            if "handler is closed" not in str(error):
                self._left(is_probe)
                raise
            ended = Unavailable(f"{self._where}: the connection ended.")
            self._failed(is_probe, ended)
            raise ended from error
        except BaseException:
            self._left(is_probe)
            raise
        self._answered(is_probe)
        return answer

    def _pause_seconds(self, attempt: int, error: Unavailable) -> float:
        pause = random.uniform(0, min(self._longest_pause_seconds, self._first_pause_seconds * 2.0 ** (attempt - 1)))
        return pause + error.retry_after_seconds if isinstance(error, AskedToWait) else pause

    def _admit(self) -> bool:
        """Lets an attempt begin; True if it is the probe. Raises Unavailable while the breaker is open."""
        with self._lock:
            if self.state == STATE_CLOSED:
                return False
            wait = self._probe_at - self._clock()
            if wait > 0 or self._is_probing:
                self._metrics.count("remote_calls", target=self.name, outcome="not tried")
                raise Unavailable(
                    f"{self._where} failed {self.failures} times in a row and is left alone for a moment. "
                    f"The last failure: {self._last_failure}",
                    code="circuit_open",
                    # While somebody probes, the outcome is near.
                    retry_after_seconds=max(0.1, wait),
                )
            self._is_probing = True
            if self.state == STATE_OPEN:
                self._breaker.half_open()
            return True

    def _failed(self, is_probe: bool, error: Unavailable) -> None:
        self._metrics.count("remote_calls", target=self.name, outcome="failed")

        def fail() -> None:
            raise error

        with self._lock:
            if not self._counts(is_probe):
                return
            self._last_failure = error.detail
            with contextlib.suppress(Unavailable):
                self._breaker.call(fail)
            if self.state == STATE_OPEN:
                self._probe_at = self._clock() + self._reset_seconds

    def _answered(self, is_probe: bool) -> None:
        self._metrics.count("remote_calls", target=self.name, outcome="answered")
        with self._lock:
            # The breaker need not hear of every answer, only of those that change it.
            if self._counts(is_probe) and (is_probe or self.failures):
                self._breaker.call(lambda: None)

    def _left(self, is_probe: bool) -> None:
        """Not an outcome: the next caller may probe."""
        with self._lock:
            self._counts(is_probe)

    def _counts(self, is_probe: bool) -> bool:
        """An attempt that began before the breaker opened, and ends after, is no news. Frees the probe's place."""
        if is_probe:
            self._is_probing = False
            return True
        return self.state == STATE_CLOSED


@dataclass(frozen=True, slots=True)
class RemoteState:
    """One other side as its guard knows it."""

    name: str
    state: BreakerState
    failures: int
    """Failed attempts in a row."""
    opened_at: datetime | None
    last_failure: str | None
    """In words; None while the last attempt was answered."""


class Remotes:
    """Every guard of this process by name: adapters take theirs from here, and the monitor shows them all."""

    def __init__(self, metrics: Metrics, *, timeout_seconds: float = 2.0) -> None:
        self._metrics = metrics
        self._timeout_seconds = timeout_seconds
        self._guards: dict[str, Resilient] = {}

    def guard(
        self,
        name: str,
        *,
        timeout_seconds: float | None = None,
        attempts: int = 2,
        failure_limit: int = 5,
        reset_seconds: float = 2,
        total_seconds: float | None = None,
        where: str | None = None,
    ) -> Resilient:
        """The one of this name, made at the first call; `total_seconds` is as long as one attempt if not given."""
        if name not in self._guards:
            timeout = timeout_seconds or self._timeout_seconds
            self._guards[name] = Resilient(
                name,
                timeout_seconds=timeout,
                attempts=attempts,
                failure_limit=failure_limit,
                reset_seconds=reset_seconds,
                total_seconds=total_seconds or timeout,
                metrics=self._metrics,
                where=where,
            )
        return self._guards[name]

    def add(self, guard: Resilient) -> None:
        """One that was made elsewhere."""
        self._guards[guard.name] = guard

    def states(self) -> list[RemoteState]:
        """In order of their names."""
        return [
            RemoteState(name, guard.state, guard.failures, guard.opened_at, guard.last_failure)
            for name, guard in sorted(self._guards.items())
        ]


class _Changes(CircuitBreakerListener):
    """Tells once that a breaker opens and once that it closes; what its probes change shows in the gauge."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float], last_failure: Callable[[], str]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._last_failure = last_failure
        self._away_since = 0.0

    def state_change(
        self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: CircuitBreakerState
    ) -> None:
        name = cb.name or ""
        self._metrics.gauge("remote_breaker_open", _GAUGE[new_state.name], target=name)
        if new_state.name == STATE_CLOSED:
            seconds = round(self._clock() - self._away_since, 1)
            _log.info("breaker closed", action="breaker.closed", target=name, away_seconds=seconds)
        elif new_state.name == STATE_HALF_OPEN:
            _log.debug("breaker probes", action="breaker.half-open", target=name)
        elif old_state is not None and old_state.name == STATE_HALF_OPEN:
            _log.debug("breaker stays open", action="breaker.open", target=name, reason=self._last_failure())
        else:
            self._away_since = self._clock()
            failures, reason = cb.fail_counter, self._last_failure()
            _log.warning("breaker opened", action="breaker.open", target=name, failures=failures, reason=reason)
