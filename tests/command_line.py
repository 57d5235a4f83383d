"""The `seoga` command as a person runs it: a process of its own, on a data directory of the test's."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.runtime.data_directory import DataDirectory

_ROOT = Path(__file__).resolve().parents[1]


def command(data_dir: Path, *arguments: str | Path, **variables: str) -> "subprocess.Popen[str]":
    """Starts `seoga` with these arguments and SEOGA_* variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEOGA_")}
    return subprocess.Popen(
        [sys.executable, "-m", "main", *map(str, arguments)],
        cwd=_ROOT,
        env={
            **environment,
            "SEOGA_DATA_DIR": str(data_dir),
            "PYTHONPATH": f"{_ROOT / 'src'}{os.pathsep}{_ROOT}",
            "NO_COLOR": "1",
            # `auto` would compare engines beside every test.
            "SEOGA_MODEL_ENGINE": "onnx",
            **variables,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def seoga(data_dir: Path, *arguments: str | Path, code: int = 0, **variables: str) -> tuple[str, str]:
    """Both outputs of a command that must end with this exit code."""
    process = command(data_dir, *arguments, **variables)
    output, errors = process.communicate(timeout=100)
    assert process.returncode == code, f"exit code {process.returncode}\n{output}\n{errors}"
    return output, errors


def seoga_json(data_dir: Path, *arguments: str | Path, code: int = 0, **variables: str) -> Any:
    """The one JSON document that `--json` prints."""
    return json.loads(seoga(data_dir, *arguments, "--json", code=code, **variables)[0])


class Listening:
    """A process of Seoga that listens. Its lines on standard error are kept with the instants at which they came."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        self.name = name
        self.process = process
        self.said: list[tuple[float, str]] = []
        assert process.stdout is not None and process.stderr is not None
        self._reading = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._reading.start()
        line = process.stdout.readline()
        if "listens on" not in line:
            self.end(signal.SIGKILL)
            raise AssertionError(f"{name} does not start: {self.words()}")
        self.url = line.split()[-1]

    def words(self, since: float = 0) -> str:
        """What it said since that instant (monotonic)."""
        return "\n".join(line for at, line in self.said if at >= since)

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        code = self.process.wait(timeout=60)
        self._reading.join(timeout=10)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return code

    def _read(self, stderr: Iterator[str]) -> None:
        for line in stderr:
            self.said.append((time.monotonic(), line.rstrip("\n")))


@contextmanager
def a_serving_process(data_dir: Path, *, port: int = 0, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """`seoga serve`, on a free port unless one is given, ended with SIGTERM."""
    process = command(data_dir, "serve", "--port", str(port), **variables)
    try:
        deadline = time.monotonic() + 60
        while DataDirectory(data_dir).server() is None:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
