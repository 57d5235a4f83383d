"""How a component is: well, less well, or gone; and since when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HealthStatus(StrEnum):
    """From well to gone."""

    OK = "ok"
    DEGRADED = "degraded"
    """It works slowly, or Seoga works without it and says so."""
    DOWN = "down"
    """Seoga is not ready without it."""


_WORSE = (HealthStatus.OK, HealthStatus.DEGRADED, HealthStatus.DOWN)


def status_of(*, ready: bool, required: bool, slow: bool) -> HealthStatus:
    """Of one component that was asked."""
    if not ready:
        return HealthStatus.DOWN if required else HealthStatus.DEGRADED
    return HealthStatus.DEGRADED if slow else HealthStatus.OK


def worst(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """Of several components together; of none it is OK."""
    return max(statuses, key=_WORSE.index, default=HealthStatus.OK)


@dataclass(frozen=True, slots=True)
class Standing:
    """A status and when it began, as the process that asks has seen it."""

    status: HealthStatus
    since: datetime

    def then(self, status: HealthStatus, at: datetime) -> "Standing":
        """After it was asked again at `at`. A clock that was put back does not lead into the future."""
        return Standing(status, min(self.since, at) if status is self.status else at)
