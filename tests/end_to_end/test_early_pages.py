"""A large PDF is found page by page while it is read, through the doors that people use, in spite of a kill -9."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from journeys import delete, search, upload, wait_for
from pdf_builders import a_book

from benchmarks.server import RunningServer, a_server
from builders import eventually

PAGES = 300
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


async def _early(client: httpx.Client, document_id: str) -> dict[str, Any]:
    """The document as soon as its first pages are found."""

    def seen() -> dict[str, Any] | None:
        document: dict[str, Any] = client.get(f"/api/v1/documents/{document_id}").raise_for_status().json()
        assert document["status"] in ("received", "processing"), document
        return document if document["early"] else None

    found = await eventually(seen, timeout_seconds=120)
    assert found is not None
    return found


@contextmanager
def _nothing_is_read(server: RunningServer) -> Iterator[None]:
    """Who reads documents stands still, so that what is being read is not whole before it was looked at."""
    children = server.process.children(recursive=True)
    readers = [one for one in children if "process.infrastructure.parser_child" in one.cmdline()]
    assert readers
    for one in readers:
        one.suspend()
    try:
        yield
    finally:
        for one in readers:
            with suppress(psutil.NoSuchProcess):
                one.resume()


def _found(client: httpx.Client, page: int) -> list[dict[str, Any]]:
    """Whose pages have the word of this page."""
    word = f"quay{page:04}"
    hits: list[dict[str, Any]] = search(client, word, mode="keyword")["hits"]
    return [hit["document"] for hit in hits if word in hit["chunk"]["text"]]


def _content(client: httpx.Client, document_id: str) -> list[Any]:
    """Text, chunks and what a search by meaning gives: all but names of versions."""
    path = f"/api/v1/documents/{document_id}"
    said: list[Any] = [client.get(f"{path}/text").raise_for_status().text]
    cursor: str | None = None
    while cursor is not None or len(said) == 1:
        page = client.get(f"{path}/chunks", params={"limit": 200} | ({"cursor": cursor} if cursor else {})).json()
        said.append(page["items"])
        cursor = page["next_cursor"]
    hits = search(client, "ships that arrive by night", limit=20)["hits"]
    return [*said, [(hit["chunk"]["ordinal"], round(hit["score"], 3)) for hit in hits]]


async def test_it_is_found_before_it_is_read_and_a_crash_changes_nothing(tmp_path: Path) -> None:
    with a_server(tmp_path / "early") as server:
        document_id = upload(server.client, "book.pdf", a_book(PAGES), params={"early": "true"})["id"]
        early = (await _early(server.client, document_id))["early"]
        with _nothing_is_read(server):
            assert 32 <= early["pages_done"] < PAGES == early["pages_total"]
            (hit,) = _found(server.client, 3)
            assert hit["early"]["pages_total"] == PAGES and hit["early"]["pages_done"] < PAGES
            assert _found(server.client, PAGES) == []
            server.process.kill()
            server.process.wait(60)
    with a_server(tmp_path / "early") as server:
        # What was found before is found at once, and goes on to the whole.
        assert len(_found(server.client, 3)) == 1
        whole = wait_for(server.client, document_id, timeout_seconds=280)
        assert (whole["early"], whole["searchable_revision"], whole["revision"]) == (None, 1, 1)
        for page in (3, 100, PAGES):
            assert [hit["early"] for hit in _found(server.client, page)] == [None]
        content = _content(server.client, document_id)
        pieces = list((tmp_path / "early" / "blobs").rglob("*.piece"))
    with a_server(tmp_path / "plain") as server:
        plain = upload(server.client, "book.pdf", a_book(PAGES))["id"]
        wait_for(server.client, plain, timeout_seconds=280)
        assert _content(server.client, plain) == content
    assert pieces == []


async def test_a_deletion_in_between_is_the_end(tmp_path: Path) -> None:
    with a_server(tmp_path) as server:
        document_id = upload(server.client, "book.pdf", a_book(PAGES), params={"early": "true"})["id"]
        await _early(server.client, document_id)
        delete(server.client, document_id)
        assert _found(server.client, 3) == []
        # Whatever was on its way has come by then, and brought nothing back.
        other = upload(server.client, "note.txt", "A note that comes after the book.")
        wait_for(server.client, other["id"])
        assert _found(server.client, 3) == _found(server.client, PAGES) == []
