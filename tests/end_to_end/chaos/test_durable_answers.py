"""A trace of the server's system calls: no upload is answered before its bytes and its fact are on disk."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.server import ROOT

_UPLOADS = 200


@pytest.mark.chaos
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_no_answer_before_the_sync(tmp_path: Path) -> None:
    trace, data = tmp_path / "trace", tmp_path / "data"
    command = ["strace", "-f", "-y", "-s", "96", "-o", str(trace)]
    command += ["-e", "trace=fsync,fdatasync,read,recvfrom,recvmsg,write,writev,sendto,sendmsg"]
    command += [sys.executable, str(ROOT / "main.py"), "serve", "--port", "0", "--data-dir", str(data)]
    process = subprocess.Popen(
        command, env={**os.environ, "SEOGA_LOG_LEVEL": "error"}, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while not (data / "server.json").exists():
            assert process.poll() is None
            time.sleep(0.02)
        url = json.loads((data / "server.json").read_text())["url"]
        with httpx.Client(base_url=url, timeout=60) as client:
            for number in range(_UPLOADS):
                content = f"Document {number} about the tariff on item {number}."
                answer = client.put(f"/api/v1/documents/default/{number}.txt", content=content)
                assert answer.status_code == 202
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)

    synced: set[str] = set()
    answered = 0
    for line in _finished_calls(trace):
        if '"PUT /api/v1/documents/default/' in line:
            synced = set()
        elif re.search(r"f(data)?sync\(.*= 0$", line):
            synced |= {name for name in ("blobs", "ingest.sqlite") if f"/{name}" in line}
        elif '"HTTP/1.1 202' in line:
            assert synced == {"blobs", "ingest.sqlite"}, f"answer {answered} went out after only {synced}"
            answered += 1
    assert answered == _UPLOADS


def _finished_calls(trace: Path) -> Iterator[str]:
    """The trace's calls at the moment they began, but for syncs: at the moment they ended."""
    begun: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        thread = line.split(maxsplit=1)[0]
        if "sync" in line and line.endswith("<unfinished ...>"):
            begun[thread] = line
        elif "sync resumed>" in line:
            yield begun.pop(thread).removesuffix("<unfinished ...>") + line.partition("resumed>")[2]
        else:
            yield line
