"""A password where the work on documents is done in other processes: the file is opened before they hear of it."""

from pathlib import Path

from ingest_builders import an_ingest, told

from shared.events.ingest import DocumentReceived
from shared.kernel import DocumentId, Refused
from shared.ports.passwords import Opener


class KnowsTheWord(Opener):
    """Opens files of which the word is `open`."""

    def __init__(self) -> None:
        self.opened: list[tuple[DocumentId, int]] = []

    async def open(self, event: DocumentReceived, password: str) -> None:
        if password != "open":
            raise Refused("The one that was given is another.", code="encrypted", stage="parse")
        self.opened.append((event.document_id, event.document_version))


async def test_where_others_do_the_work_a_file_is_opened_before_they_hear_of_it(tmp_path: Path) -> None:
    opener = KnowsTheWord()
    async with an_ingest(tmp_path, opener=opener) as ingest:
        document = (await ingest.put("a.pdf", b"%PDF-1.7 one")).json()
        await ingest.fails(document["id"])
        path = f"/api/v1/documents/{document['id']}/reprocess"
        refused = await ingest.client.post(path, json={"password": "wrong"})
        assert (refused.status_code, refused.json()["code"]) == (422, "encrypted")
        assert (await ingest.document(document["id"]))["status"] == "failed"
        answer = await ingest.client.post(path, json={"password": "open"})
        assert (answer.status_code, answer.json()["status"]) == (202, "received")
        told_of = (await told(ingest, DocumentReceived))[-1]
        assert opener.opened == [(told_of.document_id, told_of.document_version)]
        assert ingest.container.passwords().of(document["id"]) is None
        assert (await ingest.client.post(path)).status_code == 202 and len(opener.opened) == 1
