"""Asks every component how it is, at the same time and not too often."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from monitor.domain.health import HealthStatus, Standing, status_of, worst
from shared.kernel import Clock, DomainError, utc_now
from shared.ports.health import ComponentHealth, Probe
from shared.telemetry import get_log

_SHARED: Final = "shared"
"""What every module stands on."""
_log = get_log("monitor")


@dataclass(frozen=True, slots=True)
class ComponentReport:
    """One component at the instant it was asked."""

    name: str
    ready: bool
    required: bool
    detail: str
    seconds: float
    status: HealthStatus
    since: datetime
    """When it came to this status, as this process has seen it."""

    @property
    def module(self) -> str:
        """Whose it is, by its name: a module's, or `shared`."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All components."""

    checked_at: datetime
    components: tuple[ComponentReport, ...]

    @property
    def missing(self) -> tuple[ComponentReport, ...]:
        """Required components that are not ready."""
        return tuple(component for component in self.components if component.required and not component.ready)

    @property
    def ready(self) -> bool:
        """Whether everything that is required is there."""
        return not self.missing

    @property
    def status(self) -> HealthStatus:
        """Of everything together."""
        return worst(component.status for component in self.components)

    @property
    def modules(self) -> Mapping[str, HealthStatus]:
        """Each module of this process with what is its own and what all stand on."""
        shared = [component.status for component in self.components if component.module == _SHARED]
        found: dict[str, list[HealthStatus]] = {}
        for component in self.components:
            if component.module != _SHARED:
                found.setdefault(component.module, list(shared)).append(component.status)
        return {module: worst(statuses) for module, statuses in sorted(found.items())}

    def of_module(self, module: str) -> "HealthReport":
        """What is the module's own and what all stand on."""
        return HealthReport(self.checked_at, tuple(one for one in self.components if one.module in (module, _SHARED)))


class Health:
    """Asks the probes of every plug of this process."""

    def __init__(
        self,
        probes: Sequence[Mapping[str, Probe]],
        *,
        probe_timeout_seconds: float = 2.0,
        slow_after_seconds: float = 1.5,
        silent_seconds: float = 8.0,
        unsettled_seconds: float = 20.0,
        cached_seconds: float = 1.0,
        clock: Clock = utc_now,
    ) -> None:
        """A component that takes longer than `slow_after_seconds` to answer is degraded.

        So is one that was ready and does not answer in time: a busy machine makes everybody late. It is not ready once
        it has been silent for `silent_seconds`, over two questions at least. For `unsettled_seconds` after a component
        stopped being well it is worth to ask again soon.
        """
        self._probes = probes
        self._probe_timeout_seconds = probe_timeout_seconds
        self._slow_after_seconds = slow_after_seconds
        self._silent_seconds = silent_seconds
        self._unsettled_seconds = unsettled_seconds
        self._standings: dict[str, Standing] = {}
        self._answers: dict[str, ComponentHealth] = {}
        """The last of each that was one."""
        self._silent_since: dict[str, float] = {}
        self._troubled_since: dict[str, float] = {}
        self._cached_seconds = cached_seconds
        self._clock = clock
        self._asking = asyncio.Lock()
        self._report: HealthReport | None = None
        self._asked_at = 0.0

    async def check(self) -> HealthReport:
        """A report at most a second old. Never raises: a probe that fails or hangs is a component not ready."""
        async with self._asking:
            if self._report is None or time.monotonic() - self._asked_at > self._cached_seconds:
                probes = sorted((name, probe) for one in self._probes for name, probe in one.items())
                components = await asyncio.gather(*(self._ask(name, probe) for name, probe in probes))
                self._report = HealthReport(self._clock(), tuple(components))
                self._asked_at = time.monotonic()
            return self._report

    @property
    def is_unsettled(self) -> bool:
        """Whether a component stopped being well a moment ago: the next answer tells whether it is serious."""
        now = time.monotonic()
        return any(now - since < self._unsettled_seconds for since in self._troubled_since.values())

    async def _ask(self, name: str, probe: Probe) -> ComponentReport:
        started = time.perf_counter()
        is_late = False
        try:
            async with asyncio.timeout(self._probe_timeout_seconds):
                condition = await probe()
        except TimeoutError:
            condition, is_late = self._unanswered(name, time.perf_counter() - started), True
        except DomainError as error:
            condition = self._failed(name, error.detail)
        except Exception as error:
            _log.error("probe failed", action="monitor.probe_failed", component=name, exc_info=error)
            condition = self._failed(name, f"its probe failed ({type(error).__name__}); the log says more")
        seconds = time.perf_counter() - started
        ready, detail, required = condition.ready, condition.detail, condition.required
        if not is_late:
            self._answers[name] = condition
            self._silent_since.pop(name, None)
        slow = ready and (is_late or seconds > self._slow_after_seconds)
        if slow and not is_late:
            detail = f"{detail}; it answered only after {seconds:.1f} s"
        if ready and not is_late:
            self._troubled_since.pop(name, None)
        else:
            self._troubled_since.setdefault(name, time.monotonic())
        status, now = status_of(ready=ready, required=required, slow=slow), self._clock()
        before = self._standings.get(name)
        standing = self._standings[name] = before.then(status, now) if before else Standing(status, now)
        return ComponentReport(name, ready, required, detail, seconds, status, standing.since)

    def _unanswered(self, name: str, seconds: float) -> ComponentHealth:
        """What its silence means: nothing yet for one that was ready and has not been silent for long."""
        before, now = self._answers.get(name), time.monotonic()
        is_first = name not in self._silent_since
        silent = now - self._silent_since.setdefault(name, now - seconds)
        words = f"did not answer within {self._probe_timeout_seconds:g} s"
        if before is not None and before.ready and (is_first or silent < self._silent_seconds):
            return replace(before, detail=f"it {words} and is asked again; before: {before.detail}")
        return self._failed(name, words)

    def _failed(self, name: str, words: str) -> ComponentHealth:
        """Who fails to say so is as much required as when it last answered."""
        before = self._answers.get(name)
        return ComponentHealth(False, words, required=before is None or before.required)
