"""Which of the plugs an address belongs to, found once: looking through all their routes takes as long as answering."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send
from typing_extensions import override

_MOST: Final = 1_024
_LONGEST_PATH: Final = 200

_Asked = tuple[str, str]
"""Method and path."""


class KnownRoutes(BaseRoute):
    """Stands before the routes that it knows, and takes what one of them takes by method and path alone.

    It remembers the route of each address that was asked for, the newest 1,024. Whatever is nobody's, or is somebody's
    by another method, it leaves to who looks through them all.
    """

    def __init__(self, routes: Sequence[BaseRoute], *, most: int = _MOST) -> None:
        self._routes = routes
        self._most = most
        self._known: OrderedDict[_Asked, BaseRoute] = OrderedDict()

    @override
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        asked = scope["method"], scope["path"]
        if known := self._known.get(asked):
            return known.matches(scope)
        if len(scope["path"]) > _LONGEST_PATH:
            return Match.NONE, {}
        for route in self._routes:
            match, child_scope = route.matches(scope)
            if match == Match.FULL:
                self._remember(asked, route)
                return match, child_scope
        return Match.NONE, {}

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["method"], scope["path"]
        self._known.move_to_end(asked)
        await self._known[asked].handle(scope, receive, send)

    def _remember(self, asked: _Asked, route: BaseRoute) -> None:
        self._known[asked] = route
        while len(self._known) > self._most:
            self._known.popitem(last=False)
