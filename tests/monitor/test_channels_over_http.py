"""Channels over HTTP: who may have them, what is never shown, and what is refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from monitor_builders import Monitor, a_monitor
from notification_builders import SECRET, a_mail_server, a_notice

from builders import eventually

PATH = "/api/v1/monitor/channels"
ADMIN = {"authorization": "Bearer everything-key-0001"}
READER = {"authorization": "Bearer reader-key-00000001"}


async def ask(
    monitor: Monitor, method: str, path: str = "", json: Any = None, headers: Any = ADMIN, status: int = 200
) -> Any:
    answer = await monitor.client.request(method, f"{PATH}{path}", json=json, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def a_hook(name: str = "ops", **settings: Any) -> dict[str, Any]:
    given = {"url": "https://hooks.example.com/a", "secret": SECRET, **settings}
    return {"name": name, "kind": "webhook", "settings": given}


async def test_a_channel_is_made_changed_listed_and_removed_and_its_secret_never_shown(monitor: Monitor) -> None:
    made = await ask(monitor, "POST", json=a_hook(language="ko"), status=201)
    assert made == {
        "name": "ops",
        "kind": "webhook",
        "settings": {"language": "ko", "per_minute": 20, "url": "https://hooks.example.com/a"},
        "secrets_set": ["secret"],
        "waiting": 0,
        "failing_since": None,
        "last_error": None,
    }
    body = {"kind": "webhook", "settings": {"url": "https://hooks.example.com/a", "per_minute": 5}}
    changed = await ask(monitor, "PUT", "/ops", json=body)
    assert (changed["settings"]["per_minute"], changed["secrets_set"]) == (5, ["secret"])
    listed = await ask(monitor, "GET")
    assert (listed["items"], listed["total"]) == ([changed], 1)
    assert SECRET not in str(listed)
    room = {"name": "room", "kind": "slack", "settings": {"url": "https://hooks.slack.example/services/T/B/secret"}}
    assert "services" not in str(await ask(monitor, "POST", json=room, status=201))
    await ask(monitor, "DELETE", "/ops", status=204)
    assert [item["name"] for item in (await ask(monitor, "GET"))["items"]] == ["room"]


async def test_what_cannot_be_is_refused_by_name(monitor: Monitor) -> None:
    await ask(monitor, "POST", json=a_hook(), status=201)
    taken = await ask(monitor, "POST", json=a_hook(), status=409)
    assert taken["code"] == "channel_name_taken"
    wrong = await ask(monitor, "POST", json=a_hook("b", secret="short", url="gopher://x"), status=422)
    assert {error["field"] for error in wrong["errors"]} == {"settings.secret", "settings.url"}
    elsewhere = {"kind": "webhook", "settings": {"url": "https://attacker.example.com/"}}
    assert "given again" in (await ask(monitor, "PUT", "/ops", json=elsewhere, status=422))["detail"]
    for body in (
        {**a_hook("b"), "kind": "pager"},
        {**a_hook("b"), "colour": "red"},
        a_hook("two words"),
        {"name": "b"},
    ):
        await ask(monitor, "POST", json=body, status=422)
    for method, path in (("PUT", "/none"), ("DELETE", "/none"), ("POST", "/none/test")):
        new = {key: value for key, value in a_hook().items() if key != "name"} if method == "PUT" else None
        assert (await ask(monitor, method, path, json=new, status=404))["code"] == "channel_not_found"


async def test_only_who_may_administer_sees_where_messages_go(monitor: Monitor) -> None:
    for method, path in (("GET", ""), ("POST", ""), ("PUT", "/ops"), ("DELETE", "/ops"), ("POST", "/ops/test")):
        await ask(monitor, method, path, json={}, headers=READER, status=403)
        await ask(monitor, method, path, json={}, headers={}, status=401)
    answer = await monitor.client.get("/api/v1/monitor/deliveries", headers=READER)
    assert answer.status_code == 403


async def test_a_test_message_to_a_host_that_may_not_be_called_says_why(monitor: Monitor) -> None:
    for number, url in enumerate(("http://169.254.169.254/latest", "http://127.0.0.1:1/", "http://[::1]:1/")):
        await ask(monitor, "POST", json=a_hook(f"h{number}", url=url), status=201)
        trial = await ask(monitor, "POST", f"/h{number}/test")
        assert trial["delivered"] is False
        assert "SEOGA_NOTIFY_HOSTS" in trial["detail"]


async def test_a_mail_channel_tells_and_its_deliveries_are_listed(monitor: Monitor) -> None:
    async with a_mail_server() as server:
        settings = {
            "host": "127.0.0.1",
            "port": server.port,
            "security": "none",
            "sender": "seoga@example.com",
            "recipients": ["ops@example.com"],
            "language": "ko",
        }
        await ask(monitor, "POST", json={"name": "mail", "kind": "email", "settings": settings}, status=201)
        trial = await ask(monitor, "POST", "/mail/test")
        assert trial["delivered"] is True
        assert server.mails[0]["Subject"] == "[Seoga] 시험 (알림): mail"
        for number in range(3):
            await monitor.container.notifier().announce([(a_notice(number), ())])
        await eventually(lambda: len(server.mails) == 4)
        seen: list[dict[str, Any]] = []
        cursor: dict[str, Any] = {}
        while True:
            page = await monitor.get("/api/v1/monitor/deliveries", channel="mail", limit=2, **cursor)
            seen += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
    assert [one["alert_id"] for one in seen] == ["alert-2", "alert-1", "alert-0"]
    await monitor.get("/api/v1/monitor/deliveries", state="lost", status=422)
    assert (await monitor.get("/api/v1/monitor/deliveries", status=400, **cursor))["code"] == "wrong_cursor"


@pytest.fixture
async def monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Monitor]:
    monkeypatch.delenv("SEOGA_NOTIFY_HOSTS", raising=False)
    async with a_monitor(tmp_path) as monitor:
        yield monitor
