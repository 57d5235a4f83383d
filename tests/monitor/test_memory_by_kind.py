"""Memory of the server and of its children, by what they do."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from builders import eventually
from monitor.application.system import SystemSampler
from monitor.infrastructure.psutil_usage import PsutilUsage, kind_of
from process.infrastructure import parser_pool
from search.infrastructure.edge import PROCESS
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.pictures import ocr


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """Of the kind `code`: it waits for its input, and has said so."""
    with subprocess.Popen(
        [sys.executable, "-m", "code", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"print('up', flush=True)\n")
        process.stdin.flush()
        while b"up" not in process.stdout.readline():
            pass
        yield process
        process.kill()


def test_each_kind_has_its_share_and_what_is_shared_counts_once(
    tmp_path: Path, child: "subprocess.Popen[bytes]"
) -> None:
    meter = PsutilUsage(tmp_path)
    kinds, resident = meter.memory_by_kind(), meter.measure().memory_bytes
    assert kinds["server"] > kinds["code"] > 1_000_000
    # Pages of the interpreter and its libraries are resident in both.
    assert sum(kinds.values()) < resident


def test_every_descendant_is_counted(tmp_path: Path) -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        found = PsutilUsage(tmp_path).measure().processes
        assert found == 1 + len(psutil.Process().children(recursive=True)) >= 3
        process.communicate("\n")


@pytest.mark.parametrize("module", [PROCESS, parser_pool._MODULE, ocr._MODULE])
def test_a_kind_is_called_by_what_it_does(module: str) -> None:
    wanted = {PROCESS: "edge", parser_pool._MODULE: "parser", ocr._MODULE: "ocr"}
    assert kind_of(["/usr/bin/python", "-m", module, "an argument"]) == wanted[module]
    assert kind_of(["/usr/bin/soffice", "-m"]) == kind_of([]) == "other"


async def test_a_kind_that_is_gone_is_nothing(tmp_path: Path, child: "subprocess.Popen[bytes]") -> None:
    metrics = PrometheusMetrics()

    def shown(kind: str) -> float:
        return metrics.gauges().get(("process_proportional_memory_bytes", (("kind", kind),)), -1)

    async with SystemSampler(PsutilUsage(tmp_path), metrics, every_seconds=0.01, memory_seconds=0):
        await eventually(lambda: shown("server") > 0 and shown("code") > 0)
        child.kill()
        child.wait()
        await eventually(lambda: shown("code") == 0)
