"""Uploads that cannot be: each is a clear problem, and leaves no document behind."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ingest_builders import AnIngest, an_ingest

BOUNDARY = "b" * 20
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["detail"]
    assert code is None or body["code"] == code
    return body


@pytest.fixture(autouse=True)
async def nothing_is_left(ingest: AnIngest) -> AsyncIterator[None]:
    """After each test `ingest` has no document and nothing to tell."""
    yield
    assert await ingest.facts() == []
    assert (await ingest.client.get("/api/v1/documents")).json()["total"] == 0


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("empty.txt", b"", 422, "empty_file"),
        ("short.pdf", b"%PD", 415, "unsupported_type"),
        ("short.pdf", b"PDF", 415, "unsupported_type"),
        ("report.docx", b"MZ\x90\x00" + bytes(4000), 415, "unsupported_type"),
        ("report.pdf", b"\x7fELF" + bytes(4000), 415, "unsupported_type"),
        ("song.txt", b"ID3\x04\x00" + bytes(range(128, 168)) * 4, 415, "unsupported_type"),
        ("../etc/passwd", b"text", 422, "name_not_allowed"),
        ("a/../b.txt", b"text", 422, "name_not_allowed"),
        ("a\\..\\b.txt", b"text", 422, "name_not_allowed"),
        ("nul\x00.txt", b"text", 422, "name_not_allowed"),
        ("bell\x07.txt", b"text", 422, "name_not_allowed"),
        ("가" * 300, b"text", 422, "name_too_long"),
        (" ", b"text", 422, "empty_name"),
    ],
)
async def test_a_file_that_cannot_be_taken(ingest: AnIngest, name: str, content: bytes, status: int, code: str) -> None:
    body = problem(await ingest.put(name, content), status, code)
    if status == 415:
        assert "Supported are PDF, DOCX" in body["detail"]


async def test_the_same_problems_by_multipart(ingest: AnIngest) -> None:
    for name, content, status in (
        ("가" * 300, b"x", 422),
        ("../a", b"x", 422),
        ("nul\x00.txt", b"x", 422),
        ("a.pdf", b"%PD", 415),
    ):
        problem(await ingest.client.post("/api/v1/documents", files=[("files", (name, content))]), status)


@pytest.mark.parametrize("collection", ["a b", "a/b", "x" * 65, "a\x00b", "…"])
async def test_a_collection_that_cannot_be(ingest: AnIngest, collection: str) -> None:
    answer = await ingest.client.post(
        "/api/v1/documents", data={"collection": collection}, files=[("files", ("a.txt", b"one"))]
    )
    problem(answer, 422, "collection_not_allowed")


@pytest.mark.parametrize(
    "metadata",
    [
        "[1]", "{", '{"a": {"b": 1}}', '{"a": [[1]]}', '{"a": NaN}', '{"a": 1e999}', '{"": 1}', '{"a": "\\ud800"}',
        '{"a": 99999999999999999999}', '{"a": "' + "x" * 17_000 + '"}',
    ],
)  # fmt: skip
async def test_metadata_that_cannot_be(ingest: AnIngest, metadata: str) -> None:
    answer = await ingest.client.post(
        "/api/v1/documents", data={"metadata": metadata}, files=[("files", ("a.txt", b"one"))]
    )
    problem(answer, 422)


async def test_unknown_fields_are_refused(ingest: AnIngest) -> None:
    files = [("files", ("a.txt", b"one"))]
    problem(await ingest.client.post("/api/v1/documents", data={"colour": "red"}, files=files), 422)
    problem(await ingest.client.post("/api/v1/documents", files=[("file", ("a.txt", b"one"))]), 422)
    problem(await ingest.client.post("/api/v1/documents?colour=red", files=files), 422)
    problem(await ingest.client.put("/api/v1/documents/default/a.txt?x=1", content=b"one"), 422)


async def test_a_form_without_files_is_refused(ingest: AnIngest) -> None:
    problem(await ingest.client.post("/api/v1/documents", files={"collection": (None, "default")}), 422)
    problem(await ingest.client.post("/api/v1/documents", content=b"", headers=FORM), 400)
    problem(await ingest.client.post("/api/v1/documents", json={"files": []}), 415)


@pytest.mark.parametrize("cut", [5, 60, 130, 200])
async def test_a_form_that_breaks_off_leaves_nothing(ingest: AnIngest, cut: int) -> None:
    whole = (
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=files; filename=a.txt\r\n\r\nthe first file\r\n"
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=files; filename=b.txt\r\n\r\nthe second\r\n"
        f"--{BOUNDARY}--\r\n"
    ).encode()
    problem(await ingest.client.post("/api/v1/documents", content=whole[:cut], headers=FORM), 400)


async def test_a_body_shorter_than_declared_leaves_nothing(ingest: AnIngest) -> None:
    headers = {"content-length": "100"}
    problem(await ingest.client.put("/api/v1/documents/default/a.txt", content=b"half", headers=headers), 400)


async def _pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_more_bytes_than_allowed_are_refused_declared_or_not(tmp_path: Path) -> None:
    async with an_ingest(tmp_path / "small", max_upload_bytes=1000) as ingest:
        read = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal read
            for _ in range(1000):
                read += 100
                yield b"x" * 100

        path = "/api/v1/documents/default/a.txt"
        headers = {"content-length": "100000"}
        problem(await ingest.client.put(path, content=counted(), headers=headers), 413, "too_large")
        problem(await ingest.client.put(path, content=_pieces(11, 100)), 413, "too_large")
        assert (await ingest.client.put(path, content=_pieces(10, 100))).status_code == 202
        big = [("files", ("b.txt", b"y" * 1001)), ("files", ("c.txt", b"small"))]
        answer = await ingest.client.post("/api/v1/documents", files=big)
        assert answer.status_code == 202
        assert [entry["status"] for entry in answer.json()["documents"]] == ["refused", "received"]
        assert answer.json()["documents"][0]["problem"]["status"] == 413
        huge = [("files", ("d.txt", b"z" * (2 << 20)))]
        problem(await ingest.client.post("/api/v1/documents", files=huge), 413, "too_large")


async def test_more_files_than_allowed_are_refused(ingest: AnIngest) -> None:
    files = [("files", (f"{n}.txt", b"x")) for n in range(1001)]
    problem(await ingest.client.post("/api/v1/documents", files=files), 422)


async def test_a_disk_without_room_refuses_what_is_declared(tmp_path: Path) -> None:
    async with an_ingest(tmp_path / "huge", max_upload_bytes=1 << 60) as other:
        headers = {"content-length": str(1 << 59)}
        problem(
            await other.client.put("/api/v1/documents/default/a.txt", content=b"x", headers=headers),
            507,
            "storage_full",
        )


async def test_a_document_that_is_being_deleted_cannot_be_changed(tmp_path: Path) -> None:
    async with an_ingest(tmp_path / "other") as ingest:
        document = (await ingest.put("a.txt", b"one")).json()
        await ingest.ingestion.withdraw(document["id"])
        path = f"/api/v1/documents/{document['id']}"
        problem(await ingest.client.patch(path, json={"metadata": {}}), 409)
        problem(await ingest.client.post(f"{path}/reprocess"), 409)
