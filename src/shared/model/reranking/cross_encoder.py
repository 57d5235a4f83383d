"""Passages scored by a cross-encoder that runs here: its graph is built and run as the embedding model's."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from typing_extensions import override

from shared.kernel import Unavailable
from shared.model.embedding.source import Once
from shared.model.engine import Engine, EngineChoice, PreparedText
from shared.model.engines.opening import load_engine, runnable_choices
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig
from shared.model.files.cross_encoder import read_cross_encoder_config
from shared.model.files.tokens import ModelTokenizer
from shared.model.lifecycle.loading import Loadable
from shared.model.lifecycle.slot import ModelSlot, SlotLimits
from shared.model.lifecycle.status import SlotStatus
from shared.ports.reranker import Reranker
from shared.runtime.resilience import Resilient
from shared.settings import Settings
from shared.telemetry import Metrics, get_log

# Fewer digits can turn neighbours round, and nothing here compares a head's numbers with exact ones first.
_PRECISION: Final = "fp32"
_ENGINES: Final = ("openvino", "onnx")
_log = get_log("model")


class LoadedCrossEncoder(Loadable):
    """An engine, and as many threads as it has streams."""

    memory_bytes = None

    def __init__(self, engine: Engine, tokenizer: ModelTokenizer) -> None:
        self._engine = engine
        self._tokenizer = tokenizer
        self._threads = ThreadPoolExecutor(engine.streams, thread_name_prefix="rerank")

    @property
    @override
    def label(self) -> str:
        return str(self._engine.choice)

    @override
    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._engine.close()

    async def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """One number a passage. Cancelled, it stops after the batches that run at that moment."""
        loop = asyncio.get_running_loop()
        prepared = await loop.run_in_executor(self._threads, self._tokenizer.prepare_pairs, query, passages)
        # The longest first: batches of like lengths have little padding, and the last ones are the shortest.
        order = sorted(range(len(prepared)), key=lambda place: -len(prepared[place].ids))
        batches = list(_batches(order, prepared, self._engine.batch_tokens))
        runs = [
            loop.run_in_executor(self._threads, self._engine.run, [prepared[place] for place in batch])
            for batch in batches
        ]
        try:
            answers = await asyncio.gather(*runs)
        finally:
            for run in runs:
                run.cancel()
        scores = np.empty(len(passages), dtype=np.float64)
        for batch, answer in zip(batches, answers, strict=True):
            scores[batch] = answer[:, 0]
        if not np.isfinite(scores).all():
            raise Unavailable("The cross-encoder gives scores that are not numbers.")
        return [float(score) for score in scores]


class CrossEncoder(Reranker):
    """Reranker (ports/reranker.py) over a slot of this process; its configuration is read when it is first loaded."""

    def __init__(self, settings: Settings, folder: Path, metrics: Metrics, guard: Resilient) -> None:
        """Reads nothing. The guard has the time for a call, and leaves a model alone that is too slow each time."""
        self._settings = settings
        self._folder = folder
        self._guard = guard
        self._name = Once(lambda: _name_of(folder))
        self._artefacts = ArtefactCache(
            settings.models_dir, machine_folder=settings.machine_dir, most_bytes=settings.model_cache_bytes
        )
        limits = SlotLimits(
            load_timeout_seconds=settings.model_load_timeout_seconds,
            queue_limit=settings.model_queue_limit,
            idle_unload_seconds=settings.model_idle_unload_seconds,
        )
        self.slot: ModelSlot[LoadedCrossEncoder] = ModelSlot("rerank", self._load, limits=limits, metrics=metrics)

    @property
    @override
    def name(self) -> str:
        return self._name.get()

    @override
    async def score(self, query: str, passages: Sequence[str]) -> list[float]:
        if not passages:
            return []

        async def scored() -> list[float]:
            async with self.slot.lease() as loaded:
                return await loaded.score(query, passages)

        return await self._guard.call(scored, idempotent=True)

    def status(self) -> SlotStatus:
        """How it is now; never raises."""
        problem: Unavailable | None = None
        try:
            self.config()
        except Unavailable as error:
            problem = error
        return self.slot.status(problem)

    def config(self) -> ModelConfig:
        """What its folder says. Raises Unavailable: what is missing or wrong there."""
        if not self._folder.is_dir():
            raise Unavailable(
                f"SEOGA_RERANK_MODEL was '{self._folder}': there is no such folder of a cross-encoder.",
                code="weights_not_found",
            )
        said = read_cross_encoder_config(self._folder, name=self._folder.name)
        settings = self._settings
        return replace(
            said,
            engine="auto",
            device="cpu",
            threads=settings.model_threads,
            load_timeout_seconds=settings.model_load_timeout_seconds,
        )

    def _load(self) -> LoadedCrossEncoder:
        config = self.config()
        tokenizer = Once(lambda: ModelTokenizer(config))
        last: Unavailable | None = None
        for choice in _choices(config):
            try:
                loaded = load_engine(config, choice, self._artefacts, tokenizer.get)
            except Unavailable as error:
                _log.warning("cross-encoder not loaded", action="model.rerank.fallback", engine=str(choice))
                last = error
            else:
                return LoadedCrossEncoder(loaded.engine, tokenizer.get())
        raise last or Unavailable("No engine of this machine runs a cross-encoder.", code="not_installed")


def _choices(config: ModelConfig) -> list[EngineChoice]:
    usable = [one for one in runnable_choices(config) if one.engine in _ENGINES and one.precision == _PRECISION]
    # Where none can, opening one says why.
    return usable or [EngineChoice("onnx", _PRECISION)]


def _batches(order: Sequence[int], prepared: Sequence[PreparedText], most_tokens: int) -> Iterator[list[int]]:
    """Places, the longest first, in batches of at most so many padded tokens; a longer text goes alone."""
    batch: list[int] = []
    for place in order:
        longest = len(prepared[batch[0]].ids) if batch else 0
        if batch and longest * (len(batch) + 1) > most_tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _name_of(folder: Path) -> str:
    """By its path, and when its weights were written: another model in the same place is another one."""
    try:
        seen = (folder / "model.safetensors").stat()
    except OSError:
        return str(folder)
    return f"{folder}:{seen.st_size}:{seen.st_mtime_ns}"
