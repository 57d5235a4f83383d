"""How the models are and what an operator does with them, over HTTP."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from shared.model.http.shapes import EngineTableView, ModelStatusView
from shared.model.operations import EMBEDDING, Health, ModelOperations
from shared.ports.audit import AuditAction
from shared.settings import ModelKind
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.audit_trail import AuditTrail
from shared.web.requests import BodyFields
from shared.web.routes import Routes
from shared.web.shapes import Shape


class ModelRequest(BodyFields):
    """Which model."""

    model: ModelKind = EMBEDDING
    """Which one; the embedding model if left out."""


class ReloadRequest(ModelRequest):
    """What to load again; or, with `shared`, only who shares."""

    shared: str | None = None
    """As SEOGA_SHARED_MODEL: `on`, `off`, or a list. Holds until the next reload or restart."""


class HealthView(Shape):
    """A real embedding was made in so many seconds; null for a model that is not loaded, which is no fault."""

    state: Literal["ready", "unloaded"]
    """`unloaded` is no fault: it is loaded when it is needed."""
    seconds: float | None
    """What the embedding took."""


class ForgottenView(Shape):
    """How many built models were deleted from the disk."""

    deleted: int
    """How many."""


def build_operations_router(operations: ModelOperations, access: Access, audit: AuditTrail) -> APIRouter:
    """Everything below `/api/v1/model` but pictures."""
    router = Routes(prefix="/api/v1/model", tags=["model"])
    admin = Annotated[Principal, Depends(access.operator)]

    async def shown() -> ModelStatusView:
        return ModelStatusView.of_all(*await asyncio.to_thread(operations.status))

    @router.get("/status", responses=problems.responses(401, 403))
    async def read_model_status(_: Annotated[Principal, Depends(access.reader)]) -> ModelStatusView:
        """How the models are: loaded or not, by which engine, since when, at what cost, and what went wrong last."""
        return await shown()

    @router.get("/health", responses=problems.responses(401, 403, 422, 503))
    async def check_model_health(
        _: Annotated[Principal, Depends(access.reader)],
        deadline_seconds: Annotated[float, Query(gt=0, le=60, description="How long the embedding may take.")] = 5,
    ) -> HealthView:
        """Makes a real embedding within the deadline; 503 when it fails or is late. Does not load the model."""
        health: Health = await operations.health(deadline_seconds)
        return HealthView(state="ready" if health.seconds is not None else "unloaded", seconds=health.seconds)

    @router.post("/load", responses=problems.responses(401, 403, 404, 409, 422, 503))
    async def load_model(_: admin, request: ModelRequest | None = None) -> ModelStatusView:
        """Loads now what would be loaded when it is first needed."""
        await operations.load((request or ModelRequest()).model)
        return await shown()

    @router.post("/unload", responses=problems.responses(401, 403, 404, 409, 422))
    async def unload_model(_: admin, request: ModelRequest | None = None) -> ModelStatusView:
        """Gives the memory back once calls in flight are answered; the next call loads again."""
        await operations.unload((request or ModelRequest()).model)
        return await shown()

    @router.post("/reload", responses=problems.responses(401, 403, 404, 409, 422, 503))
    async def reload_model(principal: admin, request: ReloadRequest | None = None) -> ModelStatusView:
        """Reads the settings again, loads beside the old, checks, and swaps; if that fails the old one stays."""
        request = request or ReloadRequest()
        await operations.reload(request.model, request.shared)
        detail = "" if request.shared is None else f"shared={request.shared}"
        await audit.record(principal, AuditAction.MODEL_RELOADED, request.model, detail=detail)
        return await shown()

    @router.post("/bench", responses=problems.responses(401, 403, 409, 503))
    async def compare_engines(_: admin) -> EngineTableView:
        """Compares the engines of this machine, some seconds; with the engine `auto` the best takes over."""
        return EngineTableView.of(await operations.measure())

    @router.delete("/artefacts", responses=problems.responses(401, 403))
    async def delete_model_artefacts(_: admin) -> ForgottenView:
        """Deletes built models from the disk; what is loaded goes on, and the next load builds anew."""
        return ForgottenView(deleted=await operations.forget_artefacts())

    return router
