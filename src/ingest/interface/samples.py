"""The sample documents that come with Seoga, for an empty shelf: how many there are, and taking them all."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response

from ingest.application.ingestion import Ingestion
from ingest.application.shelf import Shelf
from ingest.interface.requests import no_query
from ingest.interface.shapes import Uploaded, after_token, document_view
from shared.kernel import NotFound
from shared.web.access import Access, Principal
from shared.web.problems import responses
from shared.web.shapes import Shape

COLLECTION: Final = "samples"
FOLDER: Final = Path(__file__).parents[3] / "samples" / "documents"
_SAMPLES_PATH: Final = "/api/v1/samples"


class Samples(Shape):
    """What `POST` would take."""

    total: int
    """How many documents; 0 where they were not installed."""
    collection: str
    """Where they would go."""


def add_sample_routes(
    router: APIRouter, *, ingestion: Ingestion, shelf: Shelf, access: Access, folder: Path = FOLDER
) -> None:
    """Adds `GET` and `POST /api/v1/samples`."""

    def found() -> list[Path]:
        return sorted(path for path in folder.glob("*") if path.is_file())

    @router.get(
        _SAMPLES_PATH, responses=responses(401, 403, 503, 422), dependencies=[Depends(no_query)], tags=["documents"]
    )
    async def read_samples(_: Annotated[Principal, Depends(access.reader)]) -> Samples:
        """The documents that come with this server."""
        return Samples(total=len(found()), collection=COLLECTION)

    @router.post(
        _SAMPLES_PATH,
        status_code=202,
        response_model=Uploaded,
        responses={200: {"model": Uploaded}, **responses(401, 403, 404, 409, 422, 503, 507)},
        dependencies=[Depends(no_query)],
        tags=["documents"],
    )
    async def take_samples(response: Response, principal: Annotated[Principal, Depends(access.writer)]) -> Uploaded:
        """Uploads them; 200 when they are all there already."""
        principal.must_see_to_write(COLLECTION)
        paths = found()
        if not paths:
            raise NotFound("The sample documents were not installed with this server.", code="samples_not_found")
        taken = [await ingestion.submit(COLLECTION, path.name, _bytes_of(path)) for path in paths]
        if all(one.duplicate for one in taken):
            response.status_code = 200
        documents = [one.document for one in taken]
        seen = await shelf.see(*documents)
        views = [document_view(one, duplicate=each.duplicate) for one, each in zip(seen, taken, strict=True)]
        return Uploaded(documents=views, after=after_token(documents))


async def _bytes_of(path: Path) -> AsyncIterator[bytes]:
    yield await asyncio.to_thread(path.read_bytes)
