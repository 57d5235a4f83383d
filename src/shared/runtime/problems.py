"""Errors become RFC 9457 problem details, in one place."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared import kernel
from shared.events.envelope import current_cause
from shared.settings import WrongSettings
from shared.telemetry import get_log

MEDIA_TYPE: Final = "application/problem+json"
_log = get_log("http")


class ProblemField(BaseModel):
    """One wrong field."""

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details, with a code that programs can rely on."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = None
    code: str
    errors: list[ProblemField] = []


class AccessDenied(kernel.DomainError):
    """The key is good but does not allow this."""

    code = "forbidden"
    title = "Not allowed"


class NotAuthenticated(kernel.DomainError):
    """No key, or not one that is known."""

    code = "unauthenticated"
    title = "An API key is needed"


# The first class that matches decides: children stand before their parents.
_STATUS: Final[tuple[tuple[type[kernel.DomainError], HTTPStatus], ...]] = (
    (NotAuthenticated, HTTPStatus.UNAUTHORIZED),
    (AccessDenied, HTTPStatus.FORBIDDEN),
    (kernel.NotFound, HTTPStatus.NOT_FOUND),
    (kernel.Conflict, HTTPStatus.CONFLICT),
    (kernel.Gone, HTTPStatus.GONE),
    (kernel.TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (kernel.Unsupported, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (kernel.InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (kernel.Refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (kernel.StorageFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (kernel.Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
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


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's OpenAPI: these statuses answer with a problem."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
        }
        for status in statuses
    }


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The HTTP answer of a problem."""
    return JSONResponse(
        jsonable_encoder(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Every error of this application leaves it as a problem."""

    async def domain_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, kernel.DomainError)
        headers = {}
        if isinstance(error, kernel.Unavailable):
            headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
        if isinstance(error, NotAuthenticated):
            headers["WWW-Authenticate"] = "Bearer"
        return answer(problem_of(error, instance=request.url.path), headers)

    async def invalid_request(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        fields = [
            ProblemField(
                field=".".join(str(part) for part in item["loc"]),
                message=item["msg"].removeprefix("Value error, "),
            )
            for item in error.errors()
        ]
        detail = "; ".join(f"{item.field}: {item.message}" for item in fields)
        problem = Problem(
            title=kernel.InvalidInput.title,
            status=422,
            detail=detail,
            instance=request.url.path,
            code=kernel.InvalidInput.code,
            errors=fields,
        )
        return answer(problem)

    async def http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        problem = Problem(
            title=status.phrase,
            status=status,
            detail=str(error.detail),
            instance=request.url.path,
            code=status.phrase.lower().replace(" ", "_"),
        )
        return answer(problem, error.headers)

    async def bug(request: Request, error: Exception) -> JSONResponse:
        cause = current_cause()
        reference = cause.correlation_id if cause else "unknown"
        _log.error("request failed", action="http.bug", path=request.url.path, exc_info=error)
        problem = Problem(
            title="Something went wrong in Seoga",
            status=500,
            detail=f"This is a fault of Seoga, not of the request. Its log has the details under {reference}.",
            instance=request.url.path,
            code="internal_error",
        )
        return answer(problem)

    app.add_exception_handler(kernel.DomainError, domain_error)
    app.add_exception_handler(RequestValidationError, invalid_request)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, bug)
