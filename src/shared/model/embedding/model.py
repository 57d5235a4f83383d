"""The embedding model: texts to vectors, by the best engine this machine has, for many callers at once."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from typing_extensions import override

from shared.kernel import Conflict, Unavailable
from shared.model.embedding.batching import Batcher, BatchReport
from shared.model.embedding.fallback import BestEngine, FallbackStep, load_best
from shared.model.embedding.source import Source
from shared.model.embedding.status import ModelStatus
from shared.model.engine import Engine, EngineChoice
from shared.model.files.artefact_cache import ArtefactCache, Origin
from shared.model.lifecycle.loading import Loadable
from shared.model.lifecycle.slot import ModelSlot, SlotLimits
from shared.model.tuning.comparing import CheckLimits, EngineTable, Kept, Stop, measure_engines, read_table
from shared.model.tuning.waiting import BackgroundComparison, ComparisonState, ComparisonTimes
from shared.ports.model import Embedded, Model, ModelDescription, TextKind, Vectors
from shared.settings import Settings
from shared.shortages import start_thread
from shared.telemetry import Metrics, get_log

# So many batches in a row that the engine cannot run, and another engine is tried.
_FAILURES_IN_A_ROW: Final = 3
_CHECKED: Final = ("A tariff is a tax on imports.", "관세는 수입품에 매기는 세금이다.")
# Characters whose tokens are counted in less time (0.05 ms) than a thread needs to begin: a word of a query.
_COUNTED_AT_ONCE: Final = 200
_TIMES: Final = ComparisonTimes()
_log = get_log("model")


class LoadedEmbedding(BatchReport, Loadable):
    """An engine with its queue; counts what it does."""

    memory_bytes = None

    def __init__(
        self,
        best: BestEngine,
        source: Source,
        metrics: Metrics,
        *,
        on_texts: Callable[[int], None],
        on_broken: Callable[[Engine], None],
    ) -> None:
        """Both are called under the batcher's lock: with each batch's texts, and once if the engine keeps failing."""
        self.engine = best.engine
        self.artefact: Origin | None = best.artefact
        self.steps: tuple[FallbackStep, ...] = best.steps
        self.source = source
        self.batcher = Batcher(
            best.engine, source.config.get().dimension, report=self, most_waiting=source.settings.model_queue_limit
        )
        self._metrics = metrics
        self._on_texts = on_texts
        self._on_broken = on_broken
        self._failures = 0

    @property
    @override
    def label(self) -> str:
        return str(self.engine.choice)

    @override
    def close(self) -> None:
        self.batcher.close()

    def tell_waiting(self) -> None:
        """When texts come, and when they are answered."""
        self._metrics.gauge("model_texts_waiting", self.batcher.waiting_texts)

    @override
    def ran(self, *, texts: int, tokens: int, seconds: float) -> None:
        self._failures = 0
        self._on_texts(texts)
        engine = self.label
        self._metrics.count("model_texts_embedded", texts, engine=engine)
        self._metrics.count("model_tokens_embedded", tokens, engine=engine)
        self._metrics.observe("model_batch_seconds", seconds, engine=engine)
        self._metrics.observe("model_batch_texts", texts, engine=engine)

    @override
    def failed(self, error: Exception) -> None:
        """An engine that keeps failing is given up."""
        self._failures += 1
        self._metrics.count("model_batches_failed", engine=self.label)
        _log.error("batch failed", action="model.batch.failed", engine=self.label, reason=repr(error))
        if self._failures == _FAILURES_IN_A_ROW:
            self._on_broken(self.engine)

    @override
    def waited(self, seconds: float, kind: TextKind) -> None:
        self._metrics.observe("model_queue_seconds", seconds, kind=kind)


class EmbeddingModel(Model):
    """Model (ports/model.py) over a slot of this process. The constructor does nothing.

    With the engine `auto` the first load answers with the first engine that works; then, once per processor and
    weights, the engines are compared while nobody needs the model, and the best takes over.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        *,
        times: ComparisonTimes = _TIMES,
    ) -> None:
        self._times = times
        self._metrics = metrics
        self._artefacts = ArtefactCache(
            settings.models_dir, machine_folder=settings.machine_dir, most_bytes=settings.model_cache_bytes
        )
        self._source = Source.of(settings, self._artefacts)
        self._broken: set[EngineChoice] = set()
        self._embedded_texts = 0
        self._cancelled = threading.Event()
        self._comparing: BackgroundComparison | None = None
        limits = SlotLimits(
            load_timeout_seconds=settings.model_load_timeout_seconds,
            queue_limit=settings.model_queue_limit,
            idle_unload_seconds=settings.model_idle_unload_seconds,
        )
        self.slot: ModelSlot[LoadedEmbedding] = ModelSlot("embedding", self._load, limits=limits, metrics=metrics)

    @property
    def artefacts(self) -> ArtefactCache:
        """Where built models are kept."""
        return self._artefacts

    @property
    @override
    def is_loaded(self) -> bool:
        return self.slot.loaded is not None

    @override
    def describe(self) -> ModelDescription:
        """The first call on a machine hashes the weights (0.1 s); later ones read a few small files."""
        return self._source.description.get()

    @override
    async def embed_counted(
        self, texts: Sequence[str], *, kind: TextKind, prompt: bool = True, normalise: bool = True
    ) -> Embedded:
        """Cancelling it takes the texts that have not run yet out of the queue."""
        config = self._source.config.get()
        if not texts:
            return Embedded(np.empty((0, config.dimension), dtype=np.float32), 0)
        before = config.prompt(kind) if prompt else ""
        prompted = [before + text for text in texts] if before else list(texts)
        async with self.slot.lease() as loaded:
            embedded = await self._run(loaded, prompted, kind)
        if normalise and not config.normalise:
            # Shape (n, 1); a vector of zeros stays one.
            lengths = np.maximum(np.linalg.norm(embedded.vectors, axis=1, keepdims=True), 1e-12)
            embedded = Embedded(embedded.vectors / lengths, embedded.tokens)
        return embedded

    @override
    async def check(self, deadline_seconds: float) -> None:
        with self.slot.lease_if_loaded() as loaded:
            if loaded is None:
                return
            try:
                async with asyncio.timeout(deadline_seconds):
                    await asyncio.wrap_future(loaded.batcher.submit(_CHECKED[:1], "query").future)
            except TimeoutError:
                raise Unavailable(
                    f"The model did not embed a short text within {deadline_seconds:g} s.", code="model_slow"
                ) from None

    @override
    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        self.slot.refuse_when_closed()
        texts, tokenizer = list(texts), self._source.tokenizer
        if tokenizer.is_made and sum(map(len, texts)) <= _COUNTED_AT_ONCE:
            return tokenizer.get().count(texts)
        return await asyncio.to_thread(lambda: tokenizer.get().count(texts))

    def reload(self, settings: Settings) -> None:
        """Loads by these settings beside the old, checks, swaps. Blocks.

        Raises Unavailable, and Conflict for a model of another vector space: the old one stays.
        """
        old, fresh = self._source, Source.of(settings, self._artefacts)
        if fresh.description.get().fingerprint != old.description.get().fingerprint:
            raise Conflict(
                "The settings or the model's files now name another vector space. Restart the server: documents are "
                "then embedded anew. Until then the present model goes on.",
                code="other_vector_space",
            )
        self._broken.clear()
        self._source = fresh
        try:
            self.slot.reload(self._compare)
        except BaseException:
            self._source = old
            raise

    def measure(self) -> EngineTable:
        """Compares the engines now, and lets the best take over. Blocks for seconds; raises Unavailable."""
        return self._measure(self._cancelled)

    def _measure(self, stop: Stop, kept: Kept | None = None) -> EngineTable:
        source = self._source
        table = measure_engines(
            source.config.get(),
            self._artefacts,
            limits=_limits(source.settings),
            cancelled=stop,
            kept=kept,
            in_background=kept is not None,
        )
        ranked, loaded = table.ranked(), self.slot.loaded
        is_free = source.config.get().engine == "auto"
        if is_free and ranked and loaded is not None and loaded.engine.choice != ranked[0]:
            self.slot.reload(self._compare)
        return table

    def status(self) -> ModelStatus:
        """How the model is now. Never raises: a model that is not there is a status too."""
        description: ModelDescription | None = None
        table: EngineTable | None = None
        problem: Unavailable | None = None
        try:
            description = self.describe()
            table = read_table(self._source.config.get(), self._artefacts, limits=_limits(self._source.settings))
        except Unavailable as error:
            problem = error
        loaded, settings = self.slot.loaded, self._source.settings
        choice = loaded.engine.choice if loaded else None
        return ModelStatus(
            name=description.name if description else None,
            slot=self.slot.status(problem),
            engine=choice.engine if choice else settings.model_engine,
            precision=choice.precision if choice else None,
            device=loaded.engine.device if loaded else None,
            dimension=description.dimension if description else None,
            max_tokens=description.max_tokens if description else None,
            languages=tuple(sorted(description.languages)) if description else (),
            fingerprint=description.fingerprint if description else None,
            embedded_texts=self._embedded_texts,
            waiting_texts=loaded.batcher.waiting_texts if loaded else 0,
            artefact=loaded.artefact if loaded else None,
            fallbacks=loaded.steps if loaded else (),
            comparison=self._comparison(table),
            table=table,
            cache=self._artefacts.statistics(),
        )

    def _comparison(self, table: EngineTable | None) -> ComparisonState | None:
        if self._comparing is not None:
            return self._comparing.state
        # It begins with the first load.
        return "waiting" if table is None and self._source.settings.model_engine == "auto" else None

    def close(self) -> None:
        """Ends everything; every later call raises Unavailable. Blocks."""
        self._cancelled.set()
        self.slot.close()
        if self._comparing is not None:
            self._comparing.join(self._times.longest_cancel_seconds)

    async def _run(self, loaded: LoadedEmbedding, texts: Sequence[str], kind: TextKind) -> Embedded:
        """Waits as long as its texts move on."""
        limit = self._source.settings.model_request_timeout_seconds
        request = loaded.batcher.submit(texts, kind)
        loaded.tell_waiting()
        answer = asyncio.wrap_future(request.future)
        try:
            while True:
                missing = request.missing
                done, _ = await asyncio.wait({answer}, timeout=limit)
                if done:
                    return answer.result()
                if request.missing == missing:
                    raise Unavailable(
                        f"The model embedded none of this call's texts within {limit:g} s.",
                        code="model_busy",
                        retry_after_seconds=5,
                    )
        finally:
            answer.cancel()
            loaded.tell_waiting()

    def _load(self) -> LoadedEmbedding:
        source = self._source
        config = source.config.get()
        best = load_best(
            config,
            self._artefacts,
            source.tokenizer.get,
            avoid=frozenset(self._broken),
            limits=_limits(source.settings),
            report=self._report_step,
        )
        if config.engine == "auto" and read_table(config, self._artefacts) is None:
            self._compare_in_background()
        return LoadedEmbedding(best, source, self._metrics, on_texts=self._count, on_broken=self._give_up)

    def _count(self, texts: int) -> None:
        self._embedded_texts += texts

    def _report_step(self, step: FallbackStep) -> None:
        self._metrics.count("model_fallbacks", engine=step.choice.engine, precision=step.choice.precision)

    def _give_up(self, engine: Engine) -> None:
        """An engine that fails at work is replaced by the next; called under the batcher's lock."""
        if engine.choice in self._broken:
            return  # nothing better was found for it
        self._broken.add(engine.choice)
        try:
            start_thread(self._reload_quietly, name="embedding-replace")
        except Unavailable as error:
            self._broken.discard(engine.choice)
            _log.error("engine not replaced", action="model.replace.failed", reason=str(error))

    def _reload_quietly(self) -> None:
        try:
            self.slot.reload()
        except Exception as error:
            _log.error("engine not replaced", action="model.replace.failed", reason=str(error))

    def _compare(self, old: LoadedEmbedding, fresh: LoadedEmbedding) -> None:
        """The new one serves the same space: otherwise what is indexed would not be found."""
        vectors = [_unit(loaded.engine.run(loaded.engine.prepare(_CHECKED))) for loaded in (old, fresh)]
        worst = float((vectors[0] * vectors[1]).sum(axis=1).min())
        least = self._source.settings.model_check_worst
        if worst < least:
            raise Unavailable(
                f"The new engine ({fresh.label}) gives other vectors than the old one ({old.label}): cosine "
                f"{worst:.4f}, and SEOGA_MODEL_CHECK_WORST is {least:g}.",
                code="model_check_failed",
            )

    def _compare_in_background(self) -> None:
        if self._comparing is None or self._comparing.state is None:
            self._comparing = BackgroundComparison(
                self._measure, lambda: self.slot.unused_seconds, cancelled=self._cancelled, times=self._times
            )
            try:
                self._comparing.start()
            except Unavailable as error:
                _log.warning("engines not compared", action="model.measure.failed", reason=str(error))


def _limits(settings: Settings) -> CheckLimits:
    budget = settings.model_memory_budget_bytes or None
    return CheckLimits(settings.model_check_mean, settings.model_check_worst, budget)


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
