"""No word leaves the machine, and nothing is written but where docs/configuration.md says."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from picture_builders import a_picture, as_file
from traced import Traced, trace, untold, why_not

ROOT: Final = Path(__file__).resolve().parents[2]
SAMPLES: Final = ROOT / "samples" / "documents"
CONFIGURATION: Final = ROOT / "docs" / "configuration.md"
_SEOGA: Final = (sys.executable, "-m", "main")
_LOADED_ALONE: Final = """
import sys
import shared
import onnxruntime, openvino
onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
"""
# As libraries do at import: a look-up whose failure nobody is told of.
_REPORTS: Final = """
import os, pathlib, socket
(pathlib.Path.home() / ".cache" / "maker").mkdir(parents=True)
try: socket.getaddrinfo("events.example.org", 443)
except OSError: pass
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 9))
"""


def _traced(*command: str | Path, folder: Path, timeout_seconds: float = 200) -> Traced:
    """With a home, a temporary folder and a data directory in `folder`."""
    if reason := why_not():
        pytest.skip(reason)
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    variables = {"SEOGA_DATA_DIR": str(folder / "data"), "TMPDIR": str(folder / "tmp")}
    return trace(*command, home=folder / "home", variables=variables, timeout_seconds=timeout_seconds)


def _documented_caches() -> list[str]:
    """Below the home folder, as docs/configuration.md lists them."""
    written = CONFIGURATION.read_text(encoding="utf-8").partition("## Where files are written")[2].partition("\n## ")[0]
    assert "the data directory" in written
    return re.findall(r"^\| `~/([^`]+)`", written, re.M)


def _is_silent(seen: Traced, folder: Path, *, leaves: str = "nothing") -> None:
    """Nobody was spoken to, nothing is left or was made where it should not be.

    `leaves` is how what may be left in the temporary folder begins.
    """
    assert seen.spoken_to == ()
    caches = [folder / "home" / name for name in _documented_caches()]
    allowed = [folder / "data", folder / "tmp", *caches, *(parent for cache in caches for parent in cache.parents)]
    astray = [
        str(made)
        for made in (*seen.made, *(folder / "home").rglob("*"))
        if not any(made == place or place in made.parents for place in allowed[: 2 + len(caches)])
        and made not in allowed
        and Path("/dev") not in made.parents
    ]
    assert astray == []
    assert [left.name for left in (folder / "tmp").iterdir() if not left.name.startswith(leaves)] == []


def test_a_library_that_reports_would_be_seen(tmp_path: Path) -> None:
    seen = _traced(sys.executable, "-c", _REPORTS, folder=tmp_path)
    assert seen.code == 0, seen.output
    assert any(address.endswith("port 53") for address in seen.spoken_to) or "nscd" in "".join(seen.spoken_to)
    assert not any("port 9" in address.split()[-2:] for address in seen.spoken_to)
    assert tmp_path / "home" / ".cache" / "maker" in seen.made
    with pytest.raises(AssertionError):
        _is_silent(seen, tmp_path)


def test_the_engines_libraries_leave_nothing_in_the_home_folder(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "same",
        [value],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "same.onnx")
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(
        [sys.executable, "-c", _LOADED_ALONE, str(tmp_path / "same.onnx")], env=untold(home), cwd=home, check=True
    )
    assert list(home.rglob("*")) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_speaks_to_nobody(tmp_path: Path) -> None:
    """A server with all its children: the model is built, documents parsed, embedded, indexed and found."""
    seen = _traced(sys.executable, "-m", "benchmarks.demo", folder=tmp_path)
    assert seen.code == 0, seen.output
    assert "Everything was found." in seen.output
    _is_silent(seen, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_command_line_speaks_to_nobody(tmp_path: Path) -> None:
    """Each command starts a server inside itself."""
    picture = tmp_path / "picture.png"
    picture.write_bytes(as_file(a_picture("Bill of lading")))
    for arguments in _commands(picture):
        seen = _traced(*_SEOGA, *arguments, folder=tmp_path)
        assert "Traceback" not in seen.output, seen.output
        assert seen.code == 0 or arguments[0] in ("doctor", "model"), seen.output
        _is_silent(seen, tmp_path)


def _commands(picture: Path) -> Iterator[tuple[str | Path, ...]]:
    yield "ingest", SAMPLES / "incoterms-memo.md"
    yield "search", "FCA"
    # What the machine lacks (Tesseract's languages) makes these two exit with 1.
    yield ("doctor",)
    yield "model", "look", picture


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_benchmark_speaks_to_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    seen = _traced(sys.executable, "-m", "benchmarks.load_once", folder, str(time.time()), folder=tmp_path)
    assert seen.code == 0, seen.output
    _is_silent(seen, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.reference
def test_the_reference_speaks_to_nobody(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "benchmarks.reference_baseline")
    seen = _traced(*command, folder=tmp_path, timeout_seconds=280)
    assert seen.code == 0, seen.output
    _is_silent(seen, tmp_path, leaves="torchinductor_")
