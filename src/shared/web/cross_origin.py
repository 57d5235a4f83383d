"""Which pages of elsewhere may call from a browser (CORS): none, until a setting names them."""

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from shared.setting_values import LOOPBACK_PAGES
from shared.web.problems import answer, problem_of
from shared.web.refusals import AccessDenied

_OF_THIS_MACHINE: Final = r"https?://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?"
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# A page may send any header it likes: who it is is told by the key, which no browser adds by itself.
_ANY: Final = ("*",)
_SHOWN: Final = (
    "X-Request-ID",
    "X-Seoga-Fingerprint",
    "Retry-After",
    "Allow",
    "ETag",
    "Accept-Ranges",
    "Content-Range",
    "Content-Disposition",
)


class CrossOrigin(CORSMiddleware):
    """Plain ASGI. A preflight of a page that is not named is refused with a problem."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=[origin for origin in origins if origin != LOOPBACK_PAGES],
            allow_origin_regex=_OF_THIS_MACHINE if LOOPBACK_PAGES in origins else None,
            allow_methods=_METHODS,
            allow_headers=_ANY,
            expose_headers=_SHOWN,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """What a browser asks before it lets a page call."""
        origin = request_headers["origin"]
        if self.is_allowed_origin(origin):
            return super().preflight_response(request_headers)
        error = AccessDenied(f"SEOGA_CORS_ORIGINS does not name the page's origin {origin!r}.", code="foreign_origin")
        return answer(problem_of(error), {"Vary": "Origin"})
