"""The JSON about channels and what goes through them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from monitor.application.channels import ChannelView, Trial
from monitor.application.notification_ports import Delivery, DeliveryState
from monitor.domain.channel import ChannelKind
from monitor.interface.shapes import Limit
from shared.web.requests import BodyFields, CursorText, RequestFields
from shared.web.shapes import Shape

Settings = Annotated[
    dict[str, Any],
    Field(
        description="Of `email`: `host, port, security` (`starttls`, `tls`, `none`), `username, password, sender, "
        "recipients`; of `webhook`: `url, secret`; of `slack`: `url`; of all: `language` (`en`, `ko`), `per_minute`. "
        "Secrets (`password`, `secret`, Slack's `url`) are taken and never shown.",
        max_length=20,
    ),
]


class ChannelFields(BodyFields):
    """What a channel is to be, when it is replaced."""

    kind: Annotated[ChannelKind, Field(strict=False)]
    """How it is sent."""
    settings: Settings


class NewChannel(ChannelFields):
    """A channel that is not there yet."""

    name: str = Field(min_length=1, max_length=64)
    """Rules name it so."""


class ChannelBody(Shape):
    """One channel."""

    name: str
    """Rules name it so."""
    kind: ChannelKind
    """How it is sent."""
    settings: dict[str, Any]
    """Without the secrets."""
    secrets_set: list[str]
    """Which secrets it has."""
    waiting: int
    """Notices that are not sent yet."""
    failing_since: datetime | None
    """Since when nothing gets through, where the process that answers is the one that sends."""
    last_error: str | None
    """What the other side said last, while it fails."""


class ChannelListBody(Shape):
    """All channels, by name."""

    items: list[ChannelBody]
    """By name."""
    next_cursor: None = None
    """There is one page."""
    total: int
    """How many there are."""


class TrialBody(Shape):
    """What became of a test message."""

    delivered: bool
    """Whether the other side took it."""
    detail: str
    """What it said, or why nothing arrived."""
    seconds: float
    """What it took."""


class DeliveryBody(Shape):
    """One notice on its way through one channel."""

    id: str
    """The same for the same change of an alert and the same channel."""
    channel: str
    """Through which it goes."""
    alert_id: str
    """The alert it tells of."""
    rule: str
    """The alert's rule."""
    alert_state: str
    """What it tells: `firing` or `resolved`."""
    state: DeliveryState
    """Where it is."""
    attempts: int
    """How often it was tried."""
    created_at: datetime
    """When the alert was announced."""
    next_at: datetime | None
    """Not tried before; null is at once."""
    finished_at: datetime | None
    """When it arrived or was given up."""
    detail: str
    """What the other side said last."""


class DeliveryListBody(Shape):
    """One page, newest first."""

    items: list[DeliveryBody]
    """One page."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""


class DeliveryListQuery(RequestFields):
    """Parameters of the list of deliveries."""

    channel: str | None = Field(default=None, max_length=64, description="Only of this channel.")
    state: DeliveryState | None = Field(default=None, description="Only those in this state.")
    limit: Limit = 50
    cursor: CursorText = None


def channel_body(view: ChannelView) -> ChannelBody:
    """One channel without its secrets."""
    channel = view.channel
    return ChannelBody(
        name=channel.name,
        kind=channel.kind,
        settings=dict(channel.shown),
        secrets_set=list(channel.secrets_set),
        waiting=view.waiting,
        failing_since=view.failing_since,
        last_error=view.last_error,
    )


def trial_body(trial: Trial) -> TrialBody:
    """What became of a test message."""
    return TrialBody(delivered=trial.delivered, detail=trial.detail, seconds=round(trial.seconds, 4))


def delivery_body(delivery: Delivery) -> DeliveryBody:
    """One notice on its way."""
    return DeliveryBody(
        id=delivery.id,
        channel=delivery.channel,
        alert_id=delivery.notice.alert_id,
        rule=delivery.notice.rule,
        alert_state=delivery.notice.state,
        state=delivery.state,
        attempts=delivery.attempts,
        created_at=delivery.created_at,
        next_at=delivery.next_at,
        finished_at=delivery.finished_at,
        detail=delivery.detail,
    )
