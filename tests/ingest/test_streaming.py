"""Big, slow and broken streams against a real server in a process of its own."""

import io
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import anyio
import httpx
import psutil
import pytest
from ingest_builders import an_ingest

from builders import eventually

pytestmark = pytest.mark.slow

SIZE = 200 << 20
ALLOWED_GROWTH = 50 << 20
PIECE = b"All that is imported is declared. " * 2000


@dataclass
class AServer:
    url: str
    port: int
    folder: Path
    process: psutil.Process

    def peak(self) -> int:
        """The most memory it ever had, in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
        return int(self.process.memory_info().rss)

    def left_behind(self) -> list[Path]:
        """Half-written uploads."""
        return list((self.folder / "blobs" / "incoming").glob("*"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AServer]:
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here.parents[1] / "src"), str(here.parent)])
    with subprocess.Popen(
        [sys.executable, str(here / "serve_ingest.py"), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield AServer(f"http://127.0.0.1:{port}", port, tmp_path, psutil.Process(process.pid))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


def pieces() -> Iterator[bytes]:
    for _ in range(SIZE // len(PIECE)):
        yield PIECE


class _Endless(io.RawIOBase):
    """A file of SIZE bytes for a form, made as it is read."""

    def __init__(self) -> None:
        super().__init__()
        self._left = SIZE

    def read(self, size: int | None = -1) -> bytes:
        piece = PIECE[: min(len(PIECE), self._left, size if size and size > 0 else len(PIECE))]
        self._left -= len(piece)
        return piece


def test_a_big_stream_does_not_fill_memory(server: AServer) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        client.put("/api/v1/documents/default/small.txt", content=b"small").raise_for_status()
        before = server.process.memory_info().rss
        answer = client.put("/api/v1/documents/default/big.txt", content=pieces())
        assert answer.status_code == 202
        assert answer.json()["size"] == SIZE // len(PIECE) * len(PIECE)
        assert server.peak() - before < ALLOWED_GROWTH
        answer = client.post("/api/v1/documents", files=[("files", ("form.txt", cast(BinaryIO, _Endless())))])
        assert answer.status_code == 202
        assert answer.json()["documents"][0]["size"] == SIZE
        assert server.peak() - before < ALLOWED_GROWTH
        with client.stream("GET", answer.json()["documents"][0]["links"]["content"]) as content:
            assert sum(len(piece) for piece in content.iter_bytes()) == SIZE
        assert server.peak() - before < ALLOWED_GROWTH


async def test_a_client_that_goes_away_leaves_nothing(server: AServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(
            b"PUT /api/v1/documents/default/half.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nhalf"
        )
        await eventually(server.left_behind)
    await eventually(lambda: not server.left_behind())
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        assert (await client.get("/api/v1/documents")).json()["total"] == 0


def test_a_form_from_a_client_that_goes_away_leaves_nothing(server: AServer) -> None:
    def half() -> Iterator[bytes]:
        yield b"--b\r\nContent-Disposition: form-data; name=files; filename=a.txt\r\n\r\nthe first\r\n--b\r\n"
        yield b"Content-Disposition: form-data; name=files; filename=b.txt\r\n\r\nhalf of the second"
        raise ConnectionError("the cable was pulled")

    with httpx.Client(base_url=server.url, timeout=60) as client:
        headers = {"content-type": "multipart/form-data; boundary=b"}
        with pytest.raises(ConnectionError):
            client.post("/api/v1/documents", content=half(), headers=headers)
        assert client.get("/api/v1/documents").json()["total"] == 0


async def test_a_declared_size_over_the_limit_is_refused_before_anything_is_sent(server: AServer) -> None:
    stream = await anyio.connect_tcp("127.0.0.1", server.port)
    async with stream:
        await stream.send(
            b"PUT /api/v1/documents/default/big.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 10737418240\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await stream.receive()).startswith(b"HTTP/1.1 413 ")


async def test_an_upload_that_stalls_is_ended(tmp_path: Path) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield b"a little"
        await anyio.sleep(30)

    async with an_ingest(tmp_path, upload_idle_timeout_seconds=0.05) as ingest:
        answer = await ingest.client.put("/api/v1/documents/default/slow.txt", content=stalling())
        assert answer.status_code == 408
        assert answer.headers["content-type"] == "application/problem+json"
        headers = {"content-type": "multipart/form-data; boundary=b"}
        answer = await ingest.client.post("/api/v1/documents", content=stalling(), headers=headers)
        assert answer.status_code in (400, 408)
        assert await ingest.facts() == []
        assert list((tmp_path / "blobs" / "incoming").glob("*")) == []
