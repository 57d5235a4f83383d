"""What searches cost lately. Telemetry: in memory, bounded, begun anew with the process."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.domain.journey import percentile
from shared.kernel import Clock, utc_now

_KEPT: Final = 4_096
_WINDOW: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SearchNumbers:
    """Of the last five minutes."""

    per_minute: float
    seconds_p50: float | None
    seconds_p95: float | None
    cached_share: float | None
    degraded_share: float | None
    empty_share: float | None
    """Of those that were not answered from the cache: the share that found nothing."""


@dataclass(frozen=True, slots=True)
class _Sample:
    occurred_at: datetime
    seconds: float
    cached: bool
    degraded: bool
    empty: bool


class Searches:
    """The newest few thousand searches."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._samples: OrderedDict[str, _Sample] = OrderedDict()

    def record(
        self, search_id: str, occurred_at: datetime, *, seconds: float, cached: bool, degraded: bool, empty: bool
    ) -> None:
        """The same search again changes nothing. What was `cached` is not known to be `empty` or not."""
        self._samples[search_id] = _Sample(occurred_at, seconds, cached, degraded, empty)
        if len(self._samples) > _KEPT:
            self._samples.popitem(last=False)

    def numbers(self) -> SearchNumbers:
        """Rates and latencies of the window."""
        since = self._clock() - _WINDOW
        recent = [sample for sample in self._samples.values() if sample.occurred_at >= since]
        seconds = [sample.seconds for sample in recent]
        made = [sample.empty for sample in recent if not sample.cached]
        return SearchNumbers(
            per_minute=len(recent) / (_WINDOW.total_seconds() / 60),
            seconds_p50=percentile(seconds, 0.5),
            seconds_p95=percentile(seconds, 0.95),
            cached_share=sum(sample.cached for sample in recent) / len(recent) if recent else None,
            degraded_share=sum(sample.degraded for sample in recent) / len(recent) if recent else None,
            empty_share=sum(made) / len(made) if made else None,
        )
