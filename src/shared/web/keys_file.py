"""The file of API keys: read at start, and again when it has changed."""

import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from shared.kernel import NotFound
from shared.settings import PREFIX, SECRETS_DIR, WrongSettings
from shared.telemetry import get_log
from shared.web.refusals import AccessDenied

Right = Literal["read", "write", "admin"]
RIGHTS: Final[frozenset[str]] = frozenset(("read", "write", "admin"))
EVERYTHING: Final = "*"
ANONYMOUS: Final = "anonymous"
"""Who asks where no key is needed."""
NAME: Final = r"^\w[\w.-]{0,63}$"
"""Of a key."""
COLLECTION: Final = r"[\w.-]{1,64}"
_SHORTEST_KEY: Final = 16
_COLLECTIONS: Final = re.compile(rf"\*|{COLLECTION}(,{COLLECTION})*")
_NAME: Final = re.compile(NAME)
_log = get_log("access")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: which collections they may touch, and how."""

    collections: frozenset[str]
    rights: frozenset[str]
    name: str = field(default="unnamed", compare=False)
    """Of the key, for people and for the audit log."""

    @property
    def every_collection(self) -> bool:
        """Not limited to some collections."""
        return EVERYTHING in self.collections

    @property
    def visible(self) -> frozenset[str] | None:
        """The collections they may see; None: all."""
        return None if self.every_collection else self.collections

    def sees(self, collection: str) -> bool:
        """Whether this collection exists for them."""
        return self.every_collection or collection in self.collections

    def must_see(self, collection: str) -> None:
        """Raises NotFound: a collection of others looks like one that does not exist."""
        if not self.sees(collection):
            raise NotFound(f"There is no collection named {collection!r}.", code="collection_not_found")

    def must_see_to_write(self, collection: str) -> None:
        """Raises AccessDenied: writing names the collection, so hiding it would only confuse."""
        if not self.sees(collection):
            raise AccessDenied(f"This API key does not allow the collection {collection!r}.")


class KeysFile:
    """The keys as the file has them now, looked at no more often than `look_seconds`.

    A change that cannot be read leaves the keys that were: a slip of the pen must not lock everybody out, nor let
    anybody in. It is told once.
    """

    def __init__(
        self, path: Path, *, look_seconds: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises WrongSettings, which names the line."""
        self._path = path
        self._look_seconds = look_seconds
        self._monotonic = monotonic
        self._state = _state(path)
        self._keys = read_keys(path)
        self._looked_at = monotonic()
        warn_if_readable(path, "SEOGA_API_KEYS_FILE")

    def now(self) -> Mapping[str, Principal]:
        """Who each key is."""
        now = self._monotonic()
        if now - self._looked_at >= self._look_seconds:
            self._looked_at = now
            state = _state(self._path)
            if state != self._state:
                self._state = state
                self._read_again()
        return self._keys

    def _read_again(self) -> None:
        try:
            self._keys = read_keys(self._path)
        except WrongSettings as error:
            _log.error("API keys stay as they were", action="keys.kept", reason=error.detail)
            return
        _log.info("API keys were read again", action="keys.read", keys=len(self._keys))
        warn_if_readable(self._path, "SEOGA_API_KEYS_FILE")


def read_keys(path: Path) -> dict[str, Principal]:
    """Lines of `key collections rights [name]`, comma-separated lists, `*` for all; `#` begins a comment.

    A key without a name is called by its line, `keys-file:3`.

    Raises WrongSettings naming the line, and where anybody may write the file.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        mode = path.stat().st_mode
    except OSError as error:
        raise WrongSettings(f"SEOGA_API_KEYS_FILE was '{path}': {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WrongSettings(f"SEOGA_API_KEYS_FILE was '{path}': it is not a UTF-8 text file.") from error
    if mode & stat.S_IWOTH:
        raise WrongSettings(
            f"SEOGA_API_KEYS_FILE was '{path}': every user of this machine may write it, and so let anybody in "
            f"({stat.filemode(mode)}). Run `chmod o-rwx {path}`."
        )
    keys: dict[str, Principal] = {}
    names: set[str] = set()
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        rights = frozenset(words[2].split(",")) if len(words) in (3, 4) else frozenset[str]()
        if (
            not rights
            or not rights <= RIGHTS
            or len(words[0]) < _SHORTEST_KEY
            or not words[0].isascii()
            or not _COLLECTIONS.fullmatch(words[1])
        ):
            raise WrongSettings(
                f"SEOGA_API_KEYS_FILE line {number}: a line is `key collections rights`, the key at least "
                f"{_SHORTEST_KEY} ASCII characters, collections `*` or names, rights from read, write, admin. A name "
                "may follow."
            )
        name = words[3] if len(words) == 4 else f"keys-file:{number}"
        if len(words) == 4 and (not _NAME.fullmatch(name) or name == ANONYMOUS or name in names):
            raise WrongSettings(
                f"SEOGA_API_KEYS_FILE line {number}: the name of a key is 1 to 64 letters, digits, '.', '-' or '_', "
                f"not {ANONYMOUS!r}, and stands on no earlier line."
            )
        names.add(name)
        if words[0] in keys:
            raise WrongSettings(f"SEOGA_API_KEYS_FILE line {number}: this key stands on an earlier line too.")
        keys[words[0]] = Principal(frozenset(words[1].split(",")), rights, name)
    if not keys:
        raise WrongSettings(f"SEOGA_API_KEYS_FILE was '{path}': it has no key in it.")
    return keys


def warn_if_readable(path: Path, variable: str) -> None:
    """Keys that every user of the machine may read are told; who mounts them so may have reasons."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & stat.S_IROTH:
        _log.warning(
            "every user of this machine may read the keys",
            action="keys.readable",
            file=str(path),
            variable=variable,
            mode=stat.filemode(mode),
            remedy=f"chmod o-rwx {path}",
        )


def warn_of_readable_secrets() -> None:
    """The same of the files that stand for settings."""
    folder = os.environ.get(SECRETS_DIR)
    for path in sorted(Path(folder).iterdir()) if folder and Path(folder).is_dir() else ():
        if path.is_file() and path.name.lower().startswith(PREFIX.lower()):
            warn_if_readable(path, SECRETS_DIR)


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes with the file; of what a link leads to, as orchestrators swap it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
