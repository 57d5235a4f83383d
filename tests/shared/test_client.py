"""How commands find the server of a data directory, and what they do when it goes away."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import typer
from data_directory_holder import a_holder

from shared.kernel import Conflict, Unavailable
from shared.runtime.client import ApiProblem, _Following, connect, json_of, patient, printable, problems_to_stderr
from shared.runtime.data_directory import DataDirectory, RunningServer


def never() -> contextlib.AbstractContextManager[str]:
    """For tests in which no server may be started."""
    raise AssertionError("a server was started")


def test_speaks_to_the_running_server_with_the_key(tmp_path: Path) -> None:
    with a_holder(tmp_path, url="serve") as holder, connect(tmp_path, never, "my-key") as client:
        answer = json_of(client.get("/"))
        assert answer["pid"] == holder.pid
        assert answer["key"] == "Bearer my-key"
        assert answer["host"] == client.base_url.netloc.decode()


def test_starts_a_server_for_the_length_of_the_block_when_none_runs(tmp_path: Path) -> None:
    running: list[bool] = []

    @contextlib.contextmanager
    def start() -> Iterator[str]:
        running.append(True)
        yield "http://127.0.0.1:9"
        running.clear()

    with connect(tmp_path, start) as client:
        assert running
        assert str(client.base_url) == "http://127.0.0.1:9"
    assert not running


def test_does_not_trust_what_a_killed_server_left(tmp_path: Path) -> None:
    with a_holder(tmp_path, url="serve") as holder:
        holder.kill()
    assert (tmp_path / "server.json").exists()
    with connect(tmp_path, lambda: contextlib.nullcontext("http://127.0.0.1:9")) as client:
        assert str(client.base_url) == "http://127.0.0.1:9"


def test_waits_for_a_server_that_is_just_starting(tmp_path: Path) -> None:
    with a_holder(tmp_path) as holder:
        threading.Timer(0.3, holder.start_serving).start()
        with connect(tmp_path, never) as client:
            assert json_of(client.get("/"))["pid"] == holder.pid


def test_says_so_when_the_holder_never_serves(tmp_path: Path) -> None:
    with (
        a_holder(tmp_path) as holder,
        pytest.raises(Unavailable, match=f"Process {holder.pid} holds .* but serves nothing"),
        connect(tmp_path, never, wait_seconds=0.2),
    ):
        pass


def test_uses_the_server_of_another_command_that_was_faster(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:

        def loses_the_race() -> contextlib.AbstractContextManager[str]:
            stack.enter_context(a_holder(tmp_path, url="serve"))
            raise Conflict("in use", code="data_directory_in_use")

        with connect(tmp_path, loses_the_race) as client:
            assert json_of(client.get("/"))["pid"]


def test_follows_the_server_over_a_restart(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(a_holder(tmp_path, url="serve"))
        with connect(tmp_path, never) as client:
            assert json_of(client.get("/"))["pid"] == first.pid
            first.kill()
            restart = threading.Timer(0.3, lambda: stack.enter_context(a_holder(tmp_path, url="serve")))
            restart.start()
            answer = json_of(client.get("/", extensions=patient(20)))
            restart.join()
        assert answer["pid"] != first.pid


def test_starts_a_server_of_its_own_when_nobody_comes_back(tmp_path: Path) -> None:
    with a_holder(tmp_path / "b", url="serve"):
        other = DataDirectory(tmp_path / "b").server()
        assert other is not None
        gone = RunningServer("http://127.0.0.1:9", 1, "boot")
        with httpx.HTTPTransport() as wire:
            following = _Following(wire, DataDirectory(tmp_path), gone, start=lambda: other.url, restart_seconds=0.2)
            with httpx.Client(transport=following, base_url=gone.url) as client:
                assert json_of(client.get("/", extensions=patient(20)))["pid"] == other.pid


def test_gives_up_when_the_server_stays_away(tmp_path: Path) -> None:
    with a_holder(tmp_path, url="serve") as holder, connect(tmp_path, never) as client:
        holder.kill()
        with pytest.raises(httpx.ConnectError):
            client.get("/", extensions=patient(0.3))


def test_a_change_is_not_sent_twice_when_the_answer_was_lost(tmp_path: Path) -> None:
    class Lost(httpx.BaseTransport):
        def __init__(self) -> None:
            self.seen: list[str] = []

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            self.seen.append(request.method)
            raise httpx.ReadError("reset", request=request)

    lost = Lost()
    following = _Following(lost, DataDirectory(tmp_path), RunningServer("http://127.0.0.1:9", 1, "boot"), start=str)
    with httpx.Client(transport=following, base_url="http://127.0.0.1:9") as client:
        with pytest.raises(httpx.ReadError):
            client.post("/")
        with pytest.raises(httpx.ReadError):
            client.get("/", extensions=patient(0.25))
    assert lost.seen.count("POST") == 1
    assert lost.seen.count("GET") > 1


def test_problems_and_lost_connections_become_one_line_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    response = httpx.Response(
        404, json={"title": "Not found", "detail": "There is no such document.", "code": "not_found"}
    )
    with pytest.raises(typer.Exit) as end, problems_to_stderr():
        json_of(response)
    assert end.value.exit_code == 1
    assert capsys.readouterr().err == "Not found: There is no such document.\n"
    with pytest.raises(typer.Exit) as end, problems_to_stderr():
        raise httpx.ConnectError("refused", request=httpx.Request("GET", "http://127.0.0.1:9/api/v1/search?q=1"))
    assert end.value.exit_code == 3
    assert capsys.readouterr().err == "Cannot connect to http://127.0.0.1:9/: refused\n"


def test_an_error_that_is_no_problem_document_is_still_told() -> None:
    with pytest.raises(ApiProblem, match="HTTP 502") as problem:
        json_of(httpx.Response(502, text="<html>"))
    assert (problem.value.status, problem.value.code) == (502, "unknown")


def test_a_document_cannot_steer_the_terminal() -> None:
    text = "a\x1b[31mb\x9b2J\u202ec\n\t한"
    assert printable(text) == "a\ufffd[31mb\ufffd2J\ufffdc\n\t한"
    assert len(printable(text)) == len(text)
