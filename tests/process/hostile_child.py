"""A parser child with media types that misbehave, for the tests of the pool."""

import os
import signal
from typing import Any

from process.infrastructure import parser_child
from shared.runtime.children import serve_parent


def parse(path: str, media_type: str, most_characters: int, cpu_seconds: float) -> dict[str, Any]:
    """As parser_child.parse, but for `test/…` types."""
    if media_type == "test/loops":
        while True:
            pass
    if media_type == "test/uses-cpu":
        parser_child._limit_cpu(0)
        while True:
            pass
    if media_type == "test/eats-memory":
        eaten = []
        while True:
            eaten.append(bytearray(16 << 20))
    if media_type == "test/segfaults":
        os.kill(os.getpid(), signal.SIGSEGV)
    if media_type == "test/has-a-bug":
        raise KeyError("word/missing.xml")
    return parser_child.parse(path, media_type, most_characters, cpu_seconds)


if __name__ == "__main__":
    serve_parent({"parse": parse})
