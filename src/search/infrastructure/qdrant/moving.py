"""Where this process's units belong, and the move there when that is another collection than the one that serves.

Every process may begin or end a move at any time; who began last has its way (`_yielded`). Of those that want the same,
one copies. Nothing depends on that but the work it spares: what is lost or done twice, aliases and marks decide.
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from search.infrastructure.qdrant.collections import Collection, QdrantCollections, Standing
from search.infrastructure.qdrant.copying import Copying, Dropped
from search.infrastructure.qdrant.layout import Place, hashed
from search.infrastructure.qdrant.server import QdrantServer, Rejected
from shared.kernel import Unavailable
from shared.ports.duties import DutyStore
from shared.ports.model import Model
from shared.runtime.duty import Duty
from shared.runtime.grouping import GroupedCalls
from shared.settings import WrongSettings
from shared.telemetry import get_log

_log = get_log("search")


@dataclass(frozen=True, slots=True)
class MovingTimes:
    """When a move begins and goes on, how much it does in between, and when others are looked at."""

    move_after_seconds: float = 0.5
    """A server that starts has better things to do."""
    move_pause_seconds: float = 0.005
    """Between the steps of a move, for those who search and write meanwhile."""
    points_a_step: int = 200
    retry_seconds: float = 1.0
    last_step_seconds: float = 1.0
    """What the step that has begun may still take as the process leaves."""
    grace_seconds: float = 5.0
    """Longer than any search takes that still reads the former collection."""
    beat_seconds: float = 30.0
    look_at_copier_seconds: float = 1.0
    """While another process copies."""
    lease_seconds: float = 30.0
    """After this time at the latest another process copies in the place of one that is gone."""
    look_for_abandoned_seconds: float = 60.0
    sure_seconds: float = 1.0
    """That the model's collection serves. To ask for every document was an eighth of the process's CPU time."""


class Moving:
    """Knows what serves and what is filled, and brings the one that the model needs to serve."""

    def __init__(
        self,
        server: QdrantServer,
        collections: QdrantCollections,
        duties: DutyStore,
        model: Model,
        analysis: str,
        *,
        times: MovingTimes,
    ) -> None:
        self._server = server
        self._collections = collections
        self._duties = duties
        self._model = model
        self._analysis = analysis
        self._times = times
        self.standing: Standing | None = None
        """As this process saw it last."""
        # What the model wants; None: it was never there.
        self._wish: Place | None = None
        # What served when this wish came up.
        self._origin: Collection | None = None
        # Another process has moved on since: its wish is newer than ours.
        self._yielded = False
        self._own: Collection | None = None
        self._copying: Copying | None = None
        # To copy into what has to be filled.
        self._duty: Duty | None = None
        self._is_swept = False
        # Something has come up since the last step began.
        self._is_asked = False
        self._steering = asyncio.Lock()
        self._founding = asyncio.Lock()
        self._following = GroupedCalls(self._follow_model, name="follow-model")
        self._sure_until = 0.0
        self._beat_at = 0.0
        self._abandoned_at = time.monotonic()
        self._running: asyncio.Task[None] | None = None
        self._is_ending = asyncio.Event()
        self._deleting: set[asyncio.Task[None]] = set()

    async def look_first(self) -> None:
        """What there is already. Raises WrongSettings when it is not as it was made, Unavailable, Rejected."""
        self.standing = await self._collections.standing()
        if self.standing is not None:
            await self._collections.adjust(self.standing.serving)

    def begin(self) -> None:
        """Whatever has to be done is done in the background, until it is done."""
        self._is_asked = True
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="move-index")

    async def end(self) -> None:
        """A move that is unfinished goes on with the next process; what served before it goes at once."""
        self._is_ending.set()
        if self._running is not None:
            # Not in the middle of a page if it can be helped, nor of a connection, which would be lost open.
            await asyncio.wait({self._running}, timeout=self._times.last_step_seconds)
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._leave_copying()
        await asyncio.gather(*self._deleting, return_exceptions=True)

    async def look(self) -> Standing:
        """What is what now; a collection is made if nothing serves. Raises Unavailable, Rejected, WrongSettings."""
        standing = await self._collections.standing()
        if standing is None:
            await self._server.check_version()
            place = self._wish or await self._model_place() or Place(None, 0, self._analysis)
            async with self._founding:
                standing = await self._collections.standing() or await self._collections.found(place)
        if standing != self.standing:
            self.doubt()
        self.standing = standing
        return standing

    async def follow_model(self) -> None:
        """The model's vectors are taken from now on: their collection serves or is being filled.

        Once for all who ask at the same time. The model is asked each time; the server once a second while the
        model's collection serves, unless `doubt` was called.
        """
        await self._following.ask(None)

    def doubt(self) -> None:
        """Something is not as it was thought to be."""
        self._sure_until = 0.0

    async def _follow_model(self, askers: Sequence[None]) -> Sequence[None]:
        place = await self._model_place()
        if self.standing is None or self.standing.serving.place != place or time.monotonic() >= self._sure_until:
            await self._go_after(place)
        return askers

    async def _go_after(self, place: Place | None) -> None:
        asked_at = time.monotonic()
        async with self._steering:
            standing = await self.look()
            self._sure_until = asked_at + self._times.sure_seconds
            if place is None:
                return
            if place != self._wish:
                self._wish, self._origin, self._yielded = place, standing.serving, False
            target = await self._steer(standing, place)
        if target is not None:
            self.begin()

    async def _model_place(self) -> Place | None:
        try:
            # In a thread: another machine's model may have to be asked.
            model = await asyncio.to_thread(self._model.describe)
        except Unavailable as error:
            if self._wish is None and self.standing is None:
                _log.warning("no model: keyword search only", action="index.no_model", error=error.detail)
            return None
        return Place(model.fingerprint, model.dimension, self._analysis)

    async def _steer(self, standing: Standing, place: Place) -> Collection | None:
        """The collection that has to be filled for the wish; None: nothing has to. `standing` is of this moment."""
        if self._own is not None and self._own.place != place:
            if self._own in standing.filling:
                await self._collections.drop(self._own)
                await self.look()
            self._own = None
        if standing.serving.place == place:
            await self._drop_filled_for(standing, place)
            return None
        if self._yielded:
            return None
        if standing.serving != self._origin:
            self._yielded = True
            _log.info("another process has moved the index", action="index.yielded", to=standing.serving.place.space)
            if self._own is not None and self._own in standing.filling:
                await self._collections.drop(self._own)
            return None
        target = standing.filled_for(place)
        if target is None:
            target = self._own = await self._collections.begin(place)
            # From here on writes of this process go there too.
            await self.look()
        return target

    async def _run(self) -> None:
        await self._pause(self._times.move_after_seconds)
        is_failing = False
        while not self._is_ending.is_set():
            pause = self._times.move_pause_seconds
            try:
                self._is_asked = False
                following = await self._go_on()
                if following is not None:
                    pause = following
                elif not self._is_asked:
                    return
                is_failing = False
            except Dropped:
                self._copying = None
            except (Unavailable, Rejected, WrongSettings) as error:
                pause = self._times.retry_seconds
                if not is_failing:
                    is_failing = True
                    _log.warning("the index is prepared later", action="index.move", error=error.detail)
            except Exception:
                pause = self._times.retry_seconds
                _log.exception("moving the index failed", action="index.move")
            await self._pause(pause)

    async def _go_on(self) -> float | None:
        """One step; how long to wait for the next one, or None when nothing is left to do."""
        if self._wish is None:
            await self.follow_model()
        async with self._steering:
            standing, wish = await self.look(), self._wish
            await self._tidy(standing)
            target = None if wish is None else await self._steer(standing, wish)
        if target is None:
            await self._leave_copying()
            return None
        await self._beat(target)
        if not await self._is_copier(target):
            # Who has it now may end in the middle of a page: then a walk that began later looks at that again.
            self._copying = None
            return self._times.look_at_copier_seconds
        if self._copying is None or self._copying.target != target:
            self._copying = Copying(self._server, self._collections, target, points_a_step=self._times.points_a_step)
        if await self._copying.step(standing.serving):
            async with self._steering:
                self._copying = None
                if self._wish == target.place and await self._collections.switch(standing.serving, target):
                    _log.info("moved to the model's vector space", action="index.moved", fingerprint=target.place.space)
                    self._later(self._delete(standing.serving))
        return self._times.move_pause_seconds

    async def _is_copier(self, target: Collection) -> bool:
        """Whether the copying is this process's. Who lost it may be in the middle of a page, which does no harm."""
        # By the place: where two processes begin at the same moment there are two collections for it at first.
        name = f"search.move:{hashed(repr(target.place), 12)}"
        if self._duty is None or self._duty.name != name:
            await self._leave_copying()
            self._duty = Duty(self._duties, name, lease_seconds=self._times.lease_seconds)
        return await self._duty.hold()

    async def _leave_copying(self) -> None:
        duty, self._duty = self._duty, None
        if duty is not None:
            await duty.give_back()

    async def _drop_filled_for(self, standing: Standing, place: Place) -> None:
        """Two processes that began at the same moment made one too many."""
        for one in standing.filling:
            if one.place == place:
                await self._collections.drop(one)
                await self.look()

    async def _beat(self, target: Collection) -> None:
        if time.monotonic() - self._beat_at > self._times.beat_seconds:
            self._beat_at = time.monotonic()
            await self._collections.beat(target)

    async def _tidy(self, standing: Standing) -> None:
        if not self._is_swept:
            await self._collections.sweep()
            self._is_swept = True
        if standing.filling and time.monotonic() - self._abandoned_at > self._times.look_for_abandoned_seconds:
            self._abandoned_at = time.monotonic()
            await self._collections.drop_abandoned(standing, wanted=self._wish)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._deleting.add(task)
        task.add_done_callback(self._deleting.discard)

    async def _delete(self, former: Collection) -> None:
        """When nobody reads it any more. If that fails, the next process that starts does it."""
        await self._pause(self._times.grace_seconds)
        with contextlib.suppress(Unavailable, Rejected, WrongSettings):
            await self._collections.delete(former.name)

    async def _pause(self, seconds: float) -> None:
        """No longer than the process stays."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_ending.wait(), seconds)
