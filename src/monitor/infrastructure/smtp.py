"""Notices as mail, over SMTP with TLS."""

import asyncio
import hashlib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from typing_extensions import override

from monitor.application.notification_ports import Notification
from monitor.domain.channel import Channel, Security
from monitor.domain.notice import Message
from monitor.infrastructure.target_guard import TargetGuard
from shared.kernel import Clock, Refused, Unavailable, utc_now

_PERMANENT: Final = 500
_QUIT_SECONDS: Final = 2.0
_PRIORITY: Final = {"critical": "1 (Highest)", "warning": "3 (Normal)", "info": "5 (Lowest)"}


class SmtpNotification(Notification):
    """One connection a message: alerts are rare, and servers close what is idle."""

    def __init__(
        self, guard: TargetGuard, *, ca_file: Path | None = None, timeout_seconds: float = 15.0, clock: Clock = utc_now
    ) -> None:
        """`ca_file` has the certificates that servers are checked against; None is the system's."""
        self._guard = guard
        self._ca_file = ca_file
        self._timeout_seconds = timeout_seconds
        self._clock = clock

    @override
    async def send(self, channel: Channel, message: Message) -> str:
        # Only who has a channel of this kind pays for it.
        import aiosmtplib

        settings = channel.settings
        host, port = str(settings["host"]), int(str(settings["port"]))
        security = Security(str(settings["security"]))
        mail = self._mail(channel, message)
        where = f"The mail server {host}:{port}"
        connection = await self._guard.connect(host, port, here_is_fine=True)
        client = aiosmtplib.SMTP(
            hostname=host,
            sock=connection,
            use_tls=security is Security.TLS,
            start_tls=security is Security.STARTTLS,
            tls_context=None if security is Security.NONE else self._context(),
            local_hostname="seoga",
            timeout=self._timeout_seconds,
        )
        try:
            await client.connect()
            if settings["username"]:
                await client.login(str(settings["username"]), str(settings["password"]))
            refused, said = await client.send_message(mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            told = [f"{one.recipient}: {one.code} {one.message}" for one in error.recipients]
            words = f"{where} takes none of the recipients: {'; '.join(told)[:500]}"
            if all(one.code >= _PERMANENT for one in error.recipients):
                raise Refused(words) from error
            raise Unavailable(words) from error
        except aiosmtplib.SMTPResponseException as error:
            words = f"{where} answered {error.code} {error.message[:500]}"
            raise Refused(words) if error.code >= _PERMANENT else Unavailable(words) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise Refused(f"{where} cannot do what the channel asks for: {error}") from error
        except ssl.SSLCertVerificationError as error:
            raise Refused(f"{where} is not trusted: {error.verify_message}.") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise Refused(f"{where} is not trusted: {error.__cause__.verify_message}.") from error
            raise Unavailable(f"{where} failed: {error}") from error
        finally:
            await _leave(client)
        if refused:
            told = [f"{recipient}: {answer.code} {answer.message}" for recipient, answer in refused.items()]
            return f"{said}; not taken for {'; '.join(told)}"[:500]
        return said[:500]

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=None if self._ca_file is None else str(self._ca_file))

    def _mail(self, channel: Channel, message: Message) -> EmailMessage:
        sender, recipients = str(channel.settings["sender"]), channel.settings["recipients"]
        assert isinstance(recipients, tuple)
        mail = EmailMessage(policy=SMTP)
        mail["From"] = sender
        mail["To"] = ", ".join(recipients)
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(self._clock())
        # The same for the same notices: a mail server may drop what comes twice.
        digest = hashlib.sha256(f"{channel.name}/{message.id}".encode()).hexdigest()[:32]
        mail["Message-ID"] = f"<{digest}@{sender.rpartition('@')[2]}>"
        # So that nobody's absence answers it (RFC 3834).
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Priority"] = _PRIORITY[message.severity]
        mail.set_content(message.text + "\n")
        return mail


async def _leave(client: "object") -> None:
    import aiosmtplib

    assert isinstance(client, aiosmtplib.SMTP)
    if client.is_connected:
        try:
            async with asyncio.timeout(_QUIT_SECONDS):
                await client.quit()
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            pass
    client.close()
