"""ModelManager: every model of the process behind one door, each loaded when first needed and shared by all who ask."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from typing_extensions import override

from shared.kernel import NotFound, Unavailable
from shared.model.embedding.model import EmbeddingModel
from shared.model.lifecycle.loading import Loadable
from shared.model.lifecycle.memory import MemoryBudget
from shared.model.lifecycle.slot import ModelSlot, SlotLimits
from shared.model.pictures.captioning import Captioner, captioner_folder, load_captioner
from shared.model.pictures.ocr import TextReader, load_text_reader, text_reader_data
from shared.model.reranking.cross_encoder import CrossEncoder
from shared.model.status import ModelsStatus, PictureModelStatus
from shared.model.tuning.comparing import EngineTable
from shared.ports.images import Caption, ImageModels, PictureText
from shared.ports.model import Embedded, Model, ModelDescription, TextKind
from shared.settings import Settings
from shared.shortages import start_thread
from shared.telemetry import Metrics, get_log

if TYPE_CHECKING:
    from shared.model.handle import EmbeddingHandle

# Pictures wait in the child's queue; a call more than that would only wait longer than it may.
_PICTURE_THREADS: Final = 4
_log = get_log("model")
L = TypeVar("L", bound=Loadable)
T = TypeVar("T")


class ModelManager(Model, ImageModels):
    """Model (ports/model.py) and ImageModels (ports/images.py), safe from any thread and event loop.

    The constructor does nothing; configuration files are read at the first call, weights when they are first used.
    As an async context manager it preloads what the settings name, in the background, and unloads everything at
    the end, after which every call raises Unavailable.
    """

    def __init__(self, settings: Settings, metrics: Metrics, reranker: CrossEncoder | None = None) -> None:
        """A `reranker` counts with the other models, and begins to load with the manager."""
        self._settings = settings
        self._embedding = EmbeddingModel(settings, metrics)
        limits = SlotLimits(
            load_timeout_seconds=settings.model_load_timeout_seconds,
            queue_limit=settings.model_queue_limit,
            idle_unload_seconds=settings.model_idle_unload_seconds,
        )
        self._captioner: ModelSlot[Captioner] = ModelSlot(
            "caption", lambda: load_captioner(self._settings), limits=limits, metrics=metrics
        )
        self._reader: ModelSlot[TextReader] = ModelSlot(
            "ocr", lambda: load_text_reader(self._settings), limits=limits, metrics=metrics
        )
        self._slots: dict[str, ModelSlot[Any]] = {
            slot.name: slot for slot in (self._embedding.slot, self._captioner, self._reader)
        }
        self._reranker = reranker
        if reranker is not None:
            self._slots[reranker.slot.name] = reranker.slot
        budget = MemoryBudget(settings.model_memory_budget_bytes, tuple(self._slots.values()))
        for slot in self._slots.values():
            slot.use_budget(budget.make_room)
        self._picture_threads = ThreadPoolExecutor(_PICTURE_THREADS, thread_name_prefix="pictures")

    @staticmethod
    def get_model(name: str | None = None, timeout: float | None = None) -> "EmbeddingHandle":
        """The shared model for code that used to load its own SentenceTransformer; see handle.py."""
        from shared.model.handle import get_model

        return get_model(name, timeout)

    async def __aenter__(self) -> Self:
        """Returns at once; the weights' hash, which `describe` needs, is looked up meanwhile in a thread."""
        # Whoever needs it asks again: nothing is lost without the thread.
        with contextlib.suppress(Unavailable):
            start_thread(self._look_ahead, name="model-describe")
        for name in self._settings.model_preload:
            self._slots[name].start_loading()
        if self._reranker is not None:
            self._reranker.slot.start_loading()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """What `__aexit__` does, blocking."""
        self._embedding.close()
        for name, slot in self._slots.items():
            if name != self._embedding.slot.name:
                slot.close()
        self._picture_threads.shutdown(wait=False, cancel_futures=True)

    @override
    def describe(self) -> ModelDescription:
        """The first call on a machine hashes the weights (0.1 s); later ones read a few small files."""
        return self._embedding.describe()

    @property
    @override
    def is_loaded(self) -> bool:
        return self._embedding.is_loaded

    @override
    async def embed_counted(
        self, texts: Sequence[str], *, kind: TextKind, prompt: bool = True, normalise: bool = True
    ) -> Embedded:
        return await self._embedding.embed_counted(texts, kind=kind, prompt=prompt, normalise=normalise)

    @override
    async def check(self, deadline_seconds: float) -> None:
        await self._embedding.check(deadline_seconds)

    @override
    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return await self._embedding.count_tokens(texts)

    @override
    async def caption(self, images: Sequence[bytes]) -> list[Caption]:
        return await self._look(self._captioner, lambda captioner: captioner.caption(images))

    @override
    async def read_text(self, images: Sequence[bytes], languages: str | None = None) -> list[PictureText]:
        return await self._look(self._reader, lambda reader: reader.read_text(images, languages))

    async def load(self, name: str = "embedding") -> None:
        """Loads if it is not loaded, or waits for who does. Raises Unavailable with the cause, NotFound."""
        await self._slot(name).load()

    async def unload(self, name: str = "embedding") -> None:
        """Gives the memory back once what was asked for is answered; the next call loads again. Raises NotFound."""
        await asyncio.to_thread(self._slot(name).unload)

    async def reload(self, name: str = "embedding", settings: Settings | None = None) -> None:
        """Loads a new one beside the old, by `settings` if given, checks it, and swaps; calls in flight end on the old.

        Raises Unavailable, Conflict (the vectors would mean something else) or NotFound; then the old one stays.
        """
        slot = self._slot(name)
        settings = settings or self._settings
        if slot is self._embedding.slot:
            await asyncio.to_thread(self._embedding.reload, settings)
        else:
            before, self._settings = self._settings, settings
            try:
                await asyncio.to_thread(slot.reload)
            except BaseException:
                self._settings = before
                raise

    async def measure(self) -> EngineTable:
        """Compares the engines of this machine, seconds; with the engine `auto` the best takes over."""
        return await asyncio.to_thread(self._embedding.measure)

    async def forget_artefacts(self) -> int:
        """Deletes what was built on disk (it is built again when needed); gives how many."""
        return await asyncio.to_thread(self._embedding.artefacts.invalidate)

    def status(self) -> ModelsStatus:
        """How the models are now. Reads small files; never raises: a model that is not there is a status too."""
        return ModelsStatus(
            self._embedding.status(),
            {
                "caption": _shown(self._captioner, lambda: captioner_folder(self._settings)),
                "ocr": _shown(self._reader, lambda: text_reader_data(self._settings)),
            },
            None if self._reranker is None else self._reranker.status(),
        )

    async def _look(self, slot: ModelSlot[L], look: Callable[[L], T]) -> T:
        async with slot.lease() as loaded:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._picture_threads, look, loaded)

    def _slot(self, name: str) -> ModelSlot[Any]:
        slot = self._slots.get(name)
        if slot is None:
            raise NotFound(f"There is no model '{name}': it may be {', '.join(self._slots)}.", code="model_not_found")
        return slot

    def _look_ahead(self) -> None:
        with contextlib.suppress(Unavailable):
            self._embedding.describe()


def _shown(slot: ModelSlot[Captioner] | ModelSlot[TextReader], look: Callable[[], object]) -> PictureModelStatus:
    """`look` raises Unavailable for what the machine lacks: it is said before anyone tries to load."""
    problem: Unavailable | None = None
    try:
        look()
    except Unavailable as error:
        problem = error
    return PictureModelStatus(slot.loaded.name if slot.loaded else None, slot.status(problem))
