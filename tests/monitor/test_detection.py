"""A component that falls wakes somebody within half a minute, and nobody is woken for nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from monitor_builders import Monitor, a_monitor
from notification_builders import MailServer, a_mail_server

from builders import eventually
from shared.ports.health import ComponentHealth


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[Monitor, MailServer]]:
    """A monitor that writes to a mail server."""
    async with a_mail_server() as server, a_monitor(folder) as monitor:
        settings = {
            "host": "127.0.0.1",
            "port": server.port,
            "security": "none",
            "sender": "seoga@example.com",
            "recipients": ["ops@example.com"],
            "per_minute": 600,
        }
        answer = await monitor.client.post(
            "/api/v1/monitor/channels",
            headers={"authorization": "Bearer everything-key-0001"},
            json={"name": "ops", "kind": "email", "settings": settings},
        )
        assert answer.status_code == 201, answer.text
        yield monitor, server


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_component_that_is_killed_is_told_within_half_a_minute_and_once(tmp_path: Path) -> None:
    works = [True]

    async def component() -> ComponentHealth:
        return ComponentHealth(works[0], "answers" if works[0] else "The connection was refused.")

    async with watched(tmp_path) as (monitor, server):
        monitor.components["search.index"] = component

        async def mails(count: int) -> None:
            await eventually(lambda: len(server.mails) == count, timeout_seconds=30)

        for number in range(2):
            works[0] = False
            await mails(2 * number + 1)
            works[0] = True
            await mails(2 * number + 2)
    subjects = [mail["Subject"] for mail in server.mails]
    assert (
        subjects
        == [
            "[Seoga] ALERT (critical): component down, component=search.index",
            "[Seoga] RESOLVED (critical): component down, component=search.index",
        ]
        * 2
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_late_answer_wakes_nobody_and_one_that_never_comes_is_told_within_half_a_minute(tmp_path: Path) -> None:
    late, asked = [False], [0]

    async def component() -> ComponentHealth:
        asked[0] += 1
        if late[0]:
            await asyncio.Event().wait()
        return ComponentHealth(True, "answers")

    async with watched(tmp_path) as (monitor, server):
        monitor.components["search.chat"] = component
        await eventually(lambda: asked[0] == 1, timeout_seconds=30)
        late[0] = True
        await eventually(lambda: asked[0] == 2, timeout_seconds=30)
        late[0] = False
        # Two more answers, the second ten seconds later: an alert would have been told by then.
        await eventually(lambda: asked[0] == 4, timeout_seconds=60)
        assert server.mails == []
        late[0] = True
        await eventually(lambda: server.mails, timeout_seconds=30)
    assert [mail["Subject"] for mail in server.mails] == [
        "[Seoga] ALERT (critical): component down, component=search.chat"
    ]
