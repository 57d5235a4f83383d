"""A parser child with media types that misbehave, for the tests of the pool."""

import os
import resource
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from process.infrastructure import parser_child
from process.infrastructure.parsers.zip_limits import check_zip
from shared.runtime.child import limit_cpu, serve_parent


def _most(limit: int) -> int:
    return resource.getrlimit(limit)[1]


def parse(
    path: str, media_type: str, most_characters: int, cpu_seconds: float, parts: dict[str, Any] | None, **more: Any
) -> dict[str, Any]:
    """As parser_child.parse, but for `test/…` types."""
    if media_type == "test/loops-on-one-core":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if media_type.startswith("test/loops"):
        while True:
            pass
    if media_type == "test/uses-cpu":
        limit_cpu(0)
        while True:
            pass
    if media_type == "test/eats-memory":
        eaten = []
        while True:
            eaten.append(bytearray(16 << 20))
    if media_type == "test/segfaults":
        os.kill(os.getpid(), signal.SIGSEGV)
    if media_type == "test/finds-no-descriptors":
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, _most(resource.RLIMIT_NOFILE)))
        media_type = "text/plain"
    if media_type == "test/finds-no-memory":
        resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, _most(resource.RLIMIT_DATA)))
        eaten = [bytearray(1 << 20) for _ in range(200)]
    if media_type == "test/finds-no-threads":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 20), _most(resource.RLIMIT_AS)))
        for _ in range(10):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    if media_type == "test/calls-it-damaged":
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, _most(resource.RLIMIT_NOFILE)))
        check_zip(Path(path))
    if media_type == "test/waits-to-be-released":
        while not Path(f"{path}.released").exists():
            time.sleep(0.02)
        media_type = "text/plain"
    if media_type == "test/opens-a-connection":
        socket.create_connection(("127.0.0.1", int(Path(path).read_text())), timeout=5)
    if media_type == "test/sends-a-datagram":
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(
            b"all of it", ("127.0.0.1", int(Path(path).read_text()))
        )
    if media_type == "test/runs-a-program":
        subprocess.run(["true"], check=True)
    if media_type == "test/writes-a-file":
        Path(path).with_name("written").touch()
    if media_type == "test/spoils-its-file":
        os.truncate(path, 0)
    if media_type == "test/removes-its-file":
        Path(path).unlink()
    if media_type == "test/kills-the-server":
        os.kill(os.getppid(), signal.SIGTERM)
    if media_type == "test/has-a-bug":
        raise KeyError("word/missing.xml")
    return parser_child.parse(path, media_type, most_characters, cpu_seconds, parts, **more)


if __name__ == "__main__":
    serve_parent({"parse": parse})
