"""A disk that something else filled to the last byte: searching goes on, deleting works, uploads resume after it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from command_line import Listening, command
from journeys import delete, upload, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_DISK_BYTES = 224 << 20
_MANY = 12


@contextmanager
def _a_disk(folder: Path) -> Iterator[Path]:
    """A small file system of its own, mounted from an image; skips where that may not be done."""
    image, mounted = folder / "disk.img", folder / "disk"
    with image.open("wb") as file:
        file.truncate(_DISK_BYTES)
    mounted.mkdir()
    try:
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, mounted], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this user may not mount a file system of its own: {error}")
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "-l", mounted], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with _a_disk(tmp_path) as mounted:
        yield mounted


def _fill(disk: Path, server: Listening) -> None:
    """As a program beside it does: to the last byte, with what cannot be taken back.

    The server stands still meanwhile: what it gave up would be taken as well.
    """
    with _paused(psutil.Process(server.process.pid)), (disk / "filler").open("ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1 << 9):
            with suppress(OSError):
                while filler.write(b"\1" * size):
                    pass
        os.fsync(filler.fileno())


@contextmanager
def _paused(process: psutil.Process) -> Iterator[None]:
    everyone = [process, *process.children(recursive=True)]
    for one in everyone:
        one.suspend()
    try:
        yield
    finally:
        for one in reversed(everyone):
            one.resume()


@contextmanager
def _a_server(disk: Path, models: Path, **variables: str) -> Iterator[tuple[Listening, httpx.Client]]:
    given = {
        # Nobody keeps uploads from taking the last byte.
        "SEOGA_MIN_FREE_BYTES": "0",
        "SEOGA_MODEL_CACHE_DIR": str(models),
        "SEOGA_LOG_LEVEL": "warning",
        **variables,
    }
    listening = Listening("server", command(disk / "data", "serve", "--port", "0", **given))
    try:
        with httpx.Client(base_url=listening.url, timeout=60) as client:
            _eventually(lambda: client.get("/health/ready").status_code == 200, listening)
            yield listening, client
    finally:
        listening.end(signal.SIGTERM)


def _eventually(condition: Callable[[], Any], server: Listening, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, server.words()
        time.sleep(0.1)


def _is_whole(reserve: Path) -> bool:
    return reserve.exists() and reserve.stat().st_blocks * 512 >= 32 << 20


def _kill_index(server: Listening) -> None:
    for child in psutil.Process(server.process.pid).children():
        if "search.infrastructure.edge.process" in child.cmdline():
            child.kill()


def _found(client: httpx.Client, query: str) -> set[str] | None:
    """The names; None: it could not be searched now."""
    answer = client.post("/api/v1/search", json={"query": query, "mode": "keyword", "limit": 50})
    if answer.status_code == 503:
        return None
    return {hit["document"]["name"] for hit in answer.raise_for_status().json()["hits"]}


def _put(client: httpx.Client, name: str, content: bytes) -> int:
    return client.put(f"/api/v1/documents/default/{name}", content=content).status_code


def test_a_disk_filled_by_another_program(disk: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    reserve = disk / "data" / "reserve"
    with _a_server(disk, models) as (server, client):
        names = [f"harbour-{number}.txt" for number in range(_MANY)]
        ids = [upload(client, name, f"Ships in the harbour, number {name}.")["id"] for name in names]
        for one in ids:
            wait_for(client, one)
        _eventually(lambda: _is_whole(reserve), server)

        _fill(disk, server)
        assert _found(client, "harbour ships") == set(names)
        assert _put(client, "new.txt", b"The lighthouse. " * 4096) in (507, 503)
        # The index's process needs new space to open: it comes back all the same.
        _kill_index(server)
        _eventually(lambda: _found(client, "ships of the harbour") == set(names), server)
        assert _put(client, "new.txt", b"The lighthouse. " * 4096) in (507, 503)

        for one in ids[: _MANY // 2]:
            delete(client, one)
        left = set(names[_MANY // 2 :])
        assert _found(client, "harbour") == left

        def is_cleaned_up() -> bool:
            components = client.get("/health/ready").json()["components"]
            return str(components["search.index"]["detail"]).startswith(f"{len(left)} units")

        _eventually(is_cleaned_up, server)

        (disk / "filler").unlink()
        _eventually(lambda: _put(client, "new.txt", b"The lighthouse. " * 4096) in (200, 202), server)
        _eventually(lambda: _found(client, "lighthouse") == {"new.txt"}, server)
        _eventually(lambda: _is_whole(reserve), server)


def test_a_server_that_was_killed_on_a_full_disk_starts_again(disk: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    with _a_server(disk, models) as (server, client):
        document = upload(client, "harbour.txt", "Ships in the harbour.")["id"]
        wait_for(client, document)
        reserve = disk / "data" / "reserve"
        _eventually(lambda: _is_whole(reserve), server)
        _fill(disk, server)
        server.end(signal.SIGKILL)
    with _a_server(disk, models) as (server, client):
        _eventually(lambda: _found(client, "harbour") == {"harbour.txt"}, server)
        delete(client, document)
        assert _found(client, "harbour") == set()
