"""Notices to a room, by Slack's incoming webhooks and what takes the same: Mattermost, Rocket.Chat.

https://api.slack.com/messaging/webhooks; `&`, `<` and `>` are written as it asks, so that no text becomes a mention.
"""

import json
from typing import Final

from typing_extensions import override

from monitor.application.notification_ports import Notification
from monitor.domain.channel import Channel
from monitor.domain.notice import Message
from monitor.infrastructure.guarded_http import GuardedHttp

_MOST_CHARACTERS: Final = 30_000
"""Slack cuts a text off at 40,000."""


class SlackNotification(Notification):
    """The address is the secret: no error shows more of it than the host."""

    def __init__(self, http: GuardedHttp) -> None:
        self._http = http

    @override
    async def send(self, channel: Channel, message: Message) -> str:
        text = message.text if len(message.text) <= _MOST_CHARACTERS else message.text[:_MOST_CHARACTERS] + " …"
        body = json.dumps({"text": _escaped(text)}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return await self._http.post(str(channel.settings["url"]), body, headers)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
