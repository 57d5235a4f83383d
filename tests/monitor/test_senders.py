"""What arrives at a real mail server and a real HTTP receiver, and what is said when it cannot."""

import base64
import hashlib
import hmac
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from notification_builders import AT, SECRET, a_mail_server, a_notice, an_http_receiver

from monitor.domain.channel import Channel, ChannelKind, Language, channel_of
from monitor.domain.notice import Message, message_of
from monitor.domain.targets import Targets
from monitor.infrastructure.guarded_http import GuardedHttp
from monitor.infrastructure.slack import SlackNotification
from monitor.infrastructure.smtp import SmtpNotification
from monitor.infrastructure.target_guard import TargetGuard
from monitor.infrastructure.webhook import WebhookNotification
from shared.kernel import Refused, Unavailable
from shared.runtime.resilience import AskedToWait

LOOPBACK = TargetGuard(Targets.of(("127.0.0.1",)))
BY_DEFAULT = TargetGuard(Targets())


def a_message(*, language: Language = Language.ENGLISH) -> Message:
    return message_of([a_notice()], language)


def a_hook(url: str) -> Channel:
    return channel_of("hook", ChannelKind.WEBHOOK, {"url": url, "secret": SECRET})


def a_mail_channel(port: int, **changes: Any) -> Channel:
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "seoga@example.com",
        "recipients": ["ops@example.com", "duty@example.com"],
    }
    return channel_of("mail", ChannelKind.EMAIL, {**settings, **changes})


def a_closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1 in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    made = folder / "made.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=mail.test", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    made.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return made


def a_tls_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


async def test_a_webhook_is_signed_so_that_the_receiver_can_check_it(tmp_path: Path) -> None:
    async with an_http_receiver() as receiver:
        sender = WebhookNotification(GuardedHttp(LOOPBACK), clock=lambda: AT)
        said = await sender.send(a_hook(receiver.url), a_message(language=Language.KOREAN))
    assert said == "200 taken"
    ((headers, body),) = receiver.requests
    assert headers[""] == "POST /hook HTTP/1.1"
    assert headers["host"] == receiver.url.split("/")[2]
    assert headers["webhook-timestamp"] == str(int(AT.timestamp()))
    # As https://www.standardwebhooks.com has it, by other code than ours.
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    (alert,) = receiver.bodies[0]["alerts"]
    assert (alert["state"], alert["severity"], alert["labels"]) == ("firing", "critical", {"module": "process"})
    assert alert["since"] == "2026-03-01T12:00:00.000000Z"


@pytest.mark.parametrize(
    ("answer", "error", "seconds"),
    [
        ("500 Internal Server Error", Unavailable, None),
        ("503 Service Unavailable", Unavailable, None),
        ("429 Too Many Requests", AskedToWait, 7.0),
        ("404 Not Found", Refused, None),
        ("401 Unauthorized", Refused, None),
        ("302 Found", Refused, None),
    ],
)
async def test_what_an_answer_means(answer: str, error: type[Exception], seconds: float | None) -> None:
    async with an_http_receiver() as receiver:
        receiver.answer = answer
        receiver.answer_headers = {"Location": "http://169.254.169.254/"} | (
            {"Retry-After": "7"} if seconds is not None else {}
        )
        with pytest.raises(error, match=answer.split()[0]) as caught:
            await WebhookNotification(GuardedHttp(LOOPBACK)).send(a_hook(receiver.url), a_message())
    if seconds is not None:
        assert isinstance(caught.value, AskedToWait) and caught.value.retry_after_seconds == seconds
    # A redirect is not followed.
    assert receiver.requests == []


async def test_what_is_not_there_is_unavailable_and_named() -> None:
    http = GuardedHttp(LOOPBACK)
    port = a_closed_port()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} cannot be reached"):
        await WebhookNotification(http).send(a_hook(f"http://127.0.0.1:{port}/"), a_message())
    with pytest.raises(Unavailable, match="cannot be reached"):
        await SmtpNotification(LOOPBACK).send(a_mail_channel(port), a_message())
    with pytest.raises(Unavailable, match="cannot be found"):
        await WebhookNotification(http).send(a_hook("https://no-such-host.invalid/"), a_message())


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/", "http://[::1]:{port}/"]
)
async def test_without_an_allow_list_this_machine_is_not_called_however_it_is_written(url: str) -> None:
    async with an_http_receiver() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        with pytest.raises((Refused, Unavailable)) as caught:
            await WebhookNotification(GuardedHttp(BY_DEFAULT)).send(a_hook(url.format(port=port)), a_message())
    assert receiver.requests == []
    if isinstance(caught.value, Refused):
        assert "SEOGA_NOTIFY_HOSTS" in caught.value.detail


async def test_a_webhook_over_tls_goes_only_to_who_is_trusted(certificate: Path) -> None:
    async with an_http_receiver(a_tls_context(certificate)) as receiver:
        await WebhookNotification(GuardedHttp(LOOPBACK, certificate)).send(a_hook(receiver.url), a_message())
        with pytest.raises(Refused, match="not trusted"):
            await WebhookNotification(GuardedHttp(LOOPBACK)).send(a_hook(receiver.url), a_message())
    assert len(receiver.requests) == 1


async def test_where_a_name_has_several_addresses_the_next_is_tried() -> None:
    async with an_http_receiver() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])

        class Both(TargetGuard):
            async def addresses(self, host: str, port: int, *, here_is_fine: bool = False) -> list[str]:
                return ["127.0.0.9", "127.0.0.1"]

        name = "관세.example"
        hook = a_hook(f"http://{name}:{port}/hook")
        await WebhookNotification(GuardedHttp(Both(Targets()))).send(hook, a_message())
    assert receiver.requests[0][0]["host"] == f"{name.encode('idna').decode()}:{port}"


async def test_a_clouds_metadata_are_not_asked_for_by_mail_either() -> None:
    channel = a_mail_channel(80, host="169.254.169.254")
    with pytest.raises(Refused, match="credentials"):
        await SmtpNotification(BY_DEFAULT).send(channel, a_message())


async def test_a_room_gets_text_that_mentions_nobody() -> None:
    async with an_http_receiver() as receiver:
        channel = channel_of("room", ChannelKind.SLACK, {"url": receiver.url})
        message = message_of([a_notice(rule="<!channel> & co")], Language.ENGLISH)
        await SlackNotification(GuardedHttp(LOOPBACK)).send(channel, message)
        receiver.answer = "404 Not Found"
        with pytest.raises(Refused) as caught:
            await SlackNotification(GuardedHttp(LOOPBACK)).send(channel, message)
    (body,) = receiver.bodies
    assert "&lt;!channel&gt; &amp; co" in body["text"] and "<!channel>" not in body["text"]
    assert "/hook" not in caught.value.detail


async def test_a_mail_arrives_with_everything_a_reader_needs() -> None:
    async with a_mail_server() as server:
        said = await SmtpNotification(BY_DEFAULT, clock=lambda: AT).send(
            a_mail_channel(server.port), a_message(language=Language.KOREAN)
        )
    assert said == "kept"
    (mail,) = server.mails
    assert server.recipients == [["ops@example.com", "duty@example.com"]]
    assert (mail["From"], mail["To"]) == ("seoga@example.com", "ops@example.com, duty@example.com")
    assert mail["Subject"] == "[Seoga] 경보 (심각): Oldest queued document, module=process"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "조치: 작업자를 확인하십시오." in mail.get_content()


async def test_the_same_notices_have_the_same_message_id() -> None:
    async with a_mail_server() as server:
        for _ in range(2):
            await SmtpNotification(BY_DEFAULT).send(a_mail_channel(server.port), a_message())
    assert server.mails[0]["Message-ID"] == server.mails[1]["Message-ID"]


async def test_a_password_goes_over_tls_to_a_server_that_is_trusted(certificate: Path) -> None:
    async with a_mail_server(tls=a_tls_context(certificate), needs_login=True) as server:
        login = {"security": "starttls", "username": "seoga", "password": "right password"}
        channel = a_mail_channel(server.port, **login)
        await SmtpNotification(BY_DEFAULT, ca_file=certificate).send(channel, a_message())
        assert (server.users, len(server.mails)) == (["seoga"], 1)
        with pytest.raises(Refused, match="not trusted"):
            await SmtpNotification(BY_DEFAULT).send(channel, a_message())
        wrong = a_mail_channel(server.port, **{**login, "password": "wrong password"})
        with pytest.raises(Refused, match="535"):
            await SmtpNotification(BY_DEFAULT, ca_file=certificate).send(wrong, a_message())
    assert len(server.mails) == 1


async def test_a_server_without_tls_gets_nothing_where_tls_is_asked_for() -> None:
    async with a_mail_server() as server:
        with pytest.raises(Unavailable, match="STARTTLS"):
            await SmtpNotification(BY_DEFAULT).send(a_mail_channel(server.port, security="starttls"), a_message())
    assert server.mails == []


async def test_who_is_refused_by_a_mail_server_is_named() -> None:
    async with a_mail_server() as server:
        server.refused_sender = "seoga@example.com"
        with pytest.raises(Refused, match="this sender may not send here"):
            await SmtpNotification(BY_DEFAULT).send(a_mail_channel(server.port), a_message())
        server.refused_sender, server.refused_recipient = "", "duty@example.com"
        said = await SmtpNotification(BY_DEFAULT).send(a_mail_channel(server.port), a_message())
        assert "duty@example.com: 550" in said
        with pytest.raises(Refused, match=r"duty@example\.com: 550 5\.1\.1 no such user"):
            await SmtpNotification(BY_DEFAULT).send(
                a_mail_channel(server.port, recipients=["duty@example.com"]), a_message()
            )
        server.answer = "451 try again later"
        with pytest.raises(Unavailable, match="451"):
            await SmtpNotification(BY_DEFAULT).send(a_mail_channel(server.port), a_message())
    assert server.recipients == [["ops@example.com"]]
