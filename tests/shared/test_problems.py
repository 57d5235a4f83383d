"""Problems: every error leaves as problem+json with the right status, and nothing of ours leaks."""

import errno
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import structlog
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from shared import kernel
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.settings import WrongSettings
from shared.web.http_door import HttpDoor
from shared.web.openapi import describe_openapi
from shared.web.problems import MEDIA_TYPE, install_problem_handlers, responses
from shared.web.refusals import AccessDenied, NotAuthenticated


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: int


def an_app() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)
    app.add_middleware(HttpDoor, metrics=PrometheusMetrics())

    @app.post("/body", responses=responses(404, 422))
    async def body(_: Body) -> None: ...

    @app.post("/bodies")
    async def bodies(_: list[Body]) -> None: ...

    @app.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError("secret detail")

    @app.get("/broken-stream")
    async def broken_stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            raise ZeroDivisionError("secret detail")

        return StreamingResponse(pieces())

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_app()), base_url="http://localhost") as opened:
        yield opened


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (kernel.InvalidInput("no"), 422, "invalid_input"),
        (kernel.InvalidInput("no", code="invalid_after"), 422, "invalid_after"),
        (kernel.NotFound("no"), 404, "not_found"),
        (kernel.Conflict("no"), 409, "conflict"),
        (kernel.Gone("no"), 410, "gone"),
        (kernel.TooLarge("no"), 413, "too_large"),
        (kernel.Unsupported("no"), 415, "unsupported_type"),
        (kernel.Refused("no"), 422, "refused"),
        (kernel.Unavailable("no"), 503, "unavailable"),
        (kernel.StorageFull("no"), 507, "storage_full"),
        (kernel.Damaged("no"), 500, "damaged"),
        (AccessDenied("no"), 403, "forbidden"),
        (NotAuthenticated("no"), 401, "unauthenticated"),
        (WrongSettings("no"), 500, "wrong_settings"),
        (kernel.DomainError("no"), 400, "error"),
    ],
)
async def test_every_error_has_its_status_and_code(error: kernel.DomainError, status: int, code: str) -> None:
    app = an_app()

    @app.get("/fails")
    async def fails() -> None:
        raise error

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get("/fails")
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["detail"]) == (status, code, "no")
    assert (problem["title"], problem["instance"]) == (error.title, "/fails")
    assert ("retry-after" in answer.headers) == (status in (503, 507))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("can't start new thread"), "out_of_threads"),
        (OSError(errno.EMFILE, "Too many open files"), "out_of_descriptors"),
        (MemoryError(), "out_of_memory"),
    ],
    ids=repr,
)
async def test_a_shortage_of_the_machine_is_no_bug(error: Exception, code: str) -> None:
    app = an_app()

    @app.get("/fails")
    async def fails() -> None:
        raise error

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get("/fails")
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) >= 1


async def test_wrong_fields_are_named(client: httpx.AsyncClient) -> None:
    answer = await client.post("/body", json={"count": "many", "extra": 1})
    assert answer.status_code == 422
    assert {item["field"] for item in answer.json()["errors"]} == {"body.count", "body.extra"}
    assert "many" not in answer.text


async def test_a_body_that_is_no_json_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.post("/body", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, MEDIA_TYPE)


async def test_thousands_of_wrong_items_make_a_short_answer(client: httpx.AsyncClient) -> None:
    answer = await client.post("/bodies", json=[{"count": "x"}] * 5000)
    assert answer.status_code == 422
    assert len(answer.content) < 20_000


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/body", 405)])
async def test_what_the_framework_refuses_is_a_problem_too(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert answer.json()["status"] == status
    assert ("allow" in answer.headers) == (status == 405)


async def test_a_bug_tells_where_to_look_and_nothing_else(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await client.get("/bug", headers={"X-Request-ID": "request-0123"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, MEDIA_TYPE)
    assert answer.json()["code"] == "internal_error"
    assert "request-0123" in answer.json()["detail"]
    assert answer.headers["x-request-id"] == "request-0123"
    assert "secret" not in answer.text
    [line] = [line for line in lines if line.get("action") == "http.bug"]
    assert "secret detail" in str(line["exc_info"])


async def test_a_bug_in_the_middle_of_an_answer_breaks_it_off(client: httpx.AsyncClient) -> None:
    with pytest.raises(ZeroDivisionError):
        await client.get("/broken-stream")


def test_every_reference_of_the_openapi_document_leads_somewhere() -> None:
    app = an_app()
    describe_openapi(app)
    document = app.openapi()
    for reference in set(_references(document)):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    assert MEDIA_TYPE in document["paths"]["/body"]["post"]["responses"]["404"]["content"]
    assert "$defs" not in json.dumps(document)


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        found = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return found + [reference for value in node.values() for reference in _references(value)]
    if isinstance(node, list):
        return [reference for value in node for reference in _references(value)]
    return []
