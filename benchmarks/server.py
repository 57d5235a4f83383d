"""A real Seoga server in a process of its own, and a client that uploads, waits and searches over HTTP."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from benchmarks.raw_engine import model_cache

ROOT: Final = Path(__file__).resolve().parent.parent
_UPLOAD_BATCH: Final = 50


def data_folder() -> Path:
    """Where the data to measure against lies: `SEOGA_TEST_DATA`, else beside the checkout."""
    return Path(os.environ.get("SEOGA_TEST_DATA", ROOT.parent / "shared" / "data"))


@dataclass(slots=True)
class RunningServer:
    """A server that answers `/health/ready`."""

    url: str
    process: psutil.Process
    start_seconds: float
    """From process start to the first 200 of `/health/ready`."""
    client: httpx.Client

    def upload(self, files: Iterable[tuple[str, bytes]], *, collection: str = "default") -> list[dict[str, Any]]:
        """Uploads in requests of 50 files; the answers' documents. Raises on a refused one."""
        documents: list[dict[str, Any]] = []
        batch: list[tuple[str, bytes]] = []

        def send() -> None:
            answer = self.client.post(
                "/api/v1/documents",
                data={"collection": collection},
                files=[("files", (name, content)) for name, content in batch],
            )
            answer.raise_for_status()
            documents.extend(answer.json()["documents"])
            batch.clear()

        for file in files:
            batch.append(file)
            if len(batch) == _UPLOAD_BATCH:
                send()
        if batch:
            send()
        refused = [document for document in documents if document["status"] == "refused"]
        if refused:
            raise RuntimeError(f"{len(refused)} refused, first: {refused[0]['problem']}")
        return documents

    def wait_until_searchable(self, count: int, *, collection: str = "default", timeout_seconds: float = 1_800) -> None:
        """Returns when so many documents of the collection are searchable; raises when one failed."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            answer = self.client.get("/api/v1/collections", params={"limit": 100}).json()
            states = {item["name"]: item["documents"] for item in answer["items"]}[collection]
            if states.get("failed"):
                failed = self.client.get(
                    "/api/v1/documents", params={"collection": collection, "status": "failed"}
                ).json()["items"]
                raise RuntimeError(f"{len(failed)} failed, first: {failed[0]['problem']}")
            if states.get("searchable", 0) >= count:
                return
            # Asking costs the server some milliseconds: seldom enough not to be what is measured.
            time.sleep(0.25)
        raise TimeoutError(f"not {count} searchable within {timeout_seconds} s: {states}")

    def search(self, query: str, **options: Any) -> dict[str, Any]:
        """One search; raises on an error."""
        answer = self.client.post("/api/v1/search", json={"query": query, **options})
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()
        return result

    def processes(self) -> Sequence[psutil.Process]:
        """The server and its children."""
        return [self.process, *self.process.children(recursive=True)]

    def pss_bytes(self) -> int:
        """Proportional memory of all its processes."""
        total = 0
        for process in self.processes():
            total += process.memory_full_info().pss
        return total

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far, those that have ended among them."""
        times = [process.cpu_times() for process in self.processes()]
        return sum(one.user + one.system + one.children_user + one.children_system for one in times)


@contextmanager
def a_server(
    data_dir: Path | None = None,
    *,
    nothing_built: bool = False,
    program: Sequence[str] = (str(ROOT / "main.py"),),
    **environment: str,
) -> Iterator[RunningServer]:
    """Starts `seoga serve` on a free port with a fresh (or the given) data directory; ends it with SIGTERM.

    Its model is built and its engines are compared already, unless `nothing_built`. `program` is what Python runs.
    """
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as fresh:
        folder = data_dir or Path(fresh)
        port_file = folder / "server.json"
        port_file.unlink(missing_ok=True)
        # Made before: a client reads the machine's certificates for 20 to 50 ms, which is no time of the server's.
        client = httpx.Client(timeout=120)
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *program, "serve", "--port", "0", "--data-dir", str(folder)],
            env={
                **os.environ,
                "SEOGA_LOG_LEVEL": "warning",
                # Engines are compared before anything is measured, not beside it.
                "SEOGA_MODEL_CACHE_DIR": str(folder / "models" if nothing_built else model_cache()),
                "SEOGA_MACHINE_CACHE_DIR": str(folder / "models" if nothing_built else model_cache()),
                **environment,
            },
            stdout=subprocess.DEVNULL,
        )
        try:
            while not port_file.exists():
                if process.poll() is not None:
                    raise RuntimeError(f"the server ended with {process.returncode}")
                time.sleep(0.002)
            url = json.loads(port_file.read_text())["url"]
            with client:
                client.base_url = url
                while client.get("/health/ready").status_code != 200:
                    time.sleep(0.002)
                seconds = time.perf_counter() - started
                yield RunningServer(url, psutil.Process(process.pid), seconds, client)
        finally:
            end(process)


def end(process: subprocess.Popen[bytes], *, timeout_seconds: float = 40) -> None:
    """SIGTERM and wait; raises when it has to be killed."""
    process.terminate()
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
