"""Routes about what is kept together: how its parts fit, and the operator's word that they do."""

from typing import Annotated

from fastapi import APIRouter, Depends

from shared.runtime.belonging import Belonging
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.routes import Routes
from shared.web.shapes import Shape


class PartView(Shape):
    """A store, the blobs, or the index."""

    name: str
    """A file, `blobs`, `index` or `MongoDB`."""
    installation: str | None
    """Which installation it says it is a part of; null when it says nothing."""
    is_empty: bool
    """Whether nothing was kept there when the server started."""
    accounts_for: list[str]
    """Parts whose content it alone can tell from garbage."""


class InstallationView(Shape):
    """What this process sees of the installation."""

    belongs_together: bool
    """Whether every part proves to be of one installation."""
    problems: list[str]
    """Why nothing is deleted somewhere."""
    parts: list[PartView]
    """Of this process."""


def build_installation_router(belonging: Belonging, access: Access) -> APIRouter:
    """`GET /api/v1/installation` and `POST /api/v1/installation/adopt`."""
    router = Routes(prefix="/api/v1/installation", tags=["monitor"])

    async def shown() -> InstallationView:
        found = await belonging.problems()
        parts = [
            PartView(
                name=one.part.name,
                installation=one.mark.installation if one.mark is not None else None,
                is_empty=one.is_empty,
                accounts_for=list(one.part.accounts_for),
            )
            for one in await belonging.look()
        ]
        return InstallationView(belongs_together=not found, problems=list(found), parts=parts)

    @router.get("", responses=problems.responses(401, 403, 503))
    async def installation(_: Annotated[Principal, Depends(access.reader)]) -> InstallationView:
        """The parts that keep something, and whether they belong together."""
        return await shown()

    @router.post("/adopt", responses=problems.responses(401, 403, 503, 507))
    async def adopt(_: Annotated[Principal, Depends(access.operator)]) -> InstallationView:
        """Says that they do: from now on what has no record in the stores counts as garbage."""
        await belonging.adopt()
        return await shown()

    return router
