"""Many callers, one model: their texts are merged into batches by tokens, on a few inference threads.

No caller waits for others to come: an idle thread takes what is there at once, and what arrives while all are
busy makes up the next batch.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, InvalidStateError
from functools import partial
from typing import Final, Protocol

import numpy as np

from shared.free_memory import return_free_memory
from shared.kernel import Unavailable
from shared.model.engine import Engine, PreparedText
from shared.ports.model import Embedded, TextKind, Vectors
from shared.shortages import as_unavailable, start_thread
from shared.telemetry import get_log

# Characters tokenised in one go, 15 ms of work: 400 short texts fill their batches (slices of 128 of them lost 15 %
# of the speed to short ones), and a query that comes meanwhile waits no longer than for a batch.
_PREPARED_TOGETHER: Final = 1 << 16
# So many batches of queries in a row may pass waiting passages.
_QUERY_BATCHES_IN_A_ROW: Final = 8
# After so much work (seconds of it) an idle thread gives freed memory back to the system.
_TIDY_AFTER_TOKENS: Final = 20_000
# A text this much shorter than the longest still joins its batch, whatever the proportion.
_PADDING_TOKENS: Final = 16
_log = get_log("model")


class BatchReport(Protocol):
    """Hears of every batch; called under the batcher's lock, so it is quick."""

    def ran(self, *, texts: int, tokens: int, seconds: float) -> None:
        """A batch is done."""
        ...

    def failed(self, error: Exception) -> None:
        """The engine could not run a batch."""
        ...

    def waited(self, seconds: float, kind: TextKind) -> None:
        """A caller's first text went to the engine after so long."""
        ...


class Request:
    """One caller's texts, longest first, and the vectors they have so far."""

    def __init__(self, texts: Sequence[str], kind: TextKind, dimension: int) -> None:
        self.texts = texts
        self.kind: TextKind = kind
        self.vectors: Vectors = np.empty((len(texts), dimension), dtype=np.float32)
        self.missing = len(texts)
        self.tokens = 0
        self.arrived = time.perf_counter()
        self.future: Future[Embedded] = Future()
        self.is_begun = False
        self.being_prepared = False
        self.prepared: deque[tuple[int, PreparedText]] = deque()
        # Characters stand in for tokens: neighbours are alike, so that slices make full batches.
        self._order = deque(sorted(range(len(texts)), key=lambda index: len(texts[index]), reverse=True))

    @property
    def is_raw(self) -> bool:
        """Whether it has texts to tokenise, and no thread is doing it."""
        return bool(self._order) and not self.being_prepared

    def take_raw(self, most_characters: int) -> list[int]:
        """The next texts to tokenise, at least one."""
        self.being_prepared = True
        taken: list[int] = []
        while self._order and (not taken or len(self.texts[self._order[0]]) <= most_characters):
            taken.append(self._order.popleft())
            most_characters -= len(self.texts[taken[-1]])
        return taken

    def sort_prepared(self) -> None:
        """Longest first; what was left of an earlier slice may be shorter than what was tokenised since."""
        self.prepared = deque(sorted(self.prepared, key=lambda pair: len(pair[1].ids), reverse=True))


_Batch = list[tuple[Request, int, PreparedText]]


class Batcher:
    """Runs an engine for many callers. `submit` may be called from any thread; close() ends it."""

    def __init__(self, engine: Engine, dimension: int, *, report: BatchReport, most_waiting: int) -> None:
        """`most_waiting` texts may wait; a call that finds none waiting is taken whatever its size.

        Raises Unavailable, and closes the engine, when there is no thread to be had.
        """
        self._engine = engine
        self._dimension = dimension
        self._report = report
        self._most_waiting = most_waiting
        self._changed = threading.Condition()
        self._waiting: dict[TextKind, deque[Request]] = {"query": deque(), "passage": deque()}
        self._query_batches = 0
        self._tokens_since_tidy = 0
        self._closed = False
        self._threads: list[threading.Thread] = []
        try:
            for number in range(engine.streams):
                self._threads.append(start_thread(self._work, name=f"model-run-{number}"))
        except Unavailable as error:
            if not self._threads:
                engine.close()
                raise
            # One is enough to be of use.
            _log.warning("fewer inferences side by side", action="model.threads", reason=str(error))

    @property
    def waiting_texts(self) -> int:
        """Texts handed in by callers who still wait for an answer."""
        with self._changed:
            return self._count_waiting()

    def submit(self, texts: Sequence[str], kind: TextKind) -> Request:
        """Its future gives rows in the order of the texts, as the engine gives them, and raises Unavailable when
        the engine fails; cancelling it drops what has not run yet. Raises Unavailable when too many texts wait.
        """
        request = Request(texts, kind, self._dimension)
        with self._changed:
            if self._closed:
                raise _unloaded()
            waiting = self._count_waiting()
            if waiting and waiting + len(texts) > self._most_waiting:
                raise Unavailable(
                    f"The model is busy: {waiting} texts wait for it.", code="model_busy", retry_after_seconds=2
                )
            self._waiting[kind].append(request)
            self._changed.notify()
        return request

    def close(self) -> None:
        """Takes no more; what waits fails with Unavailable. Blocks until the batches in hand are done."""
        with self._changed:
            self._closed = True
            self._drop([request for ring in self._waiting.values() for request in ring], _unloaded())
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._engine.close()
        return_free_memory()

    def _count_waiting(self) -> int:
        return sum(request.missing for ring in self._waiting.values() for request in ring if not request.future.done())

    def _work(self) -> None:
        """Whatever a step meets, out of memory for instance, the thread goes on: whoever waits is answered by it."""
        while True:
            try:
                if not self._do_next_step():
                    return
            except Exception as error:
                _log.error("a step of the model failed", action="model.step.failed", reason=repr(error))
                failed = as_unavailable(error) or Unavailable(f"The model could not embed: {error!r}.")
                with self._changed:
                    waiting = [request for ring in self._waiting.values() for request in ring]
                self._drop(waiting, failed)

    def _do_next_step(self) -> bool:
        """A frame of its own: while the thread waits, nothing holds the last batch's texts and vectors."""
        step = self._next_step()
        if step is None:
            return False
        step()
        return True

    def _next_step(self) -> Callable[[], None] | None:
        """What is due, to be done outside the lock: to tokenise or to run. Waits for it; None at the end."""
        with self._changed:
            while True:
                for kind in self._kinds_in_turn():
                    leader = self._leader(kind)
                    if leader is None:
                        continue
                    if leader.prepared and not (leader.is_raw and self._would_be_short(leader)):
                        self._query_batches = self._query_batches + 1 if kind == "query" else 0
                        return partial(self._run, self._gather(leader))
                    return partial(self._prepare, self._take_raw(kind))
                is_idle = not any(self._waiting.values())
                if is_idle and self._closed:
                    return None
                if is_idle and self._tokens_since_tidy >= _TIDY_AFTER_TOKENS:
                    self._tokens_since_tidy = 0
                    return return_free_memory
                self._changed.wait()

    def _kinds_in_turn(self) -> tuple[TextKind, TextKind]:
        if self._query_batches >= _QUERY_BATCHES_IN_A_ROW and self._waiting["passage"]:
            return ("passage", "query")
        return ("query", "passage")

    def _leader(self, kind: TextKind) -> Request | None:
        """The caller whose turn it is: the first of the ring with texts that no thread has in hand."""
        ring = self._waiting[kind]
        for request in [request for request in ring if request.future.done()]:
            ring.remove(request)
        return next((request for request in ring if request.prepared or request.is_raw), None)

    def _would_be_short(self, leader: Request) -> bool:
        """Whether what is tokenised of its texts does not fill a batch: more of them would share it."""
        return len(leader.prepared) * len(leader.prepared[0][1].ids) < self._engine.batch_tokens

    def _take_raw(self, kind: TextKind) -> list[tuple[Request, int]]:
        """Texts to tokenise in one go, of the caller whose turn it is and of those after it."""
        taken: list[tuple[Request, int]] = []
        room = _PREPARED_TOGETHER
        for request in self._waiting[kind]:
            if room <= 0:
                break
            if request.is_raw:
                indices = request.take_raw(room)
                room -= sum(len(request.texts[index]) for index in indices)
                taken += [(request, index) for index in indices]
        return taken

    def _prepare(self, taken: list[tuple[Request, int]]) -> None:
        try:
            prepared = self._engine.prepare([request.texts[index] for request, index in taken])
        except Exception as error:
            self._drop((request for request, _ in taken), Unavailable(f"The model could not read a text: {error}."))
            return
        with self._changed:
            for (request, index), text in zip(taken, prepared, strict=True):
                request.prepared.append((index, text))
                request.being_prepared = False
            for request in {id(request): request for request, _ in taken}.values():
                request.sort_prepared()
            # This thread takes the first batch itself.
            self._changed.notify(min(len(taken) - 1, len(self._threads)))

    def _gather(self, leader: Request) -> _Batch:
        """Up to `batch_tokens` padded tokens: the leader's texts, then others' of about that length.

        The leader goes to the end of the ring: next time it is somebody else's turn.
        """
        ring = self._waiting[leader.kind]
        ring.remove(leader)
        longest = len(leader.prepared[0][1].ids)
        # Padding costs as much as text: a much shorter one is cheaper among its like.
        shortest = longest - max(_PADDING_TOKENS, longest // 4)
        room = max(1, self._engine.batch_tokens // longest)
        batch: _Batch = []
        for request in (leader, *ring):
            while request.prepared and len(batch) < room and shortest <= len(request.prepared[0][1].ids) <= longest:
                batch.append((request, *request.prepared.popleft()))
        ring.append(leader)
        now = time.perf_counter()
        for request, _, _ in batch:
            if not request.is_begun:
                request.is_begun = True
                self._report.waited(now - request.arrived, request.kind)
        return batch

    def _run(self, batch: _Batch) -> None:
        requests = {id(request): request for request, _, _ in batch}.values()
        started = time.perf_counter()
        try:
            vectors = self._engine.run([text for _, _, text in batch])
            if not np.isfinite(vectors).all():
                raise ArithmeticError("it gave vectors that are not numbers")
        except Exception as error:
            with self._changed:
                self._report.failed(error)
            self._drop(requests, Unavailable(f"The model could not embed: {error}."))
            return
        seconds = time.perf_counter() - started
        with self._changed:
            for row, (request, index, text) in enumerate(batch):
                request.vectors[index] = vectors[row]
                request.missing -= 1
                request.tokens += len(text.ids)
            tokens = sum(len(text.ids) for _, _, text in batch)
            self._tokens_since_tidy += tokens
            self._report.ran(texts=len(batch), tokens=tokens, seconds=seconds)
            for request in requests:
                if not request.missing:
                    self._leave(request)
                    with contextlib.suppress(InvalidStateError):  # its caller has gone
                        request.future.set_result(Embedded(request.vectors, request.tokens))

    def _drop(self, requests: Iterable[Request], error: Unavailable) -> None:
        with self._changed:
            for request in requests:
                self._leave(request)
                with contextlib.suppress(InvalidStateError):  # its caller has gone
                    request.future.set_exception(error)

    def _leave(self, request: Request) -> None:
        with contextlib.suppress(ValueError):  # it was cancelled and has left
            self._waiting[request.kind].remove(request)
        if self._closed:
            self._changed.notify_all()


def _unloaded() -> Unavailable:
    return Unavailable("The model was unloaded before it came to this text.")
