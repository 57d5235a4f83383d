"""The default starts without the libraries that only other settings need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.lean_imports import without

_COMPOSED = """
import sys
from pathlib import Path
from main import Application
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings

folder = Path(sys.argv[1])
Application(load_settings(data_dir=folder), DataDirectory(folder)).shared.bus()
print(*{name.partition(".")[0] for name in sys.modules})
"""
DRIVERS = {"aiokafka", "motor", "pymongo", "bson", "qdrant_client", "redis", "yaml", "rich"}


def test_the_default_imports_no_driver_of_a_server(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEOGA_")}
    output = subprocess.run(
        [sys.executable, "-c", _COMPOSED, str(tmp_path)],
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    imported = set(output.split())
    assert {"fastapi", "structlog", "pybreaker", "dependency_injector"} <= imported
    assert not DRIVERS & imported


def test_what_is_hidden_can_be_imported_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(ImportError), without("colorsys"):
        import colorsys
    import colorsys

    assert colorsys.hls_to_rgb(0, 0, 0) == (0, 0, 0)


def test_what_was_imported_before_stays() -> None:
    with without("os"):
        import os as again
    assert again is os
