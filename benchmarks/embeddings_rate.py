"""`POST /v1/embeddings` at 1, 8 and 32 clients, against the chosen engine alone with the same texts."""

import asyncio
import base64
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

import httpx
import numpy as np

from benchmarks.figures import Figure, at_least, median
from benchmarks.model_speed import texts_of
from benchmarks.raw_engine import encode_raw, raw_engine
from benchmarks.server import a_server

_CLIENTS: Final = (1, 8, 32)
_TEXTS_A_CALL: Final = 16
_TEXTS: Final = 576
_WORDS: Final = 100
_ROUNDS: Final = 3


async def _ask(url: str, clients: int, texts: Sequence[str]) -> float:
    """Texts a second, with so many clients that each send one call after another, in OpenAI's default encoding."""
    calls = [texts[start : start + _TEXTS_A_CALL] for start in range(0, len(texts), _TEXTS_A_CALL)]

    async with httpx.AsyncClient(base_url=url, timeout=120, limits=httpx.Limits(max_connections=clients)) as client:

        async def one(number: int) -> None:
            for call in calls[number::clients]:
                answer = await client.post("/v1/embeddings", json={"input": call, "encoding_format": "base64"})
                rows = answer.raise_for_status().json()["data"]
                for row in rows:
                    np.frombuffer(base64.b64decode(row["embedding"]), dtype="<f4")

        started = time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(clients)))
        return len(texts) / (time.perf_counter() - started)


def measure() -> list[Figure]:
    """The share of the raw engine's rate that arrives at clients on the same machine."""
    texts = texts_of(_WORDS, _TEXTS)
    figures = []
    rates: dict[int, list[float]] = {clients: [] for clients in _CLIENTS}
    raw: list[float] = []
    with a_server() as server:
        server.client.post("/v1/embeddings", json={"input": texts[:64]}).raise_for_status()
        engine = raw_engine()
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            encode_raw(engine, texts)
            raw.append(len(texts) / (time.perf_counter() - started))
            for clients in _CLIENTS:
                rates[clients].append(_clients_in_process(server.url, clients, len(texts)))
        choice = str(engine.choice)
    for clients in _CLIENTS:
        seen, baseline = median(rates[clients]), median(raw)
        what = f"POST /v1/embeddings, {clients} clients, {_WORDS} words"
        if clients == _CLIENTS[-1]:
            figures.append(at_least("bench-model", what, seen, "texts/s", baseline, 0.85, f"raw {choice}"))
        else:
            figures.append(Figure("bench-model", what, seen, "texts/s", baseline, "reported", None, f"raw {choice}"))
    return figures


def _clients_in_process(url: str, clients: int, count: int) -> float:
    """The clients in a process of their own, as real ones are."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.embeddings_rate", url, str(clients), str(count)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return float(answer.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(asyncio.run(_ask(sys.argv[1], int(sys.argv[2]), texts_of(_WORDS, int(sys.argv[3])))))
