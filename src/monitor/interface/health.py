"""Routes that every process has, whatever its modules: health, metrics, and what is at the root."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from monitor.application.exposition import Exposition
from monitor.application.health import Health
from monitor.interface.shapes import HealthBody, health_body
from shared.kernel import NotFound
from shared.vocabulary import ModuleName
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.routes import Routes
from shared.web.welcome import build_welcome_router

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def build_health_router(health: Health, exposition: Exposition, access: Access) -> APIRouter:
    """Full paths. The two health routes are open: they are what a balancer asks; so is the root."""
    router = Routes()
    observer = Annotated[Principal, Depends(access.observer)]

    @router.get("/health/live", tags=["health"])
    async def health_live() -> dict[str, bool]:
        """The process serves."""
        return {"live": True}

    @router.get(
        "/health/ready", tags=["health"], response_model=HealthBody, responses=problems.responses(404, 422, 503)
    )
    async def health_ready(
        module: Annotated[ModuleName | None, Query(description="Only what this module needs.")] = None,
    ) -> Any:
        """Everything that is required is there; if not, which component is not and why."""
        report = await health.check()
        if module is not None:
            if module not in report.modules:
                raise NotFound(f"This process does not run the module {module}.", code="module_not_here")
            report = report.of_module(module)
        body = health_body(report)
        if report.ready:
            return body
        # Problem details with the whole report as extension members (RFC 9457, 3.2).
        problem = problems.Problem(
            title="Not ready",
            status=503,
            detail="; ".join(f"{component.name}: {component.detail}" for component in report.missing),
            instance="/health/ready",
            code="not_ready",
            errors=[problems.ProblemField(field=missing.name, message=missing.detail) for missing in report.missing],
        )
        return JSONResponse(
            {**problem.model_dump(mode="json"), **body.model_dump(mode="json")},
            status_code=503,
            media_type=problems.MEDIA_TYPE,
            headers={"Retry-After": "1"},
        )

    @router.get(
        "/metrics",
        tags=["monitor"],
        response_class=PlainTextResponse,
        responses=problems.responses(401, 403),
    )
    async def metrics(_: observer) -> Response:
        """Prometheus text format."""
        return Response(await exposition.text(), media_type=_METRICS_TYPE)

    async def is_ready() -> bool:
        return (await health.check()).ready

    router.take(build_welcome_router(is_ready))
    return router
