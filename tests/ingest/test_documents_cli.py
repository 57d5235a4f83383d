"""`seoga documents` and `seoga collections`: what they show and change, through a server that runs."""

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from command_line import a_served_directory, seoga, seoga_json
from pdf_builders import a_locked_pdf

from builders import eventually
from ingest.interface.finding_documents import documents


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a running server with three documents, one of them unreadable."""
    data_dir = tmp_path_factory.mktemp("serving") / "data"
    files = tmp_path_factory.mktemp("files")
    (files / "환율.md").write_text("# 환율\n\n과세환율은 매주 고시한다.")
    (files / "quay.txt").write_text("Containers wait at the quay.")
    (files / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    with a_served_directory(data_dir):
        seoga(data_dir, "ingest", files, "-c", "first", code=1)
        yield data_dir


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a script runs the command."""
    monkeypatch.setattr("sys.stdin", io.StringIO())


@pytest.fixture
def collection(serving: Path, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A collection of its own, with `a.txt` and `b.txt`."""
    name = f"c{abs(hash(request.node.name)) % 10**8}"
    for file in ("a.txt", "b.txt"):
        (tmp_path / file).write_text(f"{file} {name}")
    seoga(serving, "ingest", tmp_path / "a.txt", tmp_path / "b.txt", "-c", name)
    return name


def test_lists_what_is_there_and_says_why_something_failed(serving: Path) -> None:
    output, errors = seoga(serving, "documents", "list", "-c", "first")
    assert errors == "3 documents\n"
    lines = output.splitlines()
    assert len(lines) == 3
    assert any("searchable" in line and line.endswith("first/환율.md") for line in lines)
    failed, _ = seoga(serving, "documents", "list", "-c", "first", "--failed")
    assert failed.splitlines()[0].endswith("first/broken.pdf")
    assert "stage parse; trying again does not help" in failed.splitlines()[1]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (["--status", "searchable"], {"환율.md", "quay.txt"}),
        (["--failed"], {"broken.pdf"}),
        (["--type", "markdown"], {"환율.md"}),
        (["--type", "text/*"], {"환율.md", "quay.txt"}),
        (["--name", "환"], {"환율.md"}),
        (["--name", "nothing"], set()),
    ],
)
def test_filters(serving: Path, filters: list[str], names: set[str]) -> None:
    found = seoga_json(serving, "documents", "list", "-c", "first", *filters)
    assert {document["name"] for document in found["items"]} == names
    assert found["complete"] is True


def test_lists_in_the_order_that_is_wanted(serving: Path) -> None:
    def names(sort: str) -> list[str]:
        found = seoga_json(serving, "documents", "list", "-c", "first", "--sort", sort)
        return [document["name"] for document in found["items"]]

    assert names("name") == ["broken.pdf", "quay.txt", "환율.md"]
    assert names("oldest") == names("newest")[::-1]
    assert names("status")[0] == "broken.pdf"
    assert names("size")[0] == "환율.md"


def test_lists_as_many_as_are_wanted(serving: Path, collection: str) -> None:
    assert len(seoga_json(serving, "documents", "list", "-c", collection)["items"]) == 2
    one = seoga_json(serving, "documents", "list", "-c", collection, "-n", "1")
    assert (len(one["items"]), one["complete"]) == (1, False)


def test_asks_for_every_page_with_the_cursor_of_the_one_before() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        place = int(request.url.params.get("cursor", "0"))
        page = {"items": [{"media_type": "text/plain", "place": place}], "next_cursor": str(place + 1)}
        return httpx.Response(200, json=page if place < 4 else {**page, "next_cursor": None})

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://127.0.0.1:9") as client:
        assert [document["place"] for document in documents(client, {})] == [0, 1, 2, 3, 4]


def test_wrong_filters_are_told(serving: Path) -> None:
    assert "is no type" in seoga(serving, "documents", "list", "--type", "papyrus", code=1)[1]
    assert "goes without" in seoga(serving, "documents", "list", "--failed", "-s", "received", code=2)[1]


def test_shows_one_document_by_name_or_id(serving: Path) -> None:
    shown = seoga_json(serving, "documents", "show", "환율.md")
    assert (shown["name"], shown["status"], shown["chunks"]) == ("환율.md", "searchable", 1)
    output, _ = seoga(serving, "documents", "show", shown["id"])
    assert output.startswith("환율.md\n")
    assert "text/markdown" in output
    assert "nearly" not in output
    failed, _ = seoga(serving, "documents", "show", "broken.pdf", "-c", "first")
    assert "reason" in failed
    assert "chunks      none" in failed


def test_tells_of_another_document_with_nearly_the_same_text(serving: Path, collection: str, tmp_path: Path) -> None:
    words = " ".join(f"관세율표 제{number}류 주석" for number in range(60))
    for name, text in (("first.txt", words), ("second.md", f"# 제목\n\n{words}\n\n덧붙인 문장이다.")):
        (tmp_path / name).write_text(text)
        seoga(serving, "ingest", tmp_path / name, "-c", collection)
    for name, other in (("first.txt", "second.md"), ("second.md", "first.txt")):
        output, _ = seoga(serving, "documents", "show", name, "-c", collection)
        assert f"nearly      {collection}/{other} (9" in output
    (similar,) = seoga_json(serving, "documents", "show", "first.txt", "-c", collection)["similar"]
    assert (similar["name"], similar["similarity"] > 0.9) == ("second.md", True)


def test_a_document_that_is_not_there_or_not_alone_is_told(serving: Path, collection: str, tmp_path: Path) -> None:
    assert "There is no document named 'nothing.txt'" in seoga(serving, "documents", "show", "nothing.txt", code=1)[1]
    (tmp_path / "a.txt").write_text("another text")
    seoga(serving, "ingest", tmp_path / "a.txt", "-c", f"{collection}-2")
    assert "Several documents are named 'a.txt'" in seoga(serving, "documents", "show", "a.txt", code=1)[1]
    assert seoga_json(serving, "documents", "show", "a.txt", "-c", collection)["collection"] == collection


def test_fetches_the_original_or_the_text(serving: Path, tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    answer = seoga_json(serving, "documents", "get", "환율.md", "-o", tmp_path / "into")
    target = tmp_path / "into" / "환율.md"
    assert answer["path"] == str(target)
    assert target.read_text().startswith("# 환율")
    assert "is there already" in seoga(serving, "documents", "get", "환율.md", "-o", target, code=1)[1]
    seoga(serving, "documents", "get", "환율.md", "-o", target, "--text", "--force")
    assert target.read_text().startswith("환율")
    assert sorted(path.name for path in target.parent.iterdir()) == ["환율.md"]


def test_a_name_with_folders_is_fetched_into_the_folder_that_was_meant(serving: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "x.txt").write_text("deep")
    seoga(serving, "ingest", tmp_path / "in", "-c", "deep")
    assert seoga_json(serving, "documents", "get", "deep/x.txt", "-o", tmp_path)["path"] == str(tmp_path / "x.txt")


def test_renames_and_labels(serving: Path, collection: str) -> None:
    seoga(serving, "documents", "rename", "a.txt", "새 이름.txt", "-c", collection)
    assert seoga_json(serving, "documents", "show", "새 이름.txt")["collection"] == collection
    set_ = seoga_json(serving, "documents", "metadata", "b.txt", "year=2026", "team=통관", "-c", collection)
    assert set_ == {"year": 2026, "team": "통관"}
    kept = seoga_json(serving, "documents", "metadata", "b.txt", "open=true", "--unset", "year", "-c", collection)
    assert kept == {"team": "통관", "open": True}
    shown, _ = seoga(serving, "documents", "metadata", "b.txt", "-c", collection)
    assert set(shown.splitlines()) == {"open=true", "team=통관"}
    taken = seoga(serving, "documents", "rename", "b.txt", "새 이름.txt", "-c", collection, code=1)[1]
    assert "belongs to another document" in taken


def test_deletes_only_when_told_so(serving: Path, collection: str) -> None:
    _, asked = seoga(serving, "documents", "delete", "a.txt", "-c", collection, code=1)
    assert "Delete a.txt" in asked
    seoga(serving, "documents", "delete", "a.txt", "b.txt", "-c", collection, "--yes")
    assert "no collection named" in seoga(serving, "documents", "list", "-c", collection, code=1)[1]


def test_reads_again_one_or_all_that_failed(serving: Path, collection: str) -> None:
    again = seoga_json(serving, "documents", "reprocess", "a.txt", "-c", collection)
    assert [document["name"] for document in again["documents"]] == ["a.txt"]
    failed = seoga_json(serving, "documents", "reprocess", "--failed", "-c", "first")
    assert {document["name"] for document in failed["documents"]} <= {"broken.pdf"}
    assert "give documents, or --failed" in seoga(serving, "documents", "reprocess", code=2)[1]


def _has_status(serving: Path, status: str) -> bool:
    return bool(seoga_json(serving, "documents", "show", "locked.pdf", "-c", "locked")["status"] == status)


def test_a_password_is_asked_for_and_opens_the_file(
    serving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "locked.pdf").write_bytes(a_locked_pdf("a word of 8471", "Opened by whoever knows the word."))
    _, said = seoga(serving, "ingest", tmp_path / "in", "-c", "locked", code=1)
    assert "Reprocess it with its password" in said
    for word, status in (("another", "failed"), ("a word of 8471", "searchable")):
        monkeypatch.setattr(sys, "stdin", io.StringIO(word + "\n"))
        seoga(serving, "documents", "reprocess", "locked.pdf", "-c", "locked", "--password")
        asyncio.run(eventually(partial(_has_status, serving, status)))
    seoga(serving, "documents", "get", "locked.pdf", "-c", "locked", "--text", "-o", tmp_path / "text")
    assert "whoever knows" in (tmp_path / "text").read_text()


def test_a_collection_is_listed_and_deleted_when_told_so(serving: Path, collection: str) -> None:
    listed = {one["name"]: one for one in seoga_json(serving, "collections", "list")["items"]}
    assert listed[collection]["documents"]["searchable"] == 2
    assert "2 searchable" in seoga(serving, "collections", "list")[0]
    assert "with its 2 documents" in seoga(serving, "collections", "delete", collection, code=1)[1]
    removal = seoga_json(serving, "collections", "delete", collection, "--yes")
    assert (removal["total"], removal["remaining"]) == (2, 0)
    assert removal["finished_at"] is not None
    assert collection not in {one["name"] for one in seoga_json(serving, "collections", "list")["items"]}
    assert "no collection named" in seoga(serving, "collections", "delete", collection, "--yes", code=1)[1]


def test_json_is_valid_where_the_terminal_has_only_ascii(serving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.runtime import client

    class Narrow:
        encoding = "ascii"
        text = ""

        def write(self, text: str) -> int:
            self.text += text.encode("ascii").decode()
            return len(text)

    narrow = Narrow()
    monkeypatch.setattr("sys.stdout", narrow)
    document: dict[str, Any] = {"name": "é 환율 😀"}
    client.print_json(document)
    assert json.loads(narrow.text) == document
