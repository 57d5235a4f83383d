"""kill -9 at random moments while files are ingested: everything accepted ends searchable, nothing twice."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from chaos_load import Uploader, check_everything, numbered_files

from benchmarks.server import RunningServer, a_server


def _kill_server(server: RunningServer, _: random.Random) -> None:
    """The server alone: its children must end by themselves."""
    children = server.process.children(recursive=True)
    server.process.kill()
    server.process.wait(10)
    alive = psutil.wait_procs(children, timeout=10)[1]
    assert not alive, f"children outlived their parent: {alive}"


def _kill_child(server: RunningServer, choice: random.Random) -> None:
    """One child alone: the server goes on."""
    children = server.process.children(recursive=True)
    if children:
        choice.choice(children).kill()


Kill = Callable[[RunningServer, random.Random], None]


def _ingest_while_killing(folder: Path, *, files: int, kills: int, seed: int, kill: Kill, restarts: bool) -> None:
    choice = random.Random(seed)
    contents = numbered_files(files)
    uploader = Uploader(contents)
    uploader.start()
    left = kills
    while left:
        with a_server(folder) as server:
            uploader.url = server.url
            while left:
                time.sleep(choice.uniform(0.05, 1.2))
                kill(server, choice)
                left -= 1
                if restarts:
                    break
            if not restarts:
                uploader.join(120)
                check_everything(server, contents, uploader.ids)
                return
        uploader.url = None
    with a_server(folder) as server:
        uploader.url = server.url
        uploader.join(120)
        check_everything(server, contents, uploader.ids)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_five_kills_of_the_server_lose_nothing(tmp_path: Path) -> None:
    _ingest_while_killing(tmp_path, files=60, kills=5, seed=1, kill=_kill_server, restarts=True)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_five_kills_of_children_lose_nothing(tmp_path: Path) -> None:
    _ingest_while_killing(tmp_path, files=60, kills=5, seed=2, kill=_kill_child, restarts=False)


@pytest.mark.chaos
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("kill", "restarts"), [(_kill_server, True), (_kill_child, False)], ids=["server", "child"])
def test_twenty_kills_while_500_files_are_ingested(tmp_path: Path, seed: int, kill: Kill, restarts: bool) -> None:
    _ingest_while_killing(tmp_path, files=500, kills=20, seed=seed, kill=kill, restarts=restarts)
