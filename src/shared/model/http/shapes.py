"""The shapes in which the models' state is shown over HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from pydantic import ConfigDict

from shared.model.embedding.fallback import FallbackStep
from shared.model.files.artefact_cache import Origin
from shared.model.lifecycle.status import ModelState
from shared.model.sharing import Use
from shared.model.status import ModelsStatus, PictureModelStatus
from shared.model.tuning.comparing import EngineTable
from shared.model.tuning.waiting import ComparisonState
from shared.web.shapes import Shape


class TransitionView(Shape):
    """A change of state."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    """When."""
    state: ModelState
    """The new state."""
    reason: str | None
    """Why."""


class SlotView(Shape):
    """One model; null where it is not known before it is loaded."""

    model_config = ConfigDict(from_attributes=True)

    state: ModelState
    """`unavailable`: this machine lacks what it needs."""
    loads: int
    """Successful loads since the process started."""
    failed_loads: int
    """Loads that failed."""
    load_seconds: float | None
    """What the last successful load took."""
    loaded_at: datetime | None
    """When it was last loaded."""
    uses: int
    """Calls that used it."""
    last_used_at: datetime | None
    """When it was last used."""
    in_use: int
    """Calls that use it now."""
    waiting: int
    """Calls that wait for it to be loaded."""
    memory_bytes: int | None
    """What it takes."""
    memory_before_bytes: int | None
    """Resident memory of the server before the last load, and after it."""
    memory_after_bytes: int | None
    """Resident memory of the server after the last load."""
    last_error: str | None
    """Why it last failed."""
    history: list[TransitionView]
    """Changes of state, the oldest first."""


class PictureModelView(SlotView):
    """A model that looks at pictures."""

    name: str | None
    """Which model."""

    @classmethod
    def of(cls, status: PictureModelStatus) -> Self:
        """The view of one."""
        return cls(name=status.name, **SlotView.model_validate(status.slot).model_dump())


class FallbackView(Shape):
    """An engine that was tried in vain."""

    engine: str
    """Which engine."""
    precision: str
    """With which numbers."""
    reason: str
    """Why it is not used."""

    @classmethod
    def of(cls, step: FallbackStep) -> Self:
        """The view of a step."""
        return cls(engine=step.choice.engine, precision=step.choice.precision, reason=step.reason)


class EngineMeasureView(Shape):
    """What was measured of one engine; `failure` says why it is not used."""

    engine: str
    """Which engine."""
    precision: str
    """With which numbers."""
    texts_per_second: dict[int, float]
    """By words in a text."""
    query_ms: float | None
    """Milliseconds for one query."""
    cosine_mean: float | None
    """How near its vectors are to the fp32 ones."""
    cosine_worst: float | None
    """Of the vector that is farthest."""
    memory_bytes: int | None
    """What it takes."""
    failure: str | None
    """Why it is not used."""


class EngineTableView(Shape):
    """The engines of this machine, the best first."""

    machine: str
    """The processor and what it can do."""
    measured_at: datetime
    """When."""
    engines: list[EngineMeasureView]
    """The best first."""

    @classmethod
    def of(cls, table: EngineTable) -> Self:
        """The view of a table."""
        order = {choice: place for place, choice in enumerate(table.ranked())}
        measures = sorted(table.measures, key=lambda measure: order.get(measure.choice, len(order)))
        return cls(
            machine=table.machine,
            measured_at=table.measured_at,
            engines=[
                EngineMeasureView(
                    engine=measure.choice.engine,
                    precision=measure.choice.precision,
                    texts_per_second=dict(measure.texts_per_second),
                    query_ms=measure.query_ms,
                    cosine_mean=measure.cosine_mean,
                    cosine_worst=measure.cosine_worst,
                    memory_bytes=measure.memory_bytes,
                    failure=measure.failure,
                )
                for measure in measures
            ],
        )


class CacheView(Shape):
    """Built models on disk; the counts are since the server started."""

    model_config = ConfigDict(from_attributes=True)

    hits: int
    """Loads served from it."""
    misses: int
    """Loads that had to build."""
    rebuilt: int
    """What was damaged and built again."""
    evicted: int
    """What was deleted for room."""
    entries: int
    """Built models there are."""
    bytes: int
    """What they take."""


class ModelStatusView(SlotView):
    """The embedding model, the models that look at pictures, and who shares them."""

    name: str | None
    """Which embedding model."""
    engine: str
    """The loaded one, else the one asked for."""
    precision: str | None
    """With which numbers it computes."""
    device: str | None
    """Where it runs."""
    dimension: int | None
    """Numbers of a vector."""
    max_tokens: int | None
    """Tokens it reads of a text."""
    languages: list[str]
    """ISO 639-1 codes of what it understands."""
    fingerprint: str | None
    """Names the vector space."""
    embedded_texts: int
    """Since the process started."""
    waiting_texts: int
    """Handed in and not yet answered."""
    artefact: Origin | None
    """How the cache on disk served the last load."""
    fallbacks: list[FallbackView]
    """What was tried in vain before the engine that is loaded."""
    is_measuring: bool
    """Whether the engines are being compared now."""
    comparison: ComparisonState | None
    """`running`, or `waiting` until nobody needs the model; null: it is done, or not needed."""
    engines: EngineTableView | None
    """What the comparison said."""
    cache: CacheView | None
    """Built models on disk."""
    consumers: dict[str, Use]
    """Whether each uses the one model or its own."""
    pictures: dict[str, PictureModelView]
    """`caption` and `ocr`."""
    reranker: SlotView | None = None
    """The cross-encoder that reorders results; null where none runs here."""

    @classmethod
    def of_all(cls, status: ModelsStatus, consumers: Mapping[str, Use]) -> Self:
        """The view of everything."""
        model = status.embedding
        return cls(
            name=model.name,
            **SlotView.model_validate(model.slot).model_dump(),
            engine=model.engine,
            precision=model.precision,
            device=model.device,
            dimension=model.dimension,
            max_tokens=model.max_tokens,
            languages=list(model.languages),
            fingerprint=model.fingerprint,
            embedded_texts=model.embedded_texts,
            waiting_texts=model.waiting_texts,
            artefact=model.artefact,
            fallbacks=[FallbackView.of(step) for step in model.fallbacks],
            is_measuring=model.comparison == "running",
            comparison=model.comparison,
            engines=EngineTableView.of(model.table) if model.table else None,
            cache=CacheView.model_validate(model.cache) if model.cache else None,
            consumers=dict(consumers),
            pictures={name: PictureModelView.of(picture) for name, picture in status.pictures.items()},
            reranker=None if status.reranker is None else SlotView.model_validate(status.reranker),
        )
