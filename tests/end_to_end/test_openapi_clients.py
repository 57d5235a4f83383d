"""Programs that know nothing but the OpenAPI document: one tries what it says, two make a client of it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import httpx
import pytest

PROGRAMS: Final = Path(__file__).parents[2] / ".clients" / "bin"
NODE_PROGRAMS: Final = PROGRAMS.parent / "node" / "node_modules" / ".bin"
OPENAPI: Final = "/api/v1/openapi.json"
EXAMPLES: Final = os.environ.get("SEOGA_TEST_CLIENT_EXAMPLES", "5")
"""For each operation and kind of test; 60 make some ten thousand requests."""

pytestmark = [
    pytest.mark.clients,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not PROGRAMS.is_dir(), reason="there is no .clients (make test-clients)"),
]

USE = """
import sys
from api_client import Client
from api_client.api.documents import list_documents
from api_client.api.search import search
from api_client.models import DocumentList, SearchQuery, Problem

client = Client(base_url=sys.argv[1])
assert isinstance(list_documents.sync(client=client, limit=1), DocumentList)
assert search.sync(client=client, body=SearchQuery(query="관세")).total == 0
problem = list_documents.sync(client=client, cursor="nonsense")
assert isinstance(problem, Problem) and problem.code == "wrong_cursor", problem
"""


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    program = str(PROGRAMS / command[0])
    return subprocess.run(
        [program, *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=3000
    )


def test_a_generated_client_works(client: httpx.Client, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_bytes(client.get(OPENAPI).content)
    # It knows pictures as bytes only when it is told.
    pictures = {name: "application/octet-stream" for name in ("image/png", "image/webp")}
    (tmp_path / "config.json").write_text(json.dumps({"content_type_overrides": pictures}))
    made = run(
        "openapi-python-client", "generate", "--path", str(document), "--meta", "none", "--output-path", "api_client",
        "--fail-on-warning", "--config", "config.json", folder=tmp_path,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    used = run("python", "-c", USE, str(client.base_url), folder=tmp_path)
    assert used.returncode == 0, used.stderr


@pytest.mark.skipif(not NODE_PROGRAMS.is_dir(), reason="there is no Node.js, or no .clients (make test-clients)")
def test_a_typescript_client_works(client: httpx.Client, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_bytes(client.get(OPENAPI).content)
    (tmp_path / "node_modules").symlink_to(NODE_PROGRAMS.parent)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(Path(__file__).parent / "typescript" / "use.ts", tmp_path / "use.ts")
    for command in (
        # What has a default may be left out of a body.
        (NODE_PROGRAMS / "openapi-typescript", document, "-o", "api.d.ts", "--default-non-nullable", "false"),
        (NODE_PROGRAMS / "tsc", "--strict", "--module", "nodenext", "--target", "es2022", "use.ts"),
        ("node", "use.js", str(client.base_url).rstrip("/")),
    ):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_request_has_an_answer_that_the_document_does_not_tell(client: httpx.Client, tmp_path: Path) -> None:
    # What tells of a collection's deletion is there because it was deleted.
    (tmp_path / "schemathesis.toml").write_text(
        """[[operations]]
include-path = "/api/v1/collections/{name}/removal"
[operations.checks]
use_after_free.enabled = false
"""
    )
    tried = run(
        "st", "run", str(client.base_url).rstrip("/") + OPENAPI, "--phases", "examples,coverage,fuzzing,stateful",
        "--max-examples", EXAMPLES, "--seed", "1", "--no-color", "--continue-on-failure", "--request-timeout", "60",
        # Which cursors and which bytes are right no schema can tell.
        "--exclude-checks", "positive_data_acceptance",
        # Streams, whose schema is that of a text and not of an event; what loads and measures for minutes; and keys, of
        # which the first would close the server to all that follows.
        "--exclude-path-regex", "/events$|/stream$|/chat$|/model/(bench|reload|unload|artefacts|load|health)$|/keys$",
        folder=tmp_path,
    )  # fmt: skip
    assert tried.returncode == 0, tried.stdout[-20_000:] + tried.stderr
