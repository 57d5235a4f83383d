"""The web application: the plugs' routes behind one door, with problem details for every error."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from fastapi import FastAPI

from shared.runtime.module import Module
from shared.telemetry import Metrics
from shared.version import VERSION
from shared.web.http_door import HttpDoor
from shared.web.methods import HeadAsGet
from shared.web.openapi import describe_openapi, operation_id
from shared.web.problems import install_problem_handlers

_LARGEST_BODY: Final = 1 << 20
"""Of a request, where the route says nothing else."""


def build_web(
    plugs: Sequence[Module],
    metrics: Metrics,
    running: Callable[[], AbstractAsyncContextManager[None]],
    *,
    origins: Sequence[str] = (),
) -> FastAPI:
    """`running` is entered before the first request is answered, and left after the last one.

    `origins`: of pages of elsewhere that may call from a browser.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running():
            yield

    web = FastAPI(
        title="Seoga",
        version=VERSION,
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        # Their pages load scripts from elsewhere, which a machine without internet cannot.
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    describe_openapi(web)
    install_problem_handlers(web)
    if origins:  # the default pays for nothing of it
        from shared.web.cross_origin import CrossOrigin

        web.add_middleware(CrossOrigin, origins=origins)
    web.add_middleware(HeadAsGet)
    web.add_middleware(HttpDoor, metrics=metrics)
    for plug in plugs:
        if plug.router is not None:
            web.include_router(plug.router, max_body_size=_LARGEST_BODY)
    return web
