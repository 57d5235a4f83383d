"""S6–S8: search over HTTP at 10,000 chunks, plain and grouped, 1 client and 8, against one raw query embedding."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx

from benchmarks.figures import Figure, at_least, at_most, percentile
from benchmarks.raw_engine import raw_engine
from benchmarks.server import RunningServer, a_server
from benchmarks.texts import abstracts, queries

_CHUNKS: Final = 10_000
_QUERIES: Final = 300
_CLIENTS: Final = 8
_GROUPED: Final = {"group_by": "document"}


def _one_client(server: RunningServer, texts: Sequence[str], **options: Any) -> list[float]:
    seconds = []
    for text in texts:
        started = time.perf_counter()
        server.search(text, **options)
        seconds.append(time.perf_counter() - started)
    return seconds


async def _many_clients(url: str, texts: Sequence[str], **options: Any) -> float:
    """Searches a second with eight clients that each send one after another."""
    waiting = list(texts)
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:

        async def one() -> None:
            while waiting:
                answer = await client.post("/api/v1/search", json={"query": waiting.pop(), **options})
                answer.raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(_CLIENTS)))
        return len(texts) / (time.perf_counter() - started)


def measure(chunks: int = _CHUNKS) -> list[Figure]:
    """All three at `chunks` chunks; no query is asked twice but for S8."""
    texts = list(dict.fromkeys(queries()))
    # The sets have fewer questions than are needed: a suffix makes each one new to every cache.
    texts = [f"{texts[number % len(texts)]} {number}" for number in range(4 * _QUERIES + 50)]
    with a_server() as server:
        server.upload(abstracts(chunks))
        server.wait_until_searchable(chunks)
        _one_client(server, texts[:50])
        one = _one_client(server, texts[50 : 50 + _QUERIES])
        again = _one_client(server, texts[50 : 50 + _QUERIES])
        parts = [texts[50 + number * _QUERIES :][:_QUERIES] for number in range(1, 4)]
        rate = asyncio.run(_many_clients(server.url, parts[0]))
        grouped = _one_client(server, parts[1], **_GROUPED)
        grouped_rate = asyncio.run(_many_clients(server.url, parts[2], **_GROUPED))
    engine = raw_engine()
    raw = []
    for text in texts[:_QUERIES]:
        started = time.perf_counter()
        engine.run(engine.prepare([text]))
        raw.append(time.perf_counter() - started)
    base = 1_000 * percentile(raw, 0.5)
    p50, p95 = (1_000 * percentile(one, share) for share in (0.5, 0.95))
    grouped_p50, grouped_p95 = (1_000 * percentile(grouped, share) for share in (0.5, 0.95))
    note = f"{chunks} chunks"
    one_client_rate = len(one) / sum(one)
    return [
        at_most("S6", "search, 1 client, p50", p50, "ms", base, 1.8, note),
        at_most("S6", "search, 1 client, p95", p95, "ms", base, 3, note),
        at_most("S6", "grouped search, 1 client, p50", grouped_p50, "ms", base, 1.8, note),
        at_most("S6", "grouped search, 1 client, p95", grouped_p95, "ms", base, 3, note),
        at_least("S7", "searches a second, 8 clients", rate, "1/s", one_client_rate, 3, note),
        at_least("S7", "grouped searches a second, 8 clients", grouped_rate, "1/s", one_client_rate, 3, note),
        at_most("S8", "repeated search, p50", 1_000 * percentile(again, 0.5), "ms", p50, 0.3, note),
    ]
