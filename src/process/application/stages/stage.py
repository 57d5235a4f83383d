"""What a stage is, and the way of one document past all of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar

from numpy import float32
from numpy.typing import NDArray

from shared.artefacts.address import artefact_key, piece_key
from shared.artefacts.parsed import ParsedDocument
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

    @property
    def reads_original(self) -> bool:
        """Whether it opens the uploaded file itself."""
        return False

    def depends_on(self, way: "Way") -> dict[str, Any]:
        """What else its result depends on, beside the document's bytes; JSON, a part of the artefact's address."""
        ...

    def is_needed(self, way: "Way") -> bool:
        """Whether there is anything to do for this document; where not, no artefact is left."""
        ...

    async def is_whole(self, artefact: Any) -> bool:
        """Whether what an artefact of its kind that was left earlier refers to is there still."""
        return True

    async def work(self, way: "Way") -> A_co:
        """Raises Refused (with the stage's name), Unavailable."""
        ...


class Beginnings(Protocol):
    """Takes the first pages of a document while the rest is being read."""

    async def due(self, pages: int) -> Sequence[int]:
        """How many first pages of so many are wanted, and not told yet, one step after the other."""
        ...

    async def show(self, parsed: ParsedDocument, pages: int) -> None:
        """So many are read: the document as if it had no others. Raises Unavailable, and as reporting does."""
        ...


@dataclass(slots=True)
class Way:
    """One document on its way: what is known of it, and what its stages have left so far."""

    event: DocumentReceived
    model: ModelDescription
    """As the way began: whatever is loaded meanwhile, chunks and vectors are made for the same one."""
    stages: Sequence[Stage[Artefact]]
    tell: Callable[[str, int, int], Awaitable[None]] | None = None
    """Is told how many of how many pages (of `parse` and `ocr`) or chunks a stage has done; None: nobody follows."""
    password: str | None = field(default=None, repr=False)
    """Which opens the file."""
    is_unlocked: bool = False
    """What the stages leave was under a password: it is this document's alone, not everybody's with the same bytes."""
    leftovers: list[str] = field(default_factory=list)
    """Addresses of what stages left while they were at work, of no use once their artefacts are saved."""
    beginnings: Beginnings | None = None
    """Who takes the first pages of a large document before the rest is read; None: nobody does."""
    embedded: dict[str, NDArray[float32]] = field(default_factory=dict)
    """Texts whose vectors are known."""
    _left: dict[type[Artefact], Artefact] = field(default_factory=dict)

    @property
    def is_shut(self) -> bool:
        """The file was opened earlier, and cannot be now."""
        return self.is_unlocked and self.password is None

    async def advanced(self, stage: str, done: int, total: int) -> None:
        """A long stage has come so far. Raises as reporting does."""
        if self.tell is not None:
            await self.tell(stage, done, total)

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
        stage = self.maker_of(kind)
        return artefact_key(self.event.sha256, stage.name, stage.version, self._configuration(stage))

    def piece(self, stage: Stage[Artefact], of: str, **which: Any) -> str:
        """Where a piece of what the stage is at work on lies: `of` says what it is one of, `which` which one.

        Work that was asked for anew has its own.
        """
        anew = {"anew": [self.event.document_id, self.event.document_version]} if self.event.fresh else {}
        configuration = self._configuration(stage) | anew | which
        return piece_key(self.event.sha256, f"{stage.name}-{of}", stage.version, configuration)

    def _configuration(self, stage: Stage[Artefact]) -> dict[str, Any]:
        # A stage that had nothing to do has left nothing that others could depend on.
        makers = [maker for kind in stage.made_from if (maker := self.maker_of(kind)).is_needed(self)]
        return stage.depends_on(self) | {maker.name: [maker.version, self._configuration(maker)] for maker in makers}

    def maker_of(self, kind: type[Artefact]) -> Stage[Artefact]:
        """The stage that leaves it."""
        return next(stage for stage in self.stages if stage.artefact is kind)
