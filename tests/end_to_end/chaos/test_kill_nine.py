"""kill -9 at random moments while files are ingested: everything accepted ends searchable, nothing twice."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from benchmarks.server import RunningServer, a_server


def _files(count: int) -> dict[str, bytes]:
    """Each names itself with a word of its own, in Korean or English, so that it can be looked for."""
    return {
        f"{number:04}.txt": (
            f"File marker{number:04}x tells of tariffs, quotas and the harbour of {number}.\n"
            if number % 4
            else f"문서 marker{number:04}x 는 관세율과 원산지 증명서에 관한 안내입니다.\n"
        ).encode()
        for number in range(count)
    }


class Uploader(threading.Thread):
    """Sends every file until it is accepted, whatever happens to the server meanwhile."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(daemon=True)
        self._left = dict(files)
        self.ids: dict[str, str] = {}
        self.url: str | None = None

    def run(self) -> None:
        """Until all are accepted."""
        while self._left:
            url = self.url
            if url is None:
                time.sleep(0.01)
                continue
            try:
                with httpx.Client(base_url=url, timeout=30) as client:
                    for name, content in list(self._left.items()):
                        answer = client.put(f"/api/v1/documents/default/{name}", content=content).raise_for_status()
                        self.ids[name] = answer.json()["id"]
                        del self._left[name]
            except httpx.HTTPError:
                if self.url == url:
                    self.url = None


def _search_hits(server: RunningServer, marker: str) -> list[dict[str, Any]]:
    hits: list[dict[str, Any]] = server.search(marker, mode="keyword", limit=100)["hits"]
    return [hit for hit in hits if marker in hit["chunk"]["text"]]


def _check_everything(server: RunningServer, files: dict[str, bytes], ids: dict[str, str]) -> None:
    server.wait_until_searchable(len(files), timeout_seconds=180)
    listed = server.client.get("/api/v1/collections").json()["items"][0]["documents"]
    assert {status: count for status, count in listed.items() if count} == {"searchable": len(files)}
    assert len(set(ids.values())) == len(files)
    for name in files:
        marker = f"marker{name[:4]}x"
        hits = _search_hits(server, marker)
        assert [hit["document"]["id"] for hit in hits] == [ids[name]], f"{marker}: {len(hits)} hits"
    assert server.client.get("/api/v1/monitor/dead-letters").json()["items"] == []


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
    contents = _files(files)
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
                _check_everything(server, contents, uploader.ids)
                return
        uploader.url = None
    with a_server(folder) as server:
        uploader.url = server.url
        uploader.join(120)
        _check_everything(server, contents, uploader.ids)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_five_kills_of_the_server_lose_nothing(tmp_path: Path) -> None:
    _ingest_while_killing(tmp_path, files=60, kills=5, seed=1, kill=_kill_server, restarts=True)


@pytest.mark.timeout(300)
def test_five_kills_of_children_lose_nothing(tmp_path: Path) -> None:
    _ingest_while_killing(tmp_path, files=60, kills=5, seed=2, kill=_kill_child, restarts=False)


@pytest.mark.chaos
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("kill", "restarts"), [(_kill_server, True), (_kill_child, False)], ids=["server", "child"])
def test_twenty_kills_while_500_files_are_ingested(tmp_path: Path, seed: int, kill: Kill, restarts: bool) -> None:
    _ingest_while_killing(tmp_path, files=500, kills=20, seed=seed, kill=kill, restarts=restarts)
