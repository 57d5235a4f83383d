"""The shared model for code that used to load its own SentenceTransformer: `encode`, from any thread.

Which model a process gets: the one its Application holds, else the server SEOGA_MODEL_URL names, else the server of
the data directory, else one of its own. Nothing is shared over a fork: a child starts anew.
"""

import asyncio
import atexit
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TextIO, TypeVar, cast

import numpy as np
import numpy.typing as npt
import structlog
from typing_extensions import override

from shared.kernel import NotFound, Unavailable
from shared.lossy_stream import LossyStream
from shared.ports.model import Model, TextKind
from shared.settings import Settings, load_settings
from shared.telemetry import Metrics

if TYPE_CHECKING:
    from shared.model.embedding.model import EmbeddingModel
    from shared.model.remote.model import RemoteModel

# With a progress bar: texts between two steps of it, many enough that it costs nothing.
_PROGRESS_TEXTS: Final = 256
_KINDS: Final[dict[str, TextKind]] = {"query": "query", "passage": "passage", "document": "passage"}
T = TypeVar("T")


class EmbeddingHandle:
    """Behaves as `SentenceTransformer` (sentence-transformers 6) does, over any Model. Safe from any thread.

    Blocks the calling thread, also inside a notebook's running loop; the work is done on a loop of its own. What the
    model decides for everyone (device, batches) is taken and not used. Raises Unavailable with the cause when the
    model cannot answer, or not within `timeout` seconds.
    """

    def __init__(self, model: Model, *, timeout: float | None = None) -> None:
        self._model = model
        self._timeout = timeout

    @property
    def model(self) -> Model:
        """What answers: a ModelManager, a RemoteModel, or an own EmbeddingModel."""
        return self._model

    @property
    def max_seq_length(self) -> int:
        """Tokens read of a text, special ones included."""
        return self._model.describe().max_tokens

    def get_embedding_dimension(self) -> int:
        """Length of a vector."""
        return self._model.describe().dimension

    def get_sentence_embedding_dimension(self) -> int:
        """The older name of `get_embedding_dimension`."""
        return self.get_embedding_dimension()

    def encode(
        self,
        sentences: Any = None,
        *,
        inputs: Any = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        output_value: Literal["sentence_embedding"] = "sentence_embedding",
        precision: Literal["float32"] = "float32",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: object = None,
        normalize_embeddings: bool = False,
    ) -> Any:
        """Float32 vectors: of a text shape (dimension,), of a list (n, dimension) in its order, of none (0,).

        No prompt goes before the texts unless one is named. `convert_to_tensor` gives one torch tensor,
        `convert_to_numpy` False a list of them; both need torch. `normalize_embeddings` False gives the vectors as
        the model makes them. `inputs` is the newer name of `sentences`. Raises TypeError and ValueError for what
        cannot be encoded.
        """
        texts, is_one = _texts_of(inputs if sentences is None else sentences)
        if batch_size <= 0:
            raise ValueError(f"batch_size must be a positive integer, got {batch_size}.")
        if output_value != "sentence_embedding" or precision != "float32":
            raise ValueError("The shared model gives sentence embeddings in float32 and nothing else.")
        kind: TextKind | None = None
        if prompt is not None:
            texts = [prompt + text for text in texts]
        elif prompt_name is not None:
            if prompt_name not in _KINDS:
                raise ValueError(f"Prompt name {prompt_name!r} is none of the shared model's: {list(_KINDS)!r}.")
            kind = _KINDS[prompt_name]
        vectors = self._embed(texts, kind, normalize_embeddings, bool(show_progress_bar))
        return _converted(vectors, is_one=is_one, to_tensor=convert_to_tensor, to_numpy=convert_to_numpy)

    def encode_query(self, sentences: Any = None, **given: Any) -> Any:
        """As `encode`, with the prompt that the model wants before queries."""
        return self.encode(sentences, **_with_prompt("query", given))

    def encode_document(self, sentences: Any = None, **given: Any) -> Any:
        """As `encode`, with the prompt that the model wants before documents."""
        return self.encode(sentences, **_with_prompt("document", given))

    def _embed(
        self, texts: Sequence[str], kind: TextKind | None, normalise: bool, show_progress: bool
    ) -> npt.NDArray[np.float32]:
        def embed(part: Sequence[str]) -> npt.NDArray[np.float32]:
            work = self._model.embed_counted(part, kind=kind or "passage", prompt=kind is not None, normalise=normalise)
            return _run(work, self._timeout).vectors

        if not show_progress or not texts:
            return embed(texts)
        from rich.console import Console
        from rich.progress import track

        parts = [texts[start : start + _PROGRESS_TEXTS] for start in range(0, len(texts), _PROGRESS_TEXTS)]
        return np.concatenate([embed(part) for part in track(parts, "Batches", console=Console(stderr=True))])


def get_model(name: str | None = None, timeout: float | None = None) -> EmbeddingHandle:
    """The shared model of this process, machine or network. Loads nothing yet.

    `timeout`, in seconds, holds for each call of the handle; None is as long as the settings allow. Raises
    WrongSettings; with a `name` (an owner before it does not matter) NotFound when the model has another, and
    Unavailable when it cannot be found.
    """
    model = resolve_model()
    if name is not None:
        has = model.describe().name
        if name.rpartition("/")[2].lower() != has.rpartition("/")[2].lower():
            raise NotFound(
                f"The shared model is {has!r}, not {name!r}. Ask for that one or for none, or set SEOGA_MODEL_NAME "
                "(of the server, if there is one).",
                code="model_not_found",
            )
    return EmbeddingHandle(model, timeout=timeout)


class Registration:
    """An async context manager: while it is entered, handles of this process use this model."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def __aenter__(self) -> Self:
        _process().registered.append(self._model)
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ValueError):
            _process().registered.remove(self._model)


def close() -> None:
    """Closes the connections and the own model of this process's handles; the next `get_model` begins anew."""
    _process().close()


def resolve_model() -> Model:
    """The model of this process; see the top of the file. Raises WrongSettings; does no other I/O than look."""
    process = _process()
    with process.lock:
        if process.registered:
            return process.registered[-1]
        settings = load_settings()
        if settings.uses_remote_model or settings.model_engine == "remote":
            return process.remote(settings.model_url or "", settings)
        if settings.shared_model != "off" and (url := _running_server(settings)) is not None:
            # Its folder names it: the server may come back with another port.
            there = settings.model_copy(update={"model_url": url})
            return process.remote(str(settings.data_dir.absolute()), there, lambda: _running_server(settings))
        return process.own(settings)


class _Process:
    """What handles share in one process."""

    def __init__(self, *, close_seconds: float = 5.0) -> None:
        """`close` waits so long for each server's connections, and for the background thread."""
        self._close_seconds = close_seconds
        self.pid = os.getpid()
        self.registered: list[Model] = []
        # Held while a model is chosen, or all are closed.
        self.lock = threading.RLock()
        self._remotes: dict[str, RemoteModel] = {}
        self._own: EmbeddingModel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        """The background loop, on a thread of its own; started when it is first needed."""
        with self.lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="model-handle", daemon=True)
                self._thread.start()
            return self._loop

    def remote(self, key: str, settings: Settings, find_url: Callable[[], str | None] | None = None) -> Model:
        """One for each server."""
        # Imported here: a process that has the model itself never needs it.
        from shared.model.remote.model import RemoteModel

        if key not in self._remotes:
            self._remotes[key] = RemoteModel(settings, _Uncounted(), find_url=find_url)
        return self._remotes[key]

    def own(self, settings: Settings) -> Model:
        """The one model that is loaded here, because nobody shares one."""
        from shared.model.embedding.model import EmbeddingModel

        if self._own is None:
            self._own = EmbeddingModel(settings, _Uncounted())
        return self._own

    def close(self) -> None:
        """Before Python takes the process apart, or a test begins anew."""
        if self.pid != os.getpid():
            return
        with self.lock:
            remotes, self._remotes = list(self._remotes.values()), {}
            own, self._own = self._own, None
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if own is not None:
            own.close()
        if loop is None or thread is None:
            return
        for remote in remotes:
            with contextlib.suppress(Exception):
                asyncio.run_coroutine_threadsafe(remote.__aexit__(), loop).result(self._close_seconds)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(self._close_seconds)
        if not thread.is_alive():
            loop.close()


_current: _Process | None = None
_current_lock: Final = threading.Lock()


def _process() -> _Process:
    """Locks, threads and connections do not survive a fork."""
    global _current
    found = _current
    if found is None or found.pid != os.getpid():
        with _current_lock:
            if _current is None or _current.pid != os.getpid():
                _current = _Process()
                if not structlog.is_configured():
                    # A script that never heard of structlog would find its lines in its own output.
                    structlog.configure(
                        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
                        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, LossyStream(sys.stderr))),
                    )
                atexit.register(_current.close)
            found = _current
    return found


def _run(work: Coroutine[Any, Any, T], timeout: float | None) -> T:
    """The result of `work`, done on the background loop; it is cancelled when the caller stops waiting."""
    future: Future[T] = asyncio.run_coroutine_threadsafe(work, _process().loop())
    try:
        return future.result(timeout)
    except TimeoutError:
        if future.done():
            raise  # its own
        raise Unavailable(f"The model did not answer within {timeout:g} s.", code="timeout") from None
    finally:
        future.cancel()


def _running_server(settings: Settings) -> str | None:
    from shared.runtime.data_directory import DataDirectory

    server = DataDirectory(settings.data_dir).server()
    return server.url if server else None


def _texts_of(sentences: Any) -> tuple[list[str], bool]:
    """The texts, and whether one was given by itself."""
    if isinstance(sentences, str):
        return [sentences], True
    if isinstance(sentences, np.ndarray):
        sentences = sentences.tolist()
    if not isinstance(sentences, Sequence) or isinstance(sentences, bytes | bytearray):
        raise TypeError(f"encode takes a text or a list of texts, not {type(sentences).__name__}.")
    texts = list(sentences)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"encode takes texts only; number {index} is {type(text).__name__}.")
    return texts, False


def _with_prompt(name: str, given: dict[str, Any]) -> dict[str, Any]:
    return given if given.get("prompt") or given.get("prompt_name") else {**given, "prompt_name": name}


def _converted(vectors: npt.NDArray[np.float32], *, is_one: bool, to_tensor: bool, to_numpy: bool) -> Any:
    """As the original converts, its oddities with nothing included."""
    if to_tensor or not to_numpy:
        import torch

        tensor = torch.from_numpy(vectors) if len(vectors) else torch.tensor([])
        if is_one:
            return tensor[0]
        return tensor if to_tensor else list(tensor)
    if is_one:
        return vectors[0]
    return vectors if len(vectors) else np.array([])


class _Uncounted(Metrics):
    """Metrics of a process that shows none."""

    @override
    def count(self, name: str, value: float = 1, /, **labels: str) -> None:
        return None

    @override
    def observe(self, name: str, value: float, times: int = 1, /, **labels: str) -> None:
        return None

    @override
    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        return None
