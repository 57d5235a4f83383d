"""Reading, listing, following, deleting; who may see what."""

import asyncio
import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from ingest_builders import AnIngest, a_removal, an_ingest, some_chunks, told, work_on

from builders import eventually
from shared.artefacts.signature import PLACES, Signature
from shared.events.ingest import DocumentWithdrawn
from shared.kernel import DocumentId
from shared.web.access import Access, Principal


async def put(ingest: AnIngest, name: str, content: bytes, collection: str = "default") -> dict[str, Any]:
    answer = await ingest.put(name, content, collection)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_the_list_is_paged_newest_first_and_filtered(ingest: AnIngest) -> None:
    ids = [(await put(ingest, f"note {n}.txt", f"{n}".encode()))["id"] for n in range(5)]
    await put(ingest, "보고서.txt", b"other", "second")
    first = (await ingest.client.get("/api/v1/documents", params={"limit": 2, "collection": "default"})).json()
    assert [item["id"] for item in first["items"]] == ids[:2:-1]
    assert first["total"] == 5
    await put(ingest, "late.txt", b"late")
    params = {"limit": 9, "collection": "default", "cursor": first["next_cursor"]}
    second = (await ingest.client.get("/api/v1/documents", params=params)).json()
    assert [item["id"] for item in second["items"]] == ids[2::-1]
    assert second["next_cursor"] is None
    named = (await ingest.client.get("/api/v1/documents", params={"name": "고서"})).json()
    assert [item["name"] for item in named["items"]] == ["보고서.txt"]
    assert (await ingest.client.get("/api/v1/documents", params={"name": "%"})).json()["total"] == 0
    await ingest.becomes_searchable(ids[0])
    done = (await ingest.client.get("/api/v1/documents", params={"status": "searchable"})).json()
    assert [item["id"] for item in done["items"]] == [ids[0]]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/documents?limit=0", 422),
        ("/api/v1/documents?colour=red", 422),
        ("/api/v1/documents?cursor=nonsense", 400),
        (f"/api/v1/documents?cursor={'A' * 10_000}", 400),
        ("/api/v1/documents?collection=nowhere", 404),
        ("/api/v1/documents?collection=a%2Fb", 422),
        ("/api/v1/documents/not-an-id", 422),
        ("/api/v1/documents/00000000-0000-4000-8000-000000000000", 404),
        ("/api/v1/documents/00000000-0000-4000-8000-000000000000/events", 404),
        ("/api/v1/documents/00000000-0000-4000-8000-000000000000/content", 404),
        ("/api/v1/documents/00000000-0000-4000-8000-000000000000/revisions", 404),
    ],
)
async def test_what_cannot_be_read_is_a_problem(ingest: AnIngest, path: str, status: int) -> None:
    answer = await ingest.client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_list_is_sorted_and_a_cursor_of_another_order_is_refused(ingest: AnIngest) -> None:
    for name in ("나.txt", "B.txt", "a.txt"):
        await put(ingest, name, name.encode())

    async def page(**params: Any) -> Any:
        answer = await ingest.client.get("/api/v1/documents", params={"limit": 2, **params})
        return answer.json() | {"http": answer.status_code}

    first = await page(sort="name")
    rest = await page(sort="name", cursor=first["next_cursor"])
    assert [one["name"] for one in first["items"] + rest["items"]] == ["a.txt", "B.txt", "나.txt"]
    assert rest["next_cursor"] is None
    for other in ("newest", "oldest", "size", "status"):
        refused = await page(sort=other, cursor=first["next_cursor"])
        assert (refused["http"], refused["code"]) == (400, "wrong_cursor")
    newest = await page()
    assert (await page(sort="newest", cursor=newest["next_cursor"]))["items"][0]["name"] == "나.txt"
    assert (await page(sort="colour"))["http"] == 422


async def test_a_cursor_of_another_list_is_refused(ingest: AnIngest) -> None:
    for n in range(3):
        await put(ingest, f"{n}.txt", f"{n}".encode())
    cursor = (await ingest.client.get("/api/v1/documents", params={"limit": 1})).json()["next_cursor"]
    answer = await ingest.client.get("/api/v1/documents", params={"limit": 1, "cursor": cursor, "name": "1"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "wrong_cursor"


async def test_the_after_token_names_documents_and_versions(ingest: AnIngest) -> None:
    await put(ingest, "a.txt", b"one")
    body = (await ingest.put("a.txt", b"two")).json()
    token = body["after"]
    assert "=" not in token
    raw = zlib.decompress(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    assert json.loads(raw) == [[body["id"], 2]]


async def test_originals_come_back_safely_and_in_ranges(ingest: AnIngest) -> None:
    page = b"<!DOCTYPE html><script>alert(1)</script>"
    document = await put(ingest, 'dir/"나쁜" 이름.html', page)
    path = document["links"]["content"]
    answer = await ingest.client.get(path)
    assert answer.content == page
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"____ __.html\"; filename*=UTF-8''%22%EB%82%98%EC%81%9C%22%20%EC%9D%B4%EB%A6%84.html"
    )
    part = await ingest.client.get(path, headers={"range": "bytes=2-8"})
    assert (part.status_code, part.content) == (206, page[2:9])
    assert part.headers["content-range"] == f"bytes 2-8/{len(page)}"
    assert (await ingest.client.get(path, headers={"range": "bytes=-5"})).content == page[-5:]
    assert (await ingest.client.get(path, headers={"range": "bytes=35-"})).content == page[35:]
    beyond = await ingest.client.get(path, headers={"range": "bytes=900-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(page)}"
    whole = await ingest.client.get(path, headers={"range": "lines=1-2"})
    assert (whole.status_code, whole.content) == (200, page)
    same = await ingest.client.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert same.status_code == 304


async def test_every_revision_keeps_its_bytes(ingest: AnIngest) -> None:
    document = await put(ingest, "a.txt", b"one")
    await put(ingest, "a.txt", b"two")
    path = document["links"]["content"]
    assert (await ingest.client.get(path)).content == b"two"
    assert (await ingest.client.get(path, params={"revision": 1})).content == b"one"
    assert (await ingest.client.get(path, params={"revision": 3})).status_code == 404
    revisions = (await ingest.client.get(document["links"]["revisions"], params={"limit": 1})).json()
    assert (revisions["total"], revisions["items"][0]["revision"]) == (2, 2)
    rest = await ingest.client.get(document["links"]["revisions"], params={"cursor": revisions["next_cursor"]})
    assert [item["revision"] for item in rest.json()["items"]] == [1]


async def test_chunks_are_paged_in_reading_order(ingest: AnIngest) -> None:
    document = await put(ingest, "a.txt", b"one")
    path = document["links"]["chunks"]
    assert (await ingest.client.get(path)).status_code == 404
    await ingest.blobs.put("artefacts/some/chunks", some_chunks(5).to_bytes())
    await ingest.hears(*work_on(DocumentId(document["id"]), 1, chunks="artefacts/some/chunks"))
    first = (await ingest.client.get(path, params={"limit": 3})).json()
    assert [chunk["ordinal"] for chunk in first["items"]] == [0, 1, 2]
    assert (first["total"], first["revision"]) == (5, 1)
    second = (await ingest.client.get(path, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [chunk["text"] for chunk in second["items"]] == ["piece 3", "piece 4"]
    assert second["next_cursor"] is None


async def test_a_follower_sees_the_state_now_and_every_change_until_the_end(ingest: AnIngest) -> None:
    document = await put(ingest, "a.txt", b"one")
    document_id = DocumentId(document["id"])
    seen: list[tuple[str, int]] = []

    async def follow() -> None:
        async for state in ingest.container.shelf().follow(document_id):
            standing = state.document.standing
            seen.append((standing.status, standing.done))

    following = asyncio.create_task(follow())
    for count, event in enumerate(work_on(document_id, 1), start=1):
        await eventually(lambda count=count: len(seen) >= count)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        await ingest.hears(event)
    await following
    assert seen == [
        ("received", 0), ("processing", 1), ("processing", 2), ("processing", 3), ("processing", 4), ("processing", 4),
        ("searchable", 5),
    ]  # fmt: skip


async def test_progress_over_http_is_server_sent_events(ingest: AnIngest) -> None:
    document = await put(ingest, "a.txt", b"one")
    following = asyncio.create_task(ingest.client.get(document["links"]["events"]))
    await asyncio.sleep(0)
    await ingest.becomes_searchable(document["id"])
    answer = await following
    assert answer.headers["content-type"].startswith("text/event-stream")
    states = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert states[-1]["status"] == "searchable"
    assert states[-1]["id"] == document["id"]
    assert "event: document" in answer.text


async def test_a_follower_of_a_document_that_vanishes_ends_with_its_withdrawal(ingest: AnIngest) -> None:
    document = await put(ingest, "a.txt", b"one")
    following = asyncio.create_task(ingest.client.get(document["links"]["events"]))
    await asyncio.sleep(0)
    withdrawn = await ingest.ingestion.withdraw(DocumentId(document["id"]))
    await ingest.hears(a_removal(withdrawn.id, withdrawn.version))
    states = [json.loads(line[6:]) for line in (await following).text.splitlines() if line.startswith("data: ")]
    assert states[-1]["status"] == "withdrawn"


async def test_near_duplicates_are_told_of_a_document_but_never_those_a_key_may_not_see(tmp_path: Path) -> None:
    rights = frozenset(("read", "write"))
    access = Access({"a" * 16: Principal(frozenset(("mine",)), rights), "b" * 16: Principal(frozenset("*"), rights)})
    mine, everybody = [{"authorization": f"Bearer {key * 16}"} for key in "ab"]
    async with an_ingest(tmp_path, access, everybody) as ingest:
        ids = []
        for name, collection in (("a.txt", "mine"), ("b.txt", "mine"), ("c.txt", "theirs")):
            document = await ingest.documents.load(
                DocumentId((await put(ingest, name, name.encode(), collection))["id"])
            )
            signature = str(Signature(bytes(PLACES)))
            await ingest.hears(*work_on(document.id, document.content_version, signature=signature))
            ids.append(document.id)

        async def told_of(document_id: str, headers: dict[str, str]) -> Any:
            answer = (await ingest.client.get(f"/api/v1/documents/{document_id}", headers=headers)).json()
            return [(one["name"], one["similarity"]) for one in answer["similar"]]

        assert await told_of(ids[0], everybody) == [("c.txt", 1.0), ("b.txt", 1.0)]
        assert await told_of(ids[0], mine) == [("b.txt", 1.0)]
        followed = await ingest.client.get(f"/api/v1/documents/{ids[0]}/events", headers=mine)
        assert "b.txt" in followed.text and "c.txt" not in followed.text
        listed = (await ingest.client.get("/api/v1/documents", headers=mine)).json()["items"]
        assert [one["similar"] for one in listed] == [None, None]


async def test_every_route_documents_its_errors(ingest: AnIngest) -> None:
    paths = ingest.web.openapi()["paths"]
    operations = {(path, method): each for path, methods in paths.items() for method, each in methods.items()}
    assert len(operations) == 24
    for where, operation in operations.items():
        statuses = set(operation["responses"])
        assert {"401", "403", "503"} <= statuses, where
        if "parameters" in operation or "requestBody" in operation:
            assert "application/problem+json" in operation["responses"]["422"]["content"], where
        if "{document_id}" in where[0]:
            assert "404" in statuses, where
    put_body = operations["/api/v1/documents/{collection}/{name}", "put"]["requestBody"]["content"]
    assert set(put_body) == {"application/octet-stream"}


async def test_collections_count_by_status_and_can_be_deleted(ingest: AnIngest) -> None:
    one = await put(ingest, "a.txt", b"one", "kept")
    await ingest.becomes_searchable(one["id"])
    await put(ingest, "b.txt", b"four", "gone")
    await put(ingest, "c.txt", b"fives", "gone")
    listed = (await ingest.client.get("/api/v1/collections")).json()
    assert [item["name"] for item in listed["items"]] == ["default", "gone", "kept"]
    assert listed["items"][1]["documents"] == {"received": 2, "processing": 0, "searchable": 0, "failed": 0}
    assert listed["items"][1]["bytes"] == 9
    assert listed["items"][2]["documents"]["searchable"] == 1
    deletion = asyncio.create_task(ingest.client.delete("/api/v1/collections/gone"))
    await eventually(lambda: _count(ingest, 2))
    for fact in await told(ingest, DocumentWithdrawn):
        await ingest.hears(a_removal(fact.document_id, fact.document_version))
    assert (await deletion).status_code == 204
    assert (await ingest.client.delete("/api/v1/collections/gone")).status_code == 404
    assert [item["name"] for item in (await ingest.client.get("/api/v1/collections")).json()["items"]] == [
        "default",
        "kept",
    ]


async def _count(ingest: AnIngest, wanted: int) -> bool:
    return len(await told(ingest, DocumentWithdrawn)) == wanted


async def test_a_key_sees_only_its_collections(tmp_path: Path) -> None:
    access = Access(
        {
            "a" * 16: Principal(frozenset(("mine",)), frozenset(("read", "write"))),
            "b" * 16: Principal(frozenset(("theirs",)), frozenset(("read", "write"))),
            "c" * 16: Principal(frozenset(("mine",)), frozenset(("read",))),
        }
    )
    async with an_ingest(tmp_path, access, {"authorization": "Bearer " + "a" * 16}) as ingest:
        document = await put(ingest, "a.txt", b"one", "mine")
        path = f"/api/v1/documents/{document['id']}"
        assert (await ingest.put("a.txt", b"one", "theirs")).status_code == 403
        theirs = {"authorization": "Bearer " + "b" * 16}
        for link in document["links"].values():
            assert (await ingest.client.get(link, headers=theirs)).status_code == 404
        assert (await ingest.client.patch(path, json={"metadata": {}}, headers=theirs)).status_code == 404
        assert (await ingest.client.delete(path, headers=theirs)).status_code == 404
        assert (await ingest.client.delete("/api/v1/collections/mine", headers=theirs)).status_code == 403
        assert (await ingest.client.get("/api/v1/documents", headers=theirs)).json()["total"] == 0
        listed = await ingest.client.get("/api/v1/documents?collection=mine", headers=theirs)
        assert listed.status_code == 404
        assert (await ingest.client.get("/api/v1/collections", headers=theirs)).json()["items"] == []
        reader = {"authorization": "Bearer " + "c" * 16}
        assert (await ingest.client.get(path, headers=reader)).status_code == 200
        assert (await ingest.client.delete(path, headers=reader)).status_code == 403
        assert (await ingest.client.get(path, headers={"authorization": ""})).status_code == 401
