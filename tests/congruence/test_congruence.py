"""The same corpus and the same operations, embedded and on servers: the same answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from congruence.operations import COLLECTION, every_search, everything_visible, letters, units_in, work_through
from server_mode import an_installation

from builders import eventually
from main import Application
from shared.events.envelope import Envelope
from shared.events.ingest import DocumentReceived
from shared.kernel import new_id, utc_now
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings
from shared.web.server import bind, serving_in_thread

pytestmark = pytest.mark.servers
SCORE_TOLERANCE = 2e-3
"""Of scores between 0 and 1: an approximate index and float32 sums in another order."""


@dataclass(frozen=True)
class Side:
    """One configuration after the work."""

    client: httpx.Client
    application: Application


@contextmanager
def a_side(data_dir: Path, **settings: Any) -> Iterator[Side]:
    directory = DataDirectory(data_dir)
    with directory.hold(), bind("127.0.0.1", 0) as bound:
        application = Application(load_settings(data_dir=data_dir, **settings), directory)
        with serving_in_thread(application.web, bound) as url, httpx.Client(base_url=url, timeout=60) as client:
            work_through(client)
            yield Side(client, application)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    with a_side(tmp_path_factory.mktemp("embedded")) as side:
        yield side


@pytest.fixture(scope="module")
def on_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    with an_installation() as installation, a_side(tmp_path_factory.mktemp("servers"), **installation.settings) as side:
        yield side


async def test_the_same_documents_journeys_and_counts(embedded: Side, on_servers: Side) -> None:
    def same() -> bool:
        # Monitor hears of the last steps a moment after they are searchable.
        assert everything_visible(on_servers.client) == everything_visible(embedded.client)
        return True

    assert everything_visible(embedded.client)["documents"][f"{COLLECTION}/broken.pdf"]["status"] == "failed"
    await eventually(same, timeout_seconds=30, every_seconds=0.2)


async def test_the_same_hits(embedded: Side, on_servers: Side) -> None:
    # Totals count units in the index, and what was replaced leaves it a little later.
    await eventually(
        lambda: units_in(on_servers.client) == units_in(embedded.client), timeout_seconds=90, every_seconds=1
    )
    ours, theirs = every_search(embedded.client), every_search(on_servers.client)
    assert [answer["asked"] for answer in ours] == [answer["asked"] for answer in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert _without_scores(one) == _without_scores(other), one["asked"]
        assert [hit["score"] for hit in other["hits"]] == pytest.approx(
            [hit["score"] for hit in one["hits"]], abs=SCORE_TOLERANCE
        ), one["asked"]
    assert sum(len(answer["hits"]) for answer in ours) > 100


async def test_the_same_dead_letter_and_its_replay(embedded: Side, on_servers: Side) -> None:
    for side in (embedded, on_servers):
        await _publish_poison(side)

    def same() -> bool:
        ours = letters(embedded.client)
        assert [letter["module"] for letter in ours] == ["monitor", "process", "search"]
        assert letters(on_servers.client) == ours
        return True

    await eventually(same, timeout_seconds=30, every_seconds=0.2)
    replays = []
    for side in (embedded, on_servers):
        for item in side.client.get("/api/v1/monitor/dead-letters").json()["items"]:
            replays.append(side.client.post(f"/api/v1/monitor/dead-letters/{item['id']}/replay").status_code)
    assert set(replays) == {202}


async def _publish_poison(side: Side) -> None:
    """An event that names our topic and class and says nothing that could be read, as a faulty producer would."""
    envelope = Envelope(
        id=new_id(),
        name=DocumentReceived.name,
        version=DocumentReceived.version,
        topic=DocumentReceived.topic,
        key="11111111-1111-4111-8111-111111111111",
        occurred_at=utc_now(),
        correlation_id="poison",
        causation_id=None,
        producer="elsewhere",
        payload={"nonsense": True},
    )
    directory = DataDirectory(side.application.settings.data_dir)
    async with Application(side.application.settings, directory).shared.bus() as bus:
        await bus.publish(envelope)
    # The embedded log is told of others' events with its own next one.
    side.client.put("/api/v1/documents/elsewhere/wake.txt", content=f"Wake up, {new_id()}.").raise_for_status()


def _without_scores(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "hits": [{**hit, "score": None} for hit in answer["hits"]]}
