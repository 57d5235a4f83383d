"""Which files `seoga ingest` finds, how it names them, and what becomes of them."""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from command_line import a_served_directory, a_serving_process, command, seoga, seoga_json, seoga_process

from ingest.interface.bulk_upload.finding import find_files, same_names
from ingest.interface.bulk_upload.outcome import Outcome
from ingest.interface.bulk_upload.patience import Patience
from ingest.interface.bulk_upload.progress import Bars
from ingest.interface.bulk_upload.waiting import Waiting, WaitingTimes
from search.domain.chunk_id import chunk_id
from shared.runtime.data_directory import DataDirectory


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_finds_files_below_a_folder_without_hidden_ones(tmp_path: Path) -> None:
    write(tmp_path, "b.txt", "a/deep/er.txt", ".hidden", ".git/config", "a/.hidden.txt", "a/z.txt")
    assert [file.name for file in find_files([tmp_path]).files] == ["b.txt", "a/z.txt", "a/deep/er.txt"]


def test_a_file_is_named_by_its_own_name_also_when_hidden(tmp_path: Path) -> None:
    write(tmp_path, "a/b.txt", ".env")
    assert [file.name for file in find_files([tmp_path / "a" / "b.txt", tmp_path / ".env"]).files] == ["b.txt", ".env"]


def test_names_are_nfc(tmp_path: Path) -> None:
    decomposed = "\u1112\u1161\u11ab.txt"
    write(tmp_path, decomposed)
    assert [file.name for file in find_files([tmp_path]).files] == ["한.txt"]


def test_a_file_that_is_given_twice_is_taken_once(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    assert len(find_files([tmp_path, tmp_path / "a.txt"]).files) == 1


def test_tells_files_that_would_replace_one_another(tmp_path: Path) -> None:
    write(tmp_path, "one/a.txt", "two/a.txt", "two/b.txt")
    doubles = same_names(find_files([tmp_path / "one", tmp_path / "two"]).files)
    assert doubles == {"a.txt": [tmp_path / "one" / "a.txt", tmp_path / "two" / "a.txt"]}


def test_pipes_and_broken_links_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.txt")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    assert [file.name for file in find_files([tmp_path]).files] == ["a.txt"]


def test_what_systems_and_offices_leave_in_folders_is_litter(tmp_path: Path) -> None:
    litter = ["Thumbs.db", "a/.DS_Store", "a/desktop.ini", "a/~$report.docx", ".~lock.sheet.ods#", "a/._photo.txt"]
    write(tmp_path, "report.docx", "a/Thumbs.txt", "a/~notes.txt", *litter)
    found = find_files([tmp_path, tmp_path / "Thumbs.db"])
    assert {file.name for file in found.files} == {"report.docx", "a/Thumbs.txt", "a/~notes.txt"}
    assert {path.relative_to(tmp_path).as_posix() for path in found.litter} == set(litter)
    assert len(found.litter) == len(litter)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a running server."""
    data_dir = tmp_path_factory.mktemp("serving") / "data"
    with a_served_directory(data_dir):
        yield data_dir


def test_ingests_a_folder_and_waits_until_it_is_searchable(serving: Path, tmp_path: Path) -> None:
    write(tmp_path, "one.txt", "부산/두번째 문서?.txt", "a#b&c%20.md")
    output, errors = seoga(serving, "ingest", tmp_path, "-c", "folder")
    assert output == "3 files in folder: 3 searchable\n"
    assert errors.startswith("1 document is in a language that the model") and errors.count("\n") == 1
    again = seoga_json(serving, "ingest", tmp_path, "-c", "folder")
    assert again["counts"] == {"searchable": 3}
    assert [document["name"] for document in again["documents"]] == ["a#b&c%20.md", "one.txt", "부산/두번째 문서?.txt"]
    assert all(document["duplicate"] for document in again["documents"])


def test_lists_refused_and_failed_files_and_exits_with_1(serving: Path, tmp_path: Path) -> None:
    write(tmp_path, "good.txt")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    output, errors = seoga(serving, "ingest", tmp_path, "-c", "bad", code=1)
    assert "3 files in bad" in output
    assert "refused  empty.txt: " in errors
    assert "failed  broken.pdf: " in errors
    assert "good.txt" not in errors


def test_files_with_the_same_bytes_each_have_their_outcome(serving: Path, tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt", "three.txt"):
        (tmp_path / name).write_text("The same, three times.")
    (tmp_path / "b1.pdf").write_bytes(b"%PDF-1.4 broken twice")
    (tmp_path / "b2.pdf").write_bytes(b"%PDF-1.4 broken twice")
    report = seoga_json(serving, "ingest", tmp_path, "-c", "twins", code=1)
    assert report["counts"] == {"searchable": 3, "failed": 2}
    assert len({document["id"] for document in report["documents"]}) == 2
    assert all(document["reason"] for document in report["documents"] if document["status"] == "failed")


def test_types_that_are_not_read_are_told_apart_from_failures(serving: Path, tmp_path: Path) -> None:
    write(tmp_path, "good.txt", "Thumbs.db")
    for number in range(5):
        (tmp_path / f"{number}.exe").write_bytes(b"MZ\x90\0\x03\0\0\0" + bytes([number]) * 200)
    output, errors = seoga(serving, "ingest", tmp_path, "-c", "programs", code=4)
    assert output.startswith("6 files in programs: 5 refused, 1 searchable; 1 skipped")
    assert "refused  0.exe, 1.exe, 2.exe, … (5 in all): " in errors
    assert errors.count("\n") == 1
    report = seoga_json(serving, "ingest", tmp_path, "-c", "programs", code=4)
    assert report["skipped"] == 1
    assert {one["code"] for one in report["documents"]} == {None, "unsupported_type"}
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    seoga(serving, "ingest", tmp_path, "-c", "programs", code=1)


def test_metadata_goes_with_the_files(serving: Path, tmp_path: Path) -> None:
    write(tmp_path, "관세.txt")
    report = seoga_json(serving, "ingest", tmp_path, "-c", "labelled", "-m", "year=2026", "-m", "team=통관")
    (document,) = report["documents"]
    server = DataDirectory(serving).server()
    assert server is not None
    stored = httpx.get(f"{server.url}/api/v1/documents/{document['id']}", trust_env=False, timeout=60).json()
    assert stored["metadata"] == {"year": 2026, "team": "통관"}
    assert stored["name"] == "관세.txt"


@pytest.mark.parametrize("metadata", [[], ["-m", "year=2026"]])
def test_first_pages_are_asked_for(serving: Path, tmp_path: Path, metadata: list[str]) -> None:
    (tmp_path / "soon.txt").write_text(f"To be found soon. {metadata}")
    report = seoga_json(serving, "ingest", tmp_path, "-c", f"early{len(metadata)}", "--early", *metadata)
    assert report["counts"] == {"searchable": 1}
    server = DataDirectory(serving).server()
    assert server is not None
    asked = {"q": "soon", "mode": "keyword", "collection": f"early{len(metadata)}"}
    answer = httpx.get(f"{server.url}/api/v1/search", params=asked, trust_env=False, timeout=60)
    found = answer.raise_for_status().json()
    # Versions below it were left free for its first pages.
    assert [hit["chunk"]["id"] for hit in found["hits"]] == [chunk_id(report["documents"][0]["id"], 17, 0)]


def test_pages_and_chunks_of_large_documents_are_shown_while_they_are_counted() -> None:
    seen: list[tuple[str, int, int]] = []
    at_work = [
        {"pages_done": 64, "pages_total": 200, "chunks_done": None, "chunks_total": None},
        {"pages_done": 32, "pages_total": 100, "chunks_done": None, "chunks_total": None},
        {"pages_done": None, "pages_total": None, "chunks_done": 256, "chunks_total": 900},
    ]
    working: list[dict[str, object]] = [{"id": f"{number}", "progress": one} for number, one in enumerate(at_work)]
    # In each round they are counted first, then listed.
    lists: dict[str, list[list[dict[str, object]]]] = {"received": [[]] * 4, "processing": [working, working, [], []]}

    def answer(request: httpx.Request) -> httpx.Response:
        items: list[dict[str, object]]
        if status := request.url.params.get("status"):
            items = lists[status].pop(0)
        else:
            items = [{"id": f"{number}", "status": "searchable"} for number in range(3)]
        return httpx.Response(200, json={"items": items, "total": len(items), "next_cursor": None})

    bars = Bars(
        lambda _: None,
        lambda _: None,
        lambda done, total: seen.append(("pages", done, total)),
        lambda done, total: seen.append(("chunks", done, total)),
    )
    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://seoga") as client:
        pending = {f"{number}": [Outcome(Path("a"), "a", "received", document_id=f"{number}")] for number in range(3)}
        times = WaitingTimes(look_every_seconds=0)
        Waiting(client, "default", Patience(1), times).wait_for(pending, bars)
    assert seen == [("pages", 96, 300), ("chunks", 256, 900), ("pages", 0, 0), ("chunks", 0, 0)]
    assert {files[0].status for files in pending.values()} == {"searchable"}


def test_does_not_wait_when_told_so(serving: Path, tmp_path: Path) -> None:
    write(tmp_path, "later.txt")
    (document,) = seoga_json(serving, "ingest", tmp_path, "-c", "later", "--no-wait")["documents"]
    assert document["status"] in ("received", "processing", "searchable")


def test_a_wrong_collection_is_one_error_not_one_per_file(serving: Path, tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.txt")
    output, errors = seoga(serving, "ingest", tmp_path, "-c", "no/such name", code=1)
    assert output == ""
    assert errors.count("A collection's name has") == 1


def test_wrong_arguments_are_usage_errors(tmp_path: Path) -> None:
    write(tmp_path, "one/a.txt", "two/a.txt")
    assert "Invalid value for 'PATH" in seoga(tmp_path / "data", "ingest", tmp_path / "nowhere", code=2)[1]
    assert "not KEY=VALUE" in seoga(tmp_path / "data", "ingest", tmp_path, "-m", "year", code=2)[1]
    _, errors = seoga(tmp_path / "data", "ingest", tmp_path / "one", tmp_path / "two", code=2)
    assert "Several files would get the same name" in errors


@pytest.mark.slow
def test_works_without_a_running_server(tmp_path: Path) -> None:
    write(tmp_path / "files", "a.txt")
    (tmp_path / "files" / "b.txt").write_text("Containers wait at the quay called Zanzibarion.")
    said, _ = seoga_process(tmp_path / "data", "ingest", tmp_path / "files", "--json")
    assert json.loads(said)["counts"] == {"searchable": 2}
    found = seoga_json(tmp_path / "data", "search", "Zanzibarion")
    assert found["hits"][0]["document"]["name"] == "b.txt"


@pytest.mark.slow
def test_survives_a_killed_and_restarted_server(tmp_path: Path) -> None:
    files, data_dir = tmp_path / "files", tmp_path / "data"
    files.mkdir()
    for number in range(60):
        (files / f"{number}.txt").write_text(f"Document {number} about harbour {number}.\n" * 20)
    with a_serving_process(data_dir) as server:
        running = command(data_dir, "ingest", files, "--json")
        database = data_dir / "ingest.sqlite"
        deadline = time.monotonic() + 60
        while not database.exists() or _count(database) < 10:
            assert running.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        server.kill()
        server.wait()
    with a_serving_process(data_dir):
        output, errors = running.communicate(timeout=100)
    assert running.returncode == 0, errors
    assert json.loads(output)["counts"] == {"searchable": 60}


def _count(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])
        except sqlite3.OperationalError:
            return 0
