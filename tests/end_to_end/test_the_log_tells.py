"""What a server's log tells of its work, and that every line of it is JSON where JSON was asked for."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from command_line import command, seoga_process
from journeys import upload, wait_for

from shared.runtime.data_directory import DataDirectory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
_ROOT = Path(__file__).parents[2]


def _serve(data: Path, **variables: str) -> "subprocess.Popen[str]":
    process = command(data, "serve", "--port", "0", SEOGA_LOG_FORMAT="json", **variables)
    deadline = time.monotonic() + 60
    # One that was killed is named until another has taken its place.
    while (server := DataDirectory(data).server()) is None or server.pid != process.pid:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    return process


def _client(data: Path) -> httpx.Client:
    server = DataDirectory(data).server()
    assert server is not None
    return httpx.Client(base_url=server.url, timeout=60, trust_env=False)


def _lines(errors: str) -> list[dict[str, Any]]:
    """Every line is one JSON object that says what, when and how bad."""
    lines = [json.loads(line) for line in errors.splitlines()]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines), lines
    return lines


def _of(lines: list[dict[str, Any]], action: str) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("action") == action]


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_each_document_has_its_line_and_a_killed_server_is_told(
    tmp_path: Path, processes: list["subprocess.Popen[str]"]
) -> None:
    data = tmp_path / "data"
    processes.append(server := _serve(data))
    with _client(data) as client:
        good = upload(client, "quay.txt", "Containers wait at the quay.", collection="port")
        wait_for(client, good["id"])
        broken = upload(client, "broken.pdf", b"%PDF-1.7 and nothing more", collection="port")
        wait_for(client, broken["id"], "failed")
    # What a library prints past the log: here an inherited standard error, as children have it.
    with Path(f"/proc/{server.pid}/fd/2").open("w", encoding="utf-8") as stray:
        stray.write("thread 'x' panicked\nand {no JSON}\n")
    server.send_signal(signal.SIGTERM)
    _, errors = server.communicate(timeout=60)
    lines = _lines(errors)
    [done] = _of(lines, "document.searchable")
    assert (done["document_id"], done["name"], done["collection"]) == (good["id"], "quay.txt", "port")
    assert done["chunks"] == 1 and 0 < done["seconds"] < 60 and "pages" in done
    [failed] = _of(lines, "document.failed")
    assert (failed["document_id"], failed["name"], failed["stage"]) == (broken["id"], "broken.pdf", "parse")
    assert failed["code"] and failed["reason"]
    assert [line["event"] for line in _of(lines, "stderr.line")] == ["thread 'x' panicked", "and {no JSON}"]
    assert not _of(lines, "main.resumed")
    assert lines[-1]["action"] == "main.stopped"

    processes.append(server := _serve(data))
    server.kill()
    server.communicate(timeout=60)
    processes.append(server := _serve(data, SEOGA_ACCESS_LOG="on"))
    with _client(data) as client:
        client.get("/api/v1/documents", params={"collection": "port"})
        client.get("/nowhere")
        client.get("/health/live")
    server.send_signal(signal.SIGTERM)
    _, errors = server.communicate(timeout=60)
    requests = _of(_lines(errors), "http.request")
    assert [line["path"] for line in requests] == ["/api/v1/documents", "/nowhere"]
    assert [line["status"] for line in requests] == [200, 404]
    assert all(line["bytes"] and line["client"] == "127.0.0.1" for line in requests)
    [resumed] = _of(_lines(errors), "main.resumed")
    assert resumed["jobs_resumed"] == 0 and resumed["since"]


def test_a_start_that_fails_ends_in_json_too(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with DataDirectory(data).hold():
        _, errors = seoga_process(
            data, "serve", "--port", "0", code=1, SEOGA_LOG_FORMAT="json", SEOGA_PROT="1", SEOGA_LOG_LEVEL="warning"
        )
    unknown, failed = _lines(errors)
    assert unknown["action"] == "settings.unknown" and "SEOGA_PORT" in unknown["event"]
    assert failed["action"] == "main.failed" and failed["code"] == "data_directory_in_use"
    _, errors = seoga_process(data, "serve", code=1, SEOGA_LOG_FORMAT="json", SEOGA_PORT="eighty")
    [failed] = _lines(errors)
    assert "SEOGA_PORT" in failed["reason"]


def test_a_library_a_warning_and_a_fault_are_each_one_line(tmp_path: Path) -> None:
    code = """
import logging, threading, warnings
from shared.web.preparing import prepare_process
from shared.settings import load_settings
prepare_process(load_settings())
logging.getLogger("some.library").warning("it says %s", "this")
warnings.warn("old\\nways", stacklevel=1)
try:
    raise ValueError("a fault")
except ValueError as error:
    logging.getLogger("first").exception("told")
    logging.getLogger("second").error("told again", exc_info=error)
thread = threading.Thread(target=lambda: 1 / 0)
thread.start(); thread.join()
raise KeyError("at the end")
"""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{_ROOT / 'src'}:{_ROOT}",
        "SEOGA_DATA_DIR": str(tmp_path),
        "SEOGA_LOG_FORMAT": "json",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=_ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    library, warning, first, second, thread, last = _lines(done.stderr)
    assert (library["event"], library["module"]) == ("it says this", "some.library")
    assert "old ways" in warning["event"]
    assert "ValueError: a fault" in first["exception"]
    assert "exception" not in second and second["reason"] == "ValueError: a fault"
    assert "ZeroDivisionError" in thread["exception"] and thread["action"] == "python.thread_ended"
    assert "KeyError" in last["exception"] and last["action"] == "python.ended"
