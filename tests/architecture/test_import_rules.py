"""The import contracts of pyproject.toml hold, and each of them notices its violation."""

import os
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
    """Below src; the code is appended to it, or it is made."""
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
    Violation("layers-of-shared", "shared/ports/planted.py", "import shared.runtime.module"),
    Violation("layers-of-shared", "shared/kernel.py", "import shared.settings"),
    Violation("layers-of-shared", "shared/planted.py", "a_file_outside_every_layer = 1"),
    Violation("plain-domain", "process/domain/planted.py", "import numpy"),
    Violation("plain-domain", "ingest/domain/planted.py", "import shared.events.ingest"),
    Violation("plain-domain", "shared/kernel.py", "import pydantic"),
    Violation("ports-not-drivers", "ingest/application/planted.py", "import sqlite3"),
    Violation("ports-not-drivers", "search/interface/planted.py", "import qdrant_edge"),
    Violation("ports-not-adapters", "process/application/planted.py", "import shared.infrastructure.sqlite.database"),
    Violation("ports-not-adapters", "search/interface/planted.py", "import shared.model"),
    Violation("fastapi-at-the-door", "ingest/application/planted.py", "import fastapi"),
    Violation("fastapi-at-the-door", "search/infrastructure/planted.py", "import fastapi"),
    Violation("fastapi-at-the-door", "shared/runtime/planted.py", "import fastapi"),
    Violation("fastapi-at-the-door", "shared/model/planted.py", "import fastapi"),
    Violation("wiring-in-containers", "ingest/interface/planted.py", "import dependency_injector"),
    Violation("wiring-in-containers", "shared/runtime/planted.py", "import dependency_injector"),
    Violation("one-door-to-mongo", "ingest/infrastructure/planted.py", "import motor"),
    Violation("one-door-to-mongo", "shared/infrastructure/planted.py", "import pymongo"),
    Violation(
        "no-cycles",
        "search/application/planted.py",
        "import search.application.planted_too\n",
    ),
)
# The other half of a cycle: it cannot be planted with one file.
_COMPANIONS: Final = {"no-cycles": ("search/application/planted_too.py", "import search.application.planted\n")}


def test_every_import_contract_is_kept() -> None:
    report = _lint(ROOT)
    assert report.returncode == 0, report.stdout + report.stderr


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda item: f"{item.contract}: {item.file}")
def test_a_planted_violation_breaks_its_contract(violation: Violation, tmp_path: Path) -> None:
    # Without it every contract is kept: the test before.
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = [(violation.file, violation.code)]
    if violation.contract in _COMPANIONS:
        planted.append(_COMPANIONS[violation.contract])

    for file, code in planted:
        with (tmp_path / "src" / file).open("a", encoding="utf-8") as target:
            target.write(f"\n{code}\n")

    report = _lint(tmp_path, contract=violation.contract)
    assert report.returncode != 0
    assert f"{CONTRACTS[violation.contract]} BROKEN" in report.stdout, report.stdout + report.stderr


def test_every_contract_has_a_planted_violation() -> None:
    assert {violation.contract for violation in VIOLATIONS} == set(CONTRACTS)


def _lint(root: Path, *, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    """import-linter over `root`/src with the contracts of `root`/pyproject.toml."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run(
        [*command, "--no-cache", "--no-logo", *(["--contract", contract] if contract else [])],
        cwd=root,
        # One width, so that no name is broken over two lines.
        env={**os.environ, "PYTHONPATH": str(root / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
