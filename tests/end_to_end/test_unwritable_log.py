"""A server whose log nobody reads, or whose log is on a full disk, works as before."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from command_line import a_process_that_logs_to
from journeys import found_names, upload, wait_for

from shared.runtime.data_directory import DataDirectory

_F_SETPIPE_SZ = 1031
pytestmark = pytest.mark.slow


@contextmanager
def _a_server(data_dir: Path, output: int) -> Iterator[httpx.Client]:
    """`seoga serve` that says everything it can to this descriptor, on both its outputs."""
    with a_process_that_logs_to(output, data_dir, SEOGA_LOG_LEVEL="debug", SEOGA_LOG_FORMAT="json") as process:
        server = DataDirectory(data_dir).server()
        assert server is not None
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
            yield client
    assert process.returncode == 0


def _works(client: httpx.Client) -> int:
    """Uploads, searches and fails as always; gives how many lines were dropped."""
    document = upload(client, "quay.txt", "Containers wait at the quay called Zanzibarion.", collection="log")
    wait_for(client, document["id"])
    for _ in range(30):
        assert found_names(client, "Zanzibarion", filters={"collection": "log"}) == ["quay.txt"]
    broken = upload(client, "broken.pdf", b"%PDF-1.7 and nothing more", collection="log")
    assert wait_for(client, broken["id"], "failed")["problem"]
    return _dropped(client)


def _dropped(client: httpx.Client) -> int:
    found = re.search(r"^seoga_log_lines_dropped_total (\S+)$", client.get("/metrics").text, re.M)
    assert found is not None
    return int(float(found[1]))


def test_its_log_goes_to_a_full_disk(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with _a_server(tmp_path / "data", full) as client:
            assert _works(client) > 10
    finally:
        os.close(full)


def test_the_reader_of_its_log_is_gone(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with _a_server(tmp_path / "data", writing) as client:
            assert _works(client) > 10
    finally:
        os.close(writing)


def test_the_reader_of_its_log_stands_still_and_goes_on(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, _F_SETPIPE_SZ, 4096)
    try:
        with _a_server(tmp_path / "data", writing) as client:
            dropped = _works(client)
            assert dropped > 10
            said = b""
            while b"log.dropped" not in said:
                said += os.read(reading, 1 << 16)
                found_names(client, "Zanzibarion", filters={"collection": "log"})
            assert said.count(b"log.dropped") == 1
    finally:
        os.close(reading)
        os.close(writing)
