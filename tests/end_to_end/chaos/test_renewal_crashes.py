"""A crash while documents are embedded again for another model: all come through, and none of them twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from journeys import journey_of
from model_builders import a_tiny_model

from benchmarks.server import ROOT, RunningServer, a_server

_BOUNDARIES = ("VectorsOutdated", "DocumentReceived", "DocumentProcessed", "DocumentIndexed")
_FILES = {f"{number}.txt": f"The import duty on notebook number{number}x is zero.".encode() for number in range(20)}


def _crash_once(folder: Path, model: Path, boundary: str, count: int) -> None:
    (folder / "server.json").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crashing_server.py")), str(folder), boundary, str(count)],
        env={
            **os.environ,
            "SEOGA_MODEL_PATH": str(model),
            "SEOGA_MODEL_ENGINE": "onnx",
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
            "SEOGA_LOG_LEVEL": "error",
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        assert process.wait(100) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()


def _found(server: RunningServer, mode: str) -> set[str]:
    return {hit["document"]["name"] for hit in server.search("import duty notebook", mode=mode, limit=100)["hits"]}


def _check_everything(server: RunningServer) -> None:
    deadline = time.monotonic() + 60
    while server.search("import duty", limit=100)["degraded"] or _found(server, "vector") != set(_FILES):
        assert _found(server, "keyword") == set(_FILES)
        assert time.monotonic() < deadline, "not every document has the vectors of the new model"
        time.sleep(0.05)
    server.wait_until_searchable(len(_FILES), timeout_seconds=60)
    for document in server.client.get("/api/v1/documents", params={"limit": 100}).json()["items"]:
        journey_of(server.client, document["id"], lambda journey: len(journey["items"]) == 2)
    assert server.client.get("/api/v1/monitor/dead-letters").json()["items"] == []


def _crash_and_check(folder: Path, models: tuple[Path, Path], boundary: str, count: int) -> None:
    with a_server(folder, SEOGA_MODEL_PATH=str(models[0]), SEOGA_MODEL_ENGINE="onnx") as server:
        server.upload(_FILES.items())
        server.wait_until_searchable(len(_FILES), timeout_seconds=60)
    _crash_once(folder, models[1], boundary, count)
    with a_server(folder, SEOGA_MODEL_PATH=str(models[1]), SEOGA_MODEL_ENGINE="onnx") as server:
        assert _found(server, "keyword") == set(_FILES)
        _check_everything(server)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return a_tiny_model(folder / "a", seed=1), a_tiny_model(folder / "b", seed=2, hidden=48)


@pytest.mark.slow
def test_a_crash_while_documents_are_renewed_repeats_nothing(tmp_path: Path, models: tuple[Path, Path]) -> None:
    _crash_and_check(tmp_path, models, "DocumentReceived", 3)


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [1, 7, 20])
@pytest.mark.parametrize("boundary", _BOUNDARIES)
def test_a_crash_at_any_moment_of_it_repeats_nothing(
    tmp_path: Path, models: tuple[Path, Path], boundary: str, count: int
) -> None:
    _crash_and_check(tmp_path, models, boundary, count)
