"""Where bytes are kept: originals and artefacts in the BlobStore, what may be lost in the Cache."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A stream that was stored whole under its content's hash."""

    sha256: str
    size: int
    head: bytes
    """The first bytes (at most 8 KiB), for telling the type."""
    key: str
    """The address for `read` and `open`."""
    new: bool
    """False when the same bytes were there before."""


@dataclass(frozen=True, slots=True)
class Trash:
    """What waits to be deleted for good."""

    hashes: int
    bytes: int
    """Of originals, and of artefacts as they are kept, without what a file system or a server adds."""
    oldest_at: datetime | None
    """Since when the one waits that has waited longest (UTC)."""


class BlobInventory(Protocol):
    """What is kept, for those who clear up. Nothing goes for good that did not wait in the trash.

    A hash is the sha256 of an original; its artefacts go and come with it. What is in the trash is not lost: whoever
    reads, opens or stores it again has it back, and it is young then.
    """

    async def hashes(self, after: str | None = None) -> tuple[Collection[str], str | None]:
        """Of originals and artefacts that are not in the trash, a page at a time; None when that was the last one.

        In no order; of one page of 256 at most. What comes or goes meanwhile may be missed.
        """
        ...

    async def young(self, hashes: Collection[str], *, younger_than_seconds: float) -> Collection[str]:
        """Those of which anything is younger: `discard` would let them stay."""
        ...

    async def discard(self, hashes: Collection[str], *, older_than_seconds: float) -> Collection[str]:
        """Into the trash with them, dated now. Those of which anything is younger stay, and are the answer."""
        ...

    async def waiting(self, *, longer_than_seconds: float) -> Collection[str]:
        """Hashes of which something has been in the trash for longer."""
        ...

    async def bring_back(self, hashes: Collection[str]) -> None:
        """Out of the trash, as if each had been read."""
        ...

    async def destroy(self, hashes: Collection[str], *, waiting_longer_than_seconds: float) -> int:
        """Deletes for good what has been in the trash for longer and still is; how many originals and artefacts."""
        ...

    async def trash(self) -> Trash:
        """What is in it now."""
        ...

    async def tidy(self, *, older_than_seconds: float) -> None:
        """Deletes half-written uploads of that age, which nobody was answered for."""
        ...


@runtime_checkable
class BlobStore(BlobInventory, Protocol):
    """Content-addressed originals and keyed artefacts. What it has answered for is on disk."""

    async def store(self, stream: AsyncIterator[bytes], *, max_bytes: int) -> StoredBlob:
        """Streams to disk while hashing, without holding the content in memory.

        What is there under the same hash but is not these bytes any more is replaced: an upload mends it.
        Durable on return (file and folder fsynced). Raises TooLarge beyond `max_bytes`, StorageFull, and
        whatever the stream raises; nothing is left behind then.
        """
        ...

    async def put(self, key: str, content: bytes) -> None:
        """Keeps an artefact under `key` (`[a-z0-9/._-]`), whole or not at all; durable on return.

        Replaces what was there.
        """
        ...

    async def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Keeps several artefacts, by key, as `put` does; what is left when it raises, nobody knows.

        Small ones of one original cost about as much as one of them.
        """
        ...

    async def read(self, key: str) -> bytes:
        """The whole content. Raises NotFound.

        Of an artefact: exactly what was put, for it carries a checksum. Raises Damaged when it was changed, cut or
        emptied since; it stays so until it is put again (the original is still there to make it from) or deleted.
        """
        ...

    async def read_all(self, keys: Sequence[str]) -> Sequence[bytes]:
        """Several artefacts as `read` gives each; of one original they cost about as much as one of them."""
        ...

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The content from byte `start`, in pieces of at most 1 MiB. Raises NotFound at the first piece."""
        ...

    async def local_path(self, key: str) -> str:
        """Of an original: a path a child process of this machine may read while it exists. Raises NotFound."""
        ...

    async def exists(self, key: str) -> bool:
        """Whether `read` would find it now."""
        ...

    async def size(self, key: str) -> int | None:
        """How many bytes an original has, without reading them; None when it is not there."""
        ...

    async def delete(self, key: str) -> None:
        """Gone for good, or was not there."""
        ...

    async def free_bytes(self) -> int | None:
        """Room left, or None when the store cannot tell."""
        ...


@runtime_checkable
class Cache(Protocol):
    """A bounded cache. Down or damaged is a miss, never an error."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes get what this one puts (a capability)."""
        ...

    async def get(self, key: str) -> bytes | None:
        """None when absent, expired or its tag was dropped."""
        ...

    async def put(self, key: str, value: bytes, *, ttl_seconds: float, tag: str = "") -> None:
        """Keeps it at most that long; may drop others or this one for room."""
        ...

    async def drop(self, tag: str) -> None:
        """Everything put with this tag before is a miss from now on."""
        ...
