"""One policy for every bus: decode, set the cause, handle in key order, bury what is refused, commit.

Unavailable waits and costs nothing; what is refused goes to the dead letters and the next event flows.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine, Sequence
from time import monotonic, perf_counter
from typing import Any, Final

from shared.events.catalogue import decode
from shared.events.envelope import Envelope, handling
from shared.kernel import Refused, Unavailable
from shared.ports.event_bus import Delivery, EventBus, Subscription
from shared.ports.handlers import EventHandler, Subscriptions, TogetherHandler
from shared.runtime.background import is_being_cancelled
from shared.runtime.backoff import Backoff
from shared.runtime.burial import bury_event
from shared.runtime.lanes import Lanes
from shared.runtime.received import Gathering, Received
from shared.runtime.together import handle_together
from shared.runtime.waiting import Waiting
from shared.shortages import as_unavailable, told_as_unavailable
from shared.telemetry import Metrics, get_log

_BATCH: Final = 128
_TOGETHER: Final = 512
_LARGEST_WINDOW: Final = 4096
"""Events received and not yet committed: one that waits for ever lets this many others past."""
_log = get_log("consumer")


class Consumer:
    """Feeds one group's events to its handlers: one key in order (where order matters), many keys at once."""

    def __init__(
        self,
        bus: EventBus,
        group: str,
        subscriptions: Subscriptions,
        *,
        metrics: Metrics,
        concurrency: int = 32,
        in_order: bool = True,
        gathering_seconds: float = 0.0,
        together: TogetherHandler | None = None,
        attempts: int = 3,
        drain_seconds: float = 10.0,
        commit_every_seconds: float = 0.25,
        tell_again_seconds: float = 30.0,
        waiting: Waiting | None = None,
    ) -> None:
        """`waiting` hears when an event waits for something that is away, and when it is handled.

        A server that is away makes many events wait, each again and again: one is told in `tell_again_seconds`.
        Unless they are taken `in_order`, events of one key do not wait for one another either. While many come, they
        are left to come together for `gathering_seconds`: what handles them wakes seldom then, and `together` takes
        all that are there in one call.
        """
        self.bus = bus
        self.group = group
        self.handlers: dict[str, EventHandler] = {event.name: handler for event, handler in subscriptions.items()}
        self.metrics = metrics
        self.concurrency = concurrency
        self.in_order = in_order
        self.gathering_seconds = gathering_seconds
        self.together = together
        self.attempts = attempts
        self._topics = tuple(sorted({event.topic for event in subscriptions}))
        self.drain_seconds = drain_seconds
        self.commit_every_seconds = commit_every_seconds
        self._tell_again_seconds = tell_again_seconds
        self.waiting = waiting or Waiting()
        self._told_at: dict[str, float] = {}
        for name, outcome in [(name, end) for name in self.handlers for end in ("handled", "refused", "failed")]:
            metrics.count("events_handled_total", 0, group=group, event=name, outcome=outcome)

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
        backoff, told = Backoff(0.1, 5.0), set[str]()
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
                if is_being_cancelled():  # what failed on the way out took the cancellation's place
                    return
                if error.specific_code not in told:
                    _log.warning("the bus is away", action="consumer.wait", group=self.group, reason=str(error))
                    told.add(error.specific_code)
                await asyncio.sleep(backoff.next_seconds())


class _Stopping(Exception):
    """The consumer stops, or leaves the lane, while an event waits to be tried again: it stays uncommitted."""


class _Session:
    """What is in flight between opening a subscription and leaving it."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._subscription: Subscription
        self.has_received = False
        self._lanes = Lanes(most=_LARGEST_WINDOW)
        # A key is in `_chains` while it has work; it is in `_ready` or with exactly one runner.
        self._chains: dict[str, deque[Received]] = {}
        self._ready: deque[str] = deque()
        self._runners: set[asyncio.Task[None]] = set()
        self._running = 0
        self._at_work: set[Received] = set()
        self._settled = asyncio.Event()
        self._committing = asyncio.Lock()
        self._is_stopping = False
        # Set, and replaced, when some of those that wait to try again should not.
        self._interruption = asyncio.Event()

    async def run(self, subscription: Subscription) -> None:
        """Receives and commits until cancelled. Raises what the subscription raises."""
        self._subscription = subscription
        group = self._consumer.group
        works = (("receive", self._receive), ("commit", self._commit_now_and_then))
        tasks = [asyncio.create_task(work(), name=f"{group}.{name}") for name, work in works]
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
        self._lanes.leave(lanes)
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
            self._lanes.forget(lanes)

    async def _receive(self) -> None:
        gathering, together = Gathering(self._consumer.gathering_seconds), self._consumer.together
        limit = _BATCH if together is None else _TOGETHER
        while True:
            await self._lanes.room()
            deliveries = await self._subscription.receive(limit)
            works = [work for delivery in deliveries if (work := self._accept(delivery)) is not None]
            self.has_received = True
            if together is None:
                for work in works:
                    self._queue(work)
            elif works:
                # Waited for, but not cancelled with this task: what is at work is drained.
                await asyncio.wait((self._start(self._work_on_together(together, works)),))
            # A bus with much to give answers without waiting; handlers and everyone else get their turn.
            pause = gathering.pause(len(deliveries))
            await asyncio.sleep(0 if len(deliveries) == limit else pause)

    def _accept(self, delivery: Delivery) -> Received | None:
        """None when it is finished already: nobody asked for it."""
        work = Received.of(delivery)
        self._lanes.add(work)
        if work.envelope is not None and work.envelope.name not in self._consumer.handlers:
            self._lanes.finish(work)
            return None
        return work

    def _queue(self, work: Received) -> None:
        key = f"{work.delivery.lane}/{work.delivery.position}"
        if work.envelope is not None and self._consumer.in_order:
            key = work.envelope.key
        chain = self._chains.get(key)
        if chain is not None:
            chain.append(work)
            return
        self._chains[key] = deque((work,))
        self._ready.append(key)
        if self._running < self._consumer.concurrency:
            self._running += 1
            self._start(self._run_chains())

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        runner = asyncio.create_task(work, name=f"{self._consumer.group}.handle")
        self._runners.add(runner)
        runner.add_done_callback(self._runners.discard)
        return runner

    async def _work_on_together(self, handler: TogetherHandler, works: Sequence[Received]) -> None:
        consumer = self._consumer
        self._at_work.update(works)
        try:
            done = await handle_together(handler, works, group=consumer.group, metrics=consumer.metrics)
            for work in done:
                self._lanes.finish(work)
        finally:
            self._at_work.difference_update(works)
            self._settled.set()
        if done:
            consumer.waiting.goes_on(f"{consumer.group}.events")
        for work in works:
            if not work.is_finished:
                self._queue(work)

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

    async def _work_on(self, work: Received) -> None:
        """Raises _Stopping when the whole consumer stops."""
        if work.is_leaving:
            return
        self._at_work.add(work)
        try:
            await self._handle(work)
            self._lanes.finish(work)
        except _Stopping:
            if not work.is_leaving:
                raise
        finally:
            self._at_work.discard(work)
            self._settled.set()

    async def _handle(self, work: Received) -> None:
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
                self._tell("handler failed", "consumer.failed", envelope, error, attempts)
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

    async def _bury(self, work: Received, reason: str, *, attempts: int) -> None:
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

    async def _commit_now_and_then(self) -> None:
        """Positions of many events in one write; a crash before it only delivers them again."""
        backoff = Backoff(0.1, 5.0)
        is_told = False
        while True:
            await self._lanes.is_committable.wait()
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
            positions = self._lanes.take()
            if not positions:
                return
            try:
                await self._subscription.commit(positions)
            except BaseException:
                self._lanes.put_back(positions)
                raise

    def _interrupt(self) -> None:
        interruption, self._interruption = self._interruption, asyncio.Event()
        interruption.set()

    async def _pause(self, work: Received, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (self._is_stopping or work.is_leaving):
                    await self._interruption.wait()
        if self._is_stopping or work.is_leaving:
            raise _Stopping

    def _tell(self, what: str, action: str, envelope: Envelope | None, error: BaseException, attempt: int = 1) -> None:
        is_expected = isinstance(error, Unavailable)
        tell = (_log.warning if self._consumer.is_news(action) else _log.debug) if is_expected else _log.error
        tell(
            what,
            action=action,
            group=self._consumer.group,
            name=envelope.name if envelope else None,
            correlation_id=envelope.correlation_id if envelope else None,
            reason=str(error),
            exc_info=None if is_expected or attempt > 1 else error,  # the first attempt tells where
        )
