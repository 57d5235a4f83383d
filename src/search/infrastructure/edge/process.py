"""The child that owns the index's shards: `python -m search.infrastructure.edge.process`.

A process of its own because every call of Qdrant Edge holds the interpreter's lock. It answers in order;
the parent (index.py) keeps its calls small.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from search.infrastructure.edge.faults import ShardDamaged, is_shortage
from search.infrastructure.edge.folders import remove
from search.infrastructure.edge.shard import Shard, ShardLocked
from shared.runtime.child import serve_parent

_PAGE = 1000


class Owner:
    """One shard that answers; and, while points move to another folder, the next one, filled from it.

    Both are written, each with the dense vectors of its own space, so that either holds everything at any moment:
    the next one is dropped without loss when a crash or yet another space comes in between.
    """

    def __init__(self) -> None:
        self._serving: Shard | None = None
        self._next: Shard | None = None
        self._after: str | None = None
        self._analysis = ""

    def open(self, path: str, space: str | None, dimension: int, wait_seconds: float, analysis: str) -> None:
        """`analysis` is the version that makes what is written. Raises ShardLocked after waiting, ShardDamaged."""
        self._analysis = analysis
        shard = Shard(path, space, analysis)
        try:
            shard.open(dimension, wait_seconds)
        except (ShardLocked, MemoryError, OSError):  # the engine raises no OSError: it is the machine's
            raise
        except BaseException as error:  # the engine's panics are no plain exceptions
            if is_shortage(error):
                raise
            raise ShardDamaged(str(error)) from error
        self._serving = shard

    def check(self) -> None:
        """Raises ShardDamaged when something in the shard that answers cannot be read."""
        after: str | None = None
        try:
            while True:
                records, after = self._present.page(after, _PAGE, with_dense=True)
                if after is None:
                    return
                del records
        except MemoryError:
            raise
        except BaseException as error:
            if is_shortage(error):
                raise
            raise ShardDamaged(str(error)) from error

    def move(self, path: str, space: str | None, dimension: int) -> None:
        """Begins the move to another shard (a new one: what lies there is removed) or goes back on it."""
        if self._next is not None:
            if str(self._next.path) == path:
                return
            following, self._next = self._next, None
            following.close()
            remove(following.path)
        if str(self._present.path) == path:
            return
        remove(Path(path))
        following = Shard(path, space, self._analysis)
        following.open(dimension, 0, is_complete=False)
        self._next, self._after = following, None

    def fill(self, limit: int) -> dict[str, Any]:
        """A step of the move; after the last one the next shard serves, and the former one's folder is gone."""
        if self._next is not None:
            is_same_space = self._present.space is not None and self._present.space == self._next.space
            records, self._after = self._present.page(self._after, limit, with_dense=is_same_space)
            self._next.add_missing(records)
            if self._after is None:
                self._next.complete()
                former, self._serving, self._next = self._present, self._next, None
                former.close()
                remove(former.path)
        return {"moving": self._next is not None, "space": self._present.space}

    def upsert(self, units: Sequence[dict[str, Any]]) -> None:
        """Writes to every open shard that takes the units."""
        for shard in self._written:
            shard.upsert(units)

    def delete(self, versions: Sequence[tuple[str, int]]) -> None:
        """From every open shard."""
        for shard in self._written:
            shard.delete(versions)

    def set_payload(self, document: str, payload: dict[str, Any]) -> None:
        """In every open shard."""
        for shard in self._written:
            shard.set_payload(document, payload)

    def flush(self) -> None:
        """Every open shard is on disk when it returns."""
        for shard in self._written:
            shard.flush()

    def size(self) -> int:
        """Units in the shard that answers."""
        return self._present.size()

    def room(self) -> dict[str, int]:
        """What takes room in the shard that answers: points alive, and dead."""
        return self._present.room()

    def search(self, **arguments: Any) -> dict[str, Any]:
        """From the shard that answers."""
        return self._present.search(**arguments)

    def vectors(self, **arguments: Any) -> dict[str, Any]:
        """From the shard that answers."""
        return self._present.vectors(**arguments)

    def documents(self, **arguments: Any) -> dict[str, Any]:
        """From the shard that answers."""
        return self._present.documents(**arguments)

    def versions(self, after: str | None, limit: int) -> dict[str, Any]:
        """A page of the shard that answers."""
        return self._present.versions(after, limit)

    def close(self) -> None:
        """Flushed and let go."""
        for shard in self._written if self._serving else ():
            shard.close()
        self._serving = self._next = None

    @property
    def _present(self) -> Shard:
        assert self._serving is not None, "open comes first"
        return self._serving

    @property
    def _written(self) -> list[Shard]:
        return [self._present, self._next] if self._next is not None else [self._present]


def serve(owner: Owner) -> None:
    """Serves the parent until its input ends; what is in memory then is flushed."""
    serve_parent(
        {
            "open": owner.open,
            "check": owner.check,
            "move": owner.move,
            "fill": owner.fill,
            "upsert": owner.upsert,
            "delete": owner.delete,
            "set_payload": owner.set_payload,
            "flush": owner.flush,
            "size": owner.size,
            "room": owner.room,
            "search": owner.search,
            "vectors": owner.vectors,
            "documents": owner.documents,
            "versions": owner.versions,
            "close": owner.close,
        }
    )
    with contextlib.suppress(Exception):
        owner.close()


if __name__ == "__main__":
    serve(Owner())
