"""What processing left is lost: it is made again from the original, a few times at most."""

import asyncio
from pathlib import Path

from ingest_builders import AnIngest, a_failure, some_chunks, told, work_on

from shared.artefacts.address import artefact_key, sha256_of
from shared.events.ingest import DocumentReceived
from shared.events.search import ArtefactsLost
from shared.kernel import DocumentId


async def with_chunks(ingest: AnIngest, name: str = "a.txt") -> tuple[DocumentId, str]:
    """A searchable document whose chunks are stored; its id, and their key."""
    answer = (await ingest.put(name, name.encode())).json()
    document_id, key = DocumentId(answer["id"]), artefact_key(answer["sha256"], "chunk", 1, {})
    await ingest.blobs.put(key, some_chunks(2).to_bytes())
    await ingest.hears(*work_on(document_id, 1, chunks=key))
    return document_id, key


async def spoil(ingest: AnIngest, key: str, content: bytes | None) -> None:
    """The file in which the artefact lies, alone or with others of its document."""
    sha256, folder = sha256_of(key), Path(ingest.container.settings().data_dir)
    assert sha256 is not None

    def write() -> None:
        (path,) = (folder / "blobs" / "artefacts").rglob(f"{sha256}*")
        path.unlink() if content is None else path.write_bytes(content)

    await asyncio.to_thread(write)


async def test_lost_chunks_are_temporarily_unavailable_and_asked_for_once(ingest: AnIngest) -> None:
    for number, content in enumerate((None, b"", b"not what was there")):
        document_id, key = await with_chunks(ingest, f"{number}.txt")
        url = f"/api/v1/documents/{document_id}/chunks"
        assert (await ingest.client.get(url)).status_code == 200
        await spoil(ingest, key, content)
        for _ in range(3):
            answer = await ingest.client.get(url)
            assert (answer.status_code, answer.json()["code"]) == (503, "chunks_remade")
            assert int(answer.headers["retry-after"]) > 0
        again = [fact for fact in await told(ingest, DocumentReceived) if fact.document_id == document_id]
        assert [(fact.document_version, fact.background) for fact in again] == [(1, False), (2, False)]
        await ingest.blobs.put(key, some_chunks(2).to_bytes())
        await ingest.hears(*work_on(document_id, 2, chunks=key))
        assert (await ingest.client.get(url)).status_code == 200


async def test_chunks_are_not_made_again_of_an_original_that_is_damaged_too(ingest: AnIngest) -> None:
    document_id, key = await with_chunks(ingest)
    url = f"/api/v1/documents/{document_id}/chunks"
    await spoil(ingest, key, b"not what was there")
    assert (await ingest.client.get(url)).status_code == 503
    await ingest.hears(a_failure(document_id, 2, code="original_damaged"))
    for _ in range(2):
        answer = await ingest.client.get(url)
        assert (answer.status_code, answer.json()["code"]) == (404, "chunks_not_found")
        assert "nor made again" in answer.json()["detail"]
    assert [fact.document_version for fact in await told(ingest, DocumentReceived)] == [1, 2]


async def test_chunks_of_a_former_revision_are_not_made_again(ingest: AnIngest) -> None:
    document_id, key = await with_chunks(ingest)
    await ingest.put("a.txt", b"another revision that fails")
    await ingest.fails(document_id)
    await spoil(ingest, key, None)
    answer = await ingest.client.get(f"/api/v1/documents/{document_id}/chunks")
    assert (answer.status_code, answer.json()["code"]) == (404, "chunks_not_found")
    assert len(await told(ingest, DocumentReceived)) == 2


async def test_what_search_cannot_read_is_made_again_but_not_for_ever(ingest: AnIngest) -> None:
    document_id = DocumentId((await ingest.put("a.txt", b"a")).json()["id"])
    for version in range(1, 6):
        lost = ArtefactsLost(document_id=document_id, document_version=version, reason="it is damaged")
        await ingest.hears(lost, lost)
    assert [fact.document_version for fact in await told(ingest, DocumentReceived)] == [1, 2, 3, 4]
    problem = (await ingest.document(document_id))["problem"]
    assert problem["code"] == "artefacts_lost"
    assert "it is damaged" in problem["detail"]
