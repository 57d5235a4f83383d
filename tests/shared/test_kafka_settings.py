"""What Kafka's settings may say, and how it is told what is wrong with them. No server is needed."""

import time
from typing import Any

import pytest
from kafka_builders import a_kafka_bus
from pydantic import SecretStr
from servers.machine import free_ports

from builders import an_envelope
from shared.kernel import Unavailable
from shared.settings import Settings, WrongSettings


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"events_url": "kafka://"}, "SEOGA_EVENTS_URL"),
        ({"events_url": "kafka://host:99999"}, "SEOGA_EVENTS_URL"),
        ({"events_url": "kafka://host:9092,other:port"}, "SEOGA_EVENTS_URL"),
        ({"events_url": "kafka://host:9092/topic"}, "SEOGA_EVENTS_URL"),
        ({"events_url": "kafka://somebody:hunter2@host:9092"}, "SEOGA_KAFKA_USER"),
        ({"kafka_user": "somebody"}, "SEOGA_KAFKA_PASSWORD"),
        ({"kafka_password": SecretStr("hunter2")}, "SEOGA_KAFKA_USER"),
        ({"events_url": "kafkas://host:9093", "tls_ca_file": "/nowhere/ca.pem"}, "SEOGA_TLS_CA_FILE"),
    ],
)
async def test_what_cannot_be_meant_is_refused_at_the_start(given: dict[str, Any], named: str) -> None:
    with pytest.raises(WrongSettings) as caught:
        async with a_kafka_bus(Settings(**{"events_url": "kafka://127.0.0.1:9092", **given})):
            pass
    assert named in caught.value.detail
    assert "hunter2" not in caught.value.detail


async def test_a_server_that_is_away_is_waited_for_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    [port] = free_ports(1)
    async with a_kafka_bus(Settings(events_url=f"kafka://127.0.0.1:{port}")) as bus:
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await bus.publish(an_envelope())
        assert time.monotonic() - started < 2.5
        assert "SEOGA_EVENTS_URL" in caught.value.detail
        assert f"kafka://127.0.0.1:{port}" in caught.value.detail
        health = await bus.check()
        with pytest.raises(Unavailable):
            async with bus.subscribe("process", ["ingest.document.v1"]):
                pass
        with pytest.raises(Unavailable):
            await bus.dead_letters()
    assert not health.ready
    assert f"kafka://127.0.0.1:{port}" in health.detail
    assert "Traceback" not in capsys.readouterr().err


async def test_calls_end_at_once_while_the_breaker_is_open() -> None:
    [port] = free_ports(1)
    async with a_kafka_bus(Settings(events_url=f"kafka://127.0.0.1:{port}")) as bus:
        for _ in range(4):
            with pytest.raises(Unavailable):
                await bus.publish(an_envelope())
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await bus.publish(an_envelope())
    assert caught.value.specific_code == "circuit_open"
    # One that is tried takes its two seconds.
    assert time.monotonic() - started < 1.0
