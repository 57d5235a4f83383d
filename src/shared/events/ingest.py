"""What Ingest tells: a document's bytes arrived, its labels changed, it was withdrawn."""

from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from typing_extensions import override

from shared.events.envelope import Event
from shared.kernel import DocumentId


class Labels(BaseModel):
    """What a document is called and described by. Changing it embeds nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    collection: str
    document_name: str
    """The name shown: the newest of `names`."""
    names: tuple[str, ...]
    media_type: str
    metadata: dict[str, Any]
    received_at: datetime


class DocumentEvent(Event):
    """A fact about one document; its key is the document, so that its facts arrive in order."""

    document_id: DocumentId
    document_version: int
    """Rises with every accepted change of the document; older versions change nothing anywhere."""

    @property
    @override
    def key(self) -> str:
        return self.document_id


class DocumentReceived(DocumentEvent):
    """Bytes to process: new, a next revision, a second try, an asked-for reprocessing, or for a new model."""

    name: ClassVar[str] = "DocumentReceived"
    topic: ClassVar[str] = "ingest.document.v1"

    revision: int
    sha256: str
    size: int
    labels: Labels
    fresh: bool = False
    """Ignore artefacts that exist: a person asked for the work to be done again."""
    background: bool = False
    """Nobody waits for it: it goes behind what somebody waits for."""
    asked_at: datetime | None = None
    """When the work was asked for; older events lack it."""
    early_versions: int = 0
    """So many versions right below this one are free, for its first pages to be searchable under; 0: only the whole."""


class DocumentChanged(DocumentEvent):
    """Names or metadata changed; the bytes did not."""

    name: ClassVar[str] = "DocumentChanged"
    topic: ClassVar[str] = "ingest.document.v1"

    labels: Labels


class DocumentWithdrawn(DocumentEvent):
    """The document is to vanish; a tombstone of this version stays everywhere."""

    name: ClassVar[str] = "DocumentWithdrawn"
    topic: ClassVar[str] = "ingest.document.v1"

    collection: str
