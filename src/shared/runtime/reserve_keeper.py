"""Sets room on the disk aside, and again when there is some after it was given up."""

import asyncio

from typing_extensions import override

from shared.disk_reserve import DiskReserve
from shared.ports.health import ComponentHealth
from shared.runtime.background import Background
from shared.runtime.beats import until_beat
from shared.telemetry import Metrics, get_log

_log = get_log("disk")


class ReserveKeeper(Background):
    """An async context manager: the room is set aside when it is entered, if the disk has it."""

    def __init__(self, reserve: DiskReserve, metrics: Metrics, *, look_again_seconds: float = 5.0) -> None:
        self._reserve = reserve
        self._metrics = metrics
        self._look_again_seconds = look_again_seconds

    async def check(self) -> ComponentHealth:
        """Not required: without it everything works that the disk has room for."""
        if self._reserve.is_there:
            return ComponentHealth(True, "room is set aside for deletions", required=False)
        return ComponentHealth(
            False, "the disk is full: nothing is taken in until some room is free; deleting works", required=False
        )

    @override
    async def run(self) -> None:
        was_there = True
        while True:
            is_there = await asyncio.to_thread(self._reserve.make)
            self._metrics.gauge("disk_reserve_is_there", float(is_there))
            if is_there != was_there:
                if is_there:
                    _log.info("room is set aside again", action="disk.reserved")
                else:
                    _log.error("the disk is full: only deletions and searches go on", action="disk.full")
            was_there = is_there
            await asyncio.sleep(until_beat(self._look_again_seconds))
