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

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given.decode() if _GIVEN_ID.fullmatch(given) else new_id()
        status = 0
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        with caused_by(request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.observe(
            "http_request_seconds", seconds, route=route, method=scope["method"], status=str(status or 499)
        )
        if not scope["path"].startswith(_QUIET):
            _log.debug(
                "request",
                action="http.request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                seconds=round(seconds, 4),
            )
