"""Liveness, readiness, metrics, and who may see them."""

import asyncio

from monitor_builders import Monitor, told

from builders import a_document_received
from shared.kernel import Unavailable, new_document_id
from shared.ports.health import ComponentHealth


async def well() -> ComponentHealth:
    return ComponentHealth(ready=True, detail="well")


async def missing() -> ComponentHealth:
    return ComponentHealth(ready=False, detail="no weights in the folder")


async def optional() -> ComponentHealth:
    return ComponentHealth(ready=False, detail="not loaded yet", required=False)


async def hangs() -> ComponentHealth:
    await asyncio.Event().wait()
    return await well()


async def raises() -> ComponentHealth:
    raise ZeroDivisionError("a bug")


async def is_away() -> ComponentHealth:
    raise Unavailable("The database is away.")


async def test_is_live_and_ready_without_a_key(monitor: Monitor) -> None:
    monitor.components.update(store=well, model=optional)
    assert (await monitor.client.get("/health/live")).json() == {"live": True}
    ready = await monitor.client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["components"]["model"]["detail"] == "not loaded yet"


async def test_is_not_ready_without_a_required_component_and_says_which_and_why(monitor: Monitor) -> None:
    monitor.components.update(store=well, model=missing)
    answer = await monitor.client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["code"], body["detail"]) == ("not_ready", "model: no weights in the folder")
    assert body["components"]["store"]["ready"] is True
    assert (await monitor.client.get("/health/live")).status_code == 200


async def test_a_probe_that_hangs_or_fails_is_a_component_that_is_not_ready(monitor: Monitor) -> None:
    monitor.components.update(a_hanging=hangs, b_failing=raises, c_away=is_away, d_hanging=hangs)
    health = await monitor.get("/api/v1/monitor/health")
    details = {name: component["detail"] for name, component in health["components"].items()}
    assert details["a_hanging"] == "did not answer within 2.5 s"
    assert "ZeroDivisionError" in details["b_failing"]
    assert details["c_away"] == "The database is away."
    # Probes run at the same time: two that hang take no longer than one.
    assert sum(component["seconds"] for component in health["components"].values()) > 3.9


async def test_asks_components_at_most_once_a_second(monitor: Monitor) -> None:
    asked: list[None] = []

    async def counts() -> ComponentHealth:
        asked.append(None)
        return await well()

    monitor.components["counted"] = counts
    await asyncio.gather(*(monitor.client.get("/health/ready") for _ in range(50)))
    assert len(asked) == 1


async def test_everything_but_health_needs_a_key(monitor: Monitor) -> None:
    for path in ("", "/health", "/journeys", "/journeys/some-id", "/dead-letters"):
        assert (await monitor.client.get(f"/api/v1/monitor{path}")).status_code == 401
    assert (await monitor.client.get("/metrics")).status_code == 401
    assert (await monitor.client.post("/api/v1/monitor/dead-letters/some-id/replay")).status_code == 401


async def test_metrics_are_in_the_prometheus_text_format(monitor: Monitor) -> None:
    await monitor.get("/api/v1/monitor")
    answer = await monitor.client.get("/metrics", headers={"authorization": "Bearer reader-key-00000001"})
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "\nseoga_process_memory_bytes " in answer.text
    assert "\nseoga_disk_free_bytes " in answer.text


async def test_metrics_tell_how_far_behind_each_module_is(monitor: Monitor) -> None:
    async def lag() -> str:
        answer = await monitor.client.get("/metrics", headers={"authorization": "Bearer reader-key-00000001"})
        return next(line for line in answer.text.splitlines() if line.startswith('seoga_event_lag{group="process"}'))

    events = [told(a_document_received(new_document_id())) for _ in range(3)]
    async with monitor.bus.subscribe("process", [events[0].topic]) as subscription:
        await monitor.bus.publish(*events)
        assert (await lag()).endswith(" 3.0")
        received = await subscription.receive(3)
        await subscription.commit({received[1].lane: received[1].position})
        assert (await lag()).endswith(" 1.0")
