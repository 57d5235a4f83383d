"""The import contracts of pyproject.toml hold, and each of them notices its violation.

All violations are planted in one copy of the tree, each in a file of its own, and linted once.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
CONTRACTS: Final = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
}


@dataclass(frozen=True, slots=True)
class Violation:
    """An import (or a file) that one contract must refuse."""

    contract: str
    file: str
    """Below src; `planted` becomes a name of its own, and to a file that is there the code is appended."""
    code: str


VIOLATIONS: Final = (
    Violation("modules-are-strangers", "search/application/planted.py", "import ingest.domain"),
    Violation("modules-are-strangers", "monitor/interface/planted.py", "from process import application"),
    Violation("shared-knows-no-module", "shared/runtime/planted.py", "import ingest.application"),
    Violation("layers-of-a-module", "ingest/domain/planted.py", "import ingest.application"),
    Violation("layers-of-a-module", "process/application/planted.py", "import process.infrastructure"),
    Violation("layers-of-a-module", "search/interface/planted.py", "import search.infrastructure"),
    Violation("layers-of-a-module", "monitor/infrastructure/planted.py", "import monitor.container"),
    Violation("layers-of-a-module", "search/planted.py", "a_file_outside_every_layer = 1"),
    Violation("layers-of-a-module", "search/chat/domain/planted.py", "import search.chat.application"),
    Violation("layers-of-a-module", "search/chat/application/planted.py", "import search.chat.infrastructure"),
    Violation("layers-of-a-module", "search/application/planted.py", "import search.chat.application"),
    Violation("layers-of-a-module", "search/chat/planted.py", "a_file_outside_every_layer = 1"),
    Violation("layers-of-shared", "shared/ports/planted.py", "import shared.runtime.module"),
    Violation("layers-of-shared", "shared/kernel.py", "import shared.settings"),
    Violation("layers-of-shared", "shared/planted.py", "a_file_outside_every_layer = 1"),
    Violation("plain-domain", "process/domain/planted.py", "import numpy"),
    Violation("plain-domain", "ingest/domain/planted.py", "import shared.events.ingest"),
    Violation("plain-domain", "shared/kernel.py", "import pydantic"),
    Violation("plain-domain", "search/chat/domain/planted.py", "import sqlalchemy"),
    Violation("ports-not-drivers", "ingest/application/planted.py", "import sqlite3"),
    Violation("ports-not-drivers", "search/interface/planted.py", "import qdrant_edge"),
    Violation("ports-not-drivers", "search/chat/application/planted.py", "import sqlalchemy"),
    Violation("ports-not-adapters", "process/application/planted.py", "import shared.infrastructure.sqlite.database"),
    Violation("ports-not-adapters", "search/interface/planted.py", "import shared.model"),
    Violation("ports-not-adapters", "search/chat/application/planted.py", "import shared.infrastructure.sqlite"),
    Violation("fastapi-at-the-door", "ingest/application/planted.py", "import fastapi"),
    Violation("fastapi-at-the-door", "search/infrastructure/planted.py", "import fastapi"),
    Violation("fastapi-at-the-door", "shared/runtime/planted.py", "import fastapi"),
    Violation("fastapi-at-the-door", "shared/model/planted.py", "import fastapi"),
    Violation("fastapi-at-the-door", "search/chat/application/planted.py", "import fastapi"),
    Violation("fastapi-at-the-door", "shared/web/planted.py", "import fastapi"),
    Violation("no-web-framework-inside", "search/application/planted.py", "import shared.runtime.module"),
    Violation("no-web-framework-inside", "shared/infrastructure/planted.py", "import shared.web.problems"),
    Violation("no-web-framework-inside", "search/chat/infrastructure/planted.py", "import starlette"),
    Violation("web-is-for-interfaces", "ingest/application/planted.py", "import shared.web.access"),
    Violation("web-is-for-interfaces", "shared/runtime/planted.py", "import shared.web.server"),
    Violation("web-is-for-interfaces", "search/chat/domain/planted.py", "import shared.web.problems"),
    Violation("chat-through-its-port", "search/chat/infrastructure/planted.py", "import search.infrastructure"),
    Violation("chat-through-its-port", "search/chat/interface/planted.py", "import search.interface"),
    Violation("pages-stand-alone", "search/interface/pages/planted.py", "import monitor.interface.pages"),
    Violation("wiring-in-containers", "search/chat/application/planted.py", "import dependency_injector"),
    Violation("wiring-in-containers", "ingest/interface/planted.py", "import dependency_injector"),
    Violation("wiring-in-containers", "shared/runtime/planted.py", "import dependency_injector"),
    Violation("one-door-to-mongo", "ingest/infrastructure/planted.py", "import motor"),
    Violation("one-door-to-mongo", "shared/infrastructure/planted.py", "import pymongo"),
    Violation("no-cycles", "search/application/planted.py", "import search.application.other_half"),
)
# The other half of the cycle that is planted, and the rooms that are promised and not built yet.
_COMPANIONS: Final = {
    "search/application/other_half.py": "import search.application.{planted}",
    **dict.fromkeys(
        [f"search/chat/{room}/__init__.py" for room in ("domain", "application", "infrastructure", "interface")], ""
    ),
    "search/chat/__init__.py": "",
    "search/chat/container.py": "import dependency_injector",
    "search/chat/interface/http.py": "import fastapi\nimport shared.web.problems",
    "search/chat/infrastructure/passages.py": "import search.application.retrieval",
    "search/interface/pages/__init__.py": "import shared.web",
    "monitor/interface/pages/__init__.py": "import shared.web",
}


def test_every_import_contract_is_kept() -> None:
    report = _lint(ROOT)
    assert report.returncode == 0, report.stdout + report.stderr


def test_the_rooms_that_are_promised_keep_every_contract(tmp_path: Path) -> None:
    _copy_house(tmp_path)
    (tmp_path / "src/search/application/other_half.py").unlink()
    report = _lint(tmp_path)
    assert report.returncode == 0, report.stdout + report.stderr


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the report says of each contract, in one line, once everything is planted."""
    root = tmp_path_factory.mktemp("planted")
    _copy_house(root)
    for violation in VIOLATIONS:
        file = root / "src" / _place(violation)
        with file.open("a", encoding="utf-8") as target:
            target.write(f"\n{violation.code}\n")
    report = _lint(root).stdout
    details = report.split("Broken contracts")[1]
    found = re.split(rf"^({'|'.join(map(re.escape, CONTRACTS.values()))})\n-+$", details, flags=re.MULTILINE)
    by_name = {name: " ".join(text.split()) for name, text in zip(found[1::2], found[2::2], strict=True)}
    return {contract: by_name.get(name, "kept") for contract, name in CONTRACTS.items()}


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda item: f"{item.contract}: {item.file}: {item.code}")
def test_a_planted_violation_breaks_its_contract(violation: Violation, broken: dict[str, str]) -> None:
    assert _evidence(violation) in broken[violation.contract]


def test_every_contract_has_a_planted_violation() -> None:
    assert {violation.contract for violation in VIOLATIONS} == set(CONTRACTS)


def _copy_house(root: Path) -> None:
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    cycle = next(violation for violation in VIOLATIONS if violation.contract == "no-cycles")
    for name, code in _COMPANIONS.items():
        file = root / "src" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code.format(planted=_place(cycle).stem), encoding="utf-8")


def _place(violation: Violation) -> Path:
    return Path(violation.file.replace("planted", f"planted_{VIOLATIONS.index(violation)}"))


def _evidence(violation: Violation) -> str:
    """What the report must say under the contract's name."""
    module = ".".join(_place(violation).with_suffix("").parts)
    if violation.contract == "no-cycles":
        return f".{module.rpartition('.')[2]} -> .other_half (1 import)"
    statement = ast.parse(violation.code).body[0]
    if isinstance(statement, ast.ImportFrom):
        return f"{module} -> {statement.module}.{statement.names[0].name}"
    return f"{module} -> {statement.names[0].name}" if isinstance(statement, ast.Import) else f"- {module}"


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over `root`/src with the contracts of `root`/pyproject.toml."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
            "--no-logo",
        ],
        cwd=root,
        # One width, so that no name is broken over two lines.
        env={**os.environ, "PYTHONPATH": str(root / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
