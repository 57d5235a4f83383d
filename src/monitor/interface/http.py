"""Routes of Monitor: the summary, journeys and dead letters."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from monitor.application.dead_letters import DeadLetters, Place
from monitor.application.health import Health
from monitor.application.journeys import Journeys
from monitor.application.overview import Overview
from monitor.interface.shapes import (
    DocumentJourneysBody,
    HealthBody,
    JourneyListBody,
    JourneyListQuery,
    LetterBody,
    LetterListBody,
    LetterListQuery,
    ReplayBody,
    ReplayQuery,
    SummaryBody,
    health_body,
    journey_body,
    letter_body,
    summary_body,
)
from shared.kernel import DocumentId
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.cursors import read_cursor, write_cursor


def build_router(
    overview: Overview,
    journeys: Journeys,
    health: Health,
    dead_letters: DeadLetters,
    access: Access,
    *,
    version: str,
    data_dir: str,
) -> APIRouter:
    """Full paths; those of interface/health.py are beside it."""
    router = APIRouter()
    reader = Annotated[Principal, Depends(access.reader)]
    admin = Annotated[Principal, Depends(access.admin)]

    @router.get("/api/v1/monitor", tags=["monitor"], responses=problems.responses(401, 403, 503))
    async def monitor_summary(principal: reader) -> SummaryBody:
        """Documents by state, rates, latencies, queues, dead letters, the machine, and health."""
        return summary_body(await overview.summary(principal.visible), version=version, data_dir=data_dir)

    @router.get("/api/v1/monitor/health", tags=["monitor"], responses=problems.responses(401, 403))
    async def monitor_health(_: reader) -> HealthBody:
        """Every component, always with status 200."""
        return health_body(await health.check())

    @router.get("/api/v1/monitor/journeys", tags=["monitor"], responses=problems.responses(400, 401, 403, 422, 503))
    async def list_journeys(principal: reader, query: Annotated[JourneyListQuery, Query()]) -> JourneyListBody:
        """The newest journey of each document, last started first."""
        visible, after = principal.visible, None
        scope = f"journeys:{sorted(visible or ())}:{query.state}:{query.stuck}"
        if query.cursor is not None:
            started, document_id = read_cursor(query.cursor, scope, tuple[int, str])
            after = (str(started), document_id)
        page = await journeys.page(
            state=query.state,
            stuck_only=query.stuck,
            collections=visible,
            after=after,
            limit=query.limit,
        )
        following = page.next_place
        return JourneyListBody(
            items=[journey_body(view) for view in page.items],
            next_cursor=write_cursor(scope, int(following[0]), following[1]) if following else None,
            total=page.total,
        )

    @router.get(
        "/api/v1/monitor/journeys/{document_id}",
        tags=["monitor"],
        responses=problems.responses(401, 403, 404, 422, 503),
    )
    async def list_document_journeys(
        principal: reader, document_id: Annotated[str, Path(description="The document's id.")]
    ) -> DocumentJourneysBody:
        """Every version of one document, newest first."""
        views = await journeys.of_document(DocumentId(document_id), principal.visible)
        return DocumentJourneysBody(items=[journey_body(view) for view in views])

    @router.get("/api/v1/monitor/dead-letters", tags=["monitor"], responses=problems.responses(400, 401, 403, 422, 503))
    async def list_dead_letters(principal: reader, query: Annotated[LetterListQuery, Query()]) -> LetterListBody:
        """Events that could not be handled and jobs that were given up, newest first."""
        visible, place = principal.visible, Place()
        scope = f"dead letters:{sorted(visible or ())}"
        if query.cursor is not None:
            letter_id, buried_at, job_id = read_cursor(query.cursor, scope, tuple[str, str, str])
            place = Place(letter_id or None, buried_at, job_id)
        page = await dead_letters.page(collections=visible, after=place, limit=query.limit)
        following = page.next_place
        return LetterListBody(
            items=[letter_body(letter) for letter in page.items],
            next_cursor=write_cursor(scope, following.letter_id or "", following.job_buried_at, following.job_id)
            if following
            else None,
        )

    @router.post(
        "/api/v1/monitor/dead-letters/replay",
        tags=["monitor"],
        status_code=202,
        responses=problems.responses(401, 403, 422, 503),
    )
    async def replay_all(principal: admin, wanted: ReplayQuery) -> ReplayBody:
        """Has those with a reason tried again, oldest first; a dry run only tells which."""
        done = await dead_letters.replay_all(
            wanted.reason, principal.visible, limit=wanted.limit, dry_run=wanted.dry_run
        )
        return ReplayBody(
            dry_run=wanted.dry_run,
            matching=done.matching,
            left=done.left,
            items=[letter_body(letter) for letter in done.letters],
        )

    @router.post(
        "/api/v1/monitor/dead-letters/{letter_id}/replay",
        tags=["monitor"],
        status_code=202,
        responses=problems.responses(401, 403, 404, 409, 422, 503),
    )
    async def replay_dead_letter(
        principal: admin, letter_id: Annotated[str, Path(description="`id` of the dead letter.")]
    ) -> LetterBody:
        """Has it tried again."""
        return letter_body(await dead_letters.replay(letter_id, principal.visible))

    return router
