"""API keys: who may read, write or administer which collections; and who may call from a browser at all."""

import hmac
import ipaddress
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Request

from shared.kernel import Unavailable
from shared.web.key_digests import digests_of, owner_name
from shared.web.key_ring import KeyRing, KnownKey
from shared.web.keys_file import ANONYMOUS, EVERYTHING, RIGHTS, KeysFile, Principal, Right
from shared.web.refusals import AccessDenied, NotAuthenticated, UnknownKey
from shared.web.sessions import COOKIE, CSRF_HEADER, SAFE_METHODS, csrf_token, key_of_session, open_session

__all__ = ["ANYONE_ON_THIS_MACHINE", "Access", "Guard", "OpenedSession", "Principal"]

ANYONE_ON_THIS_MACHINE: Final = Principal(frozenset((EVERYTHING,)), RIGHTS, ANONYMOUS)

Guard = Callable[[Request], Coroutine[Any, Any, Principal]]
"""A FastAPI dependency that gives the principal, or ends the request."""


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A browser's session; without keys there is nothing to open."""

    principal: Principal
    session: str | None = None
    csrf_token: str | None = None


class Access:
    """The guards that routers depend on: `Depends(access.reader)`."""

    def __init__(
        self,
        keys: KeysFile | Mapping[str, Principal] | None,
        origins: Collection[str] = (),
        ring: KeyRing | None = None,
    ) -> None:
        """`keys` of the settings, `ring` with those made since; each may be none.

        Without any key, only this machine may call: from a browser its own pages, and those of `origins`.
        """
        self._keys = keys
        self._origins = origins
        self._ring = ring
        self._digested: tuple[Mapping[str, Principal], tuple[KnownKey, ...]] = ({}, ())
        self.anyone = self._guard(None)
        """Whoever has a key, whatever it allows."""
        self.reader = self._guard("read")
        self.writer = self._guard("write")
        self.admin = self._guard("admin")
        self.observer = self._guard("read", of_everything=True)
        """What is of the whole installation, as its metrics are: a key of some collections would read of others."""
        self.operator = self._guard("admin", of_everything=True)
        """What changes the whole installation."""

    @classmethod
    def from_file(cls, path: Path | None, origins: Collection[str] = (), ring: KeyRing | None = None) -> "Access":
        """Neither a file nor a key made: anyone on this machine may do everything. Raises WrongSettings naming the
        line."""
        return cls(None if path is None else KeysFile(path), origins, ring)

    @property
    def needs_keys(self) -> bool:
        """Whether who asks must show a key."""
        return self._keys is not None or (self._ring is not None and bool(self._ring.known or not self._ring.is_read))

    @property
    def of_settings(self) -> Sequence[Principal]:
        """Whom the keys of the settings let in; these cannot be withdrawn here."""
        return [key.principal for key in self._of_settings()]

    def open_session(self, request: Request, key: str) -> OpenedSession:
        """Raises UnknownKey; AccessDenied for a page of elsewhere."""
        if not self.needs_keys:
            return OpenedSession(self._principal(request))
        _refuse_cross_site(request)
        principal = self._of_key(key.strip())
        session = open_session(key.strip())
        return OpenedSession(principal, session, csrf_token(digests_of(key.strip()), session))

    def csrf_token_of(self, request: Request) -> str | None:
        """The token of the session that lets this request in; None where a key or the machine does."""
        if not self.needs_keys or "authorization" in request.headers:
            return None
        session = request.cookies.get(COOKIE, "")
        key = self._of_cookie(session)
        return None if key is None else csrf_token(key.digests, session)

    def owner_of(self, request: Request) -> str:
        """A digest of the key that lets this request in, for what belongs to one key; without keys the same for all."""
        if not self.needs_keys:
            return owner_name(None)
        if "authorization" not in request.headers and COOKIE in request.cookies:
            key = self._of_cookie(request.cookies[COOKIE])
            return owner_name(None) if key is None else key.digests.owner
        return owner_name(request.headers.get("authorization", "").partition(" ")[2].strip())

    def _guard(self, right: Right | None, *, of_everything: bool = False) -> Guard:
        async def guard(request: Request) -> Principal:
            principal = self._principal(request)
            if right is not None and right not in principal.rights:
                raise AccessDenied(f"This API key does not have the right {right!r}.")
            if of_everything and not principal.every_collection:
                raise AccessDenied("This is of the whole installation: it needs an API key for all collections (`*`).")
            return principal

        return guard

    def _principal(self, request: Request) -> Principal:
        if not self.needs_keys:
            _refuse_foreign(request, self._origins)
            return ANYONE_ON_THIS_MACHINE
        if self._keys is None:
            self._must_know()
        if "authorization" not in request.headers and COOKIE in request.cookies:
            return self._of_session(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated("Send `Authorization: Bearer KEY` with a key of this server.")
        return self._of_key(token)

    def _must_know(self) -> None:
        """Raises Unavailable: before the store was asked, nobody knows which keys there are, or whether any."""
        if self._ring is not None and not self._ring.is_read:
            raise Unavailable("The API keys cannot be asked for now; the server's log and its health say why.")

    def _of_settings(self) -> tuple[KnownKey, ...]:
        keys = self._keys.now() if isinstance(self._keys, KeysFile) else self._keys or {}
        if keys is not self._digested[0]:
            self._digested = keys, tuple(KnownKey(digests_of(key), who) for key, who in keys.items())
        return self._digested[1]

    def _known(self) -> Iterator[KnownKey]:
        yield from self._of_settings()
        if self._ring is not None:
            yield from self._ring.known

    def _of_key(self, token: str) -> Principal:
        # Every key is compared, so that the time taken tells nothing.
        shown = digests_of(token).key
        found = [key for key in self._known() if hmac.compare_digest(key.digests.key, shown)]
        if not found:
            self._must_know()
            raise UnknownKey("This server does not know the API key that was sent. Ask its operator for one.")
        return self._let_in(found[0])

    def _of_cookie(self, session: str) -> KnownKey | None:
        known = {key.digests: key for key in self._known()}
        digests = key_of_session(session, known)
        return None if digests is None else known[digests]

    def _let_in(self, key: KnownKey) -> Principal:
        if self._ring is not None and any(key is made for made in self._ring.known):
            self._ring.used(key)
        return key.principal

    def _of_session(self, request: Request) -> Principal:
        """A cookie comes along whoever made the browser ask: what changes anything must also show the token."""
        session = request.cookies[COOKIE]
        key = self._of_cookie(session)
        if key is None:
            self._must_know()
            raise NotAuthenticated("The session is over, or its key was withdrawn. Sign in again.")
        if request.method not in SAFE_METHODS:
            _refuse_cross_site(request)
            shown = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(csrf_token(key.digests, session).encode(), shown.encode()):
                raise AccessDenied(
                    f"A change by a session needs its token in `{CSRF_HEADER}`; `GET /api/v1/session` tells it.",
                    code="wrong_csrf_token",
                )
        return self._let_in(key)


def _refuse_cross_site(request: Request) -> None:
    """As browsers tell it themselves (Fetch Metadata); older ones send no such header, and the token decides."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise AccessDenied("Only pages of this server may use its sessions.", code="foreign_origin")


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
