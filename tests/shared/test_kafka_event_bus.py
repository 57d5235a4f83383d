"""What the Kafka bus does beyond the contract: rights, slow lanes, letters of several processes, servers that go."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from kafka_builders import QUICK, a_kafka_bus, an_installation, kafka_settings
from pydantic import SecretStr
from servers import kafka_sasl_url, kafka_url
from tcp_proxy import kafka_behind_a_proxy

from builders import a_document_received, an_envelope, eventually
from shared.events.envelope import Envelope
from shared.events.ingest import DocumentReceived
from shared.infrastructure.kafka.event_bus import KafkaEventBus
from shared.infrastructure.kafka.subscription import KafkaSubscription
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable, new_document_id
from shared.ports.event_bus import DeadLetter, Delivery, Subscription
from shared.runtime.consumer import Consumer
from shared.settings import Settings, WrongSettings

pytestmark = pytest.mark.servers
TOPIC = DocumentReceived.topic
_METADATA_REQUEST = b"\x00\x03\x00"
"""How the driver's second request begins: its kind, and the first half of its version."""


@pytest.fixture
async def installation() -> AsyncIterator[str]:
    async with an_installation() as name:
        yield name


async def receive(subscription: Subscription, count: int) -> list[Delivery]:
    got: list[Delivery] = []
    async with asyncio.timeout(30):
        while len(got) < count:
            got.extend(await subscription.receive(count - len(got)))
    return got


def ids(deliveries: Sequence[Delivery]) -> set[str]:
    return {Envelope.from_json(delivery.raw).id for delivery in deliveries}


def sasl(user: str, password: str, installation: str = "seoga", mechanism: str = "SCRAM-SHA-512") -> Settings:
    return Settings(
        events_url=kafka_sasl_url(),
        kafka_user=user,
        kafka_password=SecretStr(password),
        kafka_sasl=mechanism,
        installation=installation,
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_password_opens_the_server(installation: str, mechanism: str) -> None:
    envelope = an_envelope()
    async with a_kafka_bus(sasl("seoga", "seoga-password", installation, mechanism)) as bus:
        await bus.publish(envelope)
        async with bus.subscribe("process", [TOPIC]) as subscription:
            assert ids(await receive(subscription, 1)) == {envelope.id}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_told_at_the_start(mechanism: str) -> None:
    with pytest.raises(WrongSettings, match="SEOGA_KAFKA_PASSWORD") as caught:
        async with a_kafka_bus(sasl("seoga", "hunter2", mechanism=mechanism)):
            pass
    assert "hunter2" not in caught.value.detail


async def test_rights_that_are_missing_are_told_at_the_start(installation: str) -> None:
    with pytest.raises(WrongSettings, match=r"SEOGA_KAFKA_USER: .*'guest'.*describe"):
        async with a_kafka_bus(sasl("guest", "guest-password", installation)):
            pass


async def test_a_server_that_does_not_speak_tls_there_is_told() -> None:
    url = kafka_url().replace("kafka://", "kafkas://")
    async with a_kafka_bus(Settings(events_url=url)) as bus:
        assert "SEOGA_EVENTS_URL" in (await bus.check()).detail


async def test_more_replicas_than_brokers_is_told_at_the_start(installation: str) -> None:
    with pytest.raises(WrongSettings, match="SEOGA_KAFKA_REPLICAS"):
        async with a_kafka_bus(kafka_settings(installation, kafka_replicas=9)):
            pass


async def test_topics_that_exist_are_left_alone_and_others_get_the_settings(installation: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_url().removeprefix("kafka://"))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(f"{installation}.{TOPIC}", 1, 1)])
        async with a_kafka_bus(kafka_settings(installation)) as bus:
            await bus.publish(an_envelope())
        described = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    finally:
        await admin.close()
    assert described[f"{installation}.{TOPIC}"] == 1
    assert described[f"{installation}.search.document.v1"] == 3


async def test_a_slow_handler_pauses_its_lane_and_only_that(installation: str) -> None:
    """The group goes on seeing a member that lives, and the other lanes flow."""
    timing = replace(QUICK, uncommitted=10)
    slow = new_document_id()
    async with a_kafka_bus(kafka_settings(installation), timing=timing) as bus:
        await bus.publish(*(an_envelope(a_document_received(slow, version)) for version in range(1, 101)))
        async with bus.subscribe("process", [TOPIC]) as subscription:
            [first] = await receive(subscription, 1)
            others: set[str] = set()
            received = [first]
            while len(others) < 100:
                await bus.publish(*(an_envelope() for _ in range(30)))
                async with asyncio.timeout(30):
                    batch = await subscription.receive(100)
                received += batch
                flowing = {one.lane: one.position for one in batch if one.lane != first.lane}
                others |= ids([one for one in batch if one.lane != first.lane])
                await subscription.commit(flowing)
            stuck = [one for one in received if one.lane == first.lane]
            assert 10 <= len(stuck) <= 20
            await subscription.commit({first.lane: stuck[-1].position})
            async with asyncio.timeout(30):
                while all(one.lane != first.lane for one in batch):
                    batch = await subscription.receive(100)
                    await subscription.commit({one.lane: one.position for one in batch if one.lane != first.lane})


async def test_a_consumer_that_stands_still_is_made_anew(installation: str, metrics: PrometheusMetrics) -> None:
    timing = replace(QUICK, stalled_seconds=0.3)
    seen: list[str] = []

    async def handle(event: DocumentReceived) -> None:
        seen.append(event.document_id)

    async with a_kafka_bus(kafka_settings(installation), timing=timing, metrics=metrics) as bus:
        async with bus.subscribe("process", [TOPIC]) as subscription:
            assert isinstance(subscription, KafkaSubscription)
            # As the driver does now and then when a server comes back: its task ends, and nobody is told.
            subscription._consumer._fetcher._fetch_task.cancel()
            await bus.publish(an_envelope())
            with pytest.raises(Unavailable, match="stood still"):
                await receive(subscription, 1)
        running = asyncio.create_task(Consumer(bus, "process", {DocumentReceived: handle}, metrics=metrics).run())
        await eventually(lambda: len(seen) == 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert 'event_consumers_recreated_total{group="process"} 1.0' in metrics.exposition().decode()


async def test_what_is_foreign_or_newer_is_buried_and_the_next_flows(installation: str) -> None:
    seen: list[str] = []

    async def handle(event: DocumentReceived) -> None:
        seen.append(event.document_id)

    good = an_envelope()
    newer = good.model_copy(update={"version": 99, "id": "newer"})
    async with a_kafka_bus(kafka_settings(installation)) as bus:
        await bus.publish(newer)
        producer = AIOKafkaProducer(bootstrap_servers=kafka_url().removeprefix("kafka://"))
        await producer.start()
        await producer.send_and_wait(f"{installation}.{TOPIC}", b"\xff\x00 not ours", key=good.key.encode())
        await producer.stop()
        await bus.publish(good)
        running = asyncio.create_task(
            Consumer(bus, "process", {DocumentReceived: handle}, metrics=PrometheusMetrics()).run()
        )
        await eventually(lambda: seen == [good.key])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        letters = await bus.dead_letters()
    assert {letter.raw for letter in letters} == {b"\xff\x00 not ours", newer.to_json()}
    assert {letter.topic for letter in letters} == {TOPIC}


async def test_letters_of_another_process_are_seen_at_once(installation: str) -> None:
    raw = an_envelope().to_json()
    letter = DeadLetter("one", "search", "somebody/else's?", "no", 1, an_envelope().occurred_at, raw)
    async with a_kafka_bus(kafka_settings(installation)) as one, a_kafka_bus(kafka_settings(installation)) as two:
        assert await two.dead_letters() == []
        await one.bury(letter)
        assert await two.dead_letters() == [letter]
        replayed = await two.replay("one")
        assert await one.dead_letter("one") == replayed


async def test_installations_do_not_see_each_other(installation: str) -> None:
    envelope = an_envelope()
    async with (
        an_installation() as other,
        a_kafka_bus(kafka_settings(installation)) as one,
        a_kafka_bus(kafka_settings(other)) as two,
    ):
        await one.publish(an_envelope())
        await two.publish(envelope)
        async with two.subscribe("process", [TOPIC]) as subscription:
            assert ids(await receive(subscription, 1)) == {envelope.id}
            assert await subscription.lag() == 1


async def test_headers_carry_the_ids(installation: str) -> None:
    envelope = an_envelope()
    async with a_kafka_bus(kafka_settings(installation)) as bus:
        await bus.publish(envelope)
        consumer = AIOKafkaConsumer(
            f"{installation}.{TOPIC}",
            bootstrap_servers=kafka_url().removeprefix("kafka://"),
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            message = await consumer.getone()
        finally:
            await consumer.stop()
    assert (message.key, message.value) == (envelope.key.encode(), envelope.to_json())
    assert dict(message.headers) == {
        "id": envelope.id.encode(),
        "name": envelope.name.encode(),
        "correlation_id": envelope.correlation_id.encode(),
        "causation_id": b"",
    }


async def test_a_server_that_comes_later_is_used_from_then_on() -> None:
    async with an_installation() as name, kafka_behind_a_proxy() as (proxy, url):
        await proxy.cut()
        async with a_kafka_bus(kafka_settings(name, events_url=url)) as bus:
            with pytest.raises(Unavailable):
                await bus.publish(an_envelope())
            await proxy.restore()
            await eventually(lambda: succeeds(bus, an_envelope()))
            assert (await bus.check()).ready


async def test_a_start_that_is_broken_off_leaves_no_connection_open() -> None:
    # One that is left open is a ResourceWarning, which fails this test.
    async with an_installation() as name, kafka_behind_a_proxy() as (proxy, url):
        async with a_kafka_bus(kafka_settings(name, events_url=url, server_timeout_seconds=2)) as bus:
            connection = bus._connection
            producer = AIOKafkaProducer(**connection.options)
            proxy.lose_the_answer_to(_METADATA_REQUEST)
            starting = asyncio.create_task(connection.start(producer))
            await eventually(lambda: proxy.lost_answers == 1)
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await connection.discard(producer)
        del starting, producer
        gc.collect()


async def test_a_kafka_gives_back_what_it_took_and_is_missed_when_it_is_away() -> None:
    async with an_installation() as name, kafka_behind_a_proxy() as (proxy, url):
        settings = kafka_settings(name, events_url=url, server_timeout_seconds=2)
        async with a_kafka_bus(settings) as bus:
            assert (await bus.check()).ready
            topics = bus._topics
            (end,) = (await topics.ends(topics.partitions([f"{name}.probes.v1"]))).values()
            assert end == 1
            assert (await bus.check()).ready
            assert list((await topics.ends(topics.partitions([f"{name}.probes.v1"]))).values()) == [end]
            await proxy.cut()
            assert not (await bus.check()).ready
            await proxy.restore()

            async def is_back() -> bool:
                return (await bus.check()).ready

            await eventually(is_back)


async def succeeds(bus: KafkaEventBus, envelope: Envelope) -> bool:
    try:
        await bus.publish(envelope)
    except Unavailable:
        return False
    return True


@pytest.mark.parametrize("fault", ["cut", "black_hole"])
async def test_a_server_that_goes_and_comes_back_loses_nothing(fault: str) -> None:
    published: set[str] = set()
    received: set[str] = set()
    tailed: set[str] = set()
    slowest = 0.0
    async with (
        an_installation() as name,
        kafka_behind_a_proxy() as (proxy, url),
        a_kafka_bus(kafka_settings(name, events_url=url)) as bus,
        bus.subscribe("process", [TOPIC]) as subscription,
        bus.tail(TOPIC) as tail,
    ):

        async def keep_receiving() -> None:
            while True:
                batch = await subscription.receive(100)
                received.update(ids(batch))

        async def keep_tailing() -> None:
            async for envelope in tail:
                tailed.add(envelope.id)

        tasks = [asyncio.create_task(keep_receiving()), asyncio.create_task(keep_tailing())]
        for moment in range(40):
            if moment == 10:
                await getattr(proxy, fault)()
            if moment == 16:
                await proxy.restore()
            envelope = an_envelope()
            started = time.monotonic()
            if await succeeds(bus, envelope):
                published.add(envelope.id)
            slowest = max(slowest, time.monotonic() - started)
            await asyncio.sleep(0.1)
        await eventually(lambda: published <= received, timeout_seconds=40)
        await eventually(lambda: published <= tailed, timeout_seconds=40)
        assert len(published) > 15
        assert slowest < 2.5
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_leaving_ends_although_the_server_is_gone() -> None:
    async with an_installation() as name, kafka_behind_a_proxy() as (proxy, url):
        bus = a_kafka_bus(kafka_settings(name, events_url=url))
        async with bus, bus.subscribe("process", [TOPIC]), bus.tail(TOPIC):
            await bus.publish(an_envelope())
            await bus.dead_letters()
            await proxy.black_hole()
            with pytest.raises(Unavailable):
                await bus.publish(an_envelope())
            started = time.monotonic()
        assert time.monotonic() - started < 20
        await proxy.restore()
