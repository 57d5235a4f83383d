"""What every HTTP request passes: an id that its logs and events carry, a log line, its timing."""

import re
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.events.envelope import caused_by
from shared.kernel import new_id
from shared.telemetry import Metrics, get_log

_GIVEN_ID: Final = re.compile(rb"[\w.-]{8,64}")
_QUIET: Final = ("/health/", "/metrics")
_log = get_log("http")


class HttpDoor:
    """Plain ASGI, so that streams pass untouched. A client's `X-Request-ID` is kept if it is plain."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, access_log: bool = False) -> None:
        """With an `access_log` requests are told at the level info, but those for health and metrics."""
        self._app = app
        self._metrics = metrics
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given.decode() if _GIVEN_ID.fullmatch(given) else new_id()
        status = sent = 0
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                # What is told back of a request or a document is what its type says, and never becomes a page.
                if not any(name.lower() == b"x-content-type-options" for name, _ in headers):
                    headers.append((b"x-content-type-options", b"nosniff"))
                message["headers"] = headers
            else:
                sent += len(message.get("body", b""))
            await send(message)

        with caused_by(request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                self._note(scope, status, sent, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, sent: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.observe(
            "http_request_seconds", seconds, route=route, method=scope["method"], status=str(status or 499)
        )
        if not scope["path"].startswith(_QUIET):
            client, agent = scope.get("client"), dict(scope["headers"]).get(b"user-agent", b"")
            tell = _log.info if self._access_log else _log.debug
            tell(
                "request",
                action="http.request",
                client=client[0] if client else None,
                method=scope["method"],
                # Without the query, which may be what somebody looks for.
                path=scope["path"],
                status=status or 499,
                bytes=sent,
                seconds=round(seconds, 4),
                agent=agent.decode("latin-1"),
            )
