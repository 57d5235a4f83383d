"""A server is started with another model: every document is embedded again, by itself, and found all the while."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from journeys import delete, search, upload, wait_for
from model_builders import a_tiny_model

from builders import eventually
from search.application.renewal import Renewal, RenewalTimes
from search.container import SearchContainer

pytestmark = pytest.mark.slow  # minutes in sum

NAMES = [f"{number}.txt" for number in range(12)]
_STAGE = re.compile(r'^\w*process_stage_seconds_count\{reused="(\w+)",stage="(\w+)"\} (\d+)', re.M)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Settings for three vector spaces; the second has another dimension, the third only other weights."""
    folder = tmp_path_factory.mktemp("models")
    paths = {
        "a": a_tiny_model(folder / "a", seed=1),
        "b": a_tiny_model(folder / "b", seed=2, hidden=48),
        "c": a_tiny_model(folder / "c", seed=3),
    }
    return {name: {"model_path": path, "model_engine": "onnx"} for name, path in paths.items()}


Serving = Callable[..., AbstractContextManager[httpx.Client]]
Models = dict[str, dict[str, Any]]


def upload_all(client: httpx.Client) -> None:
    for name in NAMES:
        upload(client, name, f"The import duty on notebook number{name[:-4]}x is zero. Export tariff applies.")
    for document in documents(client):
        wait_for(client, document["id"])


def documents(client: httpx.Client) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get("/api/v1/documents", params={"limit": 100}).json()["items"]
    return items


def names(client: httpx.Client, mode: str) -> set[str]:
    hits = search(client, "import duty notebook", mode=mode, limit=50)["hits"]
    return {hit["document"]["name"] for hit in hits}


def stages_done(client: httpx.Client) -> dict[str, int]:
    """How often each stage was done anew since the server started."""
    found = _STAGE.findall(client.get("/metrics").text)
    return {stage: int(count) for reused, stage, count in found if reused == "false"}


async def is_vector_searchable(client: httpx.Client) -> None:
    def is_done() -> bool:
        answer = search(client, "import duty notebook", mode="hybrid", limit=50)
        assert answer["degraded"] == []
        return names(client, "vector") == set(NAMES) and all(one["status"] == "searchable" for one in documents(client))

    await eventually(is_done, timeout_seconds=60, every_seconds=0.05)


class Searching(threading.Thread):
    """Searches by words without a pause, and keeps what any answer lacked."""

    def __init__(self, url: httpx.URL) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._stop_asked = threading.Event()
        self.gaps: list[str] = []
        self.answers = 0

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._stop_asked.is_set():
                for mode in ("keyword", "hybrid"):
                    missing = set(NAMES) - names(client, mode)
                    if missing:
                        self.gaps.append(f"{mode}: {sorted(missing)}")
                self.answers += 1

    def __enter__(self) -> "Searching":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asked.set()
        self.join(30)


@pytest.fixture
def may_renew(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Until it is set, no renewal begins."""
    event, run = threading.Event(), Renewal.run

    async def held(renewal: Renewal) -> None:
        await eventually(event.is_set)
        await run(renewal)

    monkeypatch.setattr(Renewal, "run", held)
    return event


async def test_another_model_embeds_everything_again_and_nothing_is_missed(
    tmp_path: Path, serving: Serving, models: Models, may_renew: threading.Event
) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, **models["a"]) as client:
        upload_all(client)
        assert names(client, "vector") == set(NAMES)
    with serving(data_dir, **models["b"]) as client, Searching(client.base_url) as searching:
        assert search(client, "import duty notebook", limit=50)["degraded"] == ["vectors"]
        may_renew.set()
        await is_vector_searchable(client)
        assert stages_done(client) == {"chunk": len(NAMES), "embed": len(NAMES)}
        assert {one["revision"] for one in documents(client)} == {1}
        await eventually(lambda: len(index_folders(data_dir)) == 1)
        await eventually(lambda: searching.answers > 2)
    assert searching.gaps == []
    # Back: what the first model left is used again, nothing is embedded.
    with serving(data_dir, **models["a"]) as client, Searching(client.base_url) as searching:
        await is_vector_searchable(client)
        assert stages_done(client) == {}
    assert searching.gaps == []


@pytest.mark.slow
async def test_another_model_in_the_middle_of_it_takes_over(tmp_path: Path, serving: Serving, models: Models) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, **models["a"]) as client:
        upload_all(client)
    with serving(data_dir, **models["b"]) as client:
        await eventually(lambda: stages_done(client).get("embed"))
    with serving(data_dir, **models["c"]) as client, Searching(client.base_url) as searching:
        await is_vector_searchable(client)
        await eventually(lambda: len(index_folders(data_dir)) == 1)
    assert searching.gaps == []


@pytest.mark.slow
async def test_uploads_and_deletions_go_on_meanwhile(tmp_path: Path, serving: Serving, models: Models) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, **models["a"]) as client:
        upload_all(client)
        gone = next(one for one in documents(client) if one["name"] == "3.txt")
    with serving(data_dir, **models["b"]) as client:
        delete(client, gone["id"])
        fresh = upload(client, "fresh.txt", "A fresh tariff on export.", collection="other")
        wait_for(client, fresh["id"])
        left = set(NAMES) - {"3.txt"}

        def is_done() -> bool:
            return bool(search(client, "import duty notebook")["degraded"] == [])

        await eventually(is_done, timeout_seconds=60, every_seconds=0.05)
        assert names(client, "vector") == left | {"fresh.txt"}
        found = search(client, "tariff", mode="vector", filters={"collection": "other"})["hits"]
        assert [hit["document"]["name"] for hit in found] == ["fresh.txt"]


@pytest.fixture
def renewing_at_once() -> Iterator[None]:
    """Of every application that is built meanwhile."""
    with SearchContainer.renewal_times.override(RenewalTimes(start_seconds=0.0)):
        yield


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("renewing_at_once")
@pytest.mark.parametrize(
    "other",
    [
        {"model_engine": "onnx", "model_precision": "int8"},
        pytest.param({"model_engine": "sentence-transformers"}, marks=pytest.mark.reference),
    ],
    ids=lambda other: "-".join(other.values()),
)
def test_another_engine_changes_nothing(
    tmp_path: Path, serving: Serving, models: Models, other: dict[str, str]
) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, **models["a"]) as client:
        upload_all(client)
        before = search(client, "import duty notebook", limit=50)
        shard = index_folders(data_dir)
    with serving(data_dir, **models["a"] | other) as client:
        # Whatever was to be renewed would have been asked for before this upload is searchable.
        later = upload(client, "later.txt", "A later tariff.", collection="other")["id"]
        wait_for(client, later, timeout_seconds=240)  # the reference takes a minute to load on a busy machine
        after = search(client, "import duty notebook", limit=50, filters={"collection": "default"})
        assert stages_done(client) == {"parse": 1, "chunk": 1, "embed": 1}
        assert {hit["chunk"]["id"] for hit in after["hits"]} == {hit["chunk"]["id"] for hit in before["hits"]}
        assert after["degraded"] == []
        assert "search_renewals_total 0.0" in client.get("/metrics").text
    assert index_folders(data_dir) == shard


def index_folders(data_dir: Path) -> list[tuple[str, int]]:
    """Name and inode: a folder made anew is another one."""
    found = (path for path in (data_dir / "index").iterdir() if path.is_dir())
    return sorted((path.name, path.stat().st_ino) for path in found)
