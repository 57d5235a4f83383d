"""Why a request is not let in. Apart from how it is told: the keys' file is read before FastAPI is there."""

from typing import ClassVar

from shared.kernel import DomainError


class AccessDenied(DomainError):
    """The key is good but does not allow this."""

    code = "forbidden"
    title = "Not allowed"


class NotAuthenticated(DomainError):
    """No key was sent, or not in a way that is understood."""

    code = "unauthenticated"
    title = "An API key is needed"
    challenge: ClassVar[str] = "Bearer"
    """What `WWW-Authenticate` says."""


class UnknownKey(NotAuthenticated):
    """A key was sent that this server does not have, or has no more."""

    code = "unknown_key"
    title = "The API key is not known"
    challenge = 'Bearer error="invalid_token"'
