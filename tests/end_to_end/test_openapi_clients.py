"""Programs that know nothing but the OpenAPI document: one tries what it says, one makes a client of it."""

import os
import subprocess
from pathlib import Path
from typing import Final

import httpx
import pytest

PROGRAMS: Final = Path(__file__).parents[2] / ".clients" / "bin"
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
    made = run(
        "openapi-python-client", "generate", "--path", str(document), "--meta", "none", "--output-path", "api_client",
        "--fail-on-warning", folder=tmp_path,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    used = run("python", "-c", USE, str(client.base_url), folder=tmp_path)
    assert used.returncode == 0, used.stderr


def test_no_request_has_an_answer_that_the_document_does_not_tell(client: httpx.Client, tmp_path: Path) -> None:
    tried = run(
        "st", "run", str(client.base_url).rstrip("/") + OPENAPI, "--phases", "examples,coverage,fuzzing,stateful",
        "--max-examples", EXAMPLES, "--seed", "1", "--no-color", "--continue-on-failure", "--request-timeout", "60",
        # Which cursors and which bytes are right no schema can tell.
        "--exclude-checks", "positive_data_acceptance",
        # A stream that ends when a document does; what loads and measures for minutes.
        "--exclude-path-regex", "/events$|/model/(bench|reload|unload|artefacts|load|health)$", folder=tmp_path,
    )  # fmt: skip
    assert tried.returncode == 0, tried.stdout[-20_000:] + tried.stderr
