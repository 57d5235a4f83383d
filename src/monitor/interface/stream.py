"""The monitor, live: a summary every second or two, and alerts at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from monitor.application.alert_feed import AlertFeed
from monitor.application.overview import Overview
from monitor.interface.alert_shapes import alert_body
from monitor.interface.shapes import summary_body
from shared.kernel import DomainError
from shared.web.access import Access, Principal
from shared.web.problems import problem_of, responses
from shared.web.routes import Routes


def build_stream_router(
    overview: Overview, feed: AlertFeed, access: Access, *, version: str, data_dir: str, every_seconds: float = 2.0
) -> APIRouter:
    """Full path."""
    router = Routes(tags=["monitor"])

    @router.get("/api/v1/monitor/stream", response_class=EventSourceResponse, responses=responses(401, 403, 503))
    async def follow_monitor(
        request: Request, principal: Annotated[Principal, Depends(access.reader)]
    ) -> AsyncIterator[ServerSentEvent]:
        """Server-sent events without an end: `summary` every two seconds, `alert` with each that changed its state.

        Whichever process changed it; to keys of all collections only. `alerts_missed`: they were too many at once, the
        list has them.
        """
        async with feed.listening() as changed:
            due = 0.0
            loop = asyncio.get_running_loop()
            try:
                while True:
                    if loop.time() >= due:
                        # A key may be withdrawn while somebody listens.
                        await access.reader(request)
                        summary = await overview.summary(principal.visible)
                        yield ServerSentEvent(
                            event="summary", data=summary_body(summary, version=version, data_dir=data_dir)
                        )
                        due = loop.time() + every_seconds
                    try:
                        async with asyncio.timeout_at(due):
                            alert = await changed.get()
                    except TimeoutError:
                        continue
                    # What fires is of the whole installation, as its metrics are.
                    if not principal.every_collection:
                        continue
                    if alert is None:
                        yield ServerSentEvent(event="alerts_missed", data={})
                    else:
                        yield ServerSentEvent(event="alert", data=alert_body(alert))
            except DomainError as error:
                yield ServerSentEvent(event="problem", data=problem_of(error))

    return router
