"""The shapes in which the models' state is shown over HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from shared.model.embedding.fallback import FallbackStep
from shared.model.files.artefact_cache import Origin
from shared.model.lifecycle.status import ModelState
from shared.model.sharing import Use
from shared.model.status import ModelsStatus, PictureModelStatus
from shared.model.tuning.comparing import EngineTable


class TransitionView(BaseModel):
    """A change of state."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    state: ModelState
    reason: str | None


class SlotView(BaseModel):
    """One model; null where it is not known before it is loaded."""

    model_config = ConfigDict(from_attributes=True)

    state: ModelState
    loads: int
    failed_loads: int
    load_seconds: float | None
    loaded_at: datetime | None
    uses: int
    last_used_at: datetime | None
    in_use: int
    waiting: int
    """Calls that wait for it to be loaded."""
    memory_bytes: int | None
    memory_before_bytes: int | None
    """Resident memory of the server before the last load, and after it."""
    memory_after_bytes: int | None
    last_error: str | None
    history: list[TransitionView]


class PictureModelView(SlotView):
    """A model that looks at pictures."""

    name: str | None

    @classmethod
    def of(cls, status: PictureModelStatus) -> Self:
        """The view of one."""
        return cls(name=status.name, **SlotView.model_validate(status.slot).model_dump())


class FallbackView(BaseModel):
    """An engine that was tried in vain."""

    engine: str
    precision: str
    reason: str

    @classmethod
    def of(cls, step: FallbackStep) -> Self:
        """The view of a step."""
        return cls(engine=step.choice.engine, precision=step.choice.precision, reason=step.reason)


class EngineMeasureView(BaseModel):
    """What was measured of one engine; `failure` says why it is not used."""

    engine: str
    precision: str
    texts_per_second: dict[int, float]
    """By words in a text."""
    query_ms: float | None
    cosine_mean: float | None
    cosine_worst: float | None
    memory_bytes: int | None
    failure: str | None


class EngineTableView(BaseModel):
    """The engines of this machine, the best first."""

    machine: str
    measured_at: datetime
    engines: list[EngineMeasureView]

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


class CacheView(BaseModel):
    """Built models on disk; the counts are since the server started."""

    model_config = ConfigDict(from_attributes=True)

    hits: int
    misses: int
    rebuilt: int
    evicted: int
    entries: int
    bytes: int


class ModelStatusView(SlotView):
    """The embedding model, the models that look at pictures, and who shares them."""

    name: str | None
    engine: str
    precision: str | None
    device: str | None
    dimension: int | None
    max_tokens: int | None
    languages: list[str]
    fingerprint: str | None
    embedded_texts: int
    waiting_texts: int
    artefact: Origin | None
    fallbacks: list[FallbackView]
    is_measuring: bool
    """Whether the engines are being compared now."""
    engines: EngineTableView | None
    cache: CacheView | None
    consumers: dict[str, Use]
    """Whether each uses the one model or its own."""
    pictures: dict[str, PictureModelView]
    """`caption` and `ocr`."""

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
            is_measuring=model.is_measuring,
            engines=EngineTableView.of(model.table) if model.table else None,
            cache=CacheView.model_validate(model.cache) if model.cache else None,
            consumers=dict(consumers),
            pictures={name: PictureModelView.of(picture) for name, picture in status.pictures.items()},
        )
