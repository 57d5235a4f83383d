"""The aggregate: one document in one collection, with its names, its revisions and its standing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ingest.domain.labels import part_name
from ingest.domain.standing import Standing, Status
from shared.kernel import Conflict, DocumentId

MOST_NAMES: Final = 1_000
"""Every change of a document tells all its names, so they must fit into one event."""
EARLY_VERSIONS: Final = 16
"""Left free below a version whose first pages are to be searchable before the whole: a step each, and each step has
twice as many pages."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that are stored durably, and what they are."""

    sha256: str
    size: int
    media_type: str
    blob_key: str


@dataclass(frozen=True, slots=True)
class Parentage:
    """Where a document comes from that was found in another: a member of an archive, an attachment of a mail."""

    document_id: DocumentId
    """The document that it was found in."""
    path: str
    """Its place in that."""
    root: DocumentId
    """The upload at the top."""
    depth: int
    """1 for what is in the upload itself."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One set of bytes a document had, counted from 1."""

    number: int
    content: Content
    name: str
    """Under which it came."""
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Received:
    """To tell the world: there is content to work on."""

    fresh: bool = False
    """Artefacts are not to be reused."""
    background: bool = False
    """Nobody waits for it."""
    early_versions: int = 0
    """So many versions right below are free, for its first pages to be searchable before the whole."""


@dataclass(frozen=True, slots=True)
class Relabelled:
    """To tell the world: names or metadata changed, the bytes did not."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """To tell the world: the document is to vanish."""


Decision = Received | Relabelled | Withdrawn


@dataclass(slots=True)
class Document:
    """Each verb changes it and answers with what is to be told, or None when nothing changed.

    Every accepted change raises `version` by one. Saving checks it against the stored one.
    """

    id: DocumentId
    collection: str
    names: tuple[str, ...]
    """Oldest first; the last one is shown."""
    metadata: dict[str, Any]
    version: int
    revision: Revision
    standing: Standing
    created_at: datetime
    saved_version: int = field(default=0)
    """The version that the store holds; 0 while it holds none."""
    queue_number: int = 0
    """Given by the store with each new content: its place among everything that waits."""
    parent: Parentage | None = None
    """None for an upload. A part has a name and bytes of its own, which others may have too."""

    @classmethod
    def receive(
        cls, document_id: DocumentId, collection: str, name: str, content: Content, metadata: Mapping[str, Any] | None,
        now: datetime, *, early: bool = False,
    ) -> tuple["Document", Received]:  # fmt: skip
        """New bytes under a new name. `early`: their first pages are to be searchable before the whole."""
        version = 1 + (EARLY_VERSIONS if early else 0)
        document = cls(
            id=document_id,
            collection=collection,
            names=(name,),
            metadata=dict(metadata or {}),
            version=version,
            revision=Revision(number=1, content=content, name=name, received_at=now),
            standing=Standing(content_version=version),
            created_at=now,
        )
        return document, Received(early_versions=version - 1)

    @classmethod
    def receive_part(
        cls, document_id: DocumentId, parent: "Document", path: str, content: Content, now: datetime
    ) -> tuple["Document", Received]:
        """A file that was found in `parent`: below its name, and described as it is."""
        document, received = cls.receive(
            document_id, parent.collection, part_name(parent.name, path), content, parent.metadata, now
        )
        above = parent.parent
        root, depth = (parent.id, 0) if above is None else (above.root, above.depth)
        document.parent = Parentage(parent.id, path, root, depth + 1)
        return document, received

    @classmethod
    def adopt(
        cls, document_id: DocumentId, collection: str, names: tuple[str, ...], content: Content,
        metadata: Mapping[str, Any], received_at: datetime, *, version: int,
    ) -> "Document":  # fmt: skip
        """One that was in the list once, as others remember it; its revisions are counted anew."""
        return cls(
            id=document_id,
            collection=collection,
            names=names,
            metadata=dict(metadata),
            version=version,
            revision=Revision(number=1, content=content, name=names[-1], received_at=received_at),
            standing=Standing(content_version=version),
            created_at=received_at,
        )

    @property
    def name(self) -> str:
        """The name shown: the newest."""
        return self.names[-1]

    @property
    def content(self) -> Content:
        """The newest revision's bytes."""
        return self.revision.content

    @property
    def content_version(self) -> int:
        """The version that Process and Search work on."""
        return self.standing.content_version

    @property
    def status(self) -> Status:
        """Of the newest revision: what has been heard of it so far."""
        return self.standing.status

    def revise(
        self, name: str, content: Content, metadata: Mapping[str, Any] | None, now: datetime, *, early: bool = False
    ) -> Received:
        """Other bytes under its name: the next revision."""
        self.revision = Revision(self.revision.number + 1, content, name, now)
        if metadata is not None:
            self.metadata = dict(metadata)
        return self._restart(early=early)

    def resubmit(
        self, name: str, metadata: Mapping[str, Any] | None, *, early: bool = False
    ) -> Received | Relabelled | None:
        """The same bytes again: work only if they had failed, labels only if they differ.

        Raises Conflict where that would be one name too many.
        """
        relabelled = self._label(name, metadata)
        return self._restart(early=early) if self.status == "failed" else self._relabelled(relabelled)

    def relabel(self, *, name: str | None = None, metadata: Mapping[str, Any] | None = None) -> Relabelled | None:
        """Another name in place of the one shown, other metadata in place of the present.

        A name it has already becomes the one shown.
        """
        before = (self.names, self.metadata)
        if name is not None and name != self.name:
            kept = self.names if name in self.names else self.names[:-1]
            self.names = (*(known for known in kept if known != name), name)
        if metadata is not None:
            self.metadata = dict(metadata)
        return self._relabelled(before != (self.names, self.metadata))

    def release(self, name: str) -> Relabelled:
        """One of several names leaves for another document. Raises Conflict when it is the only one."""
        if self.names == (name,):
            raise Conflict(
                f"The name {name!r} belongs to another document of the collection {self.collection!r} ({self.id}), "
                "and these bytes are a document already. Rename or delete one of the two first.",
                code="name_taken",
            )
        self.names = tuple(known for known in self.names if known != name)
        self.version += 1
        return Relabelled()

    def reprocess(self) -> Received:
        """The same content once more, from the start."""
        self.version += 1
        self.standing = self.standing.restarted(self.version)
        return Received(fresh=True)

    def renew(self, content_version: int) -> Received | None:
        """The same content for another model, with whatever artefacts still serve; nothing if it was worked on since.

        `content_version` is the one that was found outdated: a later one is processed for the present model.
        """
        return self.remake(content_version)

    def remake(self, content_version: int, *, above: int = 0, background: bool = True) -> Received | None:
        """As `renew`, whatever the reason; with a version higher than `above`."""
        if self.content_version != content_version or self.status == "withdrawn":
            return None
        self.version = max(self.version, above) + 1
        self.standing = self.standing.restarted(self.version)
        return Received(background=background)

    def follow(self, parent: "Document") -> Relabelled | None:
        """A part is called and described as what it was found in is now."""
        if self.parent is None or self.status == "withdrawn":
            return None
        return self.relabel(name=part_name(parent.name, self.parent.path), metadata=parent.metadata)

    def try_again(self) -> Received | None:
        """The same content once more if it had failed."""
        return self._restart() if self.status == "failed" else None

    def withdraw(self) -> Withdrawn | None:
        """To vanish from everywhere; a tombstone stays."""
        if self.status == "withdrawn":
            return None
        self.version += 1
        self.standing = self.standing.withdrawn(self.version)
        return Withdrawn()

    def _restart(self, *, early: bool = False) -> Received:
        # Never a part in the place of what search serves.
        free = EARLY_VERSIONS if early and self.standing.searchable_revision is None else 0
        self.version += 1 + free
        self.standing = self.standing.restarted(self.version)
        return Received(early_versions=free)

    def _label(self, name: str, metadata: Mapping[str, Any] | None) -> bool:
        before = (self.names, self.metadata)
        if name not in self.names:
            if len(self.names) >= MOST_NAMES:
                raise Conflict(
                    f"These bytes are the document {self.id} of the collection {self.collection!r}, which has "
                    f"{MOST_NAMES:,} names already, the most there can be. It is searchable under those.",
                    code="too_many_names",
                )
            self.names = (*self.names, name)
        if metadata is not None:
            self.metadata = dict(metadata)
        return before != (self.names, self.metadata)

    def _relabelled(self, changed: bool) -> Relabelled | None:
        if not changed:
            return None
        self.version += 1
        return Relabelled()
