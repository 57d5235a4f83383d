"""Alerts become notices, and go into the outbox."""

from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from monitor.application.alert_ports import AlertSink
from monitor.application.notification import Notifier
from monitor.domain.alert import Alert, AlertState
from monitor.domain.notice import Notice, Severity
from monitor.domain.rule import Severity as RuleSeverity
from shared.telemetry import get_log

_SEVERITIES: Final[dict[RuleSeverity, Severity]] = {
    RuleSeverity.INFO: "info",
    RuleSeverity.WARNING: "warning",
    RuleSeverity.CRITICAL: "critical",
}
_log = get_log("alerts")


class OutboxSink(AlertSink):
    """AlertSink that tells through the channels, and tells the log in any case."""

    def __init__(self, notifier: Notifier, *, link: str) -> None:
        """`link` is where people see alerts; the alert's id is added to it."""
        self._notifier = notifier
        self._link = link

    @override
    async def announce(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            tell = _log.warning if alert.state.is_open else _log.info
            tell("alert", action=f"alert.{alert.state}", rule=alert.rule, labels=dict(alert.labels), value=alert.value)
        await self._notifier.announce([(notice_of(alert, link=self._link), alert.channels) for alert in alerts])


def notice_of(alert: Alert, *, link: str) -> Notice:
    """What is told about the alert as it is now."""
    over = alert.state is AlertState.RESOLVED
    return Notice(
        id=alert.announcement_id,
        alert_id=alert.id,
        rule=alert.rule,
        state="resolved" if over else "firing",
        severity=_SEVERITIES[alert.severity],
        condition=alert.condition,
        since=alert.since,
        at=alert.changed_at,
        labels=dict(alert.labels),
        value=alert.value,
        advice=dict(alert.advice),
        link=f"{link}?alert={alert.id}",
    )
