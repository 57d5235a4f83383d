"""API keys: who may read, write or administer which collections; and who may call from a browser at all."""

import hmac
import ipaddress
import re
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from fastapi import Request

from shared.kernel import NotFound
from shared.settings import WrongSettings
from shared.web.problems import AccessDenied, NotAuthenticated

Right = Literal["read", "write", "admin"]
_RIGHTS: Final[frozenset[str]] = frozenset(("read", "write", "admin"))
_EVERYTHING: Final = "*"
_SHORTEST_KEY: Final = 16
_COLLECTIONS: Final = re.compile(r"\*|[\w.-]{1,64}(,[\w.-]{1,64})*")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: which collections they may touch, and how."""

    collections: frozenset[str]
    rights: frozenset[str]

    @property
    def every_collection(self) -> bool:
        """Not limited to some collections."""
        return _EVERYTHING in self.collections

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


ANYONE_ON_THIS_MACHINE: Final = Principal(frozenset((_EVERYTHING,)), _RIGHTS)

Guard = Callable[[Request], Coroutine[Any, Any, Principal]]
"""A FastAPI dependency that gives the principal, or ends the request."""


class Access:
    """The guards that routers depend on: `Depends(access.reader)`."""

    def __init__(self, keys: dict[str, Principal] | None, origins: Collection[str] = ()) -> None:
        """Without keys, only this machine may call: from a browser its own pages, and those of `origins`."""
        self._keys = keys
        self._origins = origins
        self.reader = self._guard("read")
        self.writer = self._guard("write")
        self.admin = self._guard("admin")

    @classmethod
    def from_file(cls, path: Path | None, origins: Collection[str] = ()) -> "Access":
        """Lines of `key collections rights`, comma-separated lists, `*` for all; `#` begins a comment.

        No file: anyone on this machine may do everything. Raises WrongSettings naming the line.
        """
        if path is None:
            return cls(None, origins)
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except OSError as error:
            raise WrongSettings(f"SEOGA_API_KEYS_FILE was '{path}': {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise WrongSettings(f"SEOGA_API_KEYS_FILE was '{path}': it is not a UTF-8 text file.") from error
        keys: dict[str, Principal] = {}
        for number, line in enumerate(lines, start=1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            rights = frozenset(words[2].split(",")) if len(words) == 3 else frozenset[str]()
            if (
                not rights
                or not rights <= _RIGHTS
                or len(words[0]) < _SHORTEST_KEY
                or not words[0].isascii()
                or not _COLLECTIONS.fullmatch(words[1])
            ):
                raise WrongSettings(
                    f"SEOGA_API_KEYS_FILE line {number}: a line is `key collections rights`, the key at least "
                    f"{_SHORTEST_KEY} ASCII characters, collections `*` or names, rights from read, write, admin."
                )
            if words[0] in keys:
                raise WrongSettings(f"SEOGA_API_KEYS_FILE line {number}: this key stands on an earlier line too.")
            keys[words[0]] = Principal(frozenset(words[1].split(",")), rights)
        if not keys:
            raise WrongSettings(f"SEOGA_API_KEYS_FILE was '{path}': it has no key in it.")
        return cls(keys, origins)

    def _guard(self, right: Right) -> Guard:
        async def guard(request: Request) -> Principal:
            principal = self._principal(request)
            if right not in principal.rights:
                raise AccessDenied(f"This API key does not have the right {right!r}.")
            return principal

        return guard

    def _principal(self, request: Request) -> Principal:
        if self._keys is None:
            _refuse_foreign(request, self._origins)
            return ANYONE_ON_THIS_MACHINE
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            # Every key is compared, so that the time taken tells nothing.
            found = [
                who for key, who in self._keys.items() if hmac.compare_digest(key.encode(), token.strip().encode())
            ]
            if found:
                return found[0]
        raise NotAuthenticated("Send `Authorization: Bearer KEY` with a key of this server.")


def _refuse_foreign(request: Request, origins: Collection[str]) -> None:
    """Without keys a web page elsewhere must not reach this server through the reader's own browser."""
    host = request.headers.get("host", "")
    if not _is_this_machine(f"//{host}"):
        raise AccessDenied(f"This server answers only this machine; the Host header was {host!r}.", code="foreign_host")
    origin = request.headers.get("origin")
    # A sandboxed page has the origin "null", which is anyone's.
    if origin and origin not in origins and not _is_this_machine(origin):
        raise AccessDenied(
            f"This server answers only pages of this machine and of SEOGA_CORS_ORIGINS; the Origin was {origin!r}.",
            code="foreign_origin",
        )


def _is_this_machine(url: str) -> bool:
    try:
        name = urlsplit(url).hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:  # no URL, or a name that is no address
        return False
