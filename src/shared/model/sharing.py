"""SEOGA_SHARED_MODEL: which consumers use the one model, and which have their own, as it was before there was one."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol, Self

from typing_extensions import override

from shared.ports.model import Embedded, Model, ModelDescription, TextKind
from shared.setting_values import MODEL_CONSUMERS
from shared.telemetry import Metrics, get_log

Use = Literal["shared", "private"]
_log = get_log("model")


class PrivateModel(Model, Protocol):
    """A model that one consumer has for itself."""

    def close(self) -> None:
        """Ends it. Blocks."""
        ...


class ModelSharing:
    """Gives each consumer its model; `apply` changes who shares while the server runs."""

    def __init__(self, flag: str, *, shared: Model, make_private: Callable[[], PrivateModel], metrics: Metrics) -> None:
        """`flag` as in SEOGA_SHARED_MODEL; private models are made, and load, when they are first used."""
        self._shared = shared
        self._make_private = make_private
        self._metrics = metrics
        self._sharing = _consumers(flag)
        self._private: dict[str, PrivateModel] = {}
        # Calls under way of each private model; they may come from several threads' event loops.
        self._calls: Counter[PrivateModel] = Counter()
        self._ended = threading.Condition()

    async def __aenter__(self) -> Self:
        self._tell()
        return self

    async def __aexit__(self, *_: object) -> None:
        for model in self._private.values():
            await asyncio.to_thread(model.close)
        self._private.clear()

    @property
    def uses(self) -> Mapping[str, Use]:
        """Every consumer and whose model it uses."""
        return {name: "shared" if name in self._sharing else "private" for name in MODEL_CONSUMERS}

    def model_for(self, consumer: str) -> "ConsumerModel":
        """The door of one of MODEL_CONSUMERS; behind it the model may change at any time."""
        if consumer not in MODEL_CONSUMERS:
            raise ValueError(f"{consumer} is none of {MODEL_CONSUMERS}")
        return ConsumerModel(self, consumer)

    def current(self, consumer: str) -> Model:
        """The model this consumer uses now, to look at."""
        if consumer in self._sharing:
            return self._shared
        with self._ended:
            return self._own(consumer)

    @contextlib.contextmanager
    def using(self, consumer: str) -> Iterator[Model]:
        """The model this consumer uses now, which stays until the block ends whatever is applied meanwhile."""
        if consumer in self._sharing:
            yield self._shared
            return
        with self._ended:
            model = self._own(consumer)
            self._calls[model] += 1
        try:
            yield model
        finally:
            with self._ended:
                self._calls[model] -= 1
                self._ended.notify_all()

    def _own(self, consumer: str) -> PrivateModel:
        if consumer not in self._private:
            self._private[consumer] = self._make_private()
        return self._private[consumer]

    async def apply(self, flag: str) -> None:
        """From the next call on each consumer uses what `flag` says; private models nobody needs are closed,
        once what was asked of them is answered.
        """
        self._sharing = _consumers(flag)
        self._tell()
        _log.info("model sharing changed", action="model.sharing", **self.uses)
        for consumer in self._sharing & self._private.keys():
            with self._ended:
                model = self._private.pop(consumer)
            await asyncio.to_thread(self._close_when_idle, model)

    def _close_when_idle(self, model: PrivateModel) -> None:
        with self._ended:
            self._ended.wait_for(lambda: not self._calls[model])
            del self._calls[model]
        model.close()

    def _tell(self) -> None:
        for consumer, use in self.uses.items():
            self._metrics.gauge("model_shared", float(use == "shared"), consumer=consumer)


class ConsumerModel(Model):
    """Model (ports/model.py) of one consumer: every call goes to the one it uses at that moment."""

    def __init__(self, sharing: ModelSharing, consumer: str) -> None:
        self._sharing = sharing
        self._consumer: Final = consumer

    @override
    def describe(self) -> ModelDescription:
        return self._now.describe()

    @property
    @override
    def is_loaded(self) -> bool:
        return self._now.is_loaded

    @override
    async def embed_counted(
        self, texts: Sequence[str], *, kind: TextKind, prompt: bool = True, normalise: bool = True
    ) -> Embedded:
        with self._sharing.using(self._consumer) as model:
            return await model.embed_counted(texts, kind=kind, prompt=prompt, normalise=normalise)

    @override
    async def check(self, deadline_seconds: float) -> None:
        with self._sharing.using(self._consumer) as model:
            await model.check(deadline_seconds)

    @override
    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        with self._sharing.using(self._consumer) as model:
            return await model.count_tokens(texts)

    @property
    def _now(self) -> Model:
        return self._sharing.current(self._consumer)


def _consumers(flag: str) -> frozenset[str]:
    if flag == "on":
        return frozenset(MODEL_CONSUMERS)
    return frozenset() if flag == "off" else frozenset(flag.split(","))
