"""An alert that fires and ends, from the sink to a receiver."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from monitor_builders import Monitor, a_monitor
from notification_builders import AT, a_mail_server

from builders import eventually
from monitor.application.announcing import OutboxSink, notice_of
from monitor.domain.alert import Alert, AlertState
from monitor.domain.metric import labels_of
from monitor.domain.rule import Severity

LINK = "https://seoga.example/monitor"


def an_alert(**changes: object) -> Alert:
    alert = Alert(
        id="alert-1",
        rule_id="rule-1",
        rule="component down",
        metric="component_ready",
        labels=labels_of({"component": "shared.cache"}),
        severity=Severity.CRITICAL,
        condition="component_ready < 1",
        state=AlertState.FIRING,
        since=AT,
        changed_at=AT + timedelta(seconds=10),
        value=0.0,
        advice={"ko": "Redis를 확인하십시오."},
        announcements=1,
        is_announced=False,
    )
    return replace(alert, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def monitor(tmp_path: Path) -> AsyncIterator[Monitor]:
    async with a_monitor(tmp_path) as monitor:
        yield monitor


def test_a_notice_says_what_the_alert_says() -> None:
    notice = notice_of(an_alert(), link=LINK)
    assert (notice.id, notice.state, notice.severity) == ("alert-1/1", "firing", "critical")
    assert (notice.condition, notice.labels, notice.value) == (
        "component_ready < 1",
        {"component": "shared.cache"},
        0.0,
    )
    assert (notice.since, notice.at) == (AT, AT + timedelta(seconds=10))
    assert notice.link == f"{LINK}?alert=alert-1"
    over = notice_of(an_alert(state=AlertState.RESOLVED, announcements=2), link=LINK)
    assert (over.id, over.state) == ("alert-1/2", "resolved")


async def test_an_alert_is_told_by_mail_once_and_so_is_its_end(monitor: Monitor) -> None:
    async with a_mail_server() as server:
        settings = {
            "host": "127.0.0.1",
            "port": server.port,
            "security": "none",
            "sender": "seoga@example.com",
            "recipients": ["ops@example.com"],
            "language": "ko",
        }
        answer = await monitor.client.post(
            "/api/v1/monitor/channels",
            headers={"authorization": "Bearer everything-key-0001"},
            json={"name": "ops", "kind": "email", "settings": settings},
        )
        assert answer.status_code == 201, answer.text
        sink = OutboxSink(monitor.container.notifier(), link=LINK)
        for _ in range(3):  # as after errors
            await sink.announce([an_alert()])
        await eventually(lambda: len(server.mails) == 1)
        await sink.announce([an_alert(state=AlertState.RESOLVED, announcements=2)])
        await eventually(lambda: len(server.mails) == 2)
    assert [mail["Subject"] for mail in server.mails] == [
        "[Seoga] 경보 (심각): component down, component=shared.cache",
        "[Seoga] 해제 (심각): component down, component=shared.cache",
    ]
    assert "조치: Redis를 확인하십시오." in server.mails[0].get_content()
