"""A duty as the task sees it that does it: while this process holds the duty, it goes on, step by step."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Self

from shared.kernel import Unavailable, new_id
from shared.ports.duties import DutyStore
from shared.telemetry import get_log

_log = get_log("duty")


class Duty:
    """An async context manager: entered by the task before its first step, given back when it is left.

    Before each step the task asks `hold`. A step that may take longer than a third of the lease must bear being done
    by two processes at once.
    """

    def __init__(
        self,
        duties: DutyStore,
        name: str,
        *,
        lease_seconds: float,
        owner: str | None = None,
        last_word_seconds: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """A lease that is longer than the pauses between steps keeps the duty with the process that has it.

        `owner` is new for each duty if none is given; `last_word_seconds` is what giving back may take.
        """
        self.name = name
        self._duties = duties
        self._lease_seconds = lease_seconds
        self._owner = owner or new_id()
        self._last_word_seconds = last_word_seconds
        self._monotonic = monotonic
        # By this process's clock, from before the store was asked: it ends no later than the store's.
        self._ends_at = -math.inf
        # An answer that did not come may have been yes.
        self._may_be_held = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.give_back()

    async def hold(self) -> bool:
        """Whether the next step is this process's to do: the duty is taken, or renewed when a third of it is over.

        True leaves at least a third of the lease for the step. Raises Unavailable when the store cannot be asked and
        less than that is left.
        """
        asked_at = self._monotonic()
        if self._ends_at - asked_at > self._lease_seconds * 2 / 3:
            return True
        was_held, self._may_be_held = self._ends_at > -math.inf, True
        try:
            is_held = await self._duties.take(self.name, owner=self._owner, lease_seconds=self._lease_seconds)
        except Unavailable:
            if self._is_enough_left():
                return True
            raise
        self._may_be_held = is_held
        self._ends_at = asked_at + self._lease_seconds if is_held else -math.inf
        if is_held != was_held:
            words = "this process has a duty" if is_held else "another process has the duty now"
            _log.debug(words, action="duty.taken" if is_held else "duty.lost", duty=self.name)
        return self._is_enough_left()

    async def give_back(self) -> None:
        """Others may take it at once; if the store cannot be asked, when the lease has ended."""
        if not self._may_be_held:
            return
        self._ends_at, self._may_be_held = -math.inf, False
        try:
            async with asyncio.timeout(self._last_word_seconds):
                await self._duties.give_back(self.name, owner=self._owner)
        except (Unavailable, TimeoutError) as error:
            _log.debug("a duty was not given back", action="duty.leave", duty=self.name, reason=str(error))

    def _is_enough_left(self) -> bool:
        return self._ends_at - self._monotonic() > self._lease_seconds / 3
