"""Routes of the session of a browser: signing in with a key, who one is, signing out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.requests import BodyFields
from shared.web.routes import Routes
from shared.web.sessions import COOKIE, SESSION_SECONDS
from shared.web.shapes import Shape


class SignIn(BodyFields):
    """The key that is exchanged."""

    key: str
    """An API key of this server."""


class SessionView(Shape):
    """Who asks, and what they may do."""

    keys_needed: bool
    """False where this machine needs no key: then there is nothing to sign in to or out of."""
    rights: list[str]
    """Of `read`, `write`, `admin`."""
    collections: list[str] | None
    """The collections they may touch; null: all."""
    csrf_token: str | None
    """What `X-CSRF-Token` must say with each change; null where the session's cookie is not what lets them in."""
    max_upload_bytes: int
    """The largest file that is taken, in bytes: who asks before sending need not send what is refused."""


def build_session_router(access: Access, *, max_upload_bytes: int) -> APIRouter:
    """`GET`, `POST` and `DELETE /api/v1/session`."""
    router = Routes(prefix="/api/v1/session", tags=["session"])

    def shown(principal: Principal, token: str | None) -> SessionView:
        visible = principal.visible
        return SessionView(
            keys_needed=access.needs_keys,
            rights=sorted(principal.rights),
            collections=None if visible is None else sorted(visible),
            csrf_token=token,
            max_upload_bytes=max_upload_bytes,
        )

    @router.get("", responses=problems.responses(401, 403))
    async def read_session(
        request: Request, response: Response, principal: Annotated[Principal, Depends(access.anyone)]
    ) -> SessionView:
        """Who asks, whether by a key or by a session, and the token for changes."""
        response.headers["Cache-Control"] = "no-store"
        return shown(principal, access.csrf_token_of(request))

    @router.post("", responses=problems.responses(401, 403))
    async def sign_in(body: SignIn, request: Request, response: Response) -> SessionView:
        """Exchanges a key for a cookie that lasts twelve hours and ends with its key."""
        opened = access.open_session(request, body.key)
        if opened.session is not None:
            response.set_cookie(
                COOKIE,
                opened.session,
                max_age=SESSION_SECONDS,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
        response.headers["Cache-Control"] = "no-store"
        return shown(opened.principal, opened.csrf_token)

    @router.delete("", status_code=204, responses=problems.responses(401, 403))
    async def sign_out(_: Annotated[Principal, Depends(access.anyone)]) -> Response:
        """Takes the cookie back."""
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    return router
