"""One policy for every bus: decode, set the cause, handle in key order, bury what is refused, commit.

Unavailable waits and costs nothing; what is refused goes to the dead letters and the next event flows.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Final

from pydantic import ValidationError

from shared.events.catalogue import decode
from shared.events.envelope import Envelope, handling
from shared.kernel import Refused, Unavailable
from shared.ports.event_bus import Delivery, EventBus, Subscription
from shared.ports.handlers import EventHandler, Subscriptions
from shared.runtime.background import is_being_cancelled
from shared.runtime.backoff import Backoff
from shared.runtime.burial import bury_event
from shared.runtime.waiting import Waiting
from shared.shortages import as_unavailable, told_as_unavailable
from shared.telemetry import Metrics, get_log

_BATCH: Final = 128
_LARGEST_WINDOW: Final = 4096
"""Events received and not yet committed: one that waits for ever lets this many others past."""
_log = get_log("consumer")


class Consumer:
    """Feeds one group's events to its handlers: one key in order, many keys at once."""

    def __init__(
        self,
        bus: EventBus,
        group: str,
        subscriptions: Subscriptions,
        *,
        metrics: Metrics,
        concurrency: int = 32,
        attempts: int = 3,
        drain_seconds: float = 10.0,
        commit_every_seconds: float = 0.25,
        tell_again_seconds: float = 30.0,
        waiting: Waiting | None = None,
    ) -> None:
        """`waiting` hears when an event waits for something that is away, and when it is handled.

        A server that is away makes many events wait, each again and again: one is told in `tell_again_seconds`."""
        self.bus = bus
        self.group = group
        self.handlers: dict[str, EventHandler] = {event.name: handler for event, handler in subscriptions.items()}
        self.metrics = metrics
        self.concurrency = concurrency
        self.attempts = attempts
        self._topics = tuple(sorted({event.topic for event in subscriptions}))
        self.drain_seconds = drain_seconds
        self.commit_every_seconds = commit_every_seconds
        self._tell_again_seconds = tell_again_seconds
        self.waiting = waiting or Waiting()
        self._told_at: dict[str, float] = {}

    def is_news(self, action: str) -> bool:
        """Whether this was not told lately."""
        now, pause = monotonic(), self._tell_again_seconds
        if now - self._told_at.get(action, -pause) < pause:
            return False
        self._told_at[action] = now
        return True

    async def run(self) -> None:
        """Until cancelled; then handlers in flight get `drain_seconds`, and what is finished is committed.

        Lanes that go to another process are left in the same way.
        """
        backoff = Backoff(0.1, 5.0)
        told: set[str] = set()
        while self._topics:
            session = _Session(self)
            try:
                with told_as_unavailable(Exception):
                    async with self.bus.subscribe(self.group, self._topics, on_leaving=session.leave) as subscription:
                        try:
                            await session.run(subscription)
                        finally:
                            await session.drain()
            except Unavailable as error:
                if session.has_received:
                    backoff.reset()
                    told.clear()
                if error.specific_code not in told:
                    _log.warning("the bus is away", action="consumer.wait", group=self.group, reason=str(error))
                    told.add(error.specific_code)
                await asyncio.sleep(backoff.next_seconds())


@dataclass(slots=True, eq=False)
class _Work:
    """One event on its way: received, perhaps handled, not yet committed."""

    delivery: Delivery
    envelope: Envelope | None = None
    problem: str = ""
    is_finished: bool = False
    is_leaving: bool = False
    """Its lane goes to another process: it does not begin, or is not tried again."""
    is_left: bool = False
    """Its lane is gone: whatever becomes of it here is not committed."""


class _Stopping(Exception):
    """The consumer stops, or leaves the lane, while an event waits to be tried again: it stays uncommitted."""


class _Session:
    """What is in flight between opening a subscription and leaving it."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._subscription: Subscription
        self.has_received = False
        # Received and not committable yet, by lane, in order.
        self._lanes: defaultdict[str, deque[_Work]] = defaultdict(deque)
        self._window = 0
        self._committable: dict[str, int] = {}
        self._finished = asyncio.Event()
        # A key is in `_chains` while it has work; it is in `_ready` or with exactly one runner.
        self._chains: dict[str, deque[_Work]] = {}
        self._ready: deque[str] = deque()
        self._runners: set[asyncio.Task[None]] = set()
        self._running = 0
        self._at_work: set[_Work] = set()
        self._settled = asyncio.Event()
        self._room = asyncio.Event()
        self._committing = asyncio.Lock()
        self._is_stopping = False
        # Set, and replaced, when some of those that wait to try again should not.
        self._interruption = asyncio.Event()

    async def run(self, subscription: Subscription) -> None:
        """Receives and commits until cancelled. Raises what the subscription raises."""
        self._subscription = subscription
        group = self._consumer.group
        tasks = [
            asyncio.create_task(self._receive(), name=f"{group}.receive"),
            asyncio.create_task(self._commit_now_and_then(), name=f"{group}.commit"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def drain(self) -> None:
        """Nothing new begins; what runs gets `drain_seconds`; what is finished is committed."""
        self._is_stopping = True
        self._interrupt()
        try:
            if self._runners:
                await asyncio.wait(self._runners, timeout=self._consumer.drain_seconds)
        finally:
            for runner in self._runners:
                runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        await self._commit_if_possible("consumer.drain")

    async def leave(self, lanes: frozenset[str]) -> None:
        """As `drain`, for some lanes; then they are forgotten.

        A handler that needs longer goes on, but what it does is not committed: whoever has the lane now handles
        the event again.
        """
        for lane in lanes:
            for work in self._lanes.get(lane, ()):
                work.is_leaving = True
        self._interrupt()
        try:
            async with asyncio.timeout(self._consumer.drain_seconds):
                while any(work.is_leaving and not work.is_left for work in self._at_work):
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            _log.warning(
                "handlers run on", action="consumer.leave", group=self._consumer.group, lanes=", ".join(sorted(lanes))
            )
        try:
            await self._commit_if_possible("consumer.leave")
        finally:
            for lane in lanes:
                for work in self._lanes.pop(lane, ()):
                    work.is_left = True
                    self._window -= 1
                self._committable.pop(lane, None)
            self._room.set()

    async def _receive(self) -> None:
        while True:
            while self._window >= _LARGEST_WINDOW:
                self._room.clear()
                await self._room.wait()
            for delivery in await self._subscription.receive(_BATCH):
                self._accept(delivery)
            self.has_received = True
            # A bus with much to give answers without waiting; handlers and everyone else get their turn.
            await asyncio.sleep(0)

    def _accept(self, delivery: Delivery) -> None:
        work = _Work(delivery)
        self._lanes[delivery.lane].append(work)
        self._window += 1
        try:
            work.envelope = Envelope.from_json(delivery.raw)
            if work.envelope.name not in self._consumer.handlers:
                self._finish(work)
                return
            key = work.envelope.key
        except ValidationError as error:
            work.problem = f"This is not an event: {error}"
            key = f"{delivery.lane}/{delivery.position}"
        chain = self._chains.get(key)
        if chain is not None:
            chain.append(work)
            return
        self._chains[key] = deque((work,))
        self._ready.append(key)
        if self._running < self._consumer.concurrency:
            self._running += 1
            runner = asyncio.create_task(self._run_chains(), name=f"{self._consumer.group}.handle")
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)

    async def _run_chains(self) -> None:
        """A runner takes key after key while there are any."""
        try:
            while self._ready and not self._is_stopping:
                key = self._ready.popleft()
                chain = self._chains[key]
                while chain and not self._is_stopping:
                    await self._work_on(chain[0])
                    chain.popleft()
                if not chain:
                    del self._chains[key]
        except _Stopping:
            pass
        finally:
            self._running -= 1

    async def _work_on(self, work: _Work) -> None:
        """Raises _Stopping when the whole consumer stops."""
        if work.is_leaving:
            return
        self._at_work.add(work)
        try:
            await self._handle(work)
            self._finish(work)
        except _Stopping:
            if not work.is_leaving:
                raise
        finally:
            self._at_work.discard(work)
            self._settled.set()

    async def _handle(self, work: _Work) -> None:
        """Returns when the event needs no more: handled or buried. Raises _Stopping."""
        consumer, envelope = self._consumer, work.envelope
        if envelope is None:
            await self._bury(work, work.problem, attempts=0)
            return
        handler = consumer.handlers[envelope.name]
        patience, haste = Backoff(0.1, 5.0), Backoff(0.05, 1.0)
        attempts, waits_as = 0, f"{consumer.group}.events"
        started = perf_counter()
        while True:
            try:
                event = decode(envelope)
                with handling(envelope):
                    await handler(event)
                outcome = "handled"
                break
            except Refused as error:
                await self._bury(work, str(error), attempts=attempts + 1)
                outcome = "refused"
                break
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                    raise
                away = as_unavailable(error)
                if away is not None:
                    self._tell("event waits", "consumer.unavailable", envelope, away)
                    consumer.waiting.waits(waits_as, away)
                    await self._pause(work, patience.next_seconds())
                    continue
                attempts += 1
                self._tell("handler failed", "consumer.failed", envelope, error)
                if attempts >= consumer.attempts:
                    await self._bury(work, f"{type(error).__name__}: {error}", attempts=attempts)
                    outcome = "failed"
                    break
                await self._pause(work, haste.next_seconds())
        consumer.waiting.goes_on(waits_as)
        consumer.metrics.count("events_handled_total", group=consumer.group, event=envelope.name, outcome=outcome)
        consumer.metrics.observe(
            "event_handling_seconds", perf_counter() - started, group=consumer.group, event=envelope.name
        )

    async def _bury(self, work: _Work, reason: str, *, attempts: int) -> None:
        """Does not give up: an event that is neither handled nor buried would be lost."""
        backoff = Backoff(0.1, 5.0)
        while True:
            try:
                await bury_event(
                    self._consumer.bus, self._consumer.group, work.delivery, work.envelope, reason, attempts=attempts
                )
                return
            except Exception as error:
                self._tell("dead letter not saved", "consumer.bury", work.envelope, error)
                await self._pause(work, backoff.next_seconds())

    def _finish(self, work: _Work) -> None:
        work.is_finished = True
        if work.is_left:
            return
        lane = self._lanes[work.delivery.lane]
        while lane and lane[0].is_finished:
            self._committable[work.delivery.lane] = lane.popleft().delivery.position
            self._window -= 1
            self._finished.set()
        if self._window < _LARGEST_WINDOW:
            self._room.set()

    async def _commit_now_and_then(self) -> None:
        """Positions of many events in one write; a crash before it only delivers them again."""
        backoff = Backoff(0.1, 5.0)
        is_told = False
        while True:
            await self._finished.wait()
            await asyncio.sleep(self._consumer.commit_every_seconds)
            try:
                await self._commit()
                backoff.reset()
                is_told = False
            except Unavailable as error:
                if not is_told:
                    self._tell("positions not saved", "consumer.commit", None, error)
                    is_told = True
                await asyncio.sleep(backoff.next_seconds())

    async def _commit_if_possible(self, action: str) -> None:
        try:
            await self._commit()
        except Unavailable as error:
            _log.warning("positions not saved", action=action, group=self._consumer.group, reason=str(error))

    async def _commit(self) -> None:
        async with self._committing:
            self._finished.clear()
            positions, self._committable = self._committable, {}
            if not positions:
                return
            try:
                await self._subscription.commit(positions)
            except BaseException:
                kept = {lane: position for lane, position in positions.items() if lane in self._lanes}
                self._committable = {**kept, **self._committable}
                self._finished.set()
                raise

    def _interrupt(self) -> None:
        interruption, self._interruption = self._interruption, asyncio.Event()
        interruption.set()

    async def _pause(self, work: _Work, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (self._is_stopping or work.is_leaving):
                    await self._interruption.wait()
        if self._is_stopping or work.is_leaving:
            raise _Stopping

    def _tell(self, what: str, action: str, envelope: Envelope | None, error: BaseException) -> None:
        is_expected = isinstance(error, Unavailable)
        tell = _log.error
        if is_expected:
            tell = _log.warning if self._consumer.is_news(action) else _log.debug
        tell(
            what,
            action=action,
            group=self._consumer.group,
            name=envelope.name if envelope else None,
            correlation_id=envelope.correlation_id if envelope else None,
            reason=str(error),
            exc_info=None if is_expected else error,
        )
