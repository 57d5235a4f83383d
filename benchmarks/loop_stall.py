"""S10: how late a 5 ms ticker on the server's own event loop is, idle and under full ingest; the longest stall.

`python -m benchmarks.loop_stall` serves, measures and prints one JSON line; `measure()` runs that in a
process of its own.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import httpx

from benchmarks.figures import Figure, percentile
from benchmarks.server import ROOT
from benchmarks.texts import abstracts, long_documents

_TICK_SECONDS: Final = 0.005
_IDLE_SECONDS: Final = 10.0
_ABSTRACTS: Final = 600
_LONG: Final = 40
_EXTRA_MILLISECONDS: Final = 25.0
_LONGEST_MILLISECONDS: Final = 250.0


async def _tick(lateness: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _TICK_SECONDS
        await asyncio.sleep(_TICK_SECONDS)
        lateness.append(loop.time() - due)


async def _lateness_during(work: asyncio.Future[None] | asyncio.Task[None]) -> list[float]:
    lateness: list[float] = []
    ticker = asyncio.create_task(_tick(lateness))
    try:
        await work
    finally:
        ticker.cancel()
    return lateness


async def _full_ingest(url: str) -> None:
    """A client in another process uploads Korean and English files and waits until all are searchable."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.loop_stall", "client", url, cwd=ROOT
    )
    if await process.wait():
        raise RuntimeError("the client failed")


def _client(url: str) -> None:
    from benchmarks.server import RunningServer

    files = long_documents(_LONG) + abstracts(_ABSTRACTS)
    korean = "노트북 컴퓨터의 관세율과 원산지 증명서 발급 절차를 안내합니다. 수입 신고는 세관에 합니다.\n"
    files += [(f"안내-{number}.txt", (korean * 5 + str(number)).encode()) for number in range(200)]
    with httpx.Client(base_url=url, timeout=120) as client:
        import psutil

        server = RunningServer(url, psutil.Process(), 0.0, client)
        server.upload(files)
        server.wait_until_searchable(len(files))


async def _measure_on_this_loop(url: str) -> None:
    await asyncio.sleep(2)
    idle = await _lateness_during(asyncio.create_task(asyncio.sleep(_IDLE_SECONDS)))
    busy = await _lateness_during(asyncio.create_task(_full_ingest(url)))
    print(
        json.dumps({"idle": percentile(idle, 0.999), "busy": percentile(busy, 0.999), "worst": max(busy)}), flush=True
    )
    os.kill(os.getpid(), signal.SIGINT)


def _serve() -> None:
    from main import Application
    from shared.runtime.data_directory import DataDirectory
    from shared.settings import load_settings
    from shared.telemetry import configure_logs
    from shared.web.server import bind, serve, url_of

    configure_logs(level="warning", format="text")
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as folder:
        directory = DataDirectory(Path(folder))
        with directory.hold(), bind("127.0.0.1", 0) as bound:
            application = Application(load_settings(data_dir=Path(folder)), directory)
            tasks: list[asyncio.Task[None]] = []
            serve(
                application.web,
                bound,
                lambda: tasks.append(asyncio.get_running_loop().create_task(_measure_on_this_loop(url_of(bound)))),
            )


def measure() -> list[Figure]:
    """p99.9 of the ticker's lateness under ingest, against the idle ticker, and the worst of it."""
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.loop_stall"], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
    ).stdout
    seen = json.loads(output.splitlines()[-1])
    idle, busy, worst = (1_000 * seen[name] for name in ("idle", "busy", "worst"))
    allowed = idle + _EXTRA_MILLISECONDS
    return [
        Figure(
            "S10", "event-loop lateness under full ingest, p99.9", busy, "ms", idle, "≤ idle + 25 ms", busy <= allowed
        ),
        Figure(
            "S10",
            "longest stall of the event loop under full ingest",
            worst,
            "ms",
            None,
            "≤ 250 ms",
            worst <= _LONGEST_MILLISECONDS,
            "Kiwi is loaded meanwhile",
        ),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        _client(sys.argv[2])
    else:
        _serve()
