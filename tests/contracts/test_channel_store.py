"""What every ChannelStore and DeliveryStore promises; one suite for each adapter."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mongo_builders import a_mongo, settings_for_mongo

from monitor.application.notification_ports import ChannelStore, Delivery, DeliveryPlace, DeliveryState, DeliveryStore
from monitor.domain.channel import Channel, ChannelKind, channel_of
from monitor.domain.notice import Notice
from monitor.infrastructure import sqlite_channels, sqlite_deliveries
from monitor.infrastructure.mongo_channels import MongoChannels
from monitor.infrastructure.mongo_deliveries import MongoDeliveries
from shared.infrastructure.sqlite.database import SqliteDatabase

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass
class Stores:
    """One store as two processes have it."""

    channels: ChannelStore
    deliveries: DeliveryStore
    others: DeliveryStore


@asynccontextmanager
async def on_sqlite(folder: Path) -> AsyncIterator[Stores]:
    schema = sqlite_channels.SCHEMA + sqlite_deliveries.SCHEMA
    async with SqliteDatabase(folder / "monitor.sqlite", schema) as database:
        yield Stores(
            sqlite_channels.SqliteChannels(database),
            sqlite_deliveries.SqliteDeliveries(database),
            sqlite_deliveries.SqliteDeliveries(database),
        )


@asynccontextmanager
async def on_mongo(folder: Path) -> AsyncIterator[Stores]:
    async with a_mongo(settings_for_mongo(folder)) as door:
        one, other = door(), door()
        stores = Stores(MongoChannels(one), MongoDeliveries(one), MongoDeliveries(other))
        async with one, other:
            yield stores


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongo", marks=pytest.mark.servers)]
)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    opened: Callable[[Path], AbstractAsyncContextManager[Stores]] = request.param
    async with opened(tmp_path) as stores:
        yield stores


@pytest.fixture
def channels(stores: Stores) -> ChannelStore:
    return stores.channels


@pytest.fixture
def deliveries(stores: Stores) -> DeliveryStore:
    return stores.deliveries


def a_channel(name: str = "ops", **changes: object) -> Channel:
    settings = {"url": "https://example.com/hook", "secret": "0123456789abcdef", **changes}
    return channel_of(name, ChannelKind.WEBHOOK, settings)


def a_delivery(number: int = 0, channel: str = "ops", seconds: float = 0) -> Delivery:
    notice = Notice(
        id=f"alert-{number}/firing",
        alert_id=f"alert-{number}",
        rule="queue age",
        state="firing",
        severity="critical",
        condition="jobs_oldest_waiting_seconds > 300",
        since=AT,
        at=AT + timedelta(seconds=1),
        labels={"module": "process", "이름": "값"},
        value=412.5,
        advice={"ko": "작업자를 확인하십시오."},
        link="http://127.0.0.1:8000/monitor",
    )
    return Delivery.of(notice, channel, AT + timedelta(seconds=seconds or number))


async def test_channels_are_kept_whole_and_listed_by_name(channels: ChannelStore) -> None:
    one, other = a_channel("ops"), a_channel("duty", language="ko", per_minute=3)
    mail = channel_of(
        "mail", ChannelKind.EMAIL, {"host": "mail.example.com", "sender": "a@b.c", "recipients": ["d@e.f", "g@h.i"]}
    )
    assert [await channels.create(channel) for channel in (one, other, mail)] == [True, True, True]
    assert list(await channels.channels()) == [other, mail, one]
    assert await channels.channel("mail") == mail
    assert await channels.channel("none") is None


async def test_a_name_is_taken_once_also_by_two_at_the_same_time(channels: ChannelStore) -> None:
    made = await asyncio.gather(*(channels.create(a_channel(per_minute=number)) for number in range(1, 5)))
    assert sorted(made) == [False, False, False, True]
    assert len(await channels.channels()) == 1


async def test_only_what_is_there_is_replaced_and_removed(channels: ChannelStore) -> None:
    assert not await channels.replace(a_channel())
    assert not await channels.remove("ops")
    await channels.create(a_channel())
    changed = a_channel(url="https://example.org/other")
    assert await channels.replace(changed)
    assert await channels.replace(changed)
    assert await channels.channel("ops") == changed
    assert await channels.remove("ops")
    assert list(await channels.channels()) == []


async def test_what_is_added_is_due_oldest_first_and_the_same_again_changes_nothing(stores: Stores) -> None:
    many = [a_delivery(number) for number in (2, 0, 1)]
    assert await stores.deliveries.add(many) == 3
    assert list(await stores.others.due("ops", AT, 10)) == [many[1], many[2], many[0]]
    assert list(await stores.others.due("ops", AT, 2)) == [many[1], many[2]]
    assert await stores.others.add([a_delivery(1), a_delivery(3)]) == 1
    assert dict(await stores.deliveries.waiting()) == {"ops": 4}
    await stores.deliveries.sent([many[1].id], AT, "ok")
    assert await stores.deliveries.add([many[1]]) == 0
    assert dict(await stores.others.waiting()) == {"ops": 3}


async def test_two_that_announce_the_same_at_once_make_one_delivery(stores: Stores) -> None:
    await asyncio.gather(*(store.add([a_delivery()]) for store in (stores.deliveries, stores.others) * 4))
    assert len(await stores.deliveries.due("ops", AT, 10)) == 1


async def test_channels_wait_apart(deliveries: DeliveryStore) -> None:
    await deliveries.add([a_delivery(0, "ops"), a_delivery(0, "duty"), a_delivery(1, "duty")])
    assert dict(await deliveries.waiting()) == {"ops": 1, "duty": 2}
    assert [one.channel for one in await deliveries.due("duty", AT, 10)] == ["duty", "duty"]
    assert await deliveries.give_up_channel("duty", AT, "The channel was deleted.") == 2
    assert dict(await deliveries.waiting()) == {"ops": 1}
    gone = await deliveries.newest(channel="duty", state=DeliveryState.GIVEN_UP, after=None, limit=10)
    assert {one.detail for one in gone} == {"The channel was deleted."}


async def test_what_failed_waits_for_its_time_and_counts_its_attempts(deliveries: DeliveryStore) -> None:
    one = a_delivery()
    await deliveries.add([one])
    await deliveries.failed([one.id], "refused", AT + timedelta(seconds=60))
    assert list(await deliveries.due("ops", AT + timedelta(seconds=59), 10)) == []
    (due,) = await deliveries.due("ops", AT + timedelta(seconds=60), 10)
    assert (due.attempts, due.detail) == (1, "refused")
    await deliveries.hasten("ops")
    assert len(await deliveries.due("ops", AT, 10)) == 1
    await deliveries.sent([one.id], AT + timedelta(seconds=61), "250 ok")
    (sent,) = await deliveries.newest(channel=None, state=None, after=None, limit=10)
    assert (sent.state, sent.attempts, sent.detail) == (DeliveryState.SENT, 2, "250 ok")
    assert sent.finished_at == AT + timedelta(seconds=61)
    assert sent.notice == one.notice


async def test_a_clock_that_was_put_back_keeps_nothing_waiting(deliveries: DeliveryStore) -> None:
    await deliveries.add([a_delivery()])
    await deliveries.failed([a_delivery().id], "away", AT + timedelta(minutes=30))
    assert list(await deliveries.due("ops", AT, 10)) == []
    assert len(await deliveries.due("ops", AT - timedelta(days=1), 10)) == 1


async def test_what_is_finished_stays_as_it_is(deliveries: DeliveryStore) -> None:
    one = a_delivery()
    await deliveries.add([one])
    await deliveries.give_up([one.id], AT, "too old")
    await deliveries.sent([one.id], AT, "ok")
    await deliveries.failed([one.id], "away", AT)
    (known,) = await deliveries.newest(channel=None, state=None, after=None, limit=10)
    assert (known.state, known.detail, known.attempts) == (DeliveryState.GIVEN_UP, "too old", 0)


async def test_lists_are_newest_first_in_pages_by_channel_and_state(deliveries: DeliveryStore) -> None:
    many = [a_delivery(number, channel) for number in range(4) for channel in ("ops", "duty")]
    await deliveries.add(many)
    await deliveries.sent([many[0].id, many[1].id], AT, "ok")
    seen: list[Delivery] = []
    place: DeliveryPlace | None = None
    while page := await deliveries.newest(channel=None, state=None, after=place, limit=3):
        seen += page
        place = DeliveryPlace(page[-1].created_at, page[-1].id)
    assert [one.id for one in seen] == [
        one.id for one in sorted(many, key=lambda one: (one.created_at, one.id), reverse=True)
    ]
    of = [await deliveries.newest(channel="ops", state=state, after=None, limit=9) for state in DeliveryState]
    assert [len(page) for page in of] == [3, 1, 0]


async def test_what_was_finished_long_ago_goes_and_what_waits_stays(deliveries: DeliveryStore) -> None:
    many = [a_delivery(number) for number in range(4)]
    await deliveries.add(many)
    for number, one in enumerate(many[:3]):
        await deliveries.sent([one.id], AT + timedelta(days=number), "ok")
    assert await deliveries.forget(AT + timedelta(days=1, hours=1), 1) == 1
    assert await deliveries.forget(AT + timedelta(days=1, hours=1), 10) == 1
    assert await deliveries.forget(AT + timedelta(days=1, hours=1), 10) == 0
    left = await deliveries.newest(channel=None, state=None, after=None, limit=10)
    assert {one.id for one in left} == {many[2].id, many[3].id}
