"""Search says that a document's vectors are another model's: the same content goes on its way once more."""

from ingest_builders import AnIngest, told

from shared.events.ingest import DocumentReceived
from shared.events.search import VectorsOutdated
from shared.kernel import DocumentId


def outdated(document_id: str, version: int = 1) -> VectorsOutdated:
    return VectorsOutdated(document_id=DocumentId(document_id), document_version=version, fingerprint="small-2")


async def searchable(ingest: AnIngest, name: str = "a.txt") -> DocumentId:
    document_id = DocumentId((await ingest.put(name, name.encode())).json()["id"])
    await ingest.becomes_searchable(document_id)
    return document_id


async def test_an_outdated_document_is_received_again_in_the_background(ingest: AnIngest) -> None:
    document_id = await searchable(ingest)
    await ingest.hears(outdated(document_id))
    first, again = await told(ingest, DocumentReceived)
    assert (again.document_version, again.revision, again.background, again.fresh) == (2, 1, True, False)
    assert (again.sha256, again.labels) == (first.sha256, first.labels)
    assert not first.background
    document = await ingest.document(document_id)
    assert (document["status"], document["searchable_revision"]) == ("received", 1)
    await ingest.becomes_searchable(document_id)
    assert (await ingest.document(document_id))["status"] == "searchable"


async def test_hearing_it_again_changes_nothing(ingest: AnIngest) -> None:
    document_id = await searchable(ingest)
    await ingest.hears(*[outdated(document_id)] * 3)
    await ingest.becomes_searchable(document_id)
    await ingest.hears(outdated(document_id))
    assert len(await told(ingest, DocumentReceived)) == 2
    await ingest.hears(outdated(document_id, version=2))
    assert [fact.document_version for fact in await told(ingest, DocumentReceived)] == [1, 2, 3]


async def test_a_rename_in_between_does_not_spare_it(ingest: AnIngest) -> None:
    document_id = await searchable(ingest)
    answer = await ingest.client.patch(f"/api/v1/documents/{document_id}", json={"metadata": {"year": 2026}})
    assert answer.status_code == 200
    await ingest.hears(outdated(document_id))
    again = (await told(ingest, DocumentReceived))[-1]
    assert (again.document_version, again.labels.metadata) == (3, {"year": 2026})


async def test_newer_content_is_on_its_way_already(ingest: AnIngest) -> None:
    document_id = await searchable(ingest)
    await ingest.put("a.txt", b"another revision")
    await ingest.hears(outdated(document_id))
    assert [fact.revision for fact in await told(ingest, DocumentReceived)] == [1, 2]


async def test_what_is_being_deleted_or_unknown_stays_so(ingest: AnIngest) -> None:
    document_id = await searchable(ingest)
    await ingest.ingestion.withdraw(document_id)
    await ingest.hears(outdated(document_id), outdated("nobody"))
    assert len(await told(ingest, DocumentReceived)) == 1
    assert (await ingest.documents.load(document_id)).status == "withdrawn"
