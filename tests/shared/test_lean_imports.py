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
_SERVED = """
import sys
from pathlib import Path
from main import Application
import shared.web.loop, shared.web.preparing
assert "fastapi" not in sys.modules, "the children would wait for it"
from shared.web.framework import import_framework
import_framework()
from pydantic import BaseModel
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings
from shared.web.shapes import Shape

def built(shape):
    return sum(map(built, shape.__subclasses__())) + (shape.__pydantic_complete__ and shape is not Shape)

folder = Path(sys.argv[1])
web = Application(load_settings(data_dir=folder), DataDirectory(folder)).web
import fastapi.openapi.models as documented
print(built(Shape), documented.OpenAPI.__pydantic_complete__, documented.Schema.__pydantic_complete__)
print("pydantic.v1" in sys.modules, BaseModel.model_config)
fields = [route.body_field for route in web.routes if getattr(route, "body_field", None)]
print(len(fields) > 10, any(field.validate({"no": "field"}, loc=("body",))[1] for field in fields))
print(len(web.openapi()["paths"]) > 50, documented.OpenAPI.__pydantic_complete__)
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


def test_nothing_is_built_for_requests_that_nobody_made(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEOGA_")}
    output = subprocess.run(
        # What FastAPI silences while it makes routes must be silent later too.
        [sys.executable, "-W", "error", "-c", _SERVED, str(tmp_path)],
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # Two read their bodies themselves, and so describe them.
    assert output.splitlines() == ["2 False False", "False {}", "True True", "True True"]


def test_the_engine_is_imported_without_what_converts_models() -> None:
    pytest.importorskip("openvino")
    script = (
        "import sys, shared.model.engines.openvino; print('openvino' in sys.modules, 'openvino.tools' in sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert output.split() == ["True", "False"]


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
