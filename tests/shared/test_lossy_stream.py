"""A log that cannot be written stops nothing, and says afterwards what is missing."""

import fcntl
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.lossy_stream import LossyStream, dropped_lines, let_output_fail
from shared.telemetry import configure_logs, get_log

_F_SETPIPE_SZ = 1031


@pytest.fixture
def usual_logs() -> Iterator[None]:
    yield
    configure_logs(level="error", format="text")


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """A reading end and a small pipe's writing end, as text that goes out at once."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, _F_SETPIPE_SZ, 16384)
    stream = os.fdopen(writing, "w", encoding="utf-8", buffering=1)
    yield reading, stream
    stream.close()
    os.close(reading)


def _notice(lines: int, why: str) -> str:
    return f"{lines} lines missing: {why}\n"


def _ends_without_a_reader(stream: LossyStream, *lines: str) -> int:
    before = dropped_lines()
    for line in lines:
        assert stream.write(line) == len(line)
    return dropped_lines() - before


def test_what_can_be_written_is_there_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as file:
        stream = LossyStream(file, notice=_notice)
        stream.write("서가 opens\n")
        stream.write("a lone surrogate \udcff\n")
        assert (tmp_path / "log").read_text(encoding="utf-8") == "서가 opens\na lone surrogate \\udcff\n"


def test_a_pipe_whose_reader_is_gone_drops_lines() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        assert _ends_without_a_reader(LossyStream(file), "one\n", "two\nthree\n") == 3


def test_a_full_disk_drops_lines() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as file:
        assert _ends_without_a_reader(LossyStream(file), "one\n") == 1


def test_a_closed_stream_drops_lines() -> None:
    file = io.StringIO()
    stream = LossyStream(file)
    file.close()
    assert _ends_without_a_reader(stream, "one\n") == 1


def test_a_reader_that_stands_still_is_not_waited_for_and_is_told_afterwards(pipe: tuple[int, TextIO]) -> None:
    reading, file = pipe
    stream = LossyStream(file, notice=_notice)
    lines = [f"{number:99}\n" for number in range(400)]
    missing = _ends_without_a_reader(stream, *lines)
    assert 0 < missing < 400
    seen = os.read(reading, 1 << 16).decode()
    assert stream.write("again\n") == 6
    stream.write("and on\n")
    assert seen == "".join(lines[: 400 - missing])
    assert os.read(reading, 1 << 16).decode() == f"{missing} lines missing: nobody reads it\nagain\nand on\n"


@pytest.mark.usefixtures("usual_logs")
@pytest.mark.parametrize("format", ["json", "text"])
def test_every_log_goes_through_it(pipe: tuple[int, TextIO], format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, file = pipe
    monkeypatch.setattr(sys, "stderr", file)
    configure_logs(level="info", format=format)
    before = dropped_lines()
    for number in range(300):
        get_log("test").info("a line", number=number)
        logging.getLogger("library").warning("a library's line %d", number)
    missing = dropped_lines() - before
    assert 0 < missing < 600
    os.read(reading, 1 << 16)
    get_log("test").info("at last")
    notice, last = os.read(reading, 1 << 16).decode().splitlines()
    assert "at last" in last
    if format == "json":
        told = json.loads(notice)
        assert (told["action"], told["lines"], told["level"]) == ("log.dropped", missing, "warning")
    else:
        assert "log lines were dropped" in notice
        assert str(missing) in notice


def test_what_was_dropped_is_counted_in_metrics() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as file:
        LossyStream(file).write("lost\n")
    assert f"seoga_log_lines_dropped_total {float(dropped_lines())}" in PrometheusMetrics().exposition().decode()
    assert dropped_lines() > 0


def test_a_process_may_print_to_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as output, Path("/dev/full").open("w") as errors:
        monkeypatch.setattr(sys, "stdout", output)
        monkeypatch.setattr(sys, "stderr", errors)
        let_output_fail()
        before = dropped_lines()
        print("a line", flush=True)
        print("another", file=sys.stderr)
        assert dropped_lines() == before + 2
