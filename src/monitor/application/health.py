"""Asks every component how it is, at the same time and not too often."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.kernel import Clock, DomainError, utc_now
from shared.ports.health import Probe
from shared.telemetry import get_log

_log = get_log("monitor")


@dataclass(frozen=True, slots=True)
class ComponentReport:
    """One component at the instant it was asked."""

    name: str
    ready: bool
    required: bool
    detail: str
    seconds: float


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


class Health:
    """Asks the probes of every plug of this process."""

    def __init__(
        self,
        probes: Sequence[Mapping[str, Probe]],
        *,
        probe_timeout_seconds: float = 2.0,
        cached_seconds: float = 1.0,
        clock: Clock = utc_now,
    ) -> None:
        self._probes = probes
        self._probe_timeout_seconds = probe_timeout_seconds
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

    async def _ask(self, name: str, probe: Probe) -> ComponentReport:
        started = time.perf_counter()
        required = True
        try:
            async with asyncio.timeout(self._probe_timeout_seconds):
                condition = await probe()
            ready, detail, required = condition.ready, condition.detail, condition.required
        except TimeoutError:
            ready, detail = False, f"did not answer within {self._probe_timeout_seconds:g} s"
        except DomainError as error:
            ready, detail = False, error.detail
        except Exception as error:
            _log.error("probe failed", action="monitor.probe_failed", component=name, exc_info=error)
            ready, detail = False, f"its probe failed ({type(error).__name__}); the log says more"
        return ComponentReport(name, ready, required, detail, time.perf_counter() - started)
