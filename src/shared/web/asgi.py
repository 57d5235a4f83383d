"""The web application: the plugs' routes behind one door, with problem details for every error."""

import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from pydantic.warnings import UnsupportedFieldAttributeWarning

from shared.runtime.module import Module
from shared.telemetry import Metrics
from shared.version import VERSION
from shared.web.http_door import HttpDoor
from shared.web.known_routes import KnownRoutes
from shared.web.methods import HeadAsGet
from shared.web.openapi import describe_openapi
from shared.web.pages import build_pages_router
from shared.web.problems import install_problem_handlers


def build_web(
    plugs: Sequence[Module],
    metrics: Metrics,
    running: Callable[[], AbstractAsyncContextManager[None]],
    *,
    origins: Sequence[str] = (),
    access_log: bool = False,
) -> FastAPI:
    """`running` is entered before the first request is answered, and left after the last one.

    `origins`: of pages of elsewhere that may call from a browser. `access_log`: each request is a line of the log.
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
    )
    # FastAPI silences it where it makes what it reads fields with; they are built later, by the first request.
    warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)
    describe_openapi(web)
    install_problem_handlers(web)
    if origins:  # the default pays for nothing of it
        from shared.web.cross_origin import CrossOrigin

        web.add_middleware(CrossOrigin, origins=origins)
    web.add_middleware(HeadAsGet)
    web.add_middleware(HttpDoor, metrics=metrics, access_log=access_log)
    # Before the plugs: at the root browsers find a page, and programs what a plug tells them.
    web.routes.extend(build_pages_router([page for plug in plugs for page in plug.pages]).routes)
    for plug in plugs:
        if plug.router is not None:
            web.routes.extend(plug.router.routes)
    web.routes.insert(0, KnownRoutes(tuple(web.routes)))
    return web
