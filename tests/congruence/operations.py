"""The same work for every configuration: a corpus goes in, changes, is searched; what is visible is written down.

Ids, instants and the order in which things of equal standing came differ from run to run; they are left out.
"""

import hashlib
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx
from journeys import search, upload, wait_for

from shared.kernel import new_id

SAMPLES: Final = Path(__file__).resolve().parents[2] / "samples"
QUESTIONS: Final[list[dict[str, Any]]] = json.loads((SAMPLES / "questions.json").read_text(encoding="utf-8"))
COLLECTION: Final = "shelf"
_SAME_SCORE: Final = 1e-6
_UNREADABLE: Final = b"%PDF-1.7\nthis only pretends to be a PDF"

Seen = dict[str, Any]


def work_through(client: httpx.Client) -> None:
    """Uploads, duplicates, revisions, labels, a file that cannot be read, a deletion; ends when all is settled."""
    names = sorted({question["document"] for question in QUESTIONS})
    documents = {name: upload(client, name, (SAMPLES / name).read_bytes(), collection=COLLECTION) for name in names}
    for document in documents.values():
        wait_for(client, document["id"])
    memo = upload(client, "memo.txt", "The duty on Glimmerstone is eight per cent.", collection=COLLECTION)
    wait_for(client, memo["id"])
    duplicate = upload(client, "copy-of-memo.txt", "The duty on Glimmerstone is eight per cent.", collection=COLLECTION)
    assert duplicate["id"] == memo["id"]
    elsewhere = upload(client, "memo.txt", "The duty on Glimmerstone is eight per cent.", collection="elsewhere")
    wait_for(client, elsewhere["id"])
    rates = upload(client, "rates.txt", "Wharfage at Brindlewharf is 12 a ton.", collection=COLLECTION)
    wait_for(client, rates["id"])
    client.patch(f"/api/v1/documents/{rates['id']}", json={"metadata": {"team": "관세", "year": 2026}})
    rates = upload(client, "rates.txt", "Wharfage at Brindlewharf is 14 a ton now.", collection=COLLECTION)
    while wait_for(client, rates["id"])["searchable_revision"] != 2:
        time.sleep(0.02)
    broken = upload(client, "broken.pdf", _UNREADABLE, collection=COLLECTION)
    wait_for(client, broken["id"], "failed")
    gone = upload(client, "gone.txt", "A memo about the vanishing Quillonage.", collection=COLLECTION)
    wait_for(client, gone["id"])
    assert client.delete(f"/api/v1/documents/{gone['id']}").status_code == 204


def everything_visible(client: httpx.Client) -> Seen:
    """What a person or program can see, in a form that two configurations can be compared by."""
    listed = client.get("/api/v1/documents", params={"limit": 100}).raise_for_status().json()
    documents = {f"{item['collection']}/{item['name']}": item for item in listed["items"]}
    return {
        "total": listed["total"],
        "documents": {name: _document(client, item) for name, item in documents.items()},
        "collections": client.get("/api/v1/collections").raise_for_status().json()["items"],
        "journeys": {name: _journeys(client, item["id"]) for name, item in documents.items()},
        "by_state": client.get("/api/v1/monitor").raise_for_status().json()["documents"],
    }


def every_search(client: httpx.Client) -> list[Seen]:
    """The sample questions in every mode, with filters, facets, pages and grouping."""
    asked: list[dict[str, Any]] = [
        {"query": question["query"], "mode": mode} for question in QUESTIONS for mode in ("hybrid", "keyword", "vector")
    ]
    asked += [
        {"query": "duty on Glimmerstone", "filters": {"collection": "elsewhere"}},
        {"query": "wharfage", "filters": {"metadata.team": "관세"}},
        {"query": "wharfage", "filters": {"metadata.year": {"gte": 2027}}},
        {"query": "Quillonage", "mode": "keyword"},
        {"query": "관세", "facets": ["collection", "media_type", "language"], "limit": 5},
        {"query": "import documents", "group_by": "document"},
        {"query": "관세율", "filters": {"language": "ko", "media_type": "application/pdf"}},
    ]
    answers = []
    for question in asked:
        first = search(client, **{"limit": 10, **question})
        answers.append({"asked": question, **_answer(first)})
        if first["next_cursor"]:
            answers.append(
                {"asked": question, **_answer(search(client, **question, cursor=first["next_cursor"]), goes_on=True)}
            )
    return answers


def units_in(client: httpx.Client) -> int:
    """How many units with a vector the index has; asked in words that no cache has heard."""
    return int(search(client, f"nothing like {new_id()}", mode="vector")["total"])


def letters(client: httpx.Client) -> list[Seen]:
    """Dead letters without what differs from run to run."""
    items = client.get("/api/v1/monitor/dead-letters").raise_for_status().json()["items"]
    left_out = {"id", "buried_at", "replayed_at", "document_id", "envelope"}
    seen = [
        {
            **{name: value for name, value in item.items() if name not in left_out},
            "replayed": bool(item["replayed_at"]),
            "event": [item["envelope"][name] for name in ("name", "version", "topic", "key", "producer")],
        }
        for item in items
    ]
    # Which group is the first to give up is chance.
    return sorted(seen, key=lambda letter: str(letter["module"]))


def _document(client: httpx.Client, item: Seen) -> Seen:
    shown = client.get(f"/api/v1/documents/{item['id']}").raise_for_status().json()
    kept = ("status", "revision", "searchable_revision", "names", "size", "media_type", "metadata", "sha256")
    revisions = client.get(f"/api/v1/documents/{item['id']}/revisions").raise_for_status().json()["items"]
    content = client.get(f"/api/v1/documents/{item['id']}/content").raise_for_status().content
    return {
        **{name: shown.get(name) for name in kept},
        "language": shown.get("language"),
        "problem": (shown.get("problem") or {}).get("code"),
        "revisions": [(one["revision"], one["sha256"], one["size"], one["name"]) for one in revisions],
        "content": hashlib.sha256(content).hexdigest(),
    }


def _journeys(client: httpx.Client, document_id: str) -> list[Seen]:
    answer = client.get(f"/api/v1/monitor/journeys/{document_id}")
    assert answer.status_code == 200, answer.text  # Monitor hears of it a moment later
    items = answer.json()["items"]
    return [
        {
            "version": item["version"],
            "state": item["state"],
            "name": item["name"],
            "steps": sorted((step["step"], step["stage"] or "") for step in item["steps"]),
        }
        for item in items
    ]


def _answer(answer: Seen, *, goes_on: bool = False) -> Seen:
    """`goes_on`: it is a page behind another."""
    hits = answer["hits"]
    # Hits of one score (the same text in two documents) come in the order of ids, which differ.
    places = [0]
    for before, hit in pairwise(hits):
        places.append(places[-1] + (before["score"] - hit["score"] > _SAME_SCORE))
    # Which of one score are the last of a page, and which the first of the next one, is chance as well.
    cut = {0} if goes_on else set()
    if answer["next_cursor"]:
        cut.add(places[-1])
    return {
        "hits": [
            {
                "document": f"{hit['document']['collection']}/{hit['document']['name']}",
                "chunk": hit["chunk"]["ordinal"],
                "text": hit["chunk"]["text"],
                "score": hit["score"],
                "highlights": hit["highlights"],
            }
            for place, hit in sorted(
                zip(places, hits, strict=False),
                key=lambda one: (one[0], one[1]["document"]["collection"], one[1]["document"]["name"]),
            )
            if place not in cut
        ],
        "total": answer["total"],
        "facets": answer["facets"],
        "degraded": answer["degraded"],
        "more": bool(answer["next_cursor"]),
    }
