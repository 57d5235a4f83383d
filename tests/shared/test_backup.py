"""`seoga backup` and `seoga restore`, on a real data directory with its server running."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from command_line import a_served_directory, seoga, seoga_json
from damage import flip_byte, spoil_middle
from journeys import found_names, upload, wait_for

from shared.runtime.data_directory import DataDirectory

pytestmark = pytest.mark.slow  # servers and command lines of their own

WORDS = ("Zanzibarion", "Quillonage", "Brindlewharf")


@dataclass
class ABackup:
    data_dir: Path
    folder: Path
    first: dict[str, object]
    second: dict[str, object]


def fill(client: httpx.Client, *words: str) -> None:
    documents = [upload(client, f"{word}.txt", f"A short memo about {word} and its tariff.") for word in words]
    for document in documents:
        wait_for(client, document["id"])


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ABackup]:
    """Two backups into one folder, both while the server runs; one document came in between."""
    folder = tmp_path_factory.mktemp("backup")
    data_dir, target = folder / "data", folder / "copy"
    with a_served_directory(data_dir) as url, httpx.Client(base_url=url, timeout=60) as client:
        fill(client, *WORDS[:2])
        first = seoga_json(data_dir, "backup", target)
        fill(client, WORDS[2])
        client.post("/api/v1/chat", json={"question": f"What is the memo about {WORDS[0]}?"}).raise_for_status()
        second = seoga_json(data_dir, "backup", target, "--verify")
    yield ABackup(data_dir, target, first, second)


def test_what_was_copied_before_is_not_copied_again(backup: ABackup) -> None:
    assert backup.first["copied"] == backup.first["files"]
    new = [backup.second["copied"], backup.second["files"]]
    # The stores, and what one document leaves.
    assert isinstance(new[0], int) and isinstance(new[1], int) and 5 < new[0] < new[1]
    contents = [path for path in (backup.folder / "objects").rglob("*") if path.is_file()]
    assert len(contents) <= new[1]
    assert not any((backup.folder / "incoming").iterdir())


def test_a_restored_directory_has_everything_searchable(backup: ABackup, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    output, _ = seoga(data_dir, "restore", backup.folder)
    assert "files" in output
    with a_served_directory(data_dir) as url, httpx.Client(base_url=url, timeout=60) as client:
        documents = client.get("/api/v1/documents").json()["items"]
        assert {(document["name"], document["status"]) for document in documents} == {
            (f"{word}.txt", "searchable") for word in WORDS
        }
        deadline = time.monotonic() + 30
        for word in WORDS:
            limit = 10
            while found_names(client, word, mode="keyword", limit=limit) != [f"{word}.txt"]:
                assert time.monotonic() < deadline
                time.sleep(0.1)
                limit = limit % 100 + 1  # another question: the index may still be building
        for document in documents:
            content = client.get(f"/api/v1/documents/{document['id']}/content").text
            assert document["name"].removesuffix(".txt") in content
        (conversation,) = client.get("/api/v1/chat/sessions").json()["items"]
        (message,) = client.get(f"/api/v1/chat/{conversation['session']}/messages").json()["items"]
        assert WORDS[0] in message["question"] and message["state"] == "done"


def test_a_directory_that_is_not_empty_is_left_alone(backup: ABackup, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.txt").write_text("mine")
    _, errors = seoga(tmp_path / "data", "restore", backup.folder, code=1)
    assert "is not empty" in errors
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["notes.txt"]


def test_a_damaged_backup_is_refused_and_leaves_nothing(backup: ABackup, tmp_path: Path) -> None:
    damaged = tmp_path / "copy"
    shutil.copytree(backup.folder, damaged)
    contents = [path for path in (damaged / "objects").rglob("*") if path.is_file()]
    largest = max(contents, key=lambda path: path.stat().st_size)
    flip_byte(largest)
    _, errors = seoga(tmp_path / "data", "restore", damaged, code=1)
    assert "is damaged" in errors
    largest.unlink()
    _, errors = seoga(tmp_path / "data", "restore", damaged, code=1)
    assert "lacks the content" in errors
    flip_byte(damaged / "manifest.jsonl")
    _, errors = seoga(tmp_path / "data", "restore", damaged, code=1)
    assert "The backup cannot be used" in errors
    assert not [path.name for path in (tmp_path / "data").iterdir() if path.name != "lock"]


def test_what_is_no_backup_and_what_is_no_data_directory_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    _, errors = seoga(tmp_path / "data", "restore", tmp_path / "empty", code=1)
    assert "it is no backup" in errors
    _, errors = seoga(tmp_path / "nothing", "backup", tmp_path / "copy", code=1)
    assert "is no data directory" in errors


def test_documents_on_a_server_are_not_pretended_to_be_copied(backup: ABackup, tmp_path: Path) -> None:
    _, errors = seoga(
        backup.data_dir, "backup", tmp_path / "copy", code=1, SEOGA_STORE_URL="mongodb://127.0.0.1:1/seoga"
    )
    assert "MongoDB" in errors
    assert not (tmp_path / "copy").exists()


def test_damage_is_told_by_the_backup_and_the_former_one_stands(backup: ABackup, tmp_path: Path) -> None:
    data_dir, target = tmp_path / "data", tmp_path / "copy"
    shutil.copytree(backup.data_dir, data_dir)
    shutil.copytree(backup.folder, target)
    original = next(path for path in (data_dir / "blobs" / "originals").rglob("*") if path.is_file())
    flip_byte(original)
    _, errors = seoga(data_dir, "backup", target, code=1)
    assert original.name in errors
    manifest = (target / "manifest.jsonl").read_bytes()
    spoil_middle(data_dir / "ingest.sqlite")
    _, errors = seoga(data_dir, "backup", target, code=1)
    assert "ingest.sqlite is damaged" in errors
    assert (target / "manifest.jsonl").read_bytes() == manifest


def test_a_file_with_holes_takes_no_more_room_in_the_copy_and_after_it(tmp_path: Path) -> None:
    data_dir, target, restored = tmp_path / "data", tmp_path / "copy", tmp_path / "restored"
    with DataDirectory(data_dir).hold():
        pass
    sparse = data_dir / "of-some-later-version"
    with sparse.open("wb") as file:
        file.seek(8 << 20)
        file.write(b"an island")
        file.truncate(24 << 20)
    seoga(data_dir, "backup", target)
    seoga(restored, "restore", target)
    copies = [path for path in (target / "objects").rglob("*") if path.is_file() and path.stat().st_size == 24 << 20]
    for copy in (*copies, restored / sparse.name):
        assert copy.read_bytes() == sparse.read_bytes()
        assert copy.stat().st_blocks * 512 <= 1 << 20
    assert len(copies) == 1
