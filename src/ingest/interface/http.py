"""The router of Ingest: documents, collections, and the room they take."""

from fastapi import APIRouter

from ingest.application.collector import BlobCollector
from ingest.application.ingestion import Ingestion
from ingest.application.removal import CollectionRemoval
from ingest.application.shelf import Shelf
from ingest.interface.collections import add_collection_routes
from ingest.interface.content import add_content_route
from ingest.interface.documents import add_document_routes
from ingest.interface.following import add_following_route
from ingest.interface.reading import add_reading_routes
from ingest.interface.samples import add_sample_routes
from ingest.interface.storage import add_storage_routes
from ingest.interface.uploads import add_upload_routes
from shared.ports.pages import PagePictures
from shared.ports.storage import BlobStore
from shared.settings import Settings
from shared.web.access import Access
from shared.web.audit_trail import AuditTrail
from shared.web.routes import Routes


def build_router(
    *,
    ingestion: Ingestion,
    shelf: Shelf,
    blobs: BlobStore,
    pages: PagePictures,
    access: Access,
    audit: AuditTrail,
    settings: Settings,
    collector: BlobCollector,
    removal: CollectionRemoval,
    delete_waits_seconds: float = 10.0,
) -> APIRouter:
    """Every route of Ingest, with full paths.

    `delete_waits_seconds`: so long a deletion waits until search tells that it is done; then its answer is 202.
    """
    router = Routes()
    add_upload_routes(router, ingestion=ingestion, shelf=shelf, access=access, settings=settings)
    add_following_route(router, shelf=shelf, access=access)
    add_document_routes(
        router, ingestion=ingestion, shelf=shelf, access=access, audit=audit, delete_waits_seconds=delete_waits_seconds
    )
    add_content_route(router, shelf=shelf, blobs=blobs, access=access)
    add_reading_routes(router, shelf=shelf, blobs=blobs, pages=pages, access=access)
    add_collection_routes(
        router, removal=removal, shelf=shelf, access=access, audit=audit, delete_waits_seconds=delete_waits_seconds
    )
    add_sample_routes(router, ingestion=ingestion, shelf=shelf, access=access)
    add_storage_routes(router, collector=collector, blobs=blobs, access=access, trash_days=settings.trash_days)
    return router
