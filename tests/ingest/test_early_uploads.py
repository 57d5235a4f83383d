"""What a document shows while only its first pages are searchable, and which uploads are given that."""

import itertools
from typing import Any

import pytest
from ingest_builders import AnIngest, a_failure, a_removal, told, work_on

from ingest.domain.document import EARLY_VERSIONS
from shared.artefacts.chunks import ChunkedDocument
from shared.events.envelope import Event
from shared.events.ingest import DocumentReceived
from shared.events.process import PagesRead
from shared.events.search import PagesIndexed
from shared.kernel import DocumentId

WHOLE = 1 + EARLY_VERSIONS


def pages_indexed(document_id: str, version: int, done: int, **changes: Any) -> PagesIndexed:
    """The first `done` of 200."""
    given = {
        "document_id": document_id,
        "document_version": version,
        "whole_version": WHOLE,
        "revision": 1,
        "pages_done": done,
        "pages_total": 200,
        "chunk_count": done,
        "seconds": 0.1,
        "language": "en",
        "chunks_artefact": "artefacts/early",
    }
    return PagesIndexed(**{**given, **changes})


async def uploaded(ingest: AnIngest, name: str = "a.txt", content: bytes = b"one", **query: str) -> dict[str, Any]:
    answer = await ingest.client.put(f"/api/v1/documents/default/{name}", content=content, params=query)
    assert answer.status_code in (200, 202), answer.text
    body: dict[str, Any] = answer.json()
    return body


async def received(ingest: AnIngest) -> list[tuple[int, int]]:
    """Version and free versions below it, of each that was told."""
    facts: list[DocumentReceived] = await told(ingest, DocumentReceived)
    return [(fact.document_version, fact.early_versions) for fact in facts]


async def test_it_stands_as_processing_and_says_how_many_pages_are_found(ingest: AnIngest) -> None:
    document_id = (await uploaded(ingest, early="true"))["id"]
    assert await received(ingest) == [(WHOLE, EARLY_VERSIONS)]
    seen = []
    for version, done in ((1, 32), (2, 64)):
        await ingest.hears(
            PagesRead(document_id=DocumentId(document_id), document_version=WHOLE, stage="parse", done=done, total=200),
            pages_indexed(document_id, version, done),
        )
        shown = await ingest.document(document_id)
        seen.append((shown["status"], shown["early"], shown["searchable_revision"], shown["searchable_at"]))
        assert (shown["language"], shown["progress"]["pages_done"]) == ("en", done)
    assert seen == [
        ("processing", {"pages_done": 32, "pages_total": 200}, 1, None),
        ("processing", {"pages_done": 64, "pages_total": 200}, 1, None),
    ]
    await ingest.hears(*work_on(DocumentId(document_id), WHOLE))
    shown = await ingest.document(document_id)
    assert (shown["status"], shown["early"], shown["searchable_revision"]) == ("searchable", None, 1)
    assert shown["searchable_at"] is not None


async def test_in_whichever_order_it_is_heard_it_stands_the_same(ingest: AnIngest) -> None:
    shown = []
    for number, order in enumerate(itertools.permutations(range(3))):
        document_id = DocumentId((await uploaded(ingest, f"{number}.txt", bytes([97 + number]), early="true"))["id"])
        events: list[list[Event]] = [
            [pages_indexed(document_id, 1, 32)],
            [pages_indexed(document_id, 2, 64)],
            work_on(document_id, WHOLE),
        ]
        for place in order:
            await ingest.hears(*events[place])
        document = await ingest.documents.load(document_id)
        standing = document.standing
        shown.append((standing.status, standing.first_pages, standing.searchable_revision, standing.chunks_artefact))
    assert set(shown) == {("searchable", None, 1, "artefacts/none")}


async def test_what_fails_later_leaves_them_and_says_so(ingest: AnIngest) -> None:
    document_id = (await uploaded(ingest, early="true"))["id"]
    await ingest.hears(pages_indexed(document_id, 2, 64), a_failure(DocumentId(document_id), WHOLE))
    shown = await ingest.document(document_id)
    assert (shown["status"], shown["early"]) == ("failed", {"pages_done": 64, "pages_total": 200})
    assert shown["searchable_revision"] == 1 and shown["problem"]["code"] == "encrypted"
    # The same bytes again are worked on again, and the pages that are found stay until the whole is.
    again = await uploaded(ingest, early="true")
    assert again["early"] == {"pages_done": 64, "pages_total": 200} and again["status"] == "received"
    assert (await received(ingest))[-1] == (WHOLE + 1, 0)
    await ingest.hears(*work_on(DocumentId(document_id), WHOLE + 1))
    shown = await ingest.document(document_id)
    assert (shown["status"], shown["early"]) == ("searchable", None)


async def test_a_withdrawn_document_has_none(ingest: AnIngest) -> None:
    document_id = (await uploaded(ingest, early="true"))["id"]
    await ingest.hears(pages_indexed(document_id, 1, 32))
    await ingest.ingestion.withdraw(DocumentId(document_id))
    await ingest.hears(pages_indexed(document_id, 2, 64))
    standing = (await ingest.documents.load(DocumentId(document_id))).standing
    assert standing.first_pages == (32, 200)  # as search shows it until it has removed it
    await ingest.hears(a_removal(DocumentId(document_id), WHOLE + 1))
    answer = await ingest.client.get(f"/api/v1/documents/{document_id}")
    assert answer.status_code == 404


async def test_a_next_revision_takes_nothing_from_what_is_found(ingest: AnIngest) -> None:
    document_id = (await uploaded(ingest))["id"]
    await ingest.becomes_searchable(document_id)
    await uploaded(ingest, content=b"two", early="true")
    assert await received(ingest) == [(1, 0), (2, 0)]


async def test_a_next_revision_of_what_nobody_finds_yet_is_early(ingest: AnIngest) -> None:
    document_id = (await uploaded(ingest))["id"]
    await uploaded(ingest, content=b"two", early="true")
    assert await received(ingest) == [(1, 0), (2 + EARLY_VERSIONS, EARLY_VERSIONS)]
    # What is told of the first one late is not taken for the second's.
    await ingest.hears(*work_on(DocumentId(document_id), 1))
    shown = await ingest.document(document_id)
    assert (shown["status"], shown["searchable_revision"], shown["early"]) == ("received", 1, None)


async def test_chunks_of_first_pages_are_shown(ingest: AnIngest) -> None:
    document_id = (await uploaded(ingest, early="true"))["id"]
    assert (await ingest.client.get(f"/api/v1/documents/{document_id}/chunks")).status_code == 404
    await ingest.blobs.put("artefacts/early", ChunkedDocument(title=None, chunks=()).to_bytes())
    await ingest.hears(pages_indexed(document_id, 1, 32))
    answer = await ingest.client.get(f"/api/v1/documents/{document_id}/chunks")
    assert (answer.status_code, answer.json()["revision"]) == (200, 1)
    # They go when the whole is processed, a moment before that is heard: then who looks is told to come again.
    await ingest.blobs.delete("artefacts/early")
    answer = await ingest.client.get(f"/api/v1/documents/{document_id}/chunks")
    assert (answer.status_code, answer.json()["code"]) == (503, "chunks_remade")
    assert await received(ingest) == [(WHOLE, EARLY_VERSIONS)]


async def test_a_form_asks_for_it_for_all_its_files(ingest: AnIngest) -> None:
    files = [("files", (name, name.encode())) for name in ("a.txt", "b.txt")]
    answer = await ingest.client.post("/api/v1/documents", files=files, params={"early": "true"})
    assert answer.status_code == 202
    assert await received(ingest) == [(WHOLE, EARLY_VERSIONS)] * 2


@pytest.mark.parametrize("query", [{"early": "perhaps"}, {"late": "true"}])
async def test_other_words_are_refused(ingest: AnIngest, query: dict[str, str]) -> None:
    for answer in (
        await ingest.client.put("/api/v1/documents/default/a.txt", content=b"one", params=query),
        await ingest.client.post("/api/v1/documents", files={"files": ("a.txt", b"one")}, params=query),
    ):
        assert answer.status_code == 422 and next(iter(query)) in answer.json()["errors"][0]["field"]
