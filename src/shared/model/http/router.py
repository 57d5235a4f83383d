"""All routes of the models in one router."""

from fastapi import APIRouter

from shared.model.http.embeddings import build_embeddings_router
from shared.model.http.images import build_images_router
from shared.model.http.operations import build_operations_router
from shared.model.operations import ModelOperations
from shared.ports.images import ImageModels
from shared.ports.model import Model
from shared.web.access import Access
from shared.web.audit_trail import AuditTrail
from shared.web.routes import Routes


def build_router(
    operations: ModelOperations, model: Model, pictures: ImageModels, access: Access, audit: AuditTrail
) -> APIRouter:
    """Full paths; `model` is the one that `POST /v1/embeddings` asks."""
    router = Routes()
    router.take(
        build_operations_router(operations, access, audit),
        build_embeddings_router(model, access),
        build_images_router(pictures, access),
    )
    return router
