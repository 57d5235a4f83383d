"""A data directory whose files are of different moments: every document comes well again by itself, or is told of."""

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from command_line import seoga
from dependency_injector import providers
from end_to_end.conftest import Serving
from journeys import becomes, delete, found_names, search, upload, wait_for

from ingest.application.comparing import ComparingTimes
from ingest.container import IngestContainer

WORDS = ("Zanzibarion", "Quillonage", "Brindlewharf", "Glimmerstone", "Vossport", "Demurrage")


@pytest.fixture(autouse=True)
def compared_at_once() -> Iterator[None]:
    """What does not agree for half a second is seen to."""
    times = ComparingTimes(start_seconds=0.2, settle_seconds=0.5, every_seconds=0.5, share=1)
    with IngestContainer.comparing_times.override(providers.Object(times)):
        yield


def fill(client: httpx.Client, *words: str) -> list[str]:
    """One searchable document for each word; their ids."""
    documents = [upload(client, f"{word}.txt", f"A short memo about {word} and its tariff.") for word in words]
    return [wait_for(client, document["id"])["id"] for document in documents]


def all_found(client: httpx.Client, *words: str) -> bool:
    """Each by its word, from one document with its bytes, and nothing is on its way or failed."""
    documents = client.get("/api/v1/documents", params={"limit": 100}).json()["items"]
    if any(document["status"] != "searchable" for document in documents):
        return False
    for word in words:
        # Each time another question, so that no kept answer says how it was before.
        hits = search(client, word, mode="keyword", limit=random.randint(10, 100))["hits"]
        if [hit["document"]["name"] for hit in hits] != [f"{word}.txt"]:
            return False
        if client.get(f"/api/v1/documents/{hits[0]['document']['id']}/content").status_code != 200:
            return False
    return len(documents) == len(words)


def copied(source: Path, target: Path) -> Path:
    """The folder at this moment."""
    shutil.copytree(source, target)
    return target


FILES = ("search.sqlite", "process.sqlite", "events.sqlite", "ingest.sqlite", "index")
MIXTURES = {
    "only the list is newer": ("search.sqlite", "process.sqlite", "events.sqlite", "index"),
    "search is older": ("search.sqlite",),
    "search and its index are older": ("search.sqlite", "index"),
    "the index is older": ("index",),
    "work is older": ("process.sqlite",),
    "events are older": ("events.sqlite",),
    "work and events are older": ("process.sqlite", "events.sqlite"),
    "the list is older": ("ingest.sqlite",),
    "the list and events are older": ("ingest.sqlite", "events.sqlite"),
    "the list and work are older": ("ingest.sqlite", "process.sqlite"),
}


@pytest.mark.slow
@pytest.mark.parametrize("older", MIXTURES.values(), ids=MIXTURES)
@pytest.mark.timeout(170)
def test_files_of_two_moments_come_together(older: tuple[str, ...], tmp_path: Path, serving: Serving) -> None:
    data = tmp_path / "data"
    with serving(data) as client:
        ids = fill(client, *WORDS[:3])
    before = copied(data, tmp_path / "before")
    with serving(data) as client:
        fill(client, *WORDS[3:])
        # Known to both moments, with more versions in the later.
        wait_for(client, upload(client, f"{WORDS[0]}.txt", f"The memo about {WORDS[0]} was written anew.")["id"])
        delete(client, ids[1])
    for name in older:
        file, then = data / name, before / name
        shutil.rmtree(file) if file.is_dir() else file.unlink()
        shutil.copytree(then, file) if then.is_dir() else shutil.copy(then, file)
    # The list decides what there is; where it is older, the deleted document is there again, with its bytes.
    words = WORDS if "ingest.sqlite" in older else (WORDS[0], *WORDS[2:])
    with serving(data) as client:
        becomes(lambda: all_found(client, *words))

        def all_ready() -> bool:
            health = client.get("/health/ready").json()["components"]
            assert all(component["ready"] for component in health.values()), health
            return True

        # What does not agree is looked at again before it is told to be well.
        becomes(all_ready)


@pytest.mark.slow
@pytest.mark.parametrize("gone", [*FILES[:3], "index"])
def test_a_file_that_is_gone_is_made_again(gone: str, tmp_path: Path, serving: Serving) -> None:
    data = tmp_path / "data"
    with serving(data) as client:
        fill(client, *WORDS[:3])
    file = data / gone
    shutil.rmtree(file) if file.is_dir() else file.unlink()
    with serving(data) as client:
        becomes(lambda: all_found(client, *WORDS[:3]))


@pytest.mark.slow
def test_a_list_that_is_lost_is_made_again_of_what_is_shown(tmp_path: Path, serving: Serving) -> None:
    data = tmp_path / "data"
    with serving(data) as client:
        ids = fill(client, *WORDS[:3])
        client.patch(f"/api/v1/documents/{ids[0]}", json={"metadata": {"team": "관세"}}).raise_for_status()
        wait_for(client, upload(client, f"{WORDS[1]}.txt", f"The memo about {WORDS[1]} was written anew.")["id"])
        delete(client, ids[2])
    seoga(data, "repair", "--remake", "ingest")
    with serving(data) as client:
        becomes(lambda: all_found(client, *WORDS[:2]))
        documents = {one["id"]: one for one in client.get("/api/v1/documents").json()["items"]}
        assert set(documents) == set(ids[:2])
        assert documents[ids[0]]["metadata"] == {"team": "관세"}
        assert "anew" in client.get(f"/api/v1/documents/{ids[1]}/content").text


@pytest.mark.slow
def test_documents_that_search_lost_are_found_again(tmp_path: Path, serving: Serving) -> None:
    data = tmp_path / "data"
    with serving(data) as client:
        fill(client, *WORDS[:2])
    (data / "search.sqlite").unlink()
    shutil.rmtree(data / "index")
    with serving(data) as client:
        becomes(lambda: all_found(client, *WORDS[:2]))
        healed = re.search(r'documents_healed_total\{reason="not_served"\} (\S+)', client.get("/metrics").text)
        # One that a busy machine serves only after a while is set going once more.
        assert healed is not None and float(healed[1]) >= 2


def originals(data: Path) -> list[Path]:
    return [path for path in (data / "blobs" / "originals").rglob("*") if path.is_file()]


def artefacts(data: Path) -> list[Path]:
    return [path for path in (data / "blobs" / "artefacts").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_missing_original_is_told_and_well_again_when_it_is_uploaded(tmp_path: Path, serving: Serving) -> None:
    data, text = tmp_path / "data", f"A short memo about {WORDS[0]} and its tariff."
    with serving(data) as client:
        (document,) = fill(client, WORDS[0])
    for file in (*originals(data), *artefacts(data)):
        file.unlink()
    with serving(data) as client:

        def told() -> bool:
            component = client.get("/health/ready").json()["components"]["ingest.documents"]
            return not component["ready"] and document in component["detail"] and "upload" in component["detail"]

        becomes(told)
        # What can be found is found all the same, until somebody wants it processed again.
        assert found_names(client, WORDS[0], mode="keyword") == [f"{WORDS[0]}.txt"]
        assert client.post(f"/api/v1/documents/{document}/reprocess").status_code == 202
        failed = wait_for(client, document, "failed")
        assert failed["problem"]["code"] == "original_missing"
        assert "upload the file again" in failed["problem"]["detail"].lower()
        assert client.get("/api/v1/monitor/dead-letters").json()["items"] == []
        assert upload(client, f"{WORDS[0]}.txt", text)["id"] == document
        wait_for(client, document)
        becomes(lambda: client.get("/health/ready").json()["components"]["ingest.documents"]["ready"])
        assert client.get(f"/api/v1/documents/{document}/content").text == text


@pytest.mark.slow
def test_an_original_that_comes_back_by_hand_sets_its_document_going(tmp_path: Path, serving: Serving) -> None:
    data = tmp_path / "data"
    with serving(data) as client:
        (document,) = fill(client, WORDS[0])
        (original,) = originals(data)
        kept = original.rename(tmp_path / "kept")
        client.post(f"/api/v1/documents/{document}/reprocess")
        wait_for(client, document, "failed")
        kept.rename(original)
        wait_for(client, document)


@pytest.mark.slow
@pytest.mark.timeout(170)
def test_a_copy_of_a_running_directory_comes_well(tmp_path: Path, serving: Serving) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    copy.mkdir()
    with serving(data) as client:
        for number in range(60):
            upload(client, f"{number}.txt", f"The memo {number} of Brindlewharf is about cargo number {number}.")
            if number % 12 == 6:
                # File by file, with seconds in between, as `cp -r` does; never its log at the same moment.
                for name in (FILES[number // 12 % 4], "blobs"):
                    source, target = data / name, copy / name
                    if source.is_dir():
                        shutil.copytree(source, target, dirs_exist_ok=True)
                    elif source.exists():
                        shutil.copy(source, target)
    shutil.copy(data / "schema.json", copy / "schema.json")
    with serving(copy) as client:

        def all_settled() -> bool:
            documents = client.get("/api/v1/documents", params={"limit": 100}).json()["items"]
            if {document["status"] for document in documents} - {"searchable", "failed"}:
                return False
            codes = {document["problem"]["code"] for document in documents if document["status"] == "failed"}
            assert codes <= {"original_missing"}, codes
            found = [document for document in documents if document["status"] == "searchable"]
            names = set(found_names(client, "Brindlewharf", mode="keyword", limit=random.randint(80, 100)))
            return {document["name"] for document in found} == names

        becomes(all_settled)
        assert client.get("/api/v1/monitor/dead-letters").json()["items"] == []
