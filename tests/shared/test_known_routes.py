"""An address is looked for once; whoever asks by the same method and path is led where it was found."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient, Response

from shared.web.known_routes import KnownRoutes


def a_web(*, most: int = 1_024) -> tuple[FastAPI, list[str]]:
    """Three routes, and those of them that were looked at since."""
    web, looked = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), list[str]()

    class Told(APIRoute):
        def matches(self, scope: Any) -> Any:
            looked.append(self.name)
            return super().matches(scope)

    web.router.route_class = Told

    @web.get("/things/{name}")
    async def get_thing(name: str) -> dict[str, str]:
        return {"thing": name}

    @web.post("/things/{name}")
    async def post_thing(name: str) -> dict[str, str]:
        return {"made": name}

    @web.get("/others")
    async def get_others() -> dict[str, str]:
        return {"others": "all"}

    web.router.routes.insert(0, KnownRoutes(tuple(web.router.routes), most=most))
    return web, looked


async def ask(web: FastAPI, method: str, path: str) -> Response:
    async with AsyncClient(transport=ASGITransport(app=web), base_url="http://test") as client:
        return await client.request(method, path)


async def test_an_address_that_is_known_is_not_looked_for_again() -> None:
    web, looked = a_web()
    assert (await ask(web, "GET", "/others")).json() == {"others": "all"}
    assert looked == ["get_thing", "post_thing", "get_others"]
    looked.clear()
    assert (await ask(web, "GET", "/others?and=more")).json() == {"others": "all"}
    assert looked == ["get_others"]


async def test_each_method_has_its_own_and_what_is_in_the_path_arrives() -> None:
    web, _ = a_web()
    for _ in range(2):
        assert (await ask(web, "GET", "/things/a")).json() == {"thing": "a"}
        assert (await ask(web, "POST", "/things/a")).json() == {"made": "a"}
        assert (await ask(web, "GET", "/things/b")).json() == {"thing": "b"}


async def test_what_is_nobodys_is_refused_as_without_it() -> None:
    web, _ = a_web()
    for _ in range(2):
        assert (await ask(web, "GET", "/none")).status_code == 404
        assert (await ask(web, "DELETE", "/others")).status_code == 405
        assert (await ask(web, "GET", "/others/")).status_code == 307


async def test_no_more_addresses_are_remembered_than_there_is_room_for() -> None:
    web, looked = a_web(most=2)
    for name in ("a", "b", "c", "x" * 300):
        assert (await ask(web, "POST", f"/things/{name}")).json() == {"made": name}
    looked.clear()
    for name in ("b", "c"):
        await ask(web, "POST", f"/things/{name}")
    assert looked == ["post_thing", "post_thing"]
    for forgotten in ("a", "x" * 300):
        looked.clear()
        await ask(web, "POST", f"/things/{forgotten}")
        assert looked[:2] == ["get_thing", "post_thing"]
