"""Every event of a whole run comes three times more, shuffled between documents: nothing changes, on servers too."""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_mode import an_installation

from builders import eventually
from main import Application
from shared.events.catalogue import TOPICS
from shared.events.envelope import Envelope
from shared.ports.event_bus import EventBus
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings

_MARKED_PDF = b"%PDF-1.4\nnot really a document\n"
_LIMITS = itertools.cycle(range(50, 101))
_MARKERS = 12
"""Some for each lane of a topic."""


@pytest.fixture(
    params=[pytest.param("embedded", marks=pytest.mark.slow), pytest.param("servers", marks=pytest.mark.servers)]
)
def settings(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    if request.param == "embedded":
        yield {}
        return
    with an_installation() as installation:
        yield dict(installation.settings)


async def _put(client: httpx.AsyncClient, name: str, content: bytes) -> str:
    answer = await client.put(f"/api/v1/documents/default/{name}", content=content)
    document_id: str = answer.raise_for_status().json()["id"]
    return document_id


async def _ends_as(client: httpx.AsyncClient, document_id: str, status: str) -> None:
    async def ended() -> bool:
        answer = await client.get(f"/api/v1/documents/{document_id}")
        return bool(answer.raise_for_status().json()["status"] == status)

    await eventually(ended, timeout_seconds=60)


async def _delete(client: httpx.AsyncClient, document_id: str) -> None:
    path = f"/api/v1/documents/{document_id}"
    assert (await client.delete(path)).status_code in (202, 204)

    async def is_gone() -> bool:
        return (await client.get(path)).status_code == 404

    await eventually(is_gone)


async def _state(client: httpx.AsyncClient) -> list[Any]:
    """What a person sees of every document, its journey and what is found."""
    listed = (await client.get("/api/v1/documents", params={"limit": 100})).raise_for_status().json()["items"]
    documents = [{key: document[key] for key in document if key != "progress"} for document in listed]
    told = [await client.get(f"/api/v1/monitor/journeys/{document['id']}") for document in documents]
    assert all(answer.status_code == 200 for answer in told)  # Monitor hears of them a moment later
    journeys = [answer.json() for answer in told]
    # Asked anew each time: what the cache keeps may have been found while units waited to be cleaned away.
    limit = next(_LIMITS)
    found = [
        [
            (hit["document"]["id"], hit["document"]["revision"], hit["chunk"]["ordinal"], round(hit["score"], 4))
            for hit in (await client.post("/api/v1/search", json={"query": query, "limit": limit})).json()["hits"]
        ]
        for query in ("harbour duty notebook", "관세율", "revised")
    ]
    dead = (await client.get("/api/v1/monitor/dead-letters")).raise_for_status().json()["items"]
    return [documents, journeys, found, dead]


async def _settled(client: httpx.AsyncClient) -> list[Any]:
    """What is seen when Monitor has heard of everything: the same for longer than it gathers events."""
    seen: list[list[Any]] = []

    async def is_as_before() -> bool:
        state = await _state(client)
        told = [journeys["items"][0]["state"] for journeys in state[1]]
        assert told == [document["status"] for document in state[0]]
        seen.append(state)
        return seen[-2:-1] == seen[-1:]

    await eventually(is_as_before, timeout_seconds=90, every_seconds=3)
    return seen[-1]


async def _everything_published(bus: EventBus) -> list[Envelope]:
    envelopes: list[Envelope] = []
    async with bus.subscribe("reader-of-all", TOPICS) as subscription:
        while await subscription.lag():
            deliveries = await subscription.receive(500)
            envelopes += [Envelope.from_json(delivery.raw) for delivery in deliveries]
            await subscription.commit({delivery.lane: delivery.position for delivery in deliveries})
    return envelopes


def _shuffled_between_documents(envelopes: list[Envelope], choice: random.Random) -> list[Envelope]:
    """Any interleaving that keeps each key's own order within a topic."""
    lanes: dict[tuple[str, str], list[Envelope]] = defaultdict(list)
    for envelope in envelopes:
        lanes[envelope.topic, envelope.key].append(envelope)
    queues = [list(reversed(lane)) for lane in lanes.values()]
    shuffled = []
    while queues:
        queue = choice.choice(queues)
        shuffled.append(queue.pop())
        queues = [queue for queue in queues if queue]
    return shuffled


async def test_every_event_three_times_more_leaves_the_same_state(tmp_path: Path, settings: dict[str, Any]) -> None:
    directory = DataDirectory(tmp_path)
    with directory.hold():
        application = Application(load_settings(data_dir=tmp_path, **settings), directory)
        transport = httpx.ASGITransport(application.web)
        async with application.running(), httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            ids = [await _put(client, f"{n}.txt", f"Harbour {n}: duty on notebook {n}.".encode()) for n in range(8)]
            ids.append(await _put(client, "korean.txt", "노트북 관세율 안내".encode()))
            broken = await _put(client, "broken.pdf", _MARKED_PDF)
            for document_id in ids:
                await _ends_as(client, document_id, "searchable")
            await _ends_as(client, broken, "failed")
            await _put(client, "0.txt", b"Harbour 0: revised duty on notebook 0.")
            await client.patch(f"/api/v1/documents/{ids[1]}", json={"metadata": {"team": "east"}})
            await _delete(client, ids[2])
            await _ends_as(client, ids[0], "searchable")
            await _ends_as(client, await _put(client, "last.txt", b"The last one."), "searchable")

            before = await _settled(client)
            bus = application.shared.bus()
            history = await _everything_published(bus)
            choice = random.Random(7)
            for _ in range(3):
                await bus.publish(*_shuffled_between_documents(history, choice))
            # Behind them in every lane of every topic: when these are through, so are they.
            for number in range(_MARKERS):
                marker = await _put(client, f"marker-{number}.txt", f"Behind all of them, {number}.".encode())
                await _ends_as(client, marker, "searchable")
                await _delete(client, marker)

            async def unchanged() -> bool:
                after = await _state(client)
                assert after == before
                return True

            # The markers' units count in scores until they are cleaned away: on servers 20 s later.
            await eventually(unchanged, timeout_seconds=90, every_seconds=2)
