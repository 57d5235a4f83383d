"""The sample documents: taken with one request, and once."""

from pathlib import Path

from ingest_builders import AnIngest, an_ingest

from shared.web.access import Access, Principal

SAMPLES = Path(__file__).parents[2] / "samples" / "documents"


async def test_one_request_takes_them_all_and_a_second_one_none(ingest: AnIngest) -> None:
    names = {path.name for path in SAMPLES.iterdir()}
    assert (await ingest.client.get("/api/v1/samples")).json() == {"total": len(names), "collection": "samples"}
    taken = await ingest.client.post("/api/v1/samples")
    assert taken.status_code == 202 and taken.json()["after"]
    assert {one["name"] for one in taken.json()["documents"]} == names
    again = await ingest.client.post("/api/v1/samples")
    assert (again.status_code, all(one["duplicate"] for one in again.json()["documents"])) == (200, True)
    assert (await ingest.client.get("/api/v1/documents", params={"collection": "samples"})).json()["total"] == len(
        names
    )


async def test_who_may_not_write_there_takes_none(tmp_path: Path) -> None:
    access = Access({"key-of-somebody-01": Principal(frozenset(("notes",)), frozenset(("read", "write")))})
    async with an_ingest(tmp_path, access=access) as ingest:
        headers = {"Authorization": "Bearer key-of-somebody-01"}
        assert (await ingest.client.post("/api/v1/samples", headers=headers)).status_code == 403
