"""Asking over a real connection: a door of its own over a search that is there, and streams as clients read them."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import uvicorn
from architecture.write_event_schemas import stream_schema_path
from dependency_injector import providers
from fastapi import FastAPI
from httpx import AsyncClient, Response
from search_builders import ASearch

from search.chat.application.message_stream import StreamTimes
from search.chat.container import ChatContainer
from search.chat.interface.event_shapes import STREAM_EVENTS
from shared.settings import Settings
from shared.web.problems import install_problem_handlers

URL = "/api/v1/chat"
Told = dict[str, Any]
"""What `data:` of an event holds."""


@asynccontextmanager
async def a_chat(
    search: ASearch,
    folder: Path,
    *,
    times: StreamTimes | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> AsyncIterator[AsyncClient]:
    """With a history in `folder`; opened again, it is the same after a restart. Closing it breaks off what runs."""
    whole = search.container
    given = {"model", "analyzer", "tariff", "search_log", "cache", "access", "metrics", "remotes", "retrieval", "index"}
    container = ChatContainer(
        settings=providers.Object(Settings(data_dir=folder, **settings)),
        stream_times=providers.Object(times or StreamTimes()),
        monotonic=providers.Object(monotonic),
        **{name: providers.Object(getattr(whole, name)()) for name in given},
    )
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(container.router())
    async with _served(app) as url, AsyncExitStack() as stack:
        resources: list[Any] = [container.language_model(), container.history(), container.running()]
        for resource in filter(None, resources):
            await stack.enter_async_context(resource)
        yield await stack.enter_async_context(AsyncClient(base_url=url, timeout=100, trust_env=False))


@asynccontextmanager
async def _served(app: FastAPI) -> AsyncIterator[str]:
    """On the loop of the test, where the search lives."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def told(response: Response) -> AsyncGenerator[Told, None]:
    """Event by event; each is what its committed schema says."""
    if response.status_code != 200:
        await response.aread()
    assert response.status_code == 200, response.text
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line and fields:
            yield _checked(fields)
            fields = {}


def events(response: Response) -> list[Told]:
    """Of a whole stream; its sequences have no gap."""
    assert response.status_code == 200, response.text
    blocks = [[line for line in block.splitlines() if line[0] != ":"] for block in response.text.split("\n\n")]
    return without_gap(_checked(dict(line.split(": ", 1) for line in block)) for block in blocks if block)


def without_gap(stream: Iterable[Told]) -> list[Told]:
    """The same."""
    found = list(stream)
    assert [one["sequence"] - found[0]["sequence"] for one in found] == list(range(len(found)))
    return found


def _checked(fields: dict[str, str]) -> Told:
    data: Told = json.loads(fields["data"])
    assert fields["event"] == data["type"] and fields["id"] == f"{data['message_id']}:{data['sequence']}"
    jsonschema.validate(data, json.loads(stream_schema_path(data["type"]).read_text(encoding="utf-8")))
    STREAM_EVENTS[data["type"]].model_validate(data, extra="forbid")
    return data


async def until(stream: AsyncIterator[Told], name: str) -> list[Told]:
    """The events up to the first of this name."""
    found: list[Told] = []
    async for event in stream:
        found.append(event)
        if event["type"] == name:
            return found
    raise AssertionError(f"no {name} among {[one['type'] for one in found]}")


async def kept(client: AsyncClient, session: str) -> list[dict[str, Any]]:
    """The messages of a conversation as they are stored."""
    answer = await client.get(f"{URL}/{session}/messages")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
