"""Routes about room: what waits in the trash, and giving it back now."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from ingest.application.collector import BlobCollector, Collected
from shared.ports.storage import BlobStore
from shared.web.access import Access, Principal
from shared.web.problems import responses
from shared.web.requests import BodyFields
from shared.web.shapes import Shape

STORAGE_PATH = "/api/v1/storage"


class TrashView(Shape):
    """What waits to be deleted for good."""

    contents: int
    """Sets of bytes with their artefacts."""
    bytes: int
    """What they hold."""
    oldest_at: datetime | None
    """Since when the one waits that has waited longest."""
    days: float
    """How long each waits (SEOGA_TRASH_DAYS)."""


class StorageView(Shape):
    """The room that deleted documents take."""

    trash: TrashView
    """What waits in it."""
    held: str | None
    """Why a collection of this process waits for an operator."""


class CollectRequest(BodyFields):
    """One collection, now."""

    confirm: bool = False
    """Also when suspiciously many contents have no record."""
    older_than_seconds: Annotated[float, Field(ge=0)] | None = None
    """Of which age contents may go; null is SEOGA_COLLECT_AFTER_SECONDS. No upload may be under way that takes longer
    from its first file's last byte to its answer."""


class CollectedView(Shape):
    """What it did."""

    discarded: int
    """Contents that went into the trash."""
    orphans: int
    """Of those, the ones that no document ever had, or whose record is missing."""
    destroyed: int
    """Originals and artefacts that are gone for good."""
    held: str | None
    """Why something that has no record stays."""


def add_storage_routes(
    router: APIRouter, *, collector: BlobCollector, blobs: BlobStore, access: Access, trash_days: float
) -> None:
    """Adds `GET /storage`, `POST /storage/collect` and `POST /storage/trash/empty`."""

    def view(done: Collected) -> CollectedView:
        return CollectedView(
            discarded=done.discarded, orphans=done.orphans, destroyed=done.destroyed, held=done.objection
        )

    @router.get(STORAGE_PATH, responses=responses(401, 403, 503), tags=["storage"])
    async def storage(_: Annotated[Principal, Depends(access.operator)]) -> StorageView:
        """The trash, and whether a collection waits for an operator."""
        trash = await blobs.trash()
        return StorageView(
            trash=TrashView(contents=trash.hashes, bytes=trash.bytes, oldest_at=trash.oldest_at, days=trash_days),
            held=collector.suspicion.words,
        )

    @router.post(STORAGE_PATH + "/collect", responses=responses(401, 403, 422, 503), tags=["storage"])
    async def collect(request: CollectRequest, _: Annotated[Principal, Depends(access.operator)]) -> CollectedView:
        """Does now what is done by itself every quarter of an hour."""
        return view(await collector.collect(young_seconds=request.older_than_seconds, is_confirmed=request.confirm))

    @router.post(STORAGE_PATH + "/trash/empty", responses=responses(401, 403, 503), tags=["storage"])
    async def empty_trash(_: Annotated[Principal, Depends(access.operator)]) -> CollectedView:
        """Deletes for good everything in the trash that no document refers to again."""
        return view(await collector.empty_trash())
