"""How channels and notices are written down in any store."""

import json
from datetime import UTC, datetime, timedelta
from typing import Final

from monitor.domain.channel import Channel, ChannelKind, channel_of
from monitor.domain.notice import Notice
from monitor.infrastructure.journey_rows import EPOCH, microseconds

PATIENCE_MICROSECONDS: Final = 3600 * 1_000_000
"""Nothing waits longer for its next attempt: what seems to, was written before the clock was put back."""


def instant(at: int) -> datetime:
    """The inverse of `microseconds`."""
    return EPOCH + timedelta(microseconds=at)


def written_settings(channel: Channel) -> str:
    """As JSON, secrets included."""
    return json.dumps(dict(channel.settings), ensure_ascii=False)


def channel_from(name: str, kind: str, settings: str) -> Channel:
    """The inverse; settings that a newer version of this program added a default for get it."""
    return channel_of(name, ChannelKind(kind), json.loads(settings))


def written_notice(notice: Notice) -> str:
    """As JSON."""
    return json.dumps(
        {
            "id": notice.id,
            "alert_id": notice.alert_id,
            "rule": notice.rule,
            "state": notice.state,
            "severity": notice.severity,
            "condition": notice.condition,
            "since": microseconds(notice.since),
            "at": microseconds(notice.at),
            "labels": dict(notice.labels),
            "value": notice.value,
            "advice": dict(notice.advice),
            "link": notice.link,
        },
        ensure_ascii=False,
    )


def notice_from(text: str) -> Notice:
    """The inverse."""
    row = json.loads(text)
    return Notice(**{**row, "since": instant(row["since"]).astimezone(UTC), "at": instant(row["at"]).astimezone(UTC)})
