"""All routes of the models in one router, each with the limit of its own body."""

from typing import Final

from fastapi import APIRouter

from shared.model.http.embeddings import build_embeddings_router
from shared.model.http.images import build_images_router
from shared.model.http.operations import build_operations_router
from shared.model.operations import ModelOperations
from shared.ports.images import ImageModels
from shared.ports.model import Model
from shared.web.access import Access

_LARGEST_PICTURE: Final = 32 << 20


def build_router(operations: ModelOperations, model: Model, pictures: ImageModels, access: Access) -> APIRouter:
    """Full paths; `model` is the one that `POST /v1/embeddings` asks."""
    router = APIRouter()
    router.include_router(build_operations_router(operations, access))
    router.include_router(build_embeddings_router(model, access))
    router.include_router(build_images_router(pictures, access), max_body_size=_LARGEST_PICTURE)
    return router
