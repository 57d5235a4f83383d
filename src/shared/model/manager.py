"""ModelManager: one model for the whole process, loaded when first needed and shared by all who ask."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, Self, TypeVar

import numpy as np

from shared.kernel import Unavailable, utc_now
from shared.model.artifacts import ArtefactCache, Origin
from shared.model.batching import Batcher, BatcherClosed
from shared.model.config import model_config
from shared.model.engines import load_engine
from shared.model.status import ModelState, ModelStatus
from shared.model.tokens import ModelTokenizer
from shared.ports.model import ModelDescription, TextKind, Vectors
from shared.settings import Settings
from shared.telemetry import Metrics, get_log

_FIRST_RETRY_SECONDS: Final = 0.25
_LONGEST_RETRY_SECONDS: Final = 10.0
_LONGEST_CLOSE_SECONDS: Final = 5.0
_TOKEN_THREADS: Final = 2
_log = get_log("model")
T = TypeVar("T")


@dataclass(slots=True)
class _Loaded:
    batcher: Batcher
    engine: str
    precision: str
    artefact: Origin | None
    seconds: float
    at: datetime


@dataclass(frozen=True, slots=True)
class _Failure:
    """A load that failed: until `retry_at` (monotonic) callers get its cause at once."""

    detail: str
    retry_after_seconds: float
    retry_at: float


class ModelManager:
    """Model (ports/model.py), safe from any thread and event loop.

    The constructor does nothing; configuration files are read at the first call, weights at the first `embed`.
    As an async context manager it unloads at the end, after which every call raises Unavailable.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._artefacts = ArtefactCache(settings.data_dir / "models")
        self._token_threads = ThreadPoolExecutor(_TOKEN_THREADS, thread_name_prefix="model-tokens")
        self._config = _Once(lambda: model_config(settings))
        self._tokenizer = _Once(lambda: ModelTokenizer(self._config.get()))
        self._description = _Once(self._describe)
        # Guards what follows; held for moments only, never while something loads.
        self._lock = threading.Lock()
        self._loading: Future[_Loaded] | None = None
        self._loaded: _Loaded | None = None
        self._failure: _Failure | None = None
        self._closed = False
        self._loads = 0
        self._failed_loads = 0
        self._embedded_texts = 0
        self._last_used_at: datetime | None = None

    async def __aenter__(self) -> Self:
        """Returns at once; the weights' hash, which `describe` needs, is looked up meanwhile in a thread."""
        self._token_threads.submit(self._description.get)
        return self

    async def __aexit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            loading = self._loading
        if loading is not None:
            # Nobody waits for it any more; a load that takes longer ends with the process.
            ended = asyncio.gather(asyncio.wrap_future(loading), return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended, _LONGEST_CLOSE_SECONDS)
        await self._release(finish=False)
        await asyncio.to_thread(self._token_threads.shutdown, cancel_futures=True)

    def describe(self) -> ModelDescription:
        """See Model. The first call on a machine hashes the weights (0.1 s); later ones read a few small files."""
        return self._description.get()

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> Vectors:
        """See Model. Cancelling it takes the texts that have not run yet out of the queue."""
        config = self._config.get()
        if not texts:
            return np.empty((0, config.dimension), dtype=np.float32)
        prompt = config.prompt(kind)
        prompted = [prompt + text for text in texts]
        while True:
            loaded = await self._load_or_wait()
            try:
                answer = loaded.batcher.submit(prompted, kind)
                break
            except BatcherClosed:
                continue  # it was unloaded since; load again
        vectors = await asyncio.wrap_future(answer)
        if not config.normalise:
            # Shape (n, 1); a vector of zeros stays one.
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """See Model."""
        self._refuse_when_closed()
        texts = list(texts)
        return await asyncio.get_running_loop().run_in_executor(
            self._token_threads, lambda: self._tokenizer.get().count(texts)
        )

    @property
    def is_loaded(self) -> bool:
        """See Model."""
        return self._loaded is not None

    async def load(self) -> None:
        """Loads if it is not loaded, or waits for who does. Raises Unavailable with the cause."""
        await self._load_or_wait()

    async def unload(self) -> None:
        """Gives the memory back once what was asked for is answered; the next call loads again."""
        await self._release(finish=True)

    def status(self) -> ModelStatus:
        """How the model is now. Never raises: a model that is not there is a status too."""
        description: ModelDescription | None = None
        problem: str | None = None
        try:
            description = self.describe()
        except Unavailable as error:
            problem = error.detail
        with self._lock:
            loaded, failure = self._loaded, self._failure
            state: ModelState = "unloaded"
            if loaded is not None:
                state = "ready"
            elif self._loading is not None:
                state = "loading"
            elif failure is not None or problem is not None:
                state = "failed"
            return ModelStatus(
                name=description.name if description else None,
                state=state,
                engine=loaded.engine if loaded else self._settings.model_engine,
                precision=loaded.precision if loaded else None,
                dimension=description.dimension if description else None,
                max_tokens=description.max_tokens if description else None,
                languages=tuple(sorted(description.languages)) if description else (),
                fingerprint=description.fingerprint if description else None,
                loads=self._loads,
                failed_loads=self._failed_loads,
                load_seconds=loaded.seconds if loaded else None,
                loaded_at=loaded.at if loaded else None,
                last_used_at=self._last_used_at,
                embedded_texts=self._embedded_texts,
                waiting_texts=loaded.batcher.waiting_texts if loaded else 0,
                artefact=loaded.artefact if loaded else None,
                last_error=failure.detail if failure else problem,
            )

    def _describe(self) -> ModelDescription:
        config = self._config.get()
        return ModelDescription(
            name=config.name,
            dimension=config.dimension,
            max_tokens=config.max_tokens,
            languages=config.languages,
            fingerprint=config.fingerprint(self._artefacts.content_sha256(config.weights)),
        )

    async def _load_or_wait(self) -> _Loaded:
        loaded = self._loaded
        if loaded is not None:
            return loaded
        future = self._load_in_thread()
        limit = self._settings.model_load_timeout_seconds
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), limit)
        except TimeoutError:
            raise Unavailable(
                f"The model has been loading for {limit:g} s and is not ready yet.", code="model_loading"
            ) from None
        except Unavailable as error:
            # One of its own for each waiter: a raised exception collects the frames it passes.
            raise _unavailable(error.detail, error.retry_after_seconds) from error

    def _load_in_thread(self) -> Future[_Loaded]:
        """The load that is under way, or a new one: whoever comes first starts it, in a thread of its own.

        Raises the last failure's cause while it is too early to try again.
        """
        with self._lock:
            self._refuse_when_closed()
            if self._loading is not None:
                return self._loading
            future: Future[_Loaded] = Future()
            # Running, so that a waiter that is cancelled cannot cancel it for the others.
            future.set_running_or_notify_cancel()
            if self._loaded is not None:
                future.set_result(self._loaded)
                return future
            if self._failure is not None and (wait := self._failure.retry_at - time.monotonic()) > 0:
                raise _unavailable(self._failure.detail, wait)
            self._loading = future
        threading.Thread(target=self._load, args=(future,), name="model-load", daemon=True).start()
        return future

    def _load(self, future: Future[_Loaded]) -> None:
        started = time.perf_counter()
        engine = self._settings.model_engine
        _log.info("model loading", action="model.load", engine=engine)
        try:
            config = self._config.get()
            found = load_engine(config, self._artefacts, self._tokenizer.get)
            loaded = _Loaded(
                batcher=Batcher(found.engine, config.dimension, report=self._report_batch),
                engine=found.engine.name,
                precision=found.engine.precision,
                artefact=found.artefact,
                seconds=time.perf_counter() - started,
                at=utc_now(),
            )
        except BaseException as error:
            cause = error if isinstance(error, Unavailable) else _unexpected(error)
            _log.error("model not loaded", action="model.load.failed", engine=engine, reason=cause.detail)
            self._metrics.count("model_loads", engine=engine, outcome="failed")
            with self._lock:
                self._failed_loads += 1
                wait = _FIRST_RETRY_SECONDS
                if self._failure is not None:
                    wait = min(2 * self._failure.retry_after_seconds, _LONGEST_RETRY_SECONDS)
                self._failure = _Failure(cause.detail, wait, time.monotonic() + wait)
                self._loading = None
            future.set_exception(_unavailable(cause.detail, wait))
            return
        _log.info(
            "model ready",
            action="model.load.done",
            engine=engine,
            artefact=loaded.artefact,
            seconds=round(loaded.seconds, 3),
        )
        self._metrics.count("model_loads", engine=engine, outcome="loaded")
        self._metrics.observe("model_load_seconds", loaded.seconds, engine=engine)
        with self._lock:
            self._loads += 1
            self._failure = None
            self._loading = None
            is_wanted = not self._closed
            if is_wanted:
                self._loaded = loaded
                self._metrics.gauge("model_loaded", 1)
        if not is_wanted:
            loaded.batcher.close(finish=False)
        future.set_result(loaded)

    def _report_batch(self, texts: int, tokens: int, seconds: float) -> None:
        self._embedded_texts += texts
        self._last_used_at = utc_now()
        self._metrics.count("model_texts_embedded", texts)
        self._metrics.count("model_tokens_embedded", tokens)
        self._metrics.observe("model_batch_seconds", seconds)

    async def _release(self, *, finish: bool) -> None:
        with self._lock:
            loaded, self._loaded = self._loaded, None
        if loaded is not None:
            await asyncio.to_thread(loaded.batcher.close, finish=finish)
            self._metrics.gauge("model_loaded", 0)
            _log.info("model unloaded", action="model.unload")

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Unavailable("The server is shutting down: the model is unloaded.")


class _Once(Generic[T]):
    """A value made at the first call, once however many threads ask; a failure is not kept."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    def get(self) -> T:
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]


def _unexpected(error: BaseException) -> Unavailable:
    return Unavailable(f"The model could not be loaded: {type(error).__name__}: {error}.")


def _unavailable(detail: str, retry_after_seconds: float) -> Unavailable:
    return Unavailable(detail, code="model_unavailable", retry_after_seconds=retry_after_seconds)
