"""One installation in several processes: they share the work, come and go, and lose nothing."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from command_line import Listening, a_serving_process, command
from journeys import found_names, upload, wait_for
from server_mode import Installation, an_installation

from shared.runtime.data_directory import DataDirectory

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]
SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "documents"


@contextmanager
def a_worker(data_dir: Path, installation: Installation) -> Iterator[Listening]:
    worker = Listening("worker", command(data_dir, "worker", **installation.variables))
    try:
        yield worker
    finally:
        worker.end()


@pytest.fixture
def installation() -> Iterator[Installation]:
    with an_installation(log_level="error") as one:
        yield one


@contextmanager
def a_front(data_dir: Path, installation: Installation) -> Iterator[httpx.Client]:
    """A server of everything but Process."""
    variables = {**installation.variables, "SEOGA_MODULES": "ingest,search,monitor"}
    with a_serving_process(data_dir, port=0, **variables):
        server = DataDirectory(data_dir).server()
        assert server is not None
        with httpx.Client(base_url=server.url, timeout=60) as client:
            yield client


@pytest.fixture
def front(installation: Installation, tmp_path: Path) -> Iterator[httpx.Client]:
    with a_front(tmp_path / "data", installation) as client:
        yield client


def _upload_notes(client: httpx.Client, count: int, *, word: str) -> list[str]:
    return [
        str(upload(client, f"{word}-{number}.txt", f"Note {number} about {word} and the harbour.")["id"])
        for number in range(count)
    ]


def test_documents_wait_for_a_worker_and_it_borrows_the_machines_model(
    front: httpx.Client, installation: Installation, tmp_path: Path
) -> None:
    documents = [
        upload(front, path.name, path.read_bytes(), collection="samples") for path in sorted(SAMPLES.iterdir())
    ]
    assert {document["status"] for document in documents} == {"received"}
    with a_worker(tmp_path / "data", installation) as worker:
        for document in documents:
            wait_for(front, document["id"])
        assert "출장비_규정.md" in found_names(front, "부산 출장 숙박비 상한", filters={"collection": "samples"})[:3]
        health = httpx.get(f"{worker.url}/health/ready", timeout=60).raise_for_status().json()
        assert {"process.parsers", "shared.events"} <= health["components"].keys()
        model = httpx.get(f"{worker.url}/api/v1/model/status", timeout=60).raise_for_status().json()
        assert "remote" in str(model)
        # It is no door for documents.
        assert httpx.get(f"{worker.url}/api/v1/documents", timeout=60).status_code == 404
        remotes = {remote["name"]: remote["state"] for remote in front.get("/api/v1/monitor").json()["remotes"]}
        assert remotes["kafka"] == remotes["mongodb"] == "closed"
    assert worker.process.returncode == 0


def test_a_worker_follows_its_machines_model_to_another_address(installation: Installation, tmp_path: Path) -> None:
    with ExitStack() as stack:
        with a_front(tmp_path / "data", installation) as before:
            worker = stack.enter_context(a_worker(tmp_path / "data", installation))
            wait_for(before, upload(before, "first.txt", "The first quay.")["id"])
        with a_front(tmp_path / "data", installation) as after:
            assert after.base_url != before.base_url
            wait_for(after, upload(after, "second.txt", "The second quay.")["id"])
        assert worker.process.poll() is None


def test_workers_come_and_go_under_load_and_nothing_is_lost(
    front: httpx.Client, installation: Installation, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(a_worker(tmp_path / "data", installation))
        documents = _upload_notes(front, 60, word="Alderquay")
        second = stack.enter_context(a_worker(tmp_path / "data", installation))
        documents += _upload_notes(front, 60, word="Birchquay")
        assert first.end() == 0
        documents += _upload_notes(front, 60, word="Cedarquay")
        third = stack.enter_context(a_worker(tmp_path / "data", installation))
        assert second.end() == 0
        for document_id in documents:
            wait_for(front, document_id)
        assert third.process.poll() is None
    counts = front.get("/api/v1/collections").json()["items"]
    assert [item["documents"]["searchable"] for item in counts if item["name"] == "default"] == [180]
    for word in ("Alderquay", "Birchquay", "Cedarquay"):
        found = found_names(front, word, mode="keyword", limit=100)
        assert len(found) == len(set(found)) == 60
    assert front.get("/api/v1/monitor/dead-letters").json()["items"] == []


def test_a_worker_that_is_killed_leaves_its_work_to_the_next(
    front: httpx.Client, installation: Installation, tmp_path: Path
) -> None:
    with a_worker(tmp_path / "data", installation) as first:
        documents = _upload_notes(front, 40, word="Dunequay")
        deadline = time.monotonic() + 30
        while front.get("/api/v1/monitor").json()["queues"][0]["running"] == 0 and time.monotonic() < deadline:
            pass
        first.end(signal.SIGKILL)
    with a_worker(tmp_path / "data", installation):
        for document_id in documents:
            # What the dead one had claimed is free after its lease of 30 s.
            wait_for(front, document_id, timeout_seconds=120)
    assert len(found_names(front, "Dunequay", mode="keyword", limit=100)) == 40
