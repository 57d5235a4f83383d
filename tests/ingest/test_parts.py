"""Files in a file are documents below it: they come, stay, change and go with it."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from ingest_builders import AnIngest, a_failure, a_removal, an_ingest, told, work_on
from process_builders import stream

from shared.artefacts.parsed import ParsedDocument, Part
from shared.events.ingest import DocumentReceived, DocumentWithdrawn
from shared.events.process import DocumentProcessed
from shared.kernel import DocumentId


async def is_processed(ingest: AnIngest, document_id: str, members: dict[str, bytes]) -> DocumentProcessed:
    """Process has found these files in it; the event, which the test may tell again."""
    document = await ingest.documents.load(DocumentId(document_id))
    parts = []
    for path, content in members.items():
        stored = await ingest.blobs.store(stream(content), max_bytes=1 << 20)
        parts.append(Part(path=path, sha256=stored.sha256, size=stored.size))
    parsed = ParsedDocument(text="x", blocks=(), media_type="application/zip", language=None, parts=tuple(parts))
    key = f"artefacts/00/{hashlib.sha256(parsed.to_bytes()).hexdigest()}"
    await ingest.blobs.put(key, parsed.to_bytes())
    *stages, processed, indexed = work_on(document.id, document.content_version, document.revision.number, text=key)
    assert isinstance(processed, DocumentProcessed)
    processed = processed.model_copy(update={"parts": len(parts)})
    await ingest.hears(*stages, processed, indexed)
    return processed


async def an_archive(ingest: AnIngest, members: dict[str, bytes], name: str = "자료.zip") -> str:
    answer = await ingest.put(name, b"PK\x05\x06" + bytes(18) + name.encode())
    assert answer.status_code == 202, answer.text
    document_id: str = answer.json()["id"]
    await is_processed(ingest, document_id, members)
    return document_id


async def children(ingest: AnIngest, parent: str) -> dict[str, dict[str, Any]]:
    answer = await ingest.client.get("/api/v1/documents", params={"parent": parent})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["total"] == len(body["items"])
    return {item["name"]: item for item in body["items"]}


async def test_members_are_documents_below_their_archive(ingest: AnIngest) -> None:
    await ingest.put("1장.txt", b"words")
    parent = await an_archive(ingest, {"보고서/1장.txt": b"words", "표.csv": "값,수\n1,2\n".encode("cp949")})
    found = await children(ingest, parent)
    assert set(found) == {"자료.zip/보고서/1장.txt", "자료.zip/표.csv"}
    chapter = found["자료.zip/보고서/1장.txt"]
    assert (chapter["parent"], chapter["status"], chapter["media_type"]) == (parent, "received", "text/plain")
    assert found["자료.zip/표.csv"]["media_type"] == "text/csv"
    assert (await ingest.document(parent))["children"] == 2
    assert (await ingest.document(parent))["parent"] is None
    content = await ingest.client.get(f"/api/v1/documents/{chapter['id']}/content")
    assert content.content == b"words"
    received = await told(ingest, DocumentReceived)
    assert {event.document_id for event in received} >= {chapter["id"]}
    # What was uploaded by itself stays a document of its own, whatever an archive holds.
    assert (await ingest.put("1장.txt", b"words")).json()["duplicate"] is True
    assert (await ingest.put("자료.zip/보고서/1장.txt", b"others")).status_code == 202


async def test_what_is_told_again_changes_nothing(ingest: AnIngest) -> None:
    parent = await an_archive(ingest, {"a.txt": b"one"})
    (await ingest.client.post(f"/api/v1/documents/{parent}/reprocess")).raise_for_status()
    processed = await is_processed(ingest, parent, {"a.txt": b"one", "b.txt": b"two"})
    before = await children(ingest, parent)
    assert len(before) == 2
    facts = len(await ingest.facts())
    await ingest.hears(processed, processed)
    assert await children(ingest, parent) == before
    assert len(await ingest.facts()) == facts


async def test_a_part_that_was_deleted_does_not_come_back_by_an_old_event(ingest: AnIngest) -> None:
    parent = await an_archive(ingest, {"a.txt": b"one", "b.txt": b"two"})
    gone = (await children(ingest, parent))["자료.zip/a.txt"]["id"]
    await ingest.ingestion.withdraw(DocumentId(gone))
    document = await ingest.documents.load(DocumentId(parent))
    # As after a crash before the end of the handler: nobody knows that they were taken.
    await ingest.documents.advance(document.id, lambda standing: replace(standing, parts_version=0))
    await is_processed(ingest, parent, {"a.txt": b"one", "b.txt": b"two"})
    assert set(await children(ingest, parent)) == {"자료.zip/b.txt"}


async def test_a_revision_keeps_what_is_alike_and_replaces_the_rest(ingest: AnIngest) -> None:
    parent = await an_archive(ingest, {"same.txt": b"one", "changed.txt": b"old", "gone.txt": b"three"})
    before = await children(ingest, parent)
    assert (await ingest.put("자료.zip", b"PK\x05\x06" + bytes(18) + b"second")).json()["id"] == parent
    await is_processed(ingest, parent, {"same.txt": b"one", "changed.txt": b"new"})
    after = await children(ingest, parent)
    assert set(after) == {"자료.zip/same.txt", "자료.zip/changed.txt"}
    assert after["자료.zip/same.txt"]["id"] == before["자료.zip/same.txt"]["id"]
    assert after["자료.zip/changed.txt"]["id"] != before["자료.zip/changed.txt"]["id"]
    # What went may come again, although its tombstone stays.
    await ingest.put("자료.zip", b"PK\x05\x06" + bytes(18) + b"third")
    await is_processed(ingest, parent, {"gone.txt": b"three"})
    assert set(await children(ingest, parent)) == {"자료.zip/gone.txt"}
    # And no parts at all is told as well.
    await ingest.put("자료.zip", b"PK\x05\x06" + bytes(18) + b"fourth")
    await is_processed(ingest, parent, {})
    assert await children(ingest, parent) == {}


async def test_a_revision_that_fails_leaves_the_parts_that_search_has(ingest: AnIngest) -> None:
    parent = await an_archive(ingest, {"a.txt": b"one"})
    await ingest.put("자료.zip", b"PK\x05\x06" + bytes(18) + b"second")
    document = await ingest.documents.load(DocumentId(parent))
    await ingest.hears(a_failure(document.id, document.content_version))
    assert set(await children(ingest, parent)) == {"자료.zip/a.txt"}


async def test_a_deleted_archive_takes_everything_in_it_along(ingest: AnIngest) -> None:
    parent = await an_archive(ingest, {"inner.zip": b"PK\x05\x06" + bytes(18), "a.txt": b"one"})
    inner = (await children(ingest, parent))["자료.zip/inner.zip"]["id"]
    await is_processed(ingest, inner, {"deep.txt": b"deep"})
    deep = (await children(ingest, inner))["자료.zip/inner.zip/deep.txt"]["id"]
    await ingest.ingestion.withdraw(DocumentId(parent))
    withdrawn = {event.document_id for event in await told(ingest, DocumentWithdrawn)}
    assert withdrawn >= {parent, inner, deep}
    assert (await ingest.client.get("/api/v1/documents")).json()["items"] == []


async def test_what_a_crash_left_goes_when_the_archive_is_gone(ingest: AnIngest) -> None:
    parent = await an_archive(ingest, {"a.txt": b"one"})
    document = await ingest.documents.load(DocumentId(parent))
    decision = document.withdraw()
    assert decision is not None
    await ingest.documents.save(document, expected_version=document.saved_version)  # and nothing of its parts
    await ingest.hears(a_removal(document.id, document.version))
    assert (await ingest.client.get("/api/v1/documents")).json()["items"] == []


async def test_an_archive_that_is_withdrawn_meanwhile_leaves_no_parts(ingest: AnIngest) -> None:
    answer = await ingest.put("a.zip", b"PK\x05\x06" + bytes(18))
    parent = answer.json()["id"]
    document = await ingest.documents.load(DocumentId(parent))
    await ingest.ingestion.withdraw(document.id)
    await is_processed(ingest, parent, {"a.txt": b"one"})
    assert (await ingest.client.get("/api/v1/documents")).json()["items"] == []


async def test_parts_are_called_and_described_as_their_archive(ingest: AnIngest) -> None:
    parent = await an_archive(ingest, {"a.txt": b"one"})
    patch = {"name": "new.zip", "metadata": {"project": "x"}}
    (await ingest.client.patch(f"/api/v1/documents/{parent}", json=patch)).raise_for_status()
    found = await children(ingest, parent)
    assert found["new.zip/a.txt"]["metadata"] == {"project": "x"}


async def test_a_part_that_failed_is_tried_again_with_its_archive(ingest: AnIngest) -> None:
    parent = await an_archive(ingest, {"a.txt": b"one"})
    part = (await children(ingest, parent))["자료.zip/a.txt"]["id"]
    await ingest.fails(part)
    (await ingest.client.post(f"/api/v1/documents/{parent}/reprocess")).raise_for_status()
    await is_processed(ingest, parent, {"a.txt": b"one"})
    assert (await ingest.document(part))["status"] == "received"


async def test_what_cannot_be_a_document_is_a_warning_of_its_archive(ingest: AnIngest) -> None:
    parent = await an_archive(ingest, {"a.txt": b"one", "x.exe": b"MZ" + bytes(range(256)), "y.bin": bytes(range(256))})
    assert set(await children(ingest, parent)) == {"자료.zip/a.txt"}
    assert (await ingest.document(parent))["warnings"] == [
        "one",
        "Files of types that are not read were left out (2): x.exe, y.bin.",
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"parts_depth": 1}, "more than 1 deep"),
        ({"parts_count": 1}, "beyond the limits"),
        ({"parts_bytes": 30}, "beyond"),
    ],
)
async def test_limits_are_of_an_upload_with_all_that_is_below_it(
    tmp_path: Any, settings: dict[str, Any], words: str
) -> None:
    async with an_ingest(tmp_path, **settings) as ingest:
        parent = await an_archive(ingest, {"inner.zip": b"PK\x05\x06" + bytes(18)})
        inner = (await children(ingest, parent))["자료.zip/inner.zip"]["id"]
        await is_processed(ingest, inner, {"deep.txt": b"deep words"})
        assert await children(ingest, inner) == {}
        assert words in str((await ingest.document(inner))["warnings"])


async def test_parts_of_an_unknown_document(ingest: AnIngest) -> None:
    answer = await ingest.client.get("/api/v1/documents", params={"parent": "00000000-0000-4000-8000-000000000000"})
    assert answer.status_code == 404
    assert (await ingest.client.get("/api/v1/documents", params={"parent": "x"})).status_code == 422
