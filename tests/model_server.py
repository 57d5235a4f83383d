"""A server of one model on a free port, in a thread of this process; and servers that are something else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Request, Response

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.http.embeddings import build_embeddings_router
from shared.model.http.operations import build_operations_router
from shared.model.manager import ModelManager
from shared.model.operations import ModelOperations
from shared.model.sharing import ModelSharing, PrivateModel
from shared.settings import Settings
from shared.web.access import Access
from shared.web.audit_trail import AuditTrail
from shared.web.problems import install_problem_handlers
from shared.web.server import bind, serving_in_thread


class Requests:
    """The paths that were asked for, in order."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def count(self, path: str) -> int:
        """How often this one."""
        return self.paths.count(path)


def an_app(manager: ModelManager, access: Access | None = None) -> FastAPI:
    """What Seoga's server says of its model, and nothing else."""
    app = FastAPI()
    install_problem_handlers(app)
    access = access or Access(None)
    app.include_router(build_embeddings_router(manager, access))
    metrics = PrometheusMetrics()
    sharing = ModelSharing("on", shared=manager, make_private=_no_private_model, metrics=metrics)
    app.include_router(
        build_operations_router(ModelOperations(Settings(), manager, sharing, None), access, AuditTrail(None))
    )
    return app


def _no_private_model() -> PrivateModel:
    raise AssertionError("nobody has a model of its own here")


@contextmanager
def serving(app: FastAPI, *, port: int = 0) -> Iterator[str]:
    """Its URL, for the length of the block."""
    with bind("127.0.0.1", port) as bound, serving_in_thread(app, bound) as url:
        yield url


@contextmanager
def serving_model(manager: ModelManager, access: Access | None = None, *, port: int = 0) -> Iterator[str]:
    """See an_app."""
    with serving(an_app(manager, access), port=port) as url:
        yield url


def noting(app: FastAPI) -> Requests:
    """The requests that come from now on."""
    requests = Requests()

    @app.middleware("http")
    async def note(request: Request, call_next: Any) -> Any:
        requests.paths.append(request.url.path)
        return await call_next(request)

    return requests


def an_app_that_answers(answer: Callable[[], tuple[int, str]]) -> FastAPI:
    """Status and body, whatever it is asked."""
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def give(path: str) -> Response:
        status, body = answer()
        return Response(body, status_code=status, headers={"location": "/"})

    return app
