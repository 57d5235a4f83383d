"""Artefacts in files: the small ones of one original in one pack, every other in a file of its own.

So are pieces, which come one by one and go soon: with each, the pack would be written again.

What was made of a short text needs that original to be read, in the trash or out of it. What an older Seoga left is a
file for each, as it was put: it is read as it is.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from shared.artefacts.address import PIECE, original_key
from shared.infrastructure.files.keys import ARTEFACTS, damaged, hash_of_original, not_found, sha256_in
from shared.infrastructure.files.packs import LONGEST_DICTIONARY, pack, unpack

PACKED_BYTES: Final = 256 << 10
"""A longer artefact is not packed, so that putting a short one never writes a long one again."""
_WRITERS: Final = 64
# How an artefact that an older Seoga left begins: JSON, or a NumPy array; the mark of work done anew was empty.
_OLDER: Final = (b"{", b"\x93NUMPY")
_OLDER_MARK: Final = "-renewed-"


class _Place(NamedTuple):
    """Where an artefact lies when it is packed: the content hash that the pack is of, and its name in it."""

    sha256: str
    name: str


def is_artefact(key: str) -> bool:
    """Everything but an original is kept as one."""
    return hash_of_original(key) is None


def files_of(key: str) -> Sequence[str]:
    """The keys of the files in which an artefact may lie, the first one that has it counts."""
    place = _place_of(key)
    return (key,) if place is None else (_pack_of(place.sha256), key)


def files_behind(key: str) -> Sequence[str]:
    """The keys of all files that reading an artefact may need."""
    place = _place_of(key)
    return files_of(key) if place is None else (*files_of(key), original_key(place.sha256))


class FileArtefacts:
    """Under `root`. Its methods block; any number of threads may call them."""

    def __init__(self, root: Path, write: Callable[[Path, bytes], None], *, originals: Sequence[Path]) -> None:
        """`write` puts a whole file in place, durably. An original is looked for under each of `originals`, in turn."""
        self._root = root
        self._originals = originals
        self._write = write
        # Of one pack, one writer reads and writes at a time.
        self._writing = [threading.Lock() for _ in range(_WRITERS)]

    def may_have(self, key: str) -> bool:
        """False when `read` would not find it; costs two looks."""
        return any((self._root / file).is_file() for file in files_of(key))

    def put(self, contents: Mapping[str, bytes]) -> None:
        """By key. Raises OSError, and what `write` raises."""
        packed: dict[str, dict[str, bytes]] = {}
        for key, content in contents.items():
            place = _place_of(key)
            if place is not None and len(content) <= PACKED_BYTES:
                packed.setdefault(place.sha256, {})[place.name] = content
                continue
            self._write(self._root / key, pack({"": content}))
            if place is not None:  # a short one before would be found first
                self._change(place.sha256, {}, without=place.name)
        for sha256, new in packed.items():
            self._change(sha256, new)

    def read(self, keys: Sequence[str]) -> Sequence[bytes]:
        """Each pack is read once. Raises NotFound, Damaged, OSError."""
        packs: dict[str, Mapping[str, bytes]] = {}
        return [self._read(key, packs) for key in keys]

    def delete(self, key: str) -> None:
        """Gone, or was not there. Raises OSError, and what `write` raises."""
        if place := _place_of(key):
            self._change(place.sha256, {}, without=place.name)
        (self._root / key).unlink(missing_ok=True)

    def _read(self, key: str, packs: dict[str, Mapping[str, bytes]]) -> bytes:
        place = _place_of(key)
        try:
            if place is not None:
                if place.sha256 not in packs:
                    packs[place.sha256] = self._unpacked(place.sha256)
                if place.name in packs[place.sha256]:
                    return packs[place.sha256][place.name]
            return _alone((self._root / key).read_bytes(), key)
        except FileNotFoundError as error:
            raise not_found(key) from error
        except ValueError as error:
            raise damaged(key) from error

    def _unpacked(self, sha256: str) -> dict[str, bytes]:
        """Empty where there is none, or not the original that it needs. Raises ValueError."""
        try:
            return unpack((self._root / _pack_of(sha256)).read_bytes(), lambda: self._original(sha256))
        except FileNotFoundError:
            return {}

    def _original(self, sha256: str) -> bytes:
        """So much of it that one which is too long for a pack is known to be. Raises FileNotFoundError."""
        for root in self._originals:
            with contextlib.suppress(FileNotFoundError), (root / original_key(sha256)).open("rb") as file:
                return file.read(LONGEST_DICTIONARY + 1)
        raise FileNotFoundError(original_key(sha256))

    def _change(self, sha256: str, new: Mapping[str, bytes], *, without: str | None = None) -> None:
        """What is in the pack is read and written again; what is damaged there is given up."""
        with self._writing[hash(sha256) % _WRITERS]:
            try:
                old = self._unpacked(sha256)
            except ValueError:
                old = {}
            kept = {name: content for name, content in old.items() if name != without} | dict(new)
            file = self._root / _pack_of(sha256)
            if not kept:
                file.unlink(missing_ok=True)
            elif kept != old:
                self._write(file, pack(kept, self._good_original(sha256)))

    def _good_original(self, sha256: str) -> bytes:
        """Empty where there is none, it is too long for a pack, or not what was stored."""
        with contextlib.suppress(FileNotFoundError):
            original = self._original(sha256)
            if len(original) <= LONGEST_DICTIONARY and hashlib.sha256(original).hexdigest() == sha256:
                return original
        return b""


def _pack_of(sha256: str) -> str:
    return f"{ARTEFACTS}/{sha256[:2]}/{sha256}.pack"


def _place_of(key: str) -> _Place | None:
    """None for what belongs to no original, and for a piece."""
    sha256 = sha256_in(key)
    if sha256 is None or key.endswith(PIECE) or not key.startswith(f"{ARTEFACTS}/{sha256[:2]}/{sha256}."):
        return None
    return _Place(sha256, key.removeprefix(f"{ARTEFACTS}/{sha256[:2]}/{sha256}."))


def _alone(raw: bytes, key: str) -> bytes:
    """The content of a file of its own. Raises ValueError."""
    if raw.startswith(_OLDER) or (not raw and _OLDER_MARK in key):
        return raw
    return unpack(raw)[""]
