"""A judged set that is asked once a day, by one process for all: what came of it is kept and shown as metrics."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from typing_extensions import override

from search.application.evaluations import Evaluations, Question
from shared.kernel import Clock, DomainError, utc_now
from shared.ports.duties import DutyStore
from shared.runtime.background import Background
from shared.runtime.duty import Duty
from shared.telemetry import Metrics, get_log

_PAGE: Final = 500
_log = get_log("search")


@dataclass(frozen=True, slots=True)
class NightlySet:
    """What is asked, and where."""

    name: str
    collection: str
    questions: Sequence[Question]


@dataclass(frozen=True, slots=True)
class NightlyTimes:
    """When it is looked whether an evaluation is due."""

    look_again_seconds: float = 60.0
    after_failure_seconds: float = 3600.0
    """The set's collection may not be there yet."""
    lease_seconds: float = 1800.0


_TIMES: Final = NightlyTimes()


class NightlyEvaluation(Background):
    """An async context manager. Due is what has not been asked since the hour of the day was last reached.

    A night that was missed, as the server was off, is made up for; what another process did is not done again.
    """

    def __init__(
        self,
        *,
        read_set: Callable[[], NightlySet],
        hour: int,
        evaluations: Evaluations,
        duties: DutyStore,
        metrics: Metrics,
        clock: Clock = utc_now,
        times: NightlyTimes = _TIMES,
    ) -> None:
        """`read_set` blocks and raises InvalidInput for a folder that is no set; `hour` is of this machine's day."""
        self._read_set = read_set
        self._hour = hour
        self._evaluations = evaluations
        self._duty = Duty(duties, "search.evaluate", lease_seconds=times.lease_seconds)
        self._metrics = metrics
        self._clock = clock
        self._times = times

    @override
    async def run(self) -> None:
        async with self._duty:
            while True:
                pause = self._times.look_again_seconds
                try:
                    if await self._duty.hold():
                        await self._ask_if_due()
                except DomainError as error:
                    self._metrics.count("search_evaluations_failed_total")
                    _log.warning("set not evaluated", action="search.evaluate.failed", reason=error.detail)
                    pause = self._times.after_failure_seconds
                except Exception as error:
                    # Whatever it was, the next night is another one.
                    self._metrics.count("search_evaluations_failed_total")
                    _log.error("set not evaluated", action="search.evaluate.failed", reason=repr(error))
                    pause = self._times.after_failure_seconds
                await asyncio.sleep(pause)

    async def _ask_if_due(self) -> None:
        judged = await asyncio.to_thread(self._read_set)
        page = await self._evaluations.page(visible=frozenset((judged.collection,)), after=None, limit=_PAGE)
        last = next((one for one in page.evaluations if one.name == judged.name), None)
        if last is not None and last.created_at >= last_time(self._clock(), self._hour):
            # A process that has just begun knows of none: its metric goes on where another one's ended.
            self._evaluations.show(last)
            return
        done = await self._evaluations.run(
            name=judged.name,
            collection=judged.collection,
            mode="hybrid",
            questions=judged.questions,
            visible=None,
            is_gentle=True,
        )
        quality = round(done.outcome["metrics"]["ndcg_10"], 4)
        _log.info("set evaluated", action="search.evaluate", evaluation=done.id, name=judged.name, ndcg_10=quality)


def last_time(now: datetime, hour: int) -> datetime:
    """When the hour of this machine's day was last reached, up to `now`."""
    local = now.astimezone()
    at = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return at if at <= local else at - timedelta(days=1)
