"""Runs the jobs of one kind: claims by free places, keeps leases alive, and tells the two failures apart.

Unavailable costs no attempt: the worker stops taking jobs and probes with one. Refused jobs end with the
facts of their handler; what nothing else explains is tried again a few times and then buried.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from shared.events.delivery import EventDeadLettered
from shared.events.envelope import Event, caused_by
from shared.kernel import Refused, Unavailable
from shared.ports.handlers import JobHandler
from shared.ports.jobs import Job, JobStore
from shared.runtime.backoff import Backoff
from shared.runtime.beats import until_beat
from shared.runtime.waiting import Waiting
from shared.shortages import as_unavailable
from shared.telemetry import Metrics, get_log

_LONGEST_REASON: Final = 2000
_OUTCOMES: Final = ("finished", "refused", "retried", "buried", "unavailable", "released", "lost")
_log = get_log("worker")


@dataclass(frozen=True, slots=True)
class WorkerTimes:
    """How often a worker looks, and how long it waits at most."""

    look_again_seconds: float = 30.0
    """A store that tells of no jobs is asked again after this time."""
    longest_heartbeat_seconds: float = 5.0
    """A superseded or withdrawn document's work stops within this time."""
    longest_retry_seconds: float = 60.0
    """The pauses between a job's attempts grow up to here."""
    last_word_seconds: float = 5.0
    """What it may take to give a job back as the worker leaves."""


_TIMES: Final = WorkerTimes()


class JobLost(Exception):
    """The claim is gone (a newer version, a withdrawal, another owner): the work must stop and leaves no word."""


@dataclass(slots=True)
class _Running:
    job: Job
    is_probe: bool
    task: asyncio.Task[None] | None = None
    is_lost: bool = False


class Worker:
    """One kind of job in this process. `owner` is the boot id that leases carry."""

    def __init__(
        self,
        jobs: JobStore,
        handler: JobHandler,
        *,
        group: str,
        owner: str,
        metrics: Metrics,
        lease_seconds: float = 30.0,
        attempts: int = 3,
        first_retry_seconds: float = 0.5,
        grace_seconds: float = 10.0,
        times: WorkerTimes = _TIMES,
        waiting: Waiting | None = None,
    ) -> None:
        """`waiting` hears when something that the jobs need is away, and when it is back."""
        self._jobs = jobs
        self._handler = handler
        self._group = group
        self._owner = owner
        self._metrics = metrics
        self._lease_seconds = lease_seconds
        self._attempts = attempts
        self._first_retry_seconds = first_retry_seconds
        self._grace_seconds = grace_seconds
        self._times = times
        self._waiting = waiting or Waiting()
        self._name = f"{group}.{handler.kind}"
        for outcome in _OUTCOMES:
            metrics.count("jobs_done_total", 0, group=group, kind=handler.kind, outcome=outcome)
        # By job and claim: one claim may hold several jobs, and a job that was lost may be claimed again.
        self._running: dict[tuple[str, str], _Running] = {}
        self._is_leaving = False
        # While something is unavailable: no claims before `_probe_at`, then one job at a time.
        self._away = Backoff(0.5, 10.0)
        self._is_away = False
        self._probe_at = 0.0

    async def run(self) -> None:
        """Until cancelled; then running jobs get `grace_seconds` to finish and are given back after it."""
        self._is_leaving = False
        beating = asyncio.create_task(self._heartbeats(), name=f"{self._group}.{self._handler.kind}.heartbeat")
        backoff = Backoff(0.1, 5.0)
        try:
            while True:
                try:
                    await self._turn()
                    backoff.reset()
                except Exception as error:
                    away = as_unavailable(error)
                    if away is None:
                        raise
                    tell = _log.warning if backoff.is_first else _log.debug
                    tell("job store away", action="worker.wait", group=self._group, reason=str(away))
                    await asyncio.sleep(backoff.next_seconds())
        finally:
            try:
                await self._leave()
            finally:
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)

    async def _turn(self) -> None:
        """One round: take what there is room for, or wait until that can have changed."""
        kind = self._handler.kind
        room = (1 if self._is_away else self._handler.concurrency) - len(self._running)
        if room <= 0:
            await asyncio.wait(self._tasks(), return_when=asyncio.FIRST_COMPLETED)
            return
        pause = self._probe_at - asyncio.get_running_loop().time()
        if self._is_away and pause > 0:
            await asyncio.sleep(pause)
        jobs = await self._claim(room)
        for job in jobs:
            running = _Running(job, is_probe=self._is_away)
            self._running[job.id, job.lease] = running
            running.task = asyncio.create_task(self._do(running), name=f"{self._group}.{kind}")
        if len(jobs) < room:  # there are no more now, so it is not asked again
            await self._jobs.wait_for_jobs(kind, self._times.look_again_seconds)

    async def _claim(self, limit: int) -> Sequence[Job]:
        claim = asyncio.ensure_future(
            self._jobs.claim(self._handler.kind, owner=self._owner, limit=limit, lease_seconds=self._lease_seconds)
        )
        try:
            return await asyncio.shield(claim)
        except asyncio.CancelledError:
            # What was claimed in the last moment must not wait for its lease to run out.
            with contextlib.suppress(Unavailable):
                for job in await claim:
                    await self._jobs.release(job, delay_seconds=0)
            raise

    async def _do(self, running: _Running) -> None:
        """The job from claim to its end, whatever happens."""
        job, started = running.job, perf_counter()
        with caused_by(job.correlation_id):
            try:
                outcome = await self._attempt(running)
            except JobLost:
                outcome = "lost"
            except asyncio.CancelledError:
                outcome = "lost" if running.is_lost else await self._give_back(job)
            except Exception as error:
                _log.error("a job ended badly", action="worker.bug", kind=job.kind, job=job.id, exc_info=error)
                outcome = "lost"  # its lease runs out, then it is claimed again
            finally:
                del self._running[job.id, job.lease]
        self._metrics.count("jobs_done_total", group=self._group, kind=job.kind, outcome=outcome)
        self._metrics.observe("job_seconds", perf_counter() - started, group=self._group, kind=job.kind)

    async def _attempt(self, running: _Running) -> str:
        job = running.job

        async def report(fact: Event) -> None:
            if not await self._jobs.report(job, fact):
                raise JobLost

        try:
            facts = await self._handler.run(job, report)
            self._is_back()
            return await self._save("finished", lambda: self._jobs.finish(job, *facts))
        except JobLost:
            raise
        except Refused as error:
            self._is_back()
            return await self._refused(job, error)
        except asyncio.CancelledError as error:
            if running.is_lost or self._is_leaving:
                raise
            return await self._failed(job, error)  # something inside was cancelled, not this job
        except Exception as error:
            # A machine that has run out of something is no job's fault.
            away = as_unavailable(error)
            if away is not None:
                return await self._unavailable(running, away)
            return await self._failed(job, error)

    def _is_back(self) -> None:
        self._is_away = False
        self._waiting.goes_on(self._name)

    async def _unavailable(self, running: _Running, error: Unavailable) -> str:
        job, now = running.job, asyncio.get_running_loop().time()
        was_away = self._is_away
        if not self._is_away or running.is_probe:
            # Jobs that fail together are one sign; only a probe that fails makes the next pause longer.
            if not self._is_away:
                self._away.reset()
            self._is_away = True
            self._probe_at = now + self._away.next_seconds()
        seconds = max(0.0, self._probe_at - now)
        self._waiting.waits(self._name, error)
        # Of many jobs that fail together, and of probes, the first one's word is enough.
        tell = _log.debug if was_away else _log.warning
        tell("job waits", action="worker.unavailable", kind=job.kind, reason=str(error), seconds=seconds)
        # A little longer than the worker itself waits, so that the next probe is another job if there is one.
        return await self._save("unavailable", lambda: self._jobs.release(job, delay_seconds=1.25 * seconds))

    async def _refused(self, job: Job, error: Refused) -> str:
        if error.retryable and job.attempts + 1 < self._attempts:
            return await self._retry(job)
        try:
            facts = self._handler.refused(job, error)
        except Exception as failure:
            return await self._failed(job, failure)
        if facts:
            return await self._save("refused", lambda: self._jobs.finish(job, *facts))
        return await self._bury(job, str(error))

    async def _failed(self, job: Job, error: BaseException) -> str:
        _log.error(
            "a job failed",
            action="worker.failed",
            group=self._group,
            kind=job.kind,
            document_id=job.document_id,
            attempt=job.attempts + 1,
            reason=f"{type(error).__name__}: {error}"[:_LONGEST_REASON],
            # Of several attempts the first one tells where.
            exc_info=error if job.attempts == 0 else None,
        )
        if job.attempts + 1 < self._attempts:
            return await self._retry(job)
        return await self._bury(job, f"{type(error).__name__}: {error}")

    async def _retry(self, job: Job) -> str:
        seconds = min(self._times.longest_retry_seconds, self._first_retry_seconds * 4**job.attempts)
        return await self._save("retried", lambda: self._jobs.retry(job, delay_seconds=seconds))

    async def _bury(self, job: Job, reason: str) -> str:
        reason = reason[:_LONGEST_REASON]
        _log.error(
            "a job was given up: it is a dead letter",
            action="worker.buried",
            group=self._group,
            kind=job.kind,
            document_id=job.document_id,
            version=job.document_version,
            attempts=job.attempts + 1,
            reason=reason,
        )
        notice = EventDeadLettered(
            group=self._group,
            dead_letter_id=job.id,
            subject=f"job:{job.kind}",
            document_id=job.document_id,
            document_version=job.document_version,
            reason=reason,
        )
        return await self._save("buried", lambda: self._jobs.bury(job, reason, notice))

    async def _save(self, outcome: str, save: Callable[[], Awaitable[bool]]) -> str:
        """Work that is done is not done again because its end could not be saved at once."""
        backoff = Backoff(0.1, 5.0)
        while True:
            try:
                return outcome if await save() else "lost"
            except Exception as error:
                away = as_unavailable(error)
                if away is None:
                    raise
                tell = _log.warning if backoff.is_first else _log.debug
                tell("job end not saved", action="worker.save", kind=self._handler.kind, reason=str(away))
                await asyncio.sleep(backoff.next_seconds())

    async def _give_back(self, job: Job) -> str:
        try:
            async with asyncio.timeout(self._times.last_word_seconds):
                await self._jobs.release(job, delay_seconds=0)
        except (Unavailable, TimeoutError) as error:
            _log.warning("job not given back", action="worker.leave", kind=job.kind, reason=str(error))
        return "released"

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(until_beat(min(self._lease_seconds / 3, self._times.longest_heartbeat_seconds)))
            await asyncio.gather(*(self._heartbeat(running) for running in list(self._running.values())))

    async def _heartbeat(self, running: _Running) -> None:
        try:
            is_held = await self._jobs.heartbeat(running.job, lease_seconds=self._lease_seconds)
        except Exception as error:
            # Who cannot save the job's end says so; this one comes every few seconds for each job.
            _log.debug("heartbeat not saved", action="worker.heartbeat", kind=running.job.kind, reason=str(error))
            return
        if not is_held and (running.job.id, running.job.lease) in self._running and running.task is not None:
            running.is_lost = True
            running.task.cancel()

    async def _leave(self) -> None:
        tasks = self._tasks()
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, timeout=self._grace_seconds)
        finally:
            self._is_leaving = True
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [running.task for running in self._running.values() if running.task is not None]
