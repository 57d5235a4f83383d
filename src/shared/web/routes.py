"""Routers whose routes are taken over as they are, up to the application."""

from enum import Enum
from typing import Final

from fastapi import APIRouter
from fastapi.routing import APIRoute

_LARGEST_BODY: Final = 1 << 20
"""Of a request, where router and route say nothing else."""


def operation_id(route: APIRoute) -> str:
    """The name of the route's function: what generated clients call theirs."""
    return route.name


class Routes(APIRouter):
    """FastAPI's router with what every route here has: its function's name as operation id, a limit of its body.

    So nothing is left to be said when another router takes them. FastAPI's own way (`include_router`) makes each route
    anew for every router on the way to the application: twice what a start needs.
    """

    def __init__(
        self,
        *,
        prefix: str = "",
        tags: list[str | Enum] | None = None,
        include_in_schema: bool = True,
        max_body_size: int = _LARGEST_BODY,
    ) -> None:
        super().__init__(
            prefix=prefix,
            tags=tags,
            include_in_schema=include_in_schema,
            max_body_size=max_body_size,
            generate_unique_id_function=operation_id,
        )

    def take(self, *others: APIRouter) -> None:
        """Theirs are this router's too, after its own."""
        for other in others:
            self.routes.extend(other.routes)
