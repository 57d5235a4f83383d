"""The OpenAPI document: what FastAPI sees of the routes, made true and valid (3.1) in one place."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from shared.web.problems import MEDIA_TYPE, OPENAI_PATHS, OpenAIProblem, Problem, problem_reference

_COMPONENTS: Final = "#/components/schemas/{model}"
_OF_THE_FRAMEWORK: Final = ("HTTPValidationError", "ValidationError")
_KEY: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of the file SEOGA_API_KEYS_FILE; without that file this machine needs no key.",
}
_ABOUT: Final = (
    "A shelf for documents that can be searched, in Korean and English. Every error is a problem (RFC 9457) with a "
    "`code` for programs. HEAD is answered wherever GET is; every answer carries `X-Request-ID`."
)


def describe_openapi(web: FastAPI) -> None:
    """The document is made when it is first asked for."""
    made = web.openapi

    def openapi() -> dict[str, Any]:
        if web.openapi_schema is None:
            _complete(made())
        assert web.openapi_schema is not None
        return web.openapi_schema

    web.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it


def _complete(document: dict[str, Any]) -> None:
    document["info"]["description"] = _ABOUT
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _OF_THE_FRAMEWORK:
        schemas.pop(name, None)
    own = models_json_schema([(Problem, "serialization"), (OpenAIProblem, "serialization")], ref_template=_COMPONENTS)
    schemas.update(own[1]["$defs"])
    components["securitySchemes"] = {"apiKey": _KEY}
    for path, operation in _operations(document):
        _tell_problems(path, operation)
        if str(HTTPStatus.UNAUTHORIZED.value) in operation["responses"]:
            operation["security"] = [{"apiKey": []}, {}]
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                # Of OpenAPI 3.2.
                if content.pop("itemSchema", None):
                    content["schema"] = {"type": "string", "description": "Server-sent events, one after the other."}
    document["components"]["schemas"] = dict(sorted(schemas.items()))


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _tell_problems(path: str, operation: dict[str, Any]) -> None:
    """Any address may be no text (422), any code may have a fault (500), any body be broken or too large."""
    always = [422, 500, *((400, 413) if "requestBody" in operation else ())]
    answers = operation["responses"]
    for status in always:
        told = answers.get(str(status), {}).get("content", {})
        if MEDIA_TYPE not in told:
            answers[str(status)] = problem_reference(status)
    if path.startswith(OPENAI_PATHS):
        for response in answers.values():
            if MEDIA_TYPE in response.get("content", {}):
                response["content"] = {
                    MEDIA_TYPE: {"schema": {"$ref": _COMPONENTS.format(model=OpenAIProblem.__name__)}}
                }
    operation["responses"] = dict(sorted(answers.items()))
