"""Real files go in over HTTP, travel as events, and come out as search results."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from journeys import becomes, delete, found_names, journey_of, search, upload, wait_for

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
REPORTED = Path(__file__).resolve().parents[1] / "process" / "reported"
QUESTIONS: list[dict[str, Any]] = json.loads((SAMPLES / "questions.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shelf(client: httpx.Client) -> httpx.Client:
    """All sample documents, searchable in the collection `samples`."""
    names = sorted({question["document"] for question in QUESTIONS})
    uploaded = [upload(client, name, (SAMPLES / name).read_bytes(), collection="samples") for name in names]
    for document in uploaded:
        wait_for(client, document["id"])
    return client


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["query"])
def test_finds_the_sample_that_answers(shelf: httpx.Client, question: dict[str, Any]) -> None:
    names = found_names(shelf, question["query"], filters={"collection": "samples"}, group_by="document")
    assert question["document"] in names[:3]


def test_a_hit_shows_where_it_is_from_and_what_matched(shelf: httpx.Client) -> None:
    hit = search(shelf, QUESTIONS[0]["query"], filters={"collection": "samples"})["hits"][0]
    chunk = hit["chunk"]
    assert chunk["end"] - chunk["start"] == len(chunk["text"])
    assert hit["highlights"]
    for mark in hit["highlights"]:
        assert 0 <= mark["start"] < mark["end"] <= len(chunk["text"])


def test_the_journey_tells_every_stage_and_its_time(shelf: httpx.Client) -> None:
    document = shelf.get("/api/v1/documents", params={"collection": "samples", "limit": 1}).json()["items"][0]
    stages = ("parse", "ocr", "chunk", "embed")
    journey_of(shelf, document["id"], lambda journey: all(stage in json.dumps(journey) for stage in stages))


def test_a_search_after_the_upload_token_sees_the_document(client: httpx.Client) -> None:
    answer = client.put("/api/v1/documents/after/quay.txt", content="Containers wait at the quay called Zanzibarion.")
    token = answer.json()["after"]
    result = search(client, "Zanzibarion", filters={"collection": "after"}, after=token)
    assert [hit["document"]["name"] for hit in result["hits"]] == ["quay.txt"]
    assert "after" not in result["degraded"]


def test_a_deleted_document_is_gone_from_search_and_stays_gone(client: httpx.Client) -> None:
    wait_for(client, upload(client, "stays.txt", "A memo that stays.", collection="deleted")["id"])
    document = upload(client, "gone.txt", "A memo about the vanishing Quillonage.", collection="deleted")
    wait_for(client, document["id"])
    query = {"mode": "keyword", "filters": {"collection": "deleted"}}
    assert found_names(client, "Quillonage", **query) == ["gone.txt"]
    delete(client, document["id"])
    assert found_names(client, "Quillonage", **query) == []


def test_a_delete_while_it_is_processed_leaves_nothing(client: httpx.Client) -> None:
    text = "\n\n".join(f"Paragraph {number} about the Brindlewharf harbour and its cranes." for number in range(3_000))
    document = upload(client, "long.txt", text, collection="racing")
    delete(client, document["id"])
    wait_for(client, upload(client, "next.txt", "Another harbour altogether.", collection="racing")["id"])
    assert found_names(client, "Brindlewharf", mode="keyword", filters={"collection": "racing"}) == []


def test_metadata_changes_what_filters_find_and_embeds_nothing(client: httpx.Client) -> None:
    document = upload(client, "memo.txt", "Internal memo on demurrage at Vossport.", collection="labels")
    wait_for(client, document["id"])
    changed = client.patch(f"/api/v1/documents/{document['id']}", json={"metadata": {"team": "관세", "year": 2026}})
    assert changed.status_code == 200
    wait_for(client, document["id"])

    def by(**filters: Any) -> list[str]:
        return found_names(client, "demurrage", filters={"collection": "labels", **filters})

    # Search hears of it a moment later.
    becomes(lambda: by(**{"metadata.team": "관세"}) == ["memo.txt"])
    assert by(**{"metadata.year": {"gte": 2026}}) == ["memo.txt"]
    assert by(**{"metadata.team": "물류"}) == []


def test_the_next_revision_replaces_the_first(client: httpx.Client) -> None:
    first = upload(client, "rates.txt", "The duty on Glimmerstone is eight per cent.", collection="revisions")
    wait_for(client, first["id"])
    second = upload(client, "rates.txt", "The duty on Glimmerstone is five per cent.", collection="revisions")
    assert second["id"] == first["id"]
    assert second["revision"] == 2
    done = wait_for(client, second["id"])
    assert done["searchable_revision"] == 2
    hits = search(client, "Glimmerstone duty", filters={"collection": "revisions"})["hits"]
    assert [hit["chunk"]["text"].strip() for hit in hits] == ["The duty on Glimmerstone is five per cent."]
    assert [hit["document"]["revision"] for hit in hits] == [2]


@pytest.mark.parametrize(
    ("name", "query", "warning"),
    [
        ("01-e08.log.txt", "옛 프로그램", "1 line is in CP949"),
        ("72-e15.txt", "창고 출입", "NUL bytes"),
        ("43-m04.md", "굵은 글", None),
        ("96-h10.html", "선적항 지도", None),
        ("11-d11.docx", "제2조 정의", None),
        ("76-d14.docm", "매크로 문서", None),
        ("93-d04.docx", "상한선", None),
        ("20-p05.pdf", "LOT-7741", None),
        ("21-p06.pdf", "demurrage", None),
        ("25-p18.pdf", "container 2,400 kg", None),
    ],
)
def test_what_a_person_sees_in_a_file_is_found(
    client: httpx.Client, name: str, query: str, warning: str | None
) -> None:
    document = wait_for(client, upload(client, name, (REPORTED / name).read_bytes(), collection="seen")["id"])
    assert document["status"] == "searchable"
    assert any(warning in told for told in document["warnings"]) if warning else document["warnings"] == []
    assert name in found_names(client, query, mode="keyword", filters={"collection": "seen"})
