"""Notices as JSON to a program's address, signed as Standard Webhooks has it: https://www.standardwebhooks.com."""

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
from datetime import UTC
from typing import Any

from typing_extensions import override

from monitor.application.notification_ports import Notification
from monitor.domain.channel import Channel
from monitor.domain.notice import Message, Notice
from monitor.infrastructure.guarded_http import GuardedHttp
from shared.kernel import Clock, utc_now


class WebhookNotification(Notification):
    """`webhook-id` is the same for the same notices, so that a receiver can tell what came twice."""

    def __init__(self, http: GuardedHttp, clock: Clock = utc_now) -> None:
        self._http = http
        self._clock = clock

    @override
    async def send(self, channel: Channel, message: Message) -> str:
        sent_at = self._clock()
        body = json.dumps(
            {
                "type": "alerts",
                "sent_at": _instant(sent_at),
                "channel": channel.name,
                "subject": message.subject,
                "text": message.text,
                "alerts": [_shown(notice, channel) for notice in message.notices],
            },
            ensure_ascii=False,
        ).encode()
        timestamp = str(int(sent_at.timestamp()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "webhook-id": message.id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature(str(channel.settings["secret"]), message.id, timestamp, body),
        }
        return await self._http.post(str(channel.settings["url"]), body, headers)


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over id, timestamp (seconds since 1970) and body, joined by dots.

    The key is the secret's own bytes, or what stands in base64 behind `whsec_`.
    """
    key = secret.encode()
    if secret.startswith("whsec_"):
        with contextlib.suppress(binascii.Error):
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _shown(notice: Notice, channel: Channel) -> dict[str, Any]:
    return {
        "id": notice.id,
        "alert_id": notice.alert_id,
        "rule": notice.rule,
        "state": notice.state,
        "severity": notice.severity,
        "condition": notice.condition,
        "labels": dict(notice.labels),
        "value": notice.value,
        "since": _instant(notice.since),
        "at": _instant(notice.at),
        "advice": notice.advice.get(channel.language.value, ""),
        "link": notice.link,
    }


def _instant(at: Any) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
