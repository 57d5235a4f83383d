"""Builders for tests of Monitor: a monitor with the real container, store, bus and routes, and events told to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from monitor.container import MonitorContainer
from shared.events.envelope import Envelope, Event, handling, wrap
from shared.infrastructure.memory_cache import MemoryCache
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.event_log import SqliteEventLog
from shared.ports.audit import AuditLog
from shared.ports.event_bus import EventBus
from shared.ports.health import ComponentHealth
from shared.ports.jobs import JobStore
from shared.runtime.module import Module
from shared.runtime.resilience import Remotes
from shared.settings import load_settings
from shared.web.access import Access
from shared.web.audit_trail import AuditTrail
from shared.web.problems import install_problem_handlers

KEYS = """
everything-key-0001 * read,write,admin
tenant-a-key-000001 a read,admin
reader-key-00000001 * read
"""
AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def told(event: Event, seconds: float = 0, at: datetime = AT) -> Envelope:
    """The event's envelope, as if it had occurred that many seconds after `at`."""
    return wrap(event, producer="test").model_copy(update={"occurred_at": at + timedelta(seconds=seconds)})


@dataclass
class Monitor:
    """One monitor and what main.py would plug into it."""

    module: Module
    container: MonitorContainer
    bus: EventBus
    client: httpx.AsyncClient
    app: FastAPI
    components: dict[str, Callable[[], Awaitable[ComponentHealth]]] = field(default_factory=dict)
    job_stores: dict[str, JobStore] = field(default_factory=dict)

    async def hear(self, *envelopes: Envelope) -> None:
        """Delivers events one after the other, as the consumer does."""
        by_name = {event.name: (event, handler) for event, handler in self.module.subscriptions.items()}
        for envelope in envelopes:
            event, handler = by_name[envelope.name]
            with handling(envelope):
                await handler(event.model_validate(envelope.payload))

    async def hear_at_once(self, *envelopes: Envelope) -> None:
        """Delivers events of several keys at the same time."""
        await asyncio.gather(*(self.hear(envelope) for envelope in envelopes))

    async def get(self, path: str, *, key: str = "everything-key-0001", status: int = 200, **params: Any) -> Any:
        """The JSON of an answer with that status."""
        answer = await self.client.get(path, params=params, headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == status, answer.text
        return answer.json()


@asynccontextmanager
async def following(app: FastAPI, path: str, key: str = "everything-key-0001") -> AsyncIterator[list[tuple[str, Any]]]:
    """Server-sent events of that path as they come, as (event, data); httpx gives an answer only once it has ended."""
    events: list[tuple[str, Any]] = []
    rest = b""

    async def receive() -> dict[str, Any]:
        return await asyncio.Future()

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal rest
        if message["type"] == "http.response.start":
            assert message["status"] == 200, message
            return
        *blocks, rest = (rest + message.get("body", b"")).split(b"\n\n")
        for block in blocks:
            fields = dict(line.partition(": ")[::2] for line in block.decode().splitlines())
            if "data" in fields:
                events.append((fields.get("event", "message"), json.loads(fields["data"])))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {key}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    task = asyncio.create_task(app(scope, receive, send))
    try:
        yield events
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def a_monitor(
    folder: Path, *, bus: EventBus | None = None, audit: AuditLog | None = None
) -> AsyncIterator[Monitor]:
    """A monitor with three API keys, its data below `folder`; with a bus that is open already, of another process."""
    settings = load_settings(data_dir=folder / "data")
    keys = folder / "keys"
    keys.write_text(KEYS)
    components: dict[str, Any] = {}
    job_stores: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        if bus is None:
            bus = await stack.enter_async_context(SqliteEventLog(settings.data_dir / "events.sqlite"))
        metrics = PrometheusMetrics()
        container = MonitorContainer(
            settings=settings,
            bus=bus,
            access=Access.from_file(keys),
            audit=AuditTrail(audit),
            metrics=metrics,
            remotes=Remotes(metrics),
            cache=MemoryCache(1 << 20),
            plugs=[Module(name="parts", probes=components)],
            job_stores=job_stores,
        )
        module: Module = container.module()
        process: Module = container.process()
        app = FastAPI()
        install_problem_handlers(app)
        for part in (module, process):
            for resource in part.resources:
                await stack.enter_async_context(resource)
            assert part.router is not None
            app.include_router(part.router)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
        )
        yield Monitor(module, container, bus, client, app, components, job_stores)
