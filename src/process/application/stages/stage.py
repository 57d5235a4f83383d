"""What a stage is, and the way of one document past all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar

from shared.artefacts.address import artefact_key
from shared.events.ingest import DocumentReceived
from shared.ports.model import ModelDescription


class Artefact(Protocol):
    """What a stage leaves for those behind it and for Search."""

    def to_bytes(self) -> bytes:
        """Its stored form."""
        ...

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Raises ValueError (pydantic's is one) or EOFError for what is not this artefact."""
        ...


A = TypeVar("A", bound=Artefact)
A_co = TypeVar("A_co", bound=Artefact, covariant=True)


class Stage(Protocol[A_co]):
    """One piece of the work on a document: the same input gives the same artefact, on any machine."""

    @property
    def name(self) -> str:
        """Unique; events and artefacts' addresses carry it."""
        ...

    @property
    def version(self) -> int:
        """Raised when the result changes for the same input: what older ones left is not used any more."""
        ...

    @property
    def artefact(self) -> type[A_co]:
        """What it leaves."""
        ...

    @property
    def made_from(self) -> Sequence[type[Artefact]]:
        """What stages before it leave and it reads: its result depends on all that theirs depends on."""
        ...

    def depends_on(self, way: "Way") -> dict[str, Any]:
        """What else its result depends on, beside the document's bytes; JSON, a part of the artefact's address."""
        ...

    def is_needed(self, way: "Way") -> bool:
        """Whether there is anything to do for this document; where not, no artefact is left."""
        ...

    async def work(self, way: "Way") -> A_co:
        """Raises Refused (with the stage's name), Unavailable."""
        ...


@dataclass(slots=True)
class Way:
    """One document on its way: what is known of it, and what its stages have left so far."""

    event: DocumentReceived
    model: ModelDescription
    """As the way began: whatever is loaded meanwhile, chunks and vectors are made for the same one."""
    stages: Sequence[Stage[Artefact]]
    _left: dict[type[Artefact], Artefact] = field(default_factory=dict)

    def keep(self, artefact: Artefact) -> None:
        """For the stages to come."""
        self._left[type(artefact)] = artefact

    def left(self, kind: type[A]) -> A:
        """What the stage of this artefact left; it has been passed, and was needed."""
        artefact = self._left[kind]
        assert isinstance(artefact, kind)
        return artefact

    def has_left(self, kind: type[Artefact]) -> bool:
        """False too where the stage was not needed."""
        return kind in self._left

    def address(self, kind: type[Artefact]) -> str:
        """Where this artefact of the document lies, whether or not it is there."""
        stage = self._maker_of(kind)
        return artefact_key(self.event.sha256, stage.name, stage.version, self._configuration(stage))

    def _configuration(self, stage: Stage[Artefact]) -> dict[str, Any]:
        makers = [self._maker_of(kind) for kind in stage.made_from]
        return stage.depends_on(self) | {maker.name: [maker.version, self._configuration(maker)] for maker in makers}

    def _maker_of(self, kind: type[Artefact]) -> Stage[Artefact]:
        return next(stage for stage in self.stages if stage.artefact is kind)
