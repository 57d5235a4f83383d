"""The servers' tools start each server once, bring it back where it was, and touch no process but theirs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import servers
from servers.control import Servers
from servers.machine import CannotStart, ProcessMark, free_ports, is_listening, program, start_process

_SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ProcessMark]:
    process = start_process(_SLEEPER, log=tmp_path / "log", folder=tmp_path)
    yield process
    process.send(signal.SIGKILL)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Servers]:
    """In a folder of its own, with Redis alone to start: the quickest."""
    if shutil.which("redis-server") is None:
        pytest.skip("the program `redis-server` is missing (make servers installs it where it can)")
    fleet = Servers(tmp_path)
    yield fleet
    fleet.stop("redis")


def _is_gone(process: ProcessMark) -> bool:
    from servers.machine import wait_until

    return wait_until(lambda: not process.is_alive, 10)


def test_a_process_is_known_by_its_start_and_not_by_its_number_alone(sleeper: ProcessMark) -> None:
    another = ProcessMark(sleeper.pid, "started long ago")
    assert not another.is_alive
    assert not another.send(signal.SIGKILL)
    assert sleeper.is_alive
    assert sleeper.send(signal.SIGKILL)
    assert _is_gone(sleeper)
    assert not sleeper.send(signal.SIGKILL)


def test_a_process_without_a_mark_is_never_signalled() -> None:
    assert not ProcessMark(os.getpid(), "").send(signal.SIGKILL)


def test_free_ports_are_free_and_not_those_of_outgoing_connections() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert max(ports) < listener.getsockname()[1]
    assert not any(is_listening(port) for port in ports)


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CannotStart, match=r"apt-get install a-package"):
        program("no-such-program", package="a-package")


def test_settings_name_a_server_before_the_file_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(servers, "FOLDER", tmp_path)
    monkeypatch.setenv("SEOGA_TEST_REDIS", "redis://elsewhere:1")
    (tmp_path / "urls.env").write_text("# ours\nSEOGA_TEST_REDIS=redis://here:2\nSEOGA_TEST_REDIS_KIND='Redis 7'\n")
    assert servers.redis_url() == "redis://elsewhere:1"
    assert not servers.is_ours("redis")
    monkeypatch.delenv("SEOGA_TEST_REDIS")
    assert servers.redis_url() == "redis://here:2"
    assert servers.server_kind("redis") == "Redis 7"
    assert servers.is_ours("redis")


def test_without_a_server_a_test_is_skipped_and_fails_where_it_is_expected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(servers, "FOLDER", tmp_path)
    monkeypatch.delenv("SEOGA_TEST_REDIS", raising=False)
    monkeypatch.delenv("SEOGA_EXPECT_SERVERS", raising=False)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.skip.Exception, match="SEOGA_TEST_REDIS"):
        servers.redis_url()
    monkeypatch.setenv("SEOGA_EXPECT_SERVERS", "kafka, redis")
    with pytest.raises(pytest.fail.Exception, match="SEOGA_EXPECT_SERVERS names redis"):
        servers.redis_url()


@pytest.mark.servers
def test_a_server_starts_once_and_comes_back_at_its_place(fleet: Servers) -> None:
    with ThreadPoolExecutor(3) as pool:
        started = list(pool.map(lambda _: fleet.start("redis"), range(3)))
    assert sorted(one.was_running for one in started) == [False, True, True]
    urls = {one.url for one in started}
    fleet.kill("redis")
    assert not fleet.is_running("redis")
    urls.add(fleet.start("redis").url)
    urls.add(fleet.restart("redis").url)
    assert len(urls) == 1
    assert urls.pop() in fleet.write_urls().read_text()


@pytest.mark.servers
def test_a_paused_server_answers_again_when_it_is_started(fleet: Servers) -> None:
    url = fleet.start("redis").url
    fleet.pause("redis")
    assert fleet.is_running("redis")
    assert fleet.start("redis").url == url
    fleet.pause("redis")
    assert fleet.stop("redis")
    assert not fleet.is_running("redis")
    assert not fleet.stop("redis")


@pytest.mark.servers
def test_a_port_that_another_took_meanwhile_is_told(fleet: Servers) -> None:
    port = int(fleet.start("redis").url.rpartition(":")[2])
    fleet.stop("redis")
    with socket.create_server(("127.0.0.1", port)), pytest.raises(CannotStart, match=f"port {port}"):
        fleet.start("redis")


@pytest.mark.servers
def test_the_commands_do_the_same_without_anything_installed(tmp_path: Path) -> None:
    def command(*words: str) -> str:
        tools = Path(servers.__file__).parents[1]
        # -S: no package of the environment is there.
        asked = [sys.executable, "-S", "-m", "servers", "--folder", str(tmp_path), *words]
        environment = {**os.environ, "PYTHONPATH": str(tools)}
        return subprocess.run(asked, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout

    assert "up after" in command("up", "redis")
    assert "ran already" in command("up", "redis")
    assert "SEOGA_CACHE_URL=redis://127.0.0.1:" in (tmp_path / "urls.env").read_text()
    assert "stopped" in command("down")
    assert not (tmp_path / "urls.env").exists()
    assert command("down") == ""
