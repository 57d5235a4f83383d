"""Methods: HEAD wherever GET is, and which methods an address has (RFC 9110, 9.3.2 and 15.5.6)."""

import asyncio
from collections.abc import Sequence

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Plain ASGI: a HEAD is a GET whose answer ends with its headers. Nothing of a long body is read for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        answered = False

        async def send_head(message: Message) -> None:
            nonlocal answered
            if answered:
                return
            if message["type"] == "http.response.body":
                answered = True
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)
            if answered:
                # What is still to be told nobody hears, and it may have no end.
                working.cancel()

        scope_of_get = {**scope, "method": "GET"}
        # A task of its own, which can be cancelled and nothing else with it.
        working = asyncio.ensure_future(self._app(scope_of_get, receive, send_head))
        try:
            await working
        except asyncio.CancelledError:
            if not answered:
                raise
        finally:
            # The door names the route in its metrics.
            scope.update({key: value for key, value in scope_of_get.items() if key == "route"})


def allowed_methods(routes: Sequence[BaseRoute], path: str) -> str:
    """For `Allow`: the methods of every route that has this path.

    Where several have it, those that name most of it: `/chat/sessions` is no `/chat/{session}`.
    """
    having = [route for route in iter_route_contexts(routes) if route.methods and route.path_regex.match(path)]
    fewest = min((_open_parts(route.path or "") for route in having), default=0)
    named = [route for route in having if _open_parts(route.path or "") == fewest]
    methods: set[str] = set().union(*(route.methods or () for route in named))
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def _open_parts(path: str) -> int:
    """How many parts of it can be anything; what takes whatever follows counts twice."""
    return path.count("{") + path.count(":path}")
