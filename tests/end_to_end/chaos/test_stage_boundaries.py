"""A crash right after each step of a document's way: the same final state, whatever the moment."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from benchmarks.server import ROOT, RunningServer, a_server

_BOUNDARIES = (
    "DocumentReceived",
    "artefact:parse",
    "artefact:chunk",
    "artefact:embed",
    "DocumentProcessed",
    "DocumentIndexed",
)
_FILES = {
    f"file-{number}.md": f"# Notice {number}\n\nHarbour number{number}x collects duties on notebooks.\n".encode()
    for number in range(5)
}


def _upload(url: str) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        for name, content in _FILES.items():
            client.put(f"/api/v1/documents/default/{name}", content=content).raise_for_status()


def _state_hash(server: RunningServer) -> str:
    """Of everything a person can see, but for ids, instants and scores' last digits."""
    server.wait_until_searchable(len(_FILES), timeout_seconds=60)
    state = []
    for document in server.client.get("/api/v1/documents", params={"limit": 100}).json()["items"]:
        chunks = server.client.get(f"/api/v1/documents/{document['id']}/chunks").json()["items"]
        marker = f"number{document['name'][5:-3]}x"
        hits = server.search(marker, limit=100)["hits"]
        own = [
            (hit["document"]["name"], hit["document"]["revision"], hit["chunk"]["ordinal"], hit["chunk"]["text"])
            for hit in hits
            if marker in hit["chunk"]["text"]
        ]
        fields = [document[name] for name in ("name", "names", "revision", "searchable_revision", "sha256", "status")]
        state.append([fields, chunks, own])
    state.sort(key=lambda entry: str(entry[0]))
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _crash_once(folder: Path, boundary: str, count: int) -> None:
    """Runs a server that dies at the boundary; returns when it is dead."""
    port_file = folder / "server.json"
    port_file.unlink(missing_ok=True)
    script = Path(__file__).with_name("crashing_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder), boundary, str(count)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))), "SEOGA_LOG_LEVEL": "error"},
        stdout=subprocess.DEVNULL,
    )
    try:
        while not port_file.exists():
            assert process.poll() is None, "the server ended before it listened"
            time.sleep(0.005)
        # It may die while files are sent; all are sent again to the next one.
        with contextlib.suppress(httpx.HTTPError):
            _upload(json.loads(port_file.read_text())["url"])
        assert process.wait(60) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def undisturbed_hash(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The final state when nothing crashes."""
    with a_server(tmp_path_factory.mktemp("undisturbed")) as server:
        _upload(server.url)
        return _state_hash(server)


def _final_hash(folder: Path, boundary: str, count: int) -> str:
    _crash_once(folder, boundary, count)
    with a_server(folder) as server:
        _upload(server.url)
        return _state_hash(server)


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["artefact:chunk", "DocumentProcessed"])
def test_a_crash_at_a_boundary_changes_nothing(tmp_path: Path, undisturbed_hash: str, boundary: str) -> None:
    assert _final_hash(tmp_path, boundary, 2) == undisturbed_hash


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("boundary", _BOUNDARIES)
def test_ten_crashes_at_each_boundary_change_nothing(tmp_path: Path, undisturbed_hash: str, boundary: str) -> None:
    for attempt in range(10):
        assert _final_hash(tmp_path / str(attempt), boundary, attempt % len(_FILES) + 1) == undisturbed_hash
