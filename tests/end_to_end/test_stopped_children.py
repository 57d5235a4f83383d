"""A child process that stands still: nobody waits long for it, another takes its place, and the server can end."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from command_line import Listening, command
from journeys import upload, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
_BOUND_SECONDS = 2.5
_REPLACED_SECONDS = 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Listening]:
    listening = Listening("server", command(tmp_path / "data", "serve", "--port", "0"))
    try:
        yield listening
    finally:
        listening.end(signal.SIGKILL)


def _index_child(server: Listening) -> psutil.Process:
    for child in psutil.Process(server.process.pid).children():
        if "search.infrastructure.edge.process" in child.cmdline():
            return child
    raise AssertionError("the server has no index")


def _search(client: httpx.Client, query: str) -> tuple[int, float]:
    """Status and seconds of a search that no cache answers."""
    began = time.monotonic()
    status = client.post("/api/v1/search", json={"query": query}).status_code
    return status, time.monotonic() - began


def test_searches_end_in_time_and_go_on_when_the_index_stands_still(server: Listening) -> None:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        wait_for(client, upload(client, "a.txt", "The harbour was full of ships.")["id"])
        assert _search(client, "harbour 0")[0] == 200
        stopped = _index_child(server)
        os.kill(stopped.pid, signal.SIGSTOP)
        seen: list[tuple[int, float]] = []
        until = time.monotonic() + _REPLACED_SECONDS
        while not seen or seen[-1][0] != 200:
            assert time.monotonic() < until, seen
            seen.append(_search(client, f"harbour {len(seen) + 1}"))
        assert {status for status, _ in seen} <= {200, 503}
        assert seen[0][0] == 503
        assert max(seconds for _, seconds in seen) <= _BOUND_SECONDS, seen
        assert _index_child(server).pid != stopped.pid
        # What is written goes to the next one too.
        wait_for(client, upload(client, "b.txt", "The lighthouse was dark.")["id"])
        found = client.post("/api/v1/search", json={"query": "lighthouse", "mode": "keyword"}).json()["hits"]
        assert [hit["document"]["name"] for hit in found] == ["b.txt"]


def test_a_server_whose_index_stands_still_ends_in_seconds(server: Listening) -> None:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        wait_for(client, upload(client, "a.txt", "The harbour was full of ships.")["id"])
        os.kill(_index_child(server).pid, signal.SIGSTOP)
        upload(client, "b.txt", "The lighthouse was dark.")
    began = time.monotonic()
    assert server.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 15
