"""Loops of the background end when they are told to, also when something fails on their way out."""

import asyncio
from contextlib import suppress

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.runtime.background import end_tasks
from shared.runtime.supervisor import Supervisor


class _Fallen(Exception):
    """What a driver raises while it is closed, in the place of the cancellation."""


async def _falls_on_the_way_out() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise _Fallen from None


async def test_a_loop_that_falls_while_it_is_stopped_is_not_started_again() -> None:
    starts = 0

    async def run() -> None:
        nonlocal starts
        starts += 1
        await _falls_on_the_way_out()

    supervisor = Supervisor(PrometheusMetrics(), first_pause_seconds=0)
    supervisor.start("falling", run)
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await supervisor.stop()
    assert starts == 1


async def test_a_loop_that_meets_its_own_errors_is_cancelled_again() -> None:
    rounds = 0

    async def run() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            with suppress(_Fallen):
                await (_falls_on_the_way_out() if rounds == 1 else asyncio.Event().wait())

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await end_tasks([task], again_seconds=0.01)
    assert task.cancelled() and rounds == 2


async def test_what_a_task_raises_while_it_ends_is_not_raised() -> None:
    task = asyncio.create_task(_falls_on_the_way_out())
    await asyncio.sleep(0)
    await end_tasks([task])
    assert isinstance(task.exception(), _Fallen)
