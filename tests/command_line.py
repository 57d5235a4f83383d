"""The `seoga` command on a data directory of the test's: in this process, or as a person runs it in one of its own."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import main
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings
from shared.telemetry import configure_logs
from shared.web.server import bind, serving_in_thread

_ROOT = Path(__file__).resolve().parents[1]


def command(data_dir: Path, *arguments: str | Path, **variables: str) -> "subprocess.Popen[str]":
    """Starts `seoga` with these arguments and SEOGA_* variables."""
    return _started(data_dir, arguments, variables, output=subprocess.PIPE)


def _started(
    data_dir: Path, arguments: Sequence[str | Path], variables: dict[str, str], *, output: int
) -> "subprocess.Popen[str]":
    paths = [str(_ROOT / "src"), str(_ROOT), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", "main", *map(str, arguments)],
        cwd=_ROOT,
        env={**_environment(data_dir, variables), "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        text=True,
    )


def seoga_process(data_dir: Path, *arguments: str | Path, code: int = 0, **variables: str) -> tuple[str, str]:
    """Both outputs of a command that must end with this exit code."""
    process = command(data_dir, *arguments, **variables)
    output, errors = process.communicate(timeout=100)
    assert process.returncode == code, f"exit code {process.returncode}\n{output}\n{errors}"
    return output, errors


def seoga(data_dir: Path, *arguments: str | Path, code: int = 0, **variables: str) -> tuple[str, str]:
    """As `seoga_process`, without the half second that a process takes to import everything."""
    output, errors = io.StringIO(), io.StringIO()
    ended: object = 0
    with (
        patch.dict(os.environ, _environment(data_dir, variables), clear=True),
        patch.object(sys, "argv", ["seoga", *map(str, arguments)]),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        try:
            main.cli()
        except SystemExit as end:
            ended = end.code
    # A command lets its log go to what was standard error then.
    configure_logs(level="error", format="text")
    assert (ended or 0) == code, f"exit code {ended}\n{output.getvalue()}\n{errors.getvalue()}"
    return output.getvalue(), errors.getvalue()


def seoga_json(data_dir: Path, *arguments: str | Path, code: int = 0, **variables: str) -> Any:
    """The one JSON document that `--json` prints."""
    return json.loads(seoga(data_dir, *arguments, "--json", code=code, **variables)[0])


def _environment(data_dir: Path, variables: dict[str, str]) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SEOGA_")},
        "SEOGA_DATA_DIR": str(data_dir),
        "NO_COLOR": "1",
        # `auto` would compare engines beside every test.
        "SEOGA_MODEL_ENGINE": "onnx",
        **variables,
    }


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
    with _serving(data_dir, variables, port=port, output=subprocess.PIPE) as process:
        yield process


@contextmanager
def a_process_that_logs_to(output: int, data_dir: Path, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """As `a_serving_process`; all that it says goes to this descriptor."""
    with _serving(data_dir, variables, port=0, output=output) as process:
        yield process


@contextmanager
def _serving(data_dir: Path, variables: dict[str, str], *, port: int, output: int) -> Iterator["subprocess.Popen[str]"]:
    process = _started(data_dir, ["serve", "--port", str(port)], variables, output=output)
    try:
        deadline = time.monotonic() + 60
        # One that was killed is named until another has taken its place.
        while (server := DataDirectory(data_dir).server()) is None or server.pid != process.pid:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@contextmanager
def a_served_directory(data_dir: Path, *, port: int = 0, **settings: Any) -> Iterator[str]:
    """As `a_serving_process`, in a thread of this process; gives the URL, which commands find in the directory."""
    directory = DataDirectory(data_dir)
    with directory.hold(), bind("127.0.0.1", port) as bound:
        application = main.Application(load_settings(data_dir=data_dir, **settings), directory)
        with serving_in_thread(application.web, bound) as url:
            directory.publish_server(url)
            yield url
