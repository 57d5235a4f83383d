"""Routes of channels: made, changed, removed, tried out, and what goes through them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from monitor.application.channels import Channels
from monitor.application.notification_ports import DeliveryPlace
from monitor.interface.channel_shapes import (
    ChannelBody,
    ChannelFields,
    ChannelListBody,
    DeliveryListBody,
    DeliveryListQuery,
    NewChannel,
    TrialBody,
    channel_body,
    delivery_body,
    trial_body,
)
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.cursors import WrongCursor, read_cursor, write_cursor
from shared.web.routes import Routes

_Name = Annotated[str, Path(description="The channel's name.", max_length=64)]


def build_channel_router(channels: Channels, access: Access) -> APIRouter:
    """Full paths. All ask for the right to administer: where messages go is nobody else's business."""
    router = Routes(tags=["monitor"])
    admin = Annotated[Principal, Depends(access.operator)]

    @router.get("/api/v1/monitor/channels", responses=problems.responses(401, 403, 503))
    async def list_channels(_: admin) -> ChannelListBody:
        """Every channel, without its secrets."""
        views = await channels.all()
        return ChannelListBody(items=[channel_body(view) for view in views], total=len(views))

    @router.post("/api/v1/monitor/channels", status_code=201, responses=problems.responses(401, 403, 409, 422, 503))
    async def create_channel(_: admin, wanted: NewChannel) -> ChannelBody:
        """A new one; rules that name no channel use it from now on."""
        return channel_body(await channels.create(wanted.name, wanted.kind, wanted.settings))

    @router.put("/api/v1/monitor/channels/{name}", responses=problems.responses(401, 403, 404, 422, 503))
    async def replace_channel(_: admin, name: _Name, wanted: ChannelFields) -> ChannelBody:
        """Its settings anew; secrets that are left out stay as they are, unless it leads elsewhere now."""
        return channel_body(await channels.replace(name, wanted.kind, wanted.settings))

    @router.delete(
        "/api/v1/monitor/channels/{name}", status_code=204, responses=problems.responses(401, 403, 404, 422, 503)
    )
    async def delete_channel(_: admin, name: _Name) -> Response:
        """It is gone; what waits in it is given up."""
        await channels.remove(name)
        return Response(status_code=204)

    @router.post("/api/v1/monitor/channels/{name}/test", responses=problems.responses(401, 403, 404, 422, 503))
    async def test_channel(_: admin, name: _Name) -> TrialBody:
        """Sends a message now and says what became of it, with status 200 also when nothing arrived."""
        return trial_body(await channels.test(name))

    @router.get("/api/v1/monitor/deliveries", responses=problems.responses(400, 401, 403, 422, 503))
    async def list_deliveries(_: admin, query: Annotated[DeliveryListQuery, Query()]) -> DeliveryListBody:
        """What goes, went or could not go through the channels, newest first."""
        after, scope = None, f"deliveries:{query.channel}:{query.state}"
        if query.cursor is not None:
            at, delivery_id = read_cursor(query.cursor, scope, tuple[str, str])
            try:
                after = DeliveryPlace(datetime.fromisoformat(at), delivery_id)
            except ValueError as error:
                raise WrongCursor from error
        items, place = await channels.deliveries(
            channel=query.channel, state=query.state, after=after, limit=query.limit
        )
        return DeliveryListBody(
            items=[delivery_body(one) for one in items],
            next_cursor=write_cursor(scope, place.created_at.isoformat(), place.id) if place else None,
        )

    return router
