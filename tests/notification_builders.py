"""Receivers on the loopback: a mail server, and a program that takes webhooks; and notices to send them."""

import asyncio
import functools
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from monitor.application.channels import Channels
from monitor.application.notification import Notifier
from monitor.application.notification_ports import Delivery, Notification
from monitor.application.sending import SendingTimes
from monitor.domain.channel import ChannelKind
from monitor.domain.notice import Notice, NoticeState
from monitor.domain.targets import Targets
from monitor.infrastructure import sqlite_alerts, sqlite_channels, sqlite_deliveries, sqlite_metrics
from monitor.infrastructure.guarded_http import GuardedHttp
from monitor.infrastructure.slack import SlackNotification
from monitor.infrastructure.smtp import SmtpNotification
from monitor.infrastructure.target_guard import TargetGuard
from monitor.infrastructure.webhook import WebhookNotification
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.duties import SqliteDuties

AT: Final = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"


def a_notice(number: int = 0, state: NoticeState = "firing", **changes: Any) -> Notice:
    """One change of the alert of that number."""
    given: dict[str, Any] = {
        "id": f"alert-{number}/{state}",
        "alert_id": f"alert-{number}",
        "rule": "Oldest queued document",
        "state": state,
        "severity": "critical",
        "condition": "jobs_oldest_waiting_seconds > 300",
        "since": AT,
        "at": AT,
        "labels": {"module": "process"},
        "value": 412.5,
        "advice": {"en": "Look at the workers.", "ko": "작업자를 확인하십시오."},
        "link": f"http://127.0.0.1:8000/monitor?alert=alert-{number}",
    }
    return Notice(**{**given, **changes})


_read = functools.cache(json.loads)
"""Whoever waits for what comes asks again and again, on the loop of those he waits for."""


@dataclass
class HttpReceiver:
    """What came, and what is answered."""

    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: str = "200 OK"
    answer_headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [_read(body) for _, body in self.requests]

    @property
    def alerts(self) -> list[str]:
        """The ids of alerts that came and were taken, in order."""
        return [alert["alert_id"] for body in self.bodies for alert in body["alerts"]]


@asynccontextmanager
async def an_http_receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpReceiver]:
    """On a free port of the loopback; only what is answered with 2xx is kept."""
    receiver = HttpReceiver()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if receiver.hangs:
                await asyncio.sleep(3600)
            if receiver.answer.startswith("2"):
                receiver.requests.append(({**headers, "": lines[0]}, body))
            more = "".join(f"{name}: {value}\r\n" for name, value in receiver.answer_headers.items())
            said = b"taken" if receiver.answer.startswith("2") else b"not today"
            writer.write(
                f"HTTP/1.1 {receiver.answer}\r\n{more}Content-Length: {len(said)}\r\nConnection: close\r\n\r\n".encode()
                + said
            )
            await writer.drain()

    tasks: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    receiver.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class MailServer:
    """What came, and who is refused."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    refused_sender: str = ""
    refused_recipient: str = ""
    answer: str = "250 kept"

    async def handle_MAIL(  # noqa: N802  (aiosmtpd calls it so)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == self.refused_sender:
            return "550 5.7.1 this sender may not send here"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == self.refused_recipient:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            mail = BytesParser(policy=default).parsebytes(envelope.content)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.recipients.append(list(envelope.rcpt_tos))
        return self.answer

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        good = data.password == b"right password"
        if good:
            self.users.append(data.login.decode())
        return AuthResult(success=good, handled=False)


@asynccontextmanager
async def a_mail_server(*, tls: ssl.SSLContext | None = None, needs_login: bool = False) -> AsyncIterator[MailServer]:
    """On a free port of the loopback; with `tls` it offers STARTTLS."""
    mail_server = MailServer()
    loop = asyncio.get_running_loop()
    protocols: list[SMTP] = []

    def protocol() -> SMTP:
        made = SMTP(
            mail_server,
            hostname="mail.test",
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=needs_login,
            auth_require_tls=tls is not None,
            authenticator=mail_server.authenticate,
            loop=loop,
        )
        protocols.append(made)
        return made

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    mail_server.port = server.sockets[0].getsockname()[1]
    try:
        yield mail_server
    finally:
        server.close()
        for made in protocols:
            if made.transport is not None:
                made.transport.close()
        await asyncio.sleep(0)


SOON: Final = SendingTimes(
    timeout_seconds=2.0,
    first_pause_seconds=0.02,
    longest_pause_seconds=0.05,
    failure_limit=3,
    reset_seconds=0.1,
    first_refused_seconds=0.02,
    longest_refused_seconds=0.05,
)


@dataclass
class Desk:
    """A process that tells people, as far as it goes."""

    channels: Channels
    notifier: Notifier
    deliveries: sqlite_deliveries.SqliteDeliveries
    database: SqliteDatabase

    async def hook(self, name: str, receiver: HttpReceiver, **changes: Any) -> None:
        settings = {"url": receiver.url, "secret": SECRET, "per_minute": 600, **changes}
        await self.channels.create(name, ChannelKind.WEBHOOK, settings)

    async def of(self, channel: str) -> list[Delivery]:
        return list(await self.deliveries.newest(channel=channel, state=None, after=None, limit=20_000))


@asynccontextmanager
async def a_desk(folder: Path, times: SendingTimes = SOON) -> AsyncIterator[Desk]:
    """Opened again on the same folder it is the same after a restart; not entered, it only takes things in."""
    schema = sqlite_channels.SCHEMA + sqlite_deliveries.SCHEMA + SqliteDuties.SCHEMA
    schema += sqlite_alerts.SCHEMA + sqlite_metrics.SCHEMA
    guard = TargetGuard(Targets.of(("127.0.0.1",)))
    http = GuardedHttp(guard)
    senders: Mapping[ChannelKind, Notification] = {
        ChannelKind.WEBHOOK: WebhookNotification(http),
        ChannelKind.SLACK: SlackNotification(http),
        ChannelKind.EMAIL: SmtpNotification(guard),
    }
    async with SqliteDatabase(folder / "monitor.sqlite", schema) as database, SqliteDuties(database) as duties:
        deliveries = sqlite_deliveries.SqliteDeliveries(database)
        store = sqlite_channels.SqliteChannels(database)
        notifier = Notifier(store, deliveries, duties, senders, PrometheusMetrics(), every_seconds=0.02, times=times)
        channels = Channels(
            store, deliveries, senders, notifier, link="http://127.0.0.1:8000/monitor", timeout_seconds=2.0
        )
        yield Desk(channels, notifier, deliveries, database)
