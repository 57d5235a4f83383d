"""The OpenAPI document: valid, and enough for who knows nothing else of the routes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient

from main import Application
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of the whole application, not started. Asked for after a request: FastAPI keeps fields with the first."""
    folder = tmp_path_factory.mktemp("data")
    web = Application(load_settings(data_dir=folder), DataDirectory(folder)).web
    TestClient(web, base_url="http://127.0.0.1").get("/api/v1/documents")
    return web.openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


@pytest.mark.slow
def test_it_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_everything_is_described(document: dict[str, Any]) -> None:
    missing = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, about in schema.get("properties", {}).items()
        if not about.get("description")
    ]
    for path, method, operation in operations(document):
        missing += [f"{method} {path}"] if not operation.get("description") else []
        missing += [
            f"{method} {path}: {one['name']}" for one in operation.get("parameters", []) if "description" not in one
        ]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            fields = content["schema"].get("properties", {})
            missing += [f"{method} {path}: {name}" for name, about in fields.items() if not about.get("description")]
    assert missing == []


def test_every_error_is_the_one_problem(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        name = "OpenAIProblem" if path.startswith("/v1/") else "Problem"
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"422", "500"} <= set(errors), (method, path)
        for status, answer in errors.items():
            schema = answer["content"][PROBLEM]["schema"]
            assert schema == {"$ref": f"#/components/schemas/{name}"}, (method, path, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_what_needs_a_key_says_so(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    open_to_all = {path for path, _, operation in operations(document) if "security" not in operation}
    assert open_to_all == {"/health/live", "/health/ready"}


def test_operations_have_names_that_a_client_can_use(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+){0,3}", name)] == []


def test_events_are_told_as_the_text_they_are(document: dict[str, Any]) -> None:
    answers = document["paths"]["/api/v1/documents/{document_id}/events"]["get"]["responses"]
    assert answers["200"]["content"]["text/event-stream"]["schema"]["type"] == "string"
