"""Files of a real data directory are damaged: it is told in words, nothing answers 500, and a way leads back."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from command_line import seoga, seoga_json
from damage import PAGE, flip_byte, spoil_page
from dependency_injector import providers
from end_to_end.conftest import Serving
from end_to_end.test_stores_of_different_moments import all_found, artefacts, fill, originals
from journeys import becomes, upload, wait_for

from ingest.application.comparing import ComparingTimes
from ingest.container import IngestContainer
from shared.infrastructure.sqlite.checking import first_problem
from shared.kernel import StoreDamaged

WORDS = ("Zanzibarion", "Quillonage", "Brindlewharf")
STORES = ("ingest", "process", "search", "events", "monitor")


@pytest.fixture(autouse=True)
def compared_at_once() -> Iterator[None]:
    """What does not agree for half a second is seen to."""
    times = ComparingTimes(start_seconds=0.2, settle_seconds=0.5, every_seconds=0.5, share=1)
    with IngestContainer.comparing_times.override(providers.Object(times)):
        yield


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory and, beside it, its backup."""
    from whole_server import a_whole_server

    folder = tmp_path_factory.mktemp("sound")
    with a_whole_server(folder / "data") as client:
        fill(client, *WORDS)
        # So that there are pages that hold nothing but rows.
        for number in range(10):
            upload(client, f"{number}.txt", f"A paragraph about number {number} of the harbour. " * 150)
        documents = client.get("/api/v1/documents", params={"limit": 100}).json()["items"]
        for document in documents:
            wait_for(client, document["id"])
        for document in documents:
            if document["name"].removesuffix(".txt") not in WORDS:
                assert client.delete(f"/api/v1/documents/{document['id']}").status_code in (202, 204)
    seoga(folder / "data", "backup", folder / "copy")
    return folder


def knock(client: httpx.Client) -> list[httpx.Response]:
    """A call of every kind."""
    answers = [
        client.get("/api/v1/documents"),
        client.get("/api/v1/monitor"),
        client.get("/api/v1/monitor/journeys"),
        client.get("/api/v1/monitor/dead-letters"),
        client.get("/api/v1/collections"),
        client.post("/api/v1/search", json={"query": WORDS[0]}),
        client.put("/api/v1/documents/default/new.txt", content="Another memo."),
    ]
    for document in answers[0].json().get("items", []):
        for part in ("", "/revisions", "/chunks", "/content"):
            answers.append(client.get(f"/api/v1/documents/{document['id']}{part}"))
    return answers


def told_by(client: httpx.Client, name: str) -> bool:
    """Whether health says that this file is damaged, and what to do."""
    components: dict[str, Any] = client.get("/health/ready").json()["components"]
    words = [component["detail"] for component in components.values() if not component["ready"]]
    return any(f"{name}.sqlite is damaged" in detail and "`seoga" in detail for detail in words)


@pytest.mark.slow
@pytest.mark.timeout(170)
@pytest.mark.parametrize("share", [0.4, 0.7])
@pytest.mark.parametrize("name", STORES)
def test_a_damaged_page_is_told_and_mended(
    name: str, share: float, sound: Path, tmp_path: Path, serving: Serving
) -> None:
    data = tmp_path / "data"
    shutil.copytree(sound / "data", data)
    file = data / f"{name}.sqlite"
    page = max(2, int(file.stat().st_size / PAGE * share))
    spoil_page(file, page)
    while first_problem(file) is None:  # one that holds nothing, as deletions leave them
        page += 1
        spoil_page(file, page)
    try:
        with serving(data) as client:
            assert [answer.text for answer in knock(client) if answer.status_code == 500] == []
            becomes(lambda: told_by(client, name))
            assert [answer.text for answer in knock(client) if answer.status_code == 500] == []
    except StoreDamaged as error:
        assert f"{name}.sqlite is damaged" in error.detail and "`seoga" in error.detail
    states = {one["file"]: one["state"] for one in seoga_json(data, "repair", code=int(name == "ingest"))["files"]}
    if name == "ingest":
        assert states["ingest.sqlite"] == "damaged"
        data = tmp_path / "restored"
        seoga(data, "restore", sound / "copy")
    else:
        assert states[f"{name}.sqlite"] == "set aside"
    with serving(data) as client:
        wait_for(client, upload(client, "last.txt", "A memo that comes after everything.")["id"])
        for document in client.get("/api/v1/documents", params={"limit": 100}).json()["items"]:
            if document["name"] in ("new.txt", "last.txt"):
                client.delete(f"/api/v1/documents/{document['id']}")
        becomes(lambda: all_found(client, *WORDS))


@pytest.mark.slow
def test_damaged_and_emptied_artefacts_are_made_again(sound: Path, tmp_path: Path, serving: Serving) -> None:
    for damage in ("emptied", "cut", "flipped", "gone"):
        data = tmp_path / damage
        shutil.copytree(sound / "data", data)
        for file in artefacts(data):
            if damage == "emptied":
                file.write_bytes(b"")
            elif damage == "cut":
                file.write_bytes(file.read_bytes()[:-7])
            elif damage == "flipped":
                flip_byte(file, 0)
            else:
                file.unlink()
        # And an index that has to be built from them.
        shutil.rmtree(data / "index")
        with serving(data) as client:
            documents = client.get("/api/v1/documents").json()["items"]
            for document in documents:
                url = f"/api/v1/documents/{document['id']}/chunks"
                assert client.get(url).status_code in (200, 503)
                becomes(lambda url=url: client.get(url).status_code == 200)  # type: ignore[misc]  # a lambda with a default
            becomes(lambda: all_found(client, *WORDS))


@pytest.mark.slow
def test_a_damaged_original_is_told_and_mended_by_its_upload(sound: Path, tmp_path: Path, serving: Serving) -> None:
    data = tmp_path / "data"
    shutil.copytree(sound / "data", data)
    texts = {word: f"A short memo about {word} and its tariff." for word in WORDS}
    for file in originals(data):
        if file.read_bytes().decode() in texts.values():
            flip_byte(file)
    with serving(data) as client:
        ids = {document["name"].removesuffix(".txt"): document["id"] for document in
               client.get("/api/v1/documents").json()["items"]}  # fmt: skip
        client.post(f"/api/v1/documents/{ids[WORDS[0]]}/reprocess")
        assert wait_for(client, ids[WORDS[0]], "failed")["problem"]["code"] == "original_damaged"
        for word, text in texts.items():
            assert upload(client, f"{word}.txt", text)["id"] == ids[word]
        for word, text in texts.items():
            wait_for(client, ids[word])
            assert client.get(f"/api/v1/documents/{ids[word]}/content").text == text
