"""Routes of Monitor: the summary, journeys and dead letters."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from monitor.application.dead_letters import DeadLetters, Place
from monitor.application.health import Health
from monitor.application.journeys import JourneyPlace, Journeys
from monitor.application.overview import Overview
from monitor.interface.letter_shapes import (
    LetterBody,
    LetterListBody,
    LetterListQuery,
    ReplayBody,
    ReplayQuery,
    letter_body,
)
from monitor.interface.shapes import (
    DocumentJourneysBody,
    HealthBody,
    JourneyListBody,
    JourneyListQuery,
    SummaryBody,
    health_body,
    journey_body,
    summary_body,
)
from shared.kernel import DocumentId
from shared.ports.audit import AuditAction
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.audit_trail import AuditTrail
from shared.web.cursors import read_cursor, write_cursor
from shared.web.routes import Routes

_LONGEST_REASON: Final = 500
"""Characters of it in the audit log; the dead letter has all."""


def build_router(
    overview: Overview,
    journeys: Journeys,
    health: Health,
    dead_letters: DeadLetters,
    access: Access,
    audit: AuditTrail,
    *,
    version: str,
    data_dir: str,
    more: Sequence[APIRouter] = (),
) -> APIRouter:
    """Full paths; those of interface/health.py are beside it. `more` are served along."""
    router = Routes()
    reader = Annotated[Principal, Depends(access.reader)]
    admin = Annotated[Principal, Depends(access.admin)]

    @router.get(
        "/api/v1/monitor", tags=["monitor"], response_model=SummaryBody, responses=problems.responses(401, 403, 503)
    )
    async def monitor_summary(principal: reader, request: Request, response: Response) -> SummaryBody | Response:
        """Documents by state, rates, latencies, queues, dead letters, the machine, and health.

        A browser that opens this address is sent to the page that shows it.
        """
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/monitor", status_code=303, headers={"Vary": "Accept"})
        response.headers["Vary"] = "Accept"
        return summary_body(await overview.summary(principal.visible), version=version, data_dir=data_dir)

    @router.get("/api/v1/monitor/health", tags=["monitor"], responses=problems.responses(401, 403))
    async def monitor_health(_: reader) -> HealthBody:
        """Every component, always with status 200."""
        return health_body(await health.check())

    @router.get("/api/v1/monitor/journeys", tags=["monitor"], responses=problems.responses(400, 401, 403, 422, 503))
    async def list_journeys(principal: reader, query: Annotated[JourneyListQuery, Query()]) -> JourneyListBody:
        """The newest journey of each document, last started first or first those in trouble."""
        visible, after = principal.visible, None
        scope = f"journeys:{sorted(visible or ())}:{query.state}:{query.stuck}:{query.sort}:{query.q}"
        if query.cursor is not None:
            number, started, document_id = read_cursor(query.cursor, scope, tuple[int, int, str])
            after = JourneyPlace(number, str(started), document_id)
        page = await journeys.page(
            state=query.state,
            stuck_only=query.stuck,
            words=query.q,
            troubled_first=query.sort == "troubled",
            collections=visible,
            after=after,
            limit=query.limit,
        )
        following = page.next_place
        return JourneyListBody(
            items=[journey_body(view) for view in page.items],
            next_cursor=write_cursor(scope, following.list_number, int(following.started), following.document_id)
            if following
            else None,
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
        """Has those with a reason, those named, or all tried again, oldest first; a dry run only tells which."""
        done = await dead_letters.replay_all(
            reason=wanted.reason or "",
            ids=wanted.ids,
            collections=principal.visible,
            limit=wanted.limit,
            dry_run=wanted.dry_run,
        )
        if not wanted.dry_run:
            for letter in done.letters:
                await audit.record(
                    principal, AuditAction.DEAD_LETTER_REPLAYED, letter.id, detail=letter.reason[:_LONGEST_REASON]
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
        letter = await dead_letters.replay(letter_id, principal.visible)
        await audit.record(
            principal, AuditAction.DEAD_LETTER_REPLAYED, letter.id, detail=letter.reason[:_LONGEST_REASON]
        )
        return letter_body(letter)

    router.take(*more)
    return router
