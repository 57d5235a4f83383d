"""An index that is damaged, or gone, under a server: nobody has to remove anything for everything to be found again."""

import itertools
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from command_line import Listening, command
from journeys import upload, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_MANY = 12
_NUMBERS = itertools.count()


def _noise(shard: Path) -> None:
    noise = random.Random(3)
    for file in shard.rglob("*"):
        if file.is_file() and file.name != "complete":
            with file.open("r+b") as opened:
                opened.write(noise.randbytes(min(256, file.stat().st_size)))


def _halves(shard: Path) -> None:
    for file in shard.rglob("*"):
        if file.is_file() and file.name != "complete":
            os.truncate(file, file.stat().st_size // 2)


def _gone(shard: Path) -> None:
    shutil.rmtree(shard)


def _found(client: httpx.Client) -> tuple[int, list[str]] | None:
    """How many hits a query has that no cache knows, and how it is degraded; None: not now."""
    query = f"harbour x{next(_NUMBERS)}"
    answer = client.post("/api/v1/search", json={"query": query, "mode": "keyword", "limit": 50})
    if answer.status_code == 503:
        return None
    body: dict[str, Any] = answer.raise_for_status().json()
    return len(body["hits"]), body["degraded"]


def _until_all_are_found(client: httpx.Client, server: Listening) -> None:
    """And until then no answer passes for a whole one."""
    deadline, seen = time.monotonic() + 120, _found(client)
    while seen != (_MANY, []):
        assert time.monotonic() < deadline, (seen, server.words())
        if seen is not None:
            assert seen[0] == _MANY or "index" in seen[1], seen
        time.sleep(0.02)
        seen = _found(client)


def _serve(data: Path) -> Listening:
    return Listening("server", command(data, "serve", "--port", "0", SEOGA_LOG_LEVEL="warning"))


@pytest.mark.parametrize("damage", [_noise, _halves, _gone])
def test_what_is_damaged_is_set_aside_and_built_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    data = tmp_path / "data"
    server = _serve(data)
    try:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            for one in [upload(client, f"{number}.txt", f"Harbour number {number}.")["id"] for number in range(_MANY)]:
                wait_for(client, one)
            _until_all_are_found(client, server)
            # Under the server; its index is killed, so that another child opens what is left.
            (shard,) = (data / "index").glob("[0-9]*")
            damage(shard)
            for child in psutil.Process(server.process.pid).children():
                if "search.infrastructure.edge.process" in child.cmdline():
                    child.kill()
                    child.wait(10)
            _until_all_are_found(client, server)
        server.end(signal.SIGTERM)
        (shard,) = (data / "index").glob("[0-9]*")
        damage(shard)
        server = _serve(data)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            _until_all_are_found(client, server)
            metrics = client.get("/metrics").text
            health = client.get("/health/ready").json()["components"]["search.index"]["detail"]
        if damage is not _gone:
            kept = sorted(path.name for path in (data / "index").glob("damaged-*"))
            assert len(kept) == 2 and all(name in health for name in kept)
            assert "seoga_search_index_set_aside_total 1.0" in metrics
            assert "set aside" in server.words()
    finally:
        server.end(signal.SIGTERM)
