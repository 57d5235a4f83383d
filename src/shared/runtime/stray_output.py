"""What libraries and child processes write to standard error past the log, made lines of the log.

Native code prints there what it likes: warnings of an inference engine, a parser's complaints, the last words of a
program in Rust. Where the log is JSON, whoever reads it must be able to read every line.
"""

import atexit
import fcntl
import json
import os
import sys
import threading
from typing import Final

from shared.lossy_stream import LossyStream
from shared.telemetry import get_log

_PIPE_BYTES: Final = 1 << 20
_READ_BYTES: Final = 1 << 16
_LONGEST_LINE: Final = 1 << 16
_LAST_WORDS_SECONDS: Final = 0.5
_log = get_log("stderr")


def gather_stray_output() -> LossyStream:
    """From now on this process's standard error, which children inherit, is read here; the stream that was there.

    A line that is a JSON object passes as it is (a child's log), any other becomes the `event` of one. The log itself
    must go to the stream that is returned. What comes faster than it is read is dropped: nobody waits.
    """
    outlet = LossyStream(os.fdopen(os.dup(2), "w", encoding="utf-8"))
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    os.set_blocking(writing, False)
    os.dup2(writing, 2)
    os.close(writing)
    reader = threading.Thread(target=_pass_on, args=(reading, outlet), name="stray-output", daemon=True)
    reader.start()

    def give_back() -> None:
        sys.stderr.flush()
        os.dup2(outlet.fileno(), 2)
        # A child that still lives keeps its end open; nobody waits for that one.
        reader.join(_LAST_WORDS_SECONDS)

    atexit.register(give_back)
    return outlet


def _pass_on(reading: int, outlet: LossyStream) -> None:
    rest = b""
    while piece := os.read(reading, _READ_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            _tell(line, outlet)
    _tell(rest, outlet)


def _tell(line: bytes, outlet: LossyStream) -> None:
    words = line.decode("utf-8", "replace").strip()
    if not words:
        return
    if words.startswith("{") and _is_json(words):
        outlet.write(f"{words}\n")
    else:
        _log.warning(words, action="stderr.line")


def _is_json(words: str) -> bool:
    try:
        return isinstance(json.loads(words), dict)
    except ValueError:
        return False
