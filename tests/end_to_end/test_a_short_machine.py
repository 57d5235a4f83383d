"""A machine that runs out of something under load: what was accepted waits, and is searchable when it is over."""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
import psutil
import pytest
from command_line import a_serving_process
from journeys import upload, wait_for

from shared.runtime.data_directory import DataDirectory

_DOCUMENTS: Final = 60
pytestmark = pytest.mark.timeout(300)


def _no_descriptors(server: psutil.Process) -> tuple[int, int]:
    return resource.RLIMIT_NOFILE, server.num_fds() + 6


def _no_threads(server: psutil.Process) -> tuple[int, int]:
    # A thread's stack takes 8 MiB of address space, and few have begun by now; small things still find room.
    return resource.RLIMIT_AS, server.memory_info().vms + (64 << 20)


def _told(client: httpx.Client) -> str:
    """Without a descriptor a new connection is reset: then another try, when one was given back."""
    for _ in range(5):
        try:
            detail: str = client.get("/health/ready", timeout=10).json()["components"]["shared.work"]["detail"]
            return detail
        except httpx.TransportError:
            time.sleep(0.5)
    return "nothing: there was no connection"


@pytest.mark.parametrize(
    "shortage",
    [
        pytest.param(_no_descriptors, marks=pytest.mark.slow),
        # While the address space is used up, health has been seen to answer only after a minute and more.
        pytest.param(_no_threads, marks=pytest.mark.chaos),
    ],
)
def test_nothing_accepted_fails_for_it(tmp_path: Path, shortage: Callable[[psutil.Process], tuple[int, int]]) -> None:
    data_dir = tmp_path / "data"
    with a_serving_process(data_dir) as process:
        server = DataDirectory(data_dir).server()
        assert server is not None
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
            limit, least = shortage(psutil.Process(process.pid))
            before = resource.prlimit(process.pid, limit)
            resource.prlimit(process.pid, limit, (least, before[1]))
            accepted, refused = [], 0
            try:
                for number in range(_DOCUMENTS):
                    try:
                        answer = client.put(
                            f"/api/v1/documents/default/{number}.txt", content=f"Bill of lading {number}."
                        )
                    except httpx.TransportError:  # without a descriptor there is no connection either
                        refused += 1
                        continue
                    assert answer.status_code in (202, 503), answer.text
                    refused += answer.status_code == 503
                    accepted += [answer.json()["id"]] if answer.status_code == 202 else []
                # For what was accepted to meet the shortage.
                time.sleep(6)
                told = _told(client)
            finally:
                resource.prlimit(process.pid, limit, before)
            accepted.append(upload(client, "late.txt", "The last bill of lading.")["id"])
            for document in accepted:
                wait_for(client, document, timeout_seconds=90)
            summary = client.get("/api/v1/monitor").json()
            assert summary["dead_letters"] == 0
            assert summary["documents"]["failed"] == 0
            deadline = time.monotonic() + 30  # A report is kept for a second.
            while not (work := client.get("/health/ready").json()["components"]["shared.work"])["ready"]:
                assert time.monotonic() < deadline, work["detail"]
                time.sleep(0.2)
            assert process.poll() is None
            print(f"{refused} uploads were told to come again; {told}")
    assert process.returncode == 0
