"""Errors become RFC 9457 problem details, in one place."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import kernel
from shared.events.envelope import current_cause
from shared.settings import WrongSettings
from shared.shortages import as_unavailable
from shared.telemetry import get_log
from shared.web.address import wrong_address
from shared.web.methods import allowed_methods
from shared.web.refusals import AccessDenied, NotAuthenticated
from shared.web.shapes import Shape

MEDIA_TYPE: Final = "application/problem+json"
OPENAI_PATHS: Final = "/v1/"
"""What begins so is in OpenAI's shape."""
_OF_OPENAI: Final = (
    "Of OpenAI's API this server has POST /v1/embeddings, GET /v1/models and GET /v1/models/{id}, and nothing else; "
    "what it has besides is listed at GET /api/v1/openapi.json."
)
_MOST_FIELDS: Final = 50
"""A list of ten thousand wrong items is told by its first ones."""
_log = get_log("http")


class ProblemField(Shape):
    """One wrong field."""

    field: str
    """Where it is: `body.limit`, `query.cursor`, or a file's name."""
    message: str
    """What is wrong with it."""


class Problem(Shape):
    """RFC 9457 problem details, with a code that programs can rely on."""

    type: str = "about:blank"
    """Always `about:blank`: `code` tells more."""
    title: str
    """What kind of problem it is, for people."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong and what can be done, for people."""
    instance: str | None = None
    """The path that was asked for."""
    code: str
    """What it is, for programs; docs/api.md lists the codes."""
    errors: list[ProblemField] = Field(default_factory=list)
    """The wrong fields, the first 50."""


class OpenAIError(Shape):
    """The one part of an error answer that OpenAI's clients read."""

    message: str
    """What is wrong, and the way out."""
    type: Literal["invalid_request_error", "authentication_error", "permission_error", "server_error"]
    """What kind of error, in OpenAI's words."""
    param: str | None
    """The first wrong field."""
    code: str
    """As the problem's."""


class OpenAIProblem(Problem):
    """A problem of a route in OpenAI's shape."""

    error: OpenAIError
    """The same in OpenAI's shape."""


# The first class that matches decides: children stand before their parents.
_STATUS: Final[tuple[tuple[type[kernel.DomainError], HTTPStatus], ...]] = (
    (NotAuthenticated, HTTPStatus.UNAUTHORIZED),
    (AccessDenied, HTTPStatus.FORBIDDEN),
    (kernel.NotFound, HTTPStatus.NOT_FOUND),
    (kernel.Conflict, HTTPStatus.CONFLICT),
    (kernel.PreconditionFailed, HTTPStatus.PRECONDITION_FAILED),
    (kernel.Gone, HTTPStatus.GONE),
    (kernel.TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (kernel.Unsupported, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (kernel.InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (kernel.Refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (kernel.StorageFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (kernel.Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (kernel.Damaged, HTTPStatus.INTERNAL_SERVER_ERROR),
    (WrongSettings, HTTPStatus.INTERNAL_SERVER_ERROR),
)


def problem_of(error: kernel.DomainError, *, instance: str | None = None) -> Problem:
    """The problem that tells this error."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
    return Problem(
        title=error.title,
        status=status,
        detail=error.detail,
        instance=instance,
        code=error.specific_code,
        errors=[ProblemField(field=item.field, message=item.message) for item in error.errors],
    )


def problem_reference(status: int) -> dict[str, Any]:
    """For a route's OpenAPI: the answer with this status is a problem."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's OpenAPI: these statuses answer with a problem."""
    return {status: problem_reference(status) for status in statuses}


class _ProblemAnswer(JSONResponse):
    """What a problem repeats of a request may be no text; the answer is."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The HTTP answer of a problem."""
    if _is_of_openai(problem.instance or ""):
        problem = OpenAIProblem(**problem.model_dump(), error=_openai_error(problem))
    return _ProblemAnswer(problem.model_dump(), status_code=problem.status, headers=dict(headers or {}))


def _is_of_openai(path: str) -> bool:
    return f"{path}/".startswith(OPENAI_PATHS)


def _openai_error(problem: Problem) -> OpenAIError:
    kinds: dict[int, Literal["authentication_error", "permission_error"]] = {
        401: "authentication_error",
        403: "permission_error",
    }
    other: Literal["server_error", "invalid_request_error"]
    other = "server_error" if problem.status >= 500 else "invalid_request_error"
    return OpenAIError(
        message=problem.detail,
        type=kinds.get(problem.status, other),
        param=problem.errors[0].field.removeprefix("body.") if problem.errors else None,
        code=problem.code,
    )


def _retry_after(error: kernel.Unavailable) -> dict[str, str]:
    return {"Retry-After": str(max(1, round(error.retry_after_seconds)))}


class BugProblem:
    """What no handler knows is a shortage of the machine, or else a fault of ours.

    Told inside the door, so that it carries the request's id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception as error:
            away = None if has_started else as_unavailable(error)
            if away is not None:
                _log.warning("request not served", action="http.shortage", path=scope["path"], reason=str(away))
                await answer(problem_of(away, instance=scope["path"]), _retry_after(away))(scope, receive, send)
                return
            cause = current_cause()
            reference = cause.correlation_id if cause else "unknown"
            _log.error("request failed", action="http.bug", path=scope["path"], exc_info=error)
            if has_started:
                raise  # too late for an answer: the server breaks the connection off
            problem = Problem(
                title="Something went wrong in Seoga",
                status=500,
                detail=f"This is a fault of Seoga, not of the request. Its log has the details under {reference}.",
                instance=scope["path"],
                code="internal_error",
            )
            await answer(problem)(scope, receive, send)


class AddressProblem:
    """A path or query that is not UTF-8 is refused before anything reads it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        wrong = wrong_address(scope) if scope["type"] == "http" else None
        app = self._app if wrong is None else answer(problem_of(wrong, instance=scope["path"]))
        await app(scope, receive, send)


class BodyLimitProblem:
    """The web framework's own body limit answers 413 in plain text; this puts a problem in its place."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        replaced = False

        async def send_problem(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and message["status"] == 413:
                replaced = Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain")
                if replaced:
                    error = kernel.TooLarge("The request is larger than this route takes; nothing of it was read.")
                    await answer(problem_of(error, instance=scope["path"]))(scope, receive, send)
            if not replaced:
                await send(message)

        await self._app(scope, receive, send_problem if scope["type"] == "http" else send)


def install_problem_handlers(app: FastAPI) -> None:
    """Every error of this application leaves it as a problem."""
    app.add_middleware(AddressProblem)
    app.add_middleware(BodyLimitProblem)
    app.add_middleware(BugProblem)

    async def domain_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, kernel.DomainError)
        headers = _retry_after(error) if isinstance(error, kernel.Unavailable) else {}
        if isinstance(error, NotAuthenticated):
            headers["WWW-Authenticate"] = error.challenge
        return answer(problem_of(error, instance=request.scope["path"]), headers)

    async def invalid_request(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        fields = [
            ProblemField(
                field=".".join(str(part) for part in item["loc"]),
                message=item["msg"].removeprefix("Value error, "),
            )
            for item in error.errors()[:_MOST_FIELDS]
        ]
        detail = "; ".join(f"{item.field}: {item.message}" for item in fields)
        problem = Problem(
            title=kernel.InvalidInput.title,
            status=422,
            detail=detail,
            instance=request.scope["path"],
            code=kernel.InvalidInput.code,
            errors=fields,
        )
        return answer(problem)

    async def http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        is_unknown_to_openai = status == HTTPStatus.NOT_FOUND and _is_of_openai(request.scope["path"])
        problem = Problem(
            title=status.phrase,
            status=status,
            detail=_OF_OPENAI if is_unknown_to_openai else str(error.detail),
            instance=request.scope["path"],
            code=status.phrase.lower().replace(" ", "_"),
        )
        headers = dict(error.headers or {})
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            # The framework names the methods of one of the routes that have this path.
            headers["Allow"] = allowed_methods(request.app.routes, request.scope["path"])
        return answer(problem, headers)

    app.add_exception_handler(kernel.DomainError, domain_error)
    app.add_exception_handler(RequestValidationError, invalid_request)
    app.add_exception_handler(HTTPException, http_error)
