"""The `seoga` command as a person runs it: a process of its own, on a data directory of the test's."""

import json
import os
import signal
import subprocess
import sys
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
