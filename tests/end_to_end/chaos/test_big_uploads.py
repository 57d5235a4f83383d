"""Uploads that want too much: declared or streamed without end, packed to burst, or never finished."""

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.server import a_server

_TEN_GIB = 10 << 30
_CAP = 256 << 20
_MOST_GROWTH = 20 << 20
_PIECE = b"All that is imported is declared" * (1 << 13)


def _endless() -> Iterator[bytes]:
    for _ in range(_TEN_GIB // len(_PIECE)):
        yield _PIECE


class _Watch(threading.Thread):
    """The most memory of the process and the most disk of the folder, while it runs."""

    def __init__(self, process: psutil.Process, folder: Path) -> None:
        super().__init__(daemon=True)
        self._process, self._folder = process, folder
        self.ended = threading.Event()
        self.memory = self.disk = 0

    def run(self) -> None:
        """Until ended."""
        while not self.ended.wait(0.05):
            self.memory = max(self.memory, self._process.memory_info().rss)
            self.disk = max(self.disk, _held(self._folder / "blobs"))


def _held(folder: Path) -> int:
    sizes = []
    for file in folder.rglob("*"):
        try:
            sizes.append(512 * file.lstat().st_blocks)
        except OSError:  # gone meanwhile
            continue
    return sum(sizes)


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_ten_gibibytes_are_refused_with_little_memory_and_disk(tmp_path: Path) -> None:
    with a_server(tmp_path, SEOGA_MAX_UPLOAD_BYTES=str(_CAP), SEOGA_UPLOAD_IDLE_TIMEOUT_SECONDS="1") as server:
        server.upload([("small.txt", b"A small note.")])
        server.wait_until_searchable(1)
        before = server.process.memory_info().rss
        watch = _Watch(server.process, tmp_path)
        watch.start()
        answers = []
        bomb = gzip.compress(bytes(1 << 28))
        for name, content, headers in (
            ("streamed.txt", _endless(), {}),
            ("declared.txt", _endless(), {"content-length": str(_TEN_GIB)}),
            ("packed.txt", bomb, {"content-encoding": "gzip"}),
            ("bomb.gz", bomb, {}),
        ):
            answer = server.client.put(f"/api/v1/documents/default/{name}", content=content, headers=headers)
            answers.append(answer.status_code)
        watch.ended.set()
        watch.join()
        assert answers == [413, 413, 415, 415]
        assert watch.disk <= _CAP + (4 << 20)
        assert watch.memory - before <= _MOST_GROWTH
        assert _held(tmp_path / "blobs" / "incoming") <= 1 << 16
        listed = server.client.get("/api/v1/collections").json()["items"][0]["documents"]
        assert {status: count for status, count in listed.items() if count} == {"searchable": 1}
