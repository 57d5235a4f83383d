"""A server that is told to end under load does so in time, and what it accepted is finished by the next one."""

import time
from pathlib import Path

import httpx
import pytest
from chaos_load import Uploader, check_everything, numbered_files

from benchmarks.server import a_server

_TIMES = 20
_MOST_SECONDS = 30


@pytest.mark.chaos
@pytest.mark.timeout(1_200)
def test_twenty_ends_under_load_lose_nothing(tmp_path: Path) -> None:
    files = numbered_files(500)
    uploader = Uploader(files)
    uploader.start()
    slowest = 0.0
    for number in range(_TIMES):
        with a_server(tmp_path) as server:
            uploader.url = server.url
            time.sleep(0.1 + number % 5 * 0.3)
            with httpx.Client(base_url=server.url, timeout=30) as client:
                client.post("/api/v1/search", json={"query": "tariffs and quotas"}).raise_for_status()
            started = time.monotonic()
            server.process.terminate()
            server.process.wait(_MOST_SECONDS)
            slowest = max(slowest, time.monotonic() - started)
        uploader.url = None
    print(f"slowest end: {slowest:.1f} s")
    with a_server(tmp_path) as server:
        uploader.url = server.url
        uploader.join(120)
        check_everything(server, files, uploader.ids)
