"""Routes are made once, and are what they were when another router takes them."""

from pathlib import Path

import httpx
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.routing import Route

from main import Application
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings
from shared.web.known_routes import KnownRoutes
from shared.web.routes import Routes


def test_the_application_has_every_route_as_it_was_made(tmp_path: Path) -> None:
    routes = Application(load_settings(data_dir=tmp_path), DataDirectory(tmp_path)).web.routes
    assert len(routes) > 100
    # A router among them would make all of its routes anew at the first request.
    assert [route for route in routes if not isinstance(route, Route | KnownRoutes)] == []
    ours = [route for route in routes if isinstance(route, APIRoute)]
    assert [route.unique_id for route in ours] == [route.operation_id or route.name for route in ours]


async def test_a_route_that_was_taken_keeps_its_limit_and_its_prefix() -> None:
    inner, middle, outer = Routes(prefix="/inner", max_body_size=10), Routes(prefix="/middle"), FastAPI()

    async def size(request: Request) -> int:
        return len(await request.body())

    inner.post("/size")(size)
    inner.post("/larger", max_body_size=20)(size)
    middle.post("/size")(size)
    middle.take(inner)
    outer.routes.extend(middle.routes)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://127.0.0.1") as client:

        async def answers(path: str, count: int) -> int:
            return (await client.post(path, content=b"x" * count)).status_code

        assert [await answers("/inner/size", count) for count in (10, 11)] == [200, 413]
        assert [await answers("/inner/larger", count) for count in (20, 21)] == [200, 413]
        assert [await answers("/middle/size", count) for count in (1 << 20, (1 << 20) + 1)] == [200, 413]
