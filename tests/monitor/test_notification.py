"""From an alert that is announced to a receiver that has it: nothing lost, nothing floods, nobody waits for another."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from notification_builders import SECRET, SOON, Desk, HttpReceiver, a_desk, a_mail_server, a_notice, an_http_receiver

from builders import eventually
from monitor.application.channels import Channels
from monitor.application.notification import Notifier
from monitor.application.notification_ports import Delivery, DeliveryState
from monitor.application.sending import Bucket, SendingTimes
from monitor.domain.channel import ChannelKind
from monitor.domain.targets import Targets
from monitor.infrastructure import sqlite_channels, sqlite_deliveries
from monitor.infrastructure.guarded_http import GuardedHttp
from monitor.infrastructure.target_guard import TargetGuard
from monitor.infrastructure.webhook import WebhookNotification
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.duties import SqliteDuties
from shared.kernel import Conflict, InvalidInput, NotFound, utc_now


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path) as desk, desk.notifier:
        yield desk


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with an_http_receiver() as receiver:
        yield receiver


async def test_what_is_announced_arrives_by_the_rules_channels_or_by_all(desk: Desk, receiver: HttpReceiver) -> None:
    async with an_http_receiver() as other:
        await desk.hook("ops", receiver)
        await desk.hook("duty", other)
        await desk.notifier.announce([(a_notice(1), ["ops"])])
        await desk.notifier.announce([(a_notice(2), ())])
        await eventually(lambda: len(receiver.alerts) == 2 and len(other.alerts) == 1)
        # The only channel that a rule names is gone: somebody has to hear of it.
        await desk.notifier.announce([(a_notice(3), ["deleted long ago"])])
        await eventually(lambda: len(receiver.alerts) == 3 and len(other.alerts) == 2)
    assert (sorted(receiver.alerts), sorted(other.alerts)) == (
        ["alert-1", "alert-2", "alert-3"],
        ["alert-2", "alert-3"],
    )


async def test_the_same_change_is_told_once_and_its_end_too(desk: Desk, receiver: HttpReceiver) -> None:
    await desk.hook("ops", receiver)
    for _ in range(3):
        await desk.notifier.announce([(a_notice(1), ())])
        await eventually(lambda: receiver.alerts == ["alert-1"])
    await desk.notifier.announce([(a_notice(1, "resolved"), ())])
    await eventually(lambda: receiver.alerts == ["alert-1", "alert-1"])
    assert [body["alerts"][0]["state"] for body in receiver.bodies] == ["firing", "resolved"]


async def test_it_arrives_at_once_and_not_at_the_next_look(tmp_path: Path, receiver: HttpReceiver) -> None:
    async with a_desk(tmp_path) as desk, desk.notifier:
        await desk.hook("ops", receiver)
        started = time.monotonic()
        await desk.notifier.announce([(a_notice(), ())])
        await eventually(lambda: receiver.alerts)
    assert time.monotonic() - started < 5


async def test_what_was_announced_before_a_crash_is_told_after_it(tmp_path: Path, receiver: HttpReceiver) -> None:
    async with a_desk(tmp_path) as desk:
        await desk.hook("ops", receiver)
        await desk.notifier.announce([(a_notice(), ())])
    async with a_desk(tmp_path) as desk, desk.notifier:
        await eventually(lambda: receiver.alerts == ["alert-0"])


async def test_a_receiver_that_fails_for_long_gets_everything_in_the_end(desk: Desk, receiver: HttpReceiver) -> None:
    receiver.answer = "500 Internal Server Error"
    await desk.hook("ops", receiver)
    for number in range(5):
        await desk.notifier.announce([(a_notice(number), ())])

    async def fails() -> bool:
        (view,) = await desk.channels.all()
        return view.failing_since is not None and "500" in (view.last_error or "") and view.waiting == 5

    await eventually(fails)
    await eventually(lambda: _attempts(desk, at_least=4))
    receiver.answer = "200 OK"
    await eventually(lambda: sorted(receiver.alerts) == [f"alert-{number}" for number in range(5)])

    async def recovered() -> bool:
        (view,) = await desk.channels.all()
        return view.failing_since is None and view.waiting == 0

    await eventually(recovered)


async def _attempts(desk: Desk, *, at_least: int) -> bool:
    return sum(one.attempts for one in await desk.of("ops")) >= at_least


async def test_a_channel_that_hangs_keeps_no_other_waiting(tmp_path: Path, receiver: HttpReceiver) -> None:
    patient = SendingTimes(timeout_seconds=60)
    async with an_http_receiver() as hanging, a_desk(tmp_path, patient) as desk, desk.notifier:
        hanging.hangs = True
        await desk.hook("hanging", hanging)
        await desk.hook("ops", receiver)
        for number in range(3):
            await desk.notifier.announce([(a_notice(number), ())])
        await eventually(lambda: len(receiver.alerts) == 3)
        assert [one.state for one in await desk.of("hanging")] == [DeliveryState.WAITING] * 3


async def test_one_that_hangs_is_given_up_in_time_and_tried_again(desk: Desk, receiver: HttpReceiver) -> None:
    receiver.hangs = True
    await desk.hook("ops", receiver)
    await desk.notifier.announce([(a_notice(), ())])
    await eventually(lambda: _attempts(desk, at_least=2))
    (waiting,) = await desk.of("ops")
    assert "did not answer within" in waiting.detail
    receiver.hangs = False
    await eventually(lambda: receiver.alerts == ["alert-0"])


async def test_a_mail_server_that_refuses_the_sender_says_so_and_takes_it_once_it_is_mended(desk: Desk) -> None:
    async with a_mail_server() as server:
        server.refused_sender = "seoga@example.com"
        settings = {
            "host": "127.0.0.1",
            "port": server.port,
            "security": "none",
            "sender": "seoga@example.com",
            "recipients": ["ops@example.com"],
        }
        await desk.channels.create("mail", ChannelKind.EMAIL, settings)
        await desk.notifier.announce([(a_notice(), ())])

        async def tells() -> bool:
            (view,) = await desk.channels.all()
            return "this sender may not send here" in (view.last_error or "")

        await eventually(tells)
        (waiting,) = await desk.of("mail")
        assert waiting.state is DeliveryState.WAITING
        assert server.mails == []
        await desk.channels.replace("mail", ChannelKind.EMAIL, {**settings, "sender": "alerts@example.com"})
        await eventually(lambda: len(server.mails) == 1)


async def test_a_channel_that_is_deleted_while_its_alert_waits_says_so(desk: Desk, receiver: HttpReceiver) -> None:
    receiver.answer = "500 Internal Server Error"
    await desk.hook("ops", receiver)
    await desk.notifier.announce([(a_notice(), ())])
    await eventually(lambda: _attempts(desk, at_least=1))
    await desk.channels.remove("ops")
    (gone,) = await desk.of("ops")
    assert (gone.state, gone.detail) == (DeliveryState.GIVEN_UP, "The channel was deleted.")
    # A channel of the same name begins anew.
    receiver.answer = "200 OK"
    await desk.hook("ops", receiver)
    await desk.notifier.announce([(a_notice(1), ())])
    await eventually(lambda: receiver.alerts == ["alert-1"])


async def test_what_is_too_old_is_given_up_and_says_so(tmp_path: Path, receiver: HttpReceiver) -> None:
    receiver.answer = "500 Internal Server Error"
    times = SendingTimes(first_pause_seconds=0.02, longest_pause_seconds=0.05, give_up_seconds=3600)
    async with a_desk(tmp_path, times) as desk, desk.notifier:
        await desk.hook("ops", receiver)
        old = Delivery.of(a_notice(), "ops", utc_now() - timedelta(hours=2))
        await desk.deliveries.add([old])

        async def given_up() -> bool:
            return [one.state for one in await desk.of("ops")] == [DeliveryState.GIVEN_UP]

        await eventually(given_up)


@pytest.mark.slow
async def test_ten_thousand_alerts_at_once_are_few_messages_and_none_is_lost(tmp_path: Path) -> None:
    async with an_http_receiver() as receiver, a_desk(tmp_path, SendingTimes(burst=100)) as desk:
        await desk.hook("ops", receiver)
        notices = [a_notice(number) for number in range(10_000)]
        await desk.deliveries.add([Delivery.of(notice, "ops", utc_now()) for notice in notices])
        async with desk.notifier:
            await eventually(lambda: _nothing_waits(desk), timeout_seconds=60)
    assert sorted(receiver.alerts) == sorted(notice.alert_id for notice in notices)
    assert len(receiver.requests) == 20


async def _nothing_waits(desk: Desk) -> bool:
    return not await desk.deliveries.waiting()


def test_a_channels_rate_is_kept_after_a_first_burst() -> None:
    now = [0.0]
    bucket = Bucket(per_minute=60, burst=2, clock=lambda: now[0])
    for _ in range(2):
        assert bucket.wait_seconds() == 0
        bucket.take()
    assert bucket.wait_seconds() == pytest.approx(1)
    now[0] = 0.75
    assert bucket.wait_seconds() == pytest.approx(0.25)
    now[0] = 100
    for _ in range(2):
        assert bucket.wait_seconds() == 0
        bucket.take()
    assert bucket.wait_seconds() > 0


async def test_two_processes_tell_it_once(tmp_path: Path, receiver: HttpReceiver) -> None:
    schema = sqlite_channels.SCHEMA + sqlite_deliveries.SCHEMA + SqliteDuties.SCHEMA
    sender = WebhookNotification(GuardedHttp(TargetGuard(Targets.of(("127.0.0.1",)))))
    async with SqliteDatabase(tmp_path / "monitor.sqlite", schema) as database, SqliteDuties(database) as duties:
        store, outbox = sqlite_channels.SqliteChannels(database), sqlite_deliveries.SqliteDeliveries(database)

        def a_notifier() -> Notifier:
            senders = {ChannelKind.WEBHOOK: sender}
            return Notifier(store, outbox, duties, senders, PrometheusMetrics(), every_seconds=0.02, times=SOON)

        one, other = a_notifier(), a_notifier()
        channels = Channels(store, outbox, {ChannelKind.WEBHOOK: sender}, one, link="http://127.0.0.1/monitor")
        settings = {"url": receiver.url, "secret": SECRET, "per_minute": 600}
        await channels.create("ops", ChannelKind.WEBHOOK, settings)
        async with other:
            async with one:
                for number in range(20):
                    await (one, other)[number % 2].announce([(a_notice(number), ())])
                await eventually(lambda: len(receiver.alerts) == 20)
            # The one that had the duty may be gone: the other goes on.
            await other.announce([(a_notice(20), ())])
            await eventually(lambda: len(receiver.alerts) == 21)
    assert sorted(receiver.alerts) == sorted(f"alert-{number}" for number in range(21))


async def test_a_test_message_tells_what_became_of_it(desk: Desk, receiver: HttpReceiver) -> None:
    await desk.hook("ops", receiver)
    trial = await desk.channels.test("ops")
    assert (trial.delivered, trial.detail) == (True, "200 taken")
    assert receiver.bodies[0]["alerts"][0]["state"] == "test"
    receiver.hangs = True
    trial = await desk.channels.test("ops")
    assert (trial.delivered, "did not answer" in trial.detail) == (False, True)
    with pytest.raises(NotFound):
        await desk.channels.test("none")


async def test_wrong_and_taken_names_change_nothing(desk: Desk, receiver: HttpReceiver) -> None:
    await desk.hook("ops", receiver)
    with pytest.raises(Conflict, match="ops already"):
        await desk.hook("ops", receiver)
    with pytest.raises(InvalidInput):
        await desk.hook("duty", receiver, per_minute=0)
    with pytest.raises(NotFound):
        await desk.channels.replace("none", ChannelKind.WEBHOOK, {"url": receiver.url, "secret": SECRET})
    with pytest.raises(NotFound):
        await desk.channels.remove("none")
    assert [view.channel.name for view in await desk.channels.all()] == ["ops"]
