"""Liveness, readiness, metrics, and who may see them."""

import asyncio
from datetime import timedelta
from typing import Any

from monitor_builders import AT, Monitor, told

from builders import a_document_received, eventually
from monitor.application.health import Health
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


async def test_each_component_has_a_status_and_since_when(monitor: Monitor) -> None:
    monitor.components.update(**{"shared.bus": well, "search.index": well, "search.model": optional})

    async def components() -> dict[str, Any]:
        body = await monitor.get("/api/v1/monitor/health")
        found: dict[str, Any] = body["components"]
        return {**found, "": body}

    first = await components()
    assert [first[name]["status"] for name in ("shared.bus", "search.index", "search.model", "")] == [
        "ok",
        "ok",
        "degraded",
        "degraded",
    ]
    monitor.components["search.index"] = missing

    async def fallen() -> dict[str, Any] | None:
        now = await components()
        return now if now["search.index"]["status"] == "down" else None

    second = await eventually(fallen)
    assert second["search.index"]["since"] > first["search.index"]["since"]
    assert second["search.model"]["since"] == first["search.model"]["since"]
    assert second[""]["status"] == "down"


async def test_a_module_is_ready_by_what_it_needs_itself(monitor: Monitor) -> None:
    monitor.components.update(**{"shared.bus": well, "search.index": missing, "ingest.store": well})
    health = await monitor.get("/api/v1/monitor/health")
    assert health["modules"] == {"ingest": "ok", "monitor": "ok", "search": "down"}
    statuses = {
        module: (await monitor.client.get("/health/ready", params={"module": module})).status_code
        for module in ("ingest", "search", "process", "unheard-of")
    }
    assert statuses == {"ingest": 200, "search": 503, "process": 404, "unheard-of": 422}


async def test_what_answers_slowly_is_degraded_and_says_so() -> None:
    async def slow() -> ComponentHealth:
        await asyncio.sleep(0.02)
        return await well()

    report = await Health([{"store": slow, "quick": well}], slow_after_seconds=0.01).check()
    assert {one.name: one.status.value for one in report.components} == {"quick": "ok", "store": "degraded"}
    assert "answered only after" in next(one.detail for one in report.components if one.name == "store")
    assert report.ready


async def test_a_clock_that_is_put_back_begins_nothing_in_the_future() -> None:
    now = [AT, AT - timedelta(hours=1)]
    health = Health([{"store": well}], cached_seconds=-1, clock=lambda: now[0])
    (before,) = (await health.check()).components
    now.pop(0)
    (after,) = (await health.check()).components
    assert (before.since, after.since) == (AT, AT - timedelta(hours=1))


class Sometimes:
    """A component that is asked more than its probe's time is worth, as long as `hangs`."""

    def __init__(self, *, required: bool = True) -> None:
        self.hangs = False
        self._required = required

    async def __call__(self) -> ComponentHealth:
        if self.hangs:
            await asyncio.Event().wait()
        return ComponentHealth(True, "well", required=self._required)


async def test_an_answer_that_is_late_once_is_a_busy_machine_and_not_a_component_that_is_gone() -> None:
    store = Sometimes()
    health = Health([{"store": store}], probe_timeout_seconds=0.01, silent_seconds=3600, cached_seconds=-1)
    await health.check()
    assert not health.is_unsettled
    store.hangs = True
    for _ in range(2):
        (late,) = (await health.check()).components
        assert (late.ready, late.status.value) == (True, "degraded")
        assert "did not answer within 0.01 s" in late.detail
        assert health.is_unsettled
    store.hangs = False
    (after,) = (await health.check()).components
    assert (after.ready, after.status.value, after.detail) == (True, "ok", "well")
    assert not health.is_unsettled


async def test_who_goes_on_being_silent_is_gone_and_needed_only_where_it_was_before() -> None:
    store, chat, never = Sometimes(), Sometimes(required=False), Sometimes()
    never.hangs = True
    probes = {"a_store": store, "b_chat": chat, "c_never": never}
    # Silence that is too long at once: the second question decides.
    health = Health([probes], probe_timeout_seconds=0.01, silent_seconds=0, cached_seconds=-1)
    assert [one.ready for one in (await health.check()).components] == [True, True, False]
    store.hangs = chat.hangs = True
    assert [one.ready for one in (await health.check()).components] == [True, True, False]
    gone = (await health.check()).components
    assert [one.ready for one in gone] == [False, False, False]
    assert [one.status.value for one in gone] == ["down", "degraded", "down"]


async def test_who_says_that_it_is_away_is_believed_at_once_and_needed_as_before() -> None:
    answers = [is_away, optional]

    async def probe() -> ComponentHealth:
        return await answers.pop()()

    health = Health([{"chat": probe}], cached_seconds=-1)
    await health.check()
    (away,) = (await health.check()).components
    assert (away.ready, away.required, away.detail) == (False, False, "The database is away.")
