"""One load of a model: room made for it, tried again after a moment, measured, told."""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

from shared.free_memory import return_free_memory
from shared.kernel import Unavailable, utc_now
from shared.model.lifecycle.memory import resident_bytes
from shared.telemetry import Metrics, get_log

LACKING: Final = frozenset({"weights_not_found", "not_installed"})
"""Codes of causes that say what this machine lacks."""
_LASTING: Final = LACKING | {"model_memory_budget"}
"""Codes of causes that another attempt a moment later cannot change."""
_log = get_log("model")

MakeRoom = Callable[[str, int], None]
"""Takes a model's name and the bytes it needs beside the others; raises Unavailable where they do not fit."""


class Loadable(Protocol):
    """What a slot loads."""

    @property
    def label(self) -> str:
        """Engine and precision, for logs and metrics."""
        ...

    @property
    def memory_bytes(self) -> int | None:
        """What it takes outside this process; None when it lives inside."""
        ...

    def close(self) -> None:
        """Frees it; what is still asked of it fails with Unavailable. Blocks."""
        ...


L = TypeVar("L", bound=Loadable)


@dataclass(slots=True)
class Entry(Generic[L]):
    """A loaded model and who uses it."""

    loaded: L
    seconds: float
    at: datetime
    memory_before: int
    memory_after: int
    users: int = 0

    @property
    def held_bytes(self) -> int:
        """What it takes: in the process it lives in, else what this one grew by as it was loaded."""
        outside = self.loaded.memory_bytes
        return max(0, self.memory_after - self.memory_before) if outside is None else outside


class Loader(Generic[L]):
    """Loads one kind of thing, in whatever thread asks."""

    def __init__(self, name: str, load: Callable[[], L], *, metrics: Metrics, retry_seconds: float = 0.25) -> None:
        """`retry_seconds` lie between two attempts of one load."""
        self.make_room: MakeRoom = lambda _name, _bytes: None
        self._name = name
        self._load = load
        self._metrics = metrics
        self._retry_seconds = retry_seconds
        self._given_up = threading.Event()
        self._last_memory = 0
        for outcome in ("loaded", "failed"):
            metrics.count("model_loads", 0, model=name, outcome=outcome)

    def give_up(self) -> None:
        """What fails from now on is not tried again."""
        self._given_up.set()

    def load(self, *, attempts: int) -> Entry[L]:
        """Loads, tries again after a moment, measures. Raises what the last attempt raised."""
        started = time.perf_counter()
        _log.info("model loading", action="model.load", model=self._name)
        for attempt in itertools.count(1):
            try:
                entry = self._load_measured(started)
                break
            except Exception as error:
                reason = error.detail if isinstance(error, Unavailable) else repr(error)
                lacks = isinstance(error, Unavailable) and error.specific_code in LACKING
                tell = _log.info if lacks else _log.error
                tell("model not loaded", action="model.load.failed", model=self._name, reason=reason)
                self._metrics.count("model_loads", model=self._name, outcome="failed")
                is_lasting = isinstance(error, Unavailable) and error.specific_code in _LASTING
                if attempt >= attempts or is_lasting or self._given_up.wait(self._retry_seconds):
                    raise
        label = entry.loaded.label
        _log.info(
            "model ready",
            action="model.load.done",
            model=self._name,
            engine=label,
            seconds=round(entry.seconds, 3),
            memory_mb=entry.held_bytes >> 20,
        )
        self._metrics.count("model_loads", model=self._name, outcome="loaded")
        self._metrics.observe("model_load_seconds", entry.seconds, model=self._name, engine=label)
        return entry

    def _load_measured(self, started: float) -> Entry[L]:
        self.make_room(self._name, self._last_memory)
        before = resident_bytes()
        loaded = self._load()
        return_free_memory()
        entry = Entry(loaded, time.perf_counter() - started, utc_now(), before, resident_bytes())
        self._last_memory = entry.held_bytes
        try:
            self.make_room(self._name, entry.held_bytes)
        except BaseException:
            loaded.close()
            return_free_memory()
            raise
        return entry


def unexpected(error: BaseException) -> Unavailable:
    """A bug, or a fault nobody thought of, as callers are told it."""
    return Unavailable(f"The model could not be loaded: {type(error).__name__}: {error}.", code="model_unavailable")


def copy_of(error: Unavailable, retry_after_seconds: float) -> Unavailable:
    """One for each caller: a raised exception collects the frames it passes."""
    code = "model_unavailable" if error.specific_code == Unavailable.code else error.specific_code
    return Unavailable(error.detail, code=code, retry_after_seconds=retry_after_seconds)
