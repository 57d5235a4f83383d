"""A Redis cache of one test's own, and a Redis of one's own that may be spoilt."""

import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from servers.machine import free_ports, run, start_process

from builders import eventually
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.redis_cache import RedisCache
from shared.kernel import new_id
from shared.runtime.resilience import Remotes
from shared.settings import Settings


def a_cache(url: str, installation: str = "seoga", **changes: Any) -> RedisCache:
    """As another process has it: with guards of its own."""
    return RedisCache(Settings(cache_url=url, installation=installation, **changes), Remotes(PrometheusMetrics()))


@asynccontextmanager
async def removing_keys(url: str) -> AsyncIterator[str]:
    """The name of an installation whose keys are removed in the end."""
    name = f"t{new_id()[:8]}"
    yield name
    async with Redis.from_url(url) as client:
        async for key in client.scan_iter(f"{name}:*"):
            await client.delete(key)


@asynccontextmanager
async def a_redis(folder: Path, *options: str) -> AsyncIterator[str]:
    """The URL of a server that this test alone uses; skips where the program is missing."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("the program `redis-server` is missing (make servers installs it where it can)")
    (port,) = free_ports(1)
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder), *options]
    process = start_process(command, log=folder / "redis.log", folder=folder)
    url = f"redis://127.0.0.1:{port}"
    try:
        await eventually(lambda: "Ready to accept connections" in (folder / "redis.log").read_text())
        yield url
    finally:
        process.send(signal.SIGKILL)
        await eventually(lambda: not process.is_alive)


def a_certificate(folder: Path) -> Path:
    """Of 127.0.0.1, signed by itself, its key beside it in `key.pem`; skips where openssl is missing."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("the program `openssl` is missing")
    made = folder / "certificate.pem"
    asked = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    asked += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key.pem"), "-out", str(made)]
    run(asked)
    return made
