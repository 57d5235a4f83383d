"""The identity table of lifecycle.md, row by row, through HTTP; then the same under races."""

import asyncio
from typing import Any

import httpx
import pytest
from ingest_builders import AnIngest, a_removal, told, work_on

from builders import eventually
from shared.events.ingest import DocumentChanged, DocumentReceived, DocumentWithdrawn
from shared.kernel import DocumentId


async def upload(ingest: AnIngest, name: str, content: bytes, *, status: int = 202, **form: str) -> dict[str, Any]:
    """By multipart, which can carry metadata."""
    answer = await ingest.client.post("/api/v1/documents", data=form, files=[("files", (name, content))])
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()["documents"][0]
    return document


async def withdraw(ingest: AnIngest, document_id: str) -> None:
    """Deleted, and search has told that it is gone."""
    withdrawn = await ingest.ingestion.withdraw(DocumentId(document_id))
    await ingest.hears(a_removal(withdrawn.id, withdrawn.version))


async def test_new_bytes_under_a_new_name_are_a_new_document(ingest: AnIngest) -> None:
    document = await upload(ingest, "관세.txt", "관세율표".encode())
    assert document["status"] == "received"
    assert document["revision"] == 1
    assert document["searchable_revision"] is None
    assert document["names"] == ["관세.txt"]
    assert document["collection"] == "default"
    assert document["duplicate"] is False
    assert document["progress"] == {
        "done": 0, "total": 5, "unit": "stages", "queue_position": 0, "remaining_seconds": None,
        "chunks_done": None, "chunks_total": None, "pages_done": None, "pages_total": None,
    }  # fmt: skip
    (fact,) = await told(ingest, DocumentReceived)
    assert fact.document_id == document["id"]
    assert fact.document_version == 1
    assert fact.sha256 == document["sha256"]
    assert fact.labels.document_name == "관세.txt"
    assert fact.fresh is False


async def test_the_same_bytes_under_the_same_name_change_nothing(ingest: AnIngest) -> None:
    first = await upload(ingest, "a.txt", b"one")
    second = await upload(ingest, "a.txt", b"one", status=200)
    assert second["id"] == first["id"]
    assert second["duplicate"] is True
    assert len(await ingest.facts()) == 1


async def test_the_same_bytes_under_another_name_add_the_name(ingest: AnIngest) -> None:
    first = await upload(ingest, "a.txt", b"one")
    second = await upload(ingest, "b.txt", b"one", status=200)
    assert second["id"] == first["id"]
    assert second["duplicate"] is True
    assert second["names"] == ["a.txt", "b.txt"]
    assert second["name"] == "b.txt"
    (changed,) = await told(ingest, DocumentChanged)
    assert changed.document_version == 2
    assert changed.labels.names == ("a.txt", "b.txt")


async def test_the_same_bytes_in_another_collection_are_a_document_of_their_own(ingest: AnIngest) -> None:
    first = await upload(ingest, "a.txt", b"one")
    second = await upload(ingest, "a.txt", b"one", collection="other")
    assert second["id"] != first["id"]
    assert second["sha256"] == first["sha256"]
    assert second["duplicate"] is False


async def test_other_bytes_under_the_same_name_are_the_next_revision(ingest: AnIngest) -> None:
    first = await upload(ingest, "a.txt", b"one")
    await ingest.becomes_searchable(first["id"])
    second = await upload(ingest, "a.txt", b"two")
    assert second["id"] == first["id"]
    assert second["revision"] == 2
    assert second["searchable_revision"] == 1
    assert second["status"] == "received"
    assert [fact.document_version for fact in await told(ingest, DocumentReceived)] == [1, 2]


async def test_other_bytes_under_one_of_several_names_take_the_name_to_a_new_document(ingest: AnIngest) -> None:
    first = await upload(ingest, "a.txt", b"one")
    await upload(ingest, "b.txt", b"one", status=200)
    second = await upload(ingest, "a.txt", b"two")
    assert second["id"] != first["id"]
    assert second["names"] == ["a.txt"]
    assert second["revision"] == 1
    assert (await ingest.document(first["id"]))["names"] == ["b.txt"]
    assert (await told(ingest, DocumentChanged))[-1].labels.names == ("b.txt",)


async def test_the_bytes_of_an_older_revision_are_the_next_revision(ingest: AnIngest) -> None:
    first = await upload(ingest, "a.txt", b"one")
    await upload(ingest, "a.txt", b"two")
    third = await upload(ingest, "a.txt", b"one")
    assert third["id"] == first["id"]
    assert third["revision"] == 3
    assert third["sha256"] == first["sha256"]


async def test_the_same_bytes_after_failure_are_tried_again(ingest: AnIngest) -> None:
    first = await upload(ingest, "a.txt", b"one")
    await ingest.fails(first["id"])
    assert (await ingest.document(first["id"]))["status"] == "failed"
    again = await upload(ingest, "a.txt", b"one")
    assert again["id"] == first["id"]
    assert again["status"] == "received"
    assert again["problem"] is None
    assert again["revision"] == 1
    assert [fact.document_version for fact in await told(ingest, DocumentReceived)] == [1, 2]


async def test_the_same_bytes_after_withdrawal_are_a_new_document(ingest: AnIngest) -> None:
    first = await upload(ingest, "a.txt", b"one")
    await ingest.ingestion.withdraw(DocumentId(first["id"]))
    second = await upload(ingest, "a.txt", b"one")
    assert second["id"] != first["id"]
    assert second["revision"] == 1


async def test_the_same_bytes_with_other_metadata_change_the_metadata(ingest: AnIngest) -> None:
    await upload(ingest, "a.txt", b"one", metadata='{"year": 2025}')
    same = await upload(ingest, "a.txt", b"one", status=200, metadata='{"year": 2025}')
    assert len(await ingest.facts()) == 1
    other = await upload(ingest, "a.txt", b"one", status=200, metadata='{"year": 2026, "tags": ["a", "b"]}')
    assert other["id"] == same["id"]
    assert other["metadata"] == {"year": 2026, "tags": ["a", "b"]}
    kept = await upload(ingest, "a.txt", b"one", status=200)
    assert kept["metadata"] == {"year": 2026, "tags": ["a", "b"]}
    (changed,) = await told(ingest, DocumentChanged)
    assert changed.labels.metadata == {"year": 2026, "tags": ["a", "b"]}


async def test_a_patch_changes_labels_and_nothing_is_worked_on(ingest: AnIngest) -> None:
    document = await upload(ingest, "a.txt", b"one")
    path = f"/api/v1/documents/{document['id']}"
    answer = await ingest.client.patch(path, json={"name": "z.txt", "metadata": {"x": 1}})
    assert answer.status_code == 200
    assert answer.json()["names"] == ["z.txt"]
    assert answer.json()["metadata"] == {"x": 1}
    assert len(await told(ingest, DocumentReceived)) == 1
    assert (await upload(ingest, "a.txt", b"two"))["id"] != document["id"]  # the old name is free
    assert (await ingest.client.patch(path, json={"name": "a.txt"})).status_code == 409
    assert (await ingest.client.patch(path, json={"colour": "red"})).status_code == 422


async def test_each_file_of_a_request_stands_for_itself(ingest: AnIngest) -> None:
    await upload(ingest, "known.txt", b"known")
    files = [
        ("files", ("known.txt", b"known")),
        ("files", ("new.txt", b"new")),
        ("files", ("program.exe", b"MZ\x90\x00" + bytes(200))),
        ("files", ("empty.txt", b"")),
    ]
    answer = await ingest.client.post("/api/v1/documents", files=files)
    assert answer.status_code == 202
    known, new, program, empty = answer.json()["documents"]
    assert known["duplicate"] is True
    assert new["status"] == "received"
    assert program["status"] == empty["status"] == "refused"
    assert program["problem"]["status"] == 415
    assert program["id"] is None
    assert "PDF" in program["problem"]["detail"]
    assert empty["problem"]["code"] == "empty_file"
    assert answer.json()["after"]
    duplicates = await ingest.client.post("/api/v1/documents", files=files[:1] + files[2:])
    assert duplicates.status_code == 200
    refused = await ingest.client.post("/api/v1/documents", files=files[2:3])
    assert refused.status_code == 415
    assert refused.headers["content-type"] == "application/problem+json"
    both = await ingest.client.post("/api/v1/documents", files=files[2:])
    assert both.status_code == 422
    assert [error["field"] for error in both.json()["errors"]] == ["program.exe", "empty.txt"]


async def test_bytes_of_one_document_under_the_only_name_of_another_are_a_conflict(ingest: AnIngest) -> None:
    first = await upload(ingest, "a.txt", b"one")
    second = await upload(ingest, "b.txt", b"two")
    answer = await ingest.put("b.txt", b"one")
    assert answer.status_code == 409
    assert answer.json()["code"] == "name_taken"
    assert (await ingest.document(first["id"]))["names"] == ["a.txt"]
    assert (await ingest.document(second["id"]))["names"] == ["b.txt"]


async def test_a_document_has_a_thousand_names_and_no_more(ingest: AnIngest) -> None:
    first = await upload(ingest, "copy-0.txt", b"the same")
    document = await ingest.documents.load(DocumentId(first["id"]))
    for number in range(1, 980):
        document.resubmit(f"copy-{number}.txt", None)
    await ingest.documents.save(document, expected_version=document.saved_version)
    files = [("files", (f"copy-{number}.txt", b"the same")) for number in range(980, 1000)]
    last = await ingest.client.post("/api/v1/documents", files=files)
    assert {file["status"] for file in last.json()["documents"]} == {"received"}
    answer = await ingest.put("one-more.txt", b"the same")
    assert answer.status_code == 409
    assert answer.json()["code"] == "too_many_names"
    again = await ingest.put("copy-7.txt", b"the same")
    assert again.status_code == 200
    assert len(again.json()["names"]) == 1000


async def test_bytes_of_one_document_take_one_of_several_names_of_another(ingest: AnIngest) -> None:
    first = await upload(ingest, "a.txt", b"one")
    second = await upload(ingest, "b.txt", b"two")
    await upload(ingest, "c.txt", b"two", status=200)
    taken = await upload(ingest, "b.txt", b"one", status=200)
    assert taken["id"] == first["id"]
    assert taken["names"] == ["a.txt", "b.txt"]
    assert (await ingest.document(second["id"]))["names"] == ["c.txt"]


async def test_a_put_is_idempotent(ingest: AnIngest) -> None:
    first = await ingest.put("folder/관세 율표 #1.txt", "관세".encode())
    assert first.status_code == 202
    assert first.json()["name"] == "folder/관세 율표 #1.txt"
    second = await ingest.put("folder/관세 율표 #1.txt", "관세".encode())
    assert second.status_code == 200
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["duplicate"] is True
    assert second.json()["after"] == first.json()["after"]


async def test_fifty_uploads_of_the_same_bytes_at_once_are_one_document(ingest: AnIngest) -> None:
    answers = await asyncio.gather(*(ingest.put("same.txt", b"the same bytes") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200, 202}
    assert sum(answer.status_code == 202 for answer in answers) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await ingest.facts()) == 1


async def test_the_same_bytes_under_fifty_names_at_once_are_one_document_with_every_name(ingest: AnIngest) -> None:
    answers = await asyncio.gather(*(ingest.put(f"{n}.txt", b"the same bytes") for n in range(50)))
    assert sum(answer.status_code == 202 for answer in answers) == 1
    (document_id,) = {answer.json()["id"] for answer in answers}
    assert sorted((await ingest.document(document_id))["names"]) == sorted(f"{n}.txt" for n in range(50))


async def test_other_bytes_under_one_name_at_once_are_revisions_of_one_document(ingest: AnIngest) -> None:
    answers = await asyncio.gather(*(ingest.put("a.txt", f"bytes {n}".encode()) for n in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    (document_id,) = {answer.json()["id"] for answer in answers}
    assert (await ingest.document(document_id))["revision"] == 20
    revisions = (await ingest.client.get(f"/api/v1/documents/{document_id}/revisions")).json()
    assert [revision["revision"] for revision in revisions["items"]] == list(range(20, 0, -1))


@pytest.mark.parametrize("deleted_first", [True, False])
async def test_an_upload_and_a_deletion_at_once_leave_a_whole_state(ingest: AnIngest, deleted_first: bool) -> None:
    document = await upload(ingest, "a.txt", b"one")
    work = [ingest.ingestion.withdraw(DocumentId(document["id"])), ingest.put("a.txt", b"two")]
    results = await asyncio.gather(*(work if deleted_first else work[::-1]))
    answer = next(result for result in results if isinstance(result, httpx.Response))
    assert answer.status_code == 202
    (withdrawal,) = await told(ingest, DocumentWithdrawn)
    assert withdrawal.document_id == document["id"]
    listed = (await ingest.client.get("/api/v1/documents")).json()
    # Either the upload came first and was deleted with the document, or it is a document of its own.
    assert listed["total"] == (0 if answer.json()["id"] == document["id"] else 1)


async def test_a_deletion_is_answered_once_search_has_removed_it(ingest: AnIngest) -> None:
    document = await upload(ingest, "a.txt", b"one")
    await ingest.becomes_searchable(document["id"])
    deletion = asyncio.create_task(ingest.client.delete(f"/api/v1/documents/{document['id']}"))
    await eventually(lambda: told(ingest, DocumentWithdrawn))
    assert (await ingest.document(document["id"]))["status"] == "withdrawn"
    (fact,) = await told(ingest, DocumentWithdrawn)
    await ingest.hears(a_removal(fact.document_id, fact.document_version))
    assert (await deletion).status_code == 204
    assert (await ingest.client.get(f"/api/v1/documents/{document['id']}")).status_code == 404
    assert (await ingest.client.delete(f"/api/v1/documents/{document['id']}")).status_code == 404


async def test_late_events_do_not_bring_a_deleted_document_back(ingest: AnIngest) -> None:
    document = await upload(ingest, "a.txt", b"one")
    stored = await ingest.documents.load(DocumentId(document["id"]))
    await withdraw(ingest, document["id"])
    await ingest.hears(*work_on(stored.id, stored.content_version))
    assert (await ingest.client.get(f"/api/v1/documents/{document['id']}")).status_code == 404
    assert (await ingest.client.get("/api/v1/documents")).json()["total"] == 0


async def test_reprocessing_is_new_work_on_the_same_revision(ingest: AnIngest) -> None:
    document = await upload(ingest, "a.txt", b"one")
    await ingest.becomes_searchable(document["id"])
    answer = await ingest.client.post(f"/api/v1/documents/{document['id']}/reprocess")
    assert answer.status_code == 202
    assert answer.json()["status"] == "received"
    assert answer.json()["revision"] == answer.json()["searchable_revision"] == 1
    assert (await told(ingest, DocumentReceived))[-1].fresh is True


async def test_a_password_goes_with_the_request_and_is_told_to_nobody(ingest: AnIngest) -> None:
    document = await upload(ingest, "a.pdf", b"%PDF-1.7 one")
    path = f"/api/v1/documents/{document['id']}/reprocess"
    for wrong in ({"password": "secret " * 200}, {"password": ["secret"]}, {"passwort": "secret"}, {"password": ""}):
        refused = await ingest.client.post(path, json=wrong)
        assert refused.status_code == 422 and "secret" not in refused.text
    answer = await ingest.client.post(path, json={"password": "secret"})
    assert answer.status_code == 202 and "secret" not in answer.text
    assert ingest.container.passwords().of(document["id"]) == "secret"
    assert all("secret" not in fact.model_dump_json() for fact in await told(ingest, DocumentReceived))
