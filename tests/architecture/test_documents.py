"""The documentation says what the code does: settings, commands, targets, decisions; and the files are in shape."""

import ast
import re
import subprocess
import sys
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from shared.settings import PREFIX, SECRETS_DIR, Settings
from shared.version import VERSION

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
README: Final = ROOT / "README.md"
LONGEST_FILE: Final = 400
# Python files of the project, wherever they are; caches and .venv are not among them.
SOURCES: Final = sorted(
    path
    for folder in ("src", "tests", "benchmarks", "samples")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
PRODUCT: Final = [path for path in SOURCES if path.is_relative_to(ROOT / "src")] + [ROOT / "main.py"]
PROSE: Final = [
    README,
    ROOT / "CHANGELOG.md",
    ROOT / "Makefile",
    ROOT / "docker-compose.yml",
    ROOT / "Dockerfile",
    ROOT / "pyproject.toml",
    ROOT / ".ci" / "run",
    *sorted(DOCS.rglob("*.md")),
    *sorted((ROOT / "requirements").iterdir()),
    ROOT / "samples" / "README.md",
]
# Who wrote a standard or a format that the text names; everything else a reader needs is in the repository.
KNOWN_HOSTS: Final = frozenset(
    (
        "127.0.0.1",
        "localhost",
        "host",
        "keepachangelog.com",
        "semver.org",
        "www.apache.org",
        "www.standardwebhooks.com",
        "seoga.example",
        "elsewhere.example",
        # Services of docker-compose.yml.
        "kafka",
        "model",
        "mongo",
        "qdrant",
        "redis",
    )
)
_A_MACHINE: Final = re.compile(r"(?<![\w.])/(?:home|root|work|Users|workspace)/\w")


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _documented_settings() -> dict[str, str]:
    rows = re.findall(r"^\| `(SEOGA_\w+)` \| ([^|]*) \|", (DOCS / "configuration.md").read_text(encoding="utf-8"), re.M)
    return {name: default.strip().strip("`") for name, default in rows}


def _default(value: object) -> str:
    if isinstance(value, tuple) and value:
        return ",".join(value)
    return "none" if value is None or value == () else f"{value:g}" if isinstance(value, float) else str(value)


def test_every_setting_is_documented_with_its_default() -> None:
    defaults = {
        PREFIX + name.upper(): _default(field.get_default(call_default_factory=True))
        for name, field in Settings.model_fields.items()
    }
    assert _documented_settings() == defaults


def test_every_setting_that_the_prose_names_exists() -> None:
    known = {SECRETS_DIR, *(PREFIX + name.upper() for name in Settings.model_fields)}
    for path in (README, ROOT / "docker-compose.yml", *DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        # Tests and CI have variables of their own, which no server reads.
        named = {
            name
            for name in re.findall(r"SEOGA_[A-Z0-9_]+", text)
            if not name.startswith(("SEOGA_TEST", "SEOGA_CI", "SEOGA_EXPECT"))
        }
        patterns = {name for name in named if name.endswith("_")}
        assert named - patterns <= known, _relative(path)


def test_every_make_target_that_the_prose_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for path in (README, *DOCS.rglob("*.md")):
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.M))
        assert named <= targets, _relative(path)


def test_curl_of_2021_has_every_option_that_the_prose_gives_it() -> None:
    """7.76, which the long-supported distributions have: neither --json (7.82) nor --url-query (7.87)."""
    of_7_76 = {"-T", "-F", "-H", "-d", "-G", "-X", "-N", "-o", "-s", "--data-urlencode"}
    for path in (README, *DOCS.rglob("*.md")):
        for command in re.findall(r"^curl (?:.*\\\n)*.*", path.read_text(encoding="utf-8"), re.M):
            given = set(re.findall(r"(?<!\S)--?[a-zA-Z][\w-]*", re.sub(r"'[^']*'", "''", command)))
            assert given <= of_7_76, (_relative(path), command)


def _named_commands() -> list[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in (README, DOCS / "api.md"))
    return sorted(set(re.findall(r"(?:\.venv/bin/|`|^)seoga ((?:dead-letters )?[a-z][a-z-]+)", text, re.M)))


_EACH_HELPS: Final = """
import sys
import main

for command in sys.argv[1:]:
    sys.argv = ["seoga", *command.split(), "--help"]
    try:
        main.cli()
    except SystemExit as ended:
        if ended.code:
            sys.exit(command)
"""


def test_the_commands_that_the_documents_name_exist() -> None:
    report = subprocess.run(
        [sys.executable, "-c", _EACH_HELPS, *_named_commands()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert report.returncode == 0, report.stderr
    assert report.stdout.count("Usage: seoga") >= len(_named_commands())


def test_the_readme_names_commands() -> None:
    assert {"serve", "ingest", "search", "status"} <= set(_named_commands())


def test_every_route_that_the_api_document_names_is_served_and_the_other_way_round(tmp_path: Path) -> None:
    from main import Application
    from shared.runtime.data_directory import DataDirectory
    from shared.settings import load_settings

    schema = Application(load_settings(data_dir=tmp_path), DataDirectory(tmp_path)).web.openapi()
    served = {
        f"{method.upper()} {path}"
        for path, methods in schema["paths"].items()
        for method in methods
        if method in ("get", "post", "put", "patch", "delete")
    }
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`?]+)", text, re.M))
    assert named == {re.sub(r":path\}", "}", route) for route in served}


# Where in a call a code stands without its name.
_CODE_AT: Final = {"Unreadable": 0, "_gave_up": 1, "_wrong": 2}
# What no client sees: what classes stand on, what the same process catches, what commands say before there is a server.
_NEVER_ANSWERED: Final = frozenset(
    (
        *("error", "refused", "gone", "stale", "taken", "duplicate_key", "invalid_key", "group_in_use"),
        *("bad_payload", "unknown_event", "blob_not_found", "data_directory_in_use", "data_directory_newer"),
        # Of commands, which print it.
        *("backup_damaged", "backup_running", "data_directory_not_empty"),
        # For these only work waits, which is not answered.
        *("parser_not_started", "parser_killed", "out_of_time"),
    )
)


def _codes_of_the_source() -> set[str]:
    found: set[str] = set()
    for path in PRODUCT:
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'\bcode(?:: ClassVar\[str\])? ?= ?"([a-z_]+)"', text))
        # Most files give none: they need not be parsed.
        tree = ast.parse(text if any(f"{called}(" in text for called in _CODE_AT) else "")
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                at = _CODE_AT.get(ast.unparse(node.func).rpartition(".")[2])
                code = node.args[at] if at is not None and at < len(node.args) else None
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    found.add(code.value)
    return found


def test_the_api_document_names_the_error_codes_that_there_are() -> None:
    given = _codes_of_the_source()
    page = (DOCS / "api.md").read_text(encoding="utf-8").partition("## Documents")[0]
    rows = re.findall(r"^\| (?:\d{3} \| )?(`[^|]*`) \|", page, re.M)
    named = set(re.findall(r"`([a-z_]+)`", " ".join(rows)))
    assert len(given) > 80
    assert given - named - _NEVER_ANSWERED == set()
    assert given >= _NEVER_ANSWERED
    # What Starlette refuses by itself takes its code from the status.
    assert named <= given | {status.phrase.lower().replace(" ", "_") for status in HTTPStatus}


def test_no_text_names_a_machine() -> None:
    found = [
        f"{_relative(path)}: {match[0]}"
        for path in [*PROSE, *SOURCES, ROOT / "main.py"]
        for match in _A_MACHINE.finditer(path.read_text(encoding="utf-8"))
        if path != Path(__file__)
    ]
    assert found == []


def test_the_prose_names_no_host_but_known_ones() -> None:
    found = [
        f"{_relative(path)}: {url}"
        for path in PROSE
        for url in re.findall(r"\b[a-z][a-z0-9+]*://[^\s`'\")>\]]+", path.read_text(encoding="utf-8"))
        if urlsplit(url).hostname not in KNOWN_HOSTS
    ]
    assert found == []


def test_the_lock_files_name_no_index() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not line.startswith("-") and "://" not in line, f"{path.name}: {line}"


def test_links_between_documents_lead_somewhere() -> None:
    for path in (README, ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{_relative(path)}: {target}"


def test_every_source_file_begins_with_a_docstring() -> None:
    without = [
        _relative(path) for path in PRODUCT if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert without == []


def test_no_source_file_is_too_long() -> None:
    lengths = {_relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PRODUCT + SOURCES}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_every_package_folder_has_an_init_file() -> None:
    folders = {path.parent for path in PRODUCT if path.is_relative_to(ROOT / "src")}
    assert [_relative(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_names_of_test_files_are_unique() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("path", sorted((DOCS / "decisions").glob("*.md")), ids=lambda path: path.name)
def test_a_decision_record_is_half_a_page_in_four_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.M) == ["Context", "Options", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 45


def test_decision_records_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_changelog_has_the_version_of_the_project() -> None:
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
