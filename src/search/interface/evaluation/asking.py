"""Over the public API: the set's documents are uploaded, its questions asked."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from search.domain.judging import DEPTH
from shared.kernel import InvalidInput
from shared.runtime.client import json_of

_UPLOADED_TOGETHER: Final = 50
_LISTED_TOGETHER: Final = 100
_PAUSE_SECONDS: Final = 0.5
Told = Callable[[int], None]
"""Hears how much is done."""


def put_in(client: httpx.Client, corpus: Mapping[str, bytes], collection: str, told: Told) -> None:
    """Uploads what is not there and returns once everything is searchable. Raises ApiProblem, InvalidInput."""
    documents: set[str] = set()
    contents = list(corpus.items())
    for start in range(0, len(contents), _UPLOADED_TOGETHER):
        batch = contents[start : start + _UPLOADED_TOGETHER]
        answer = json_of(
            client.post("/api/v1/documents", data={"collection": collection}, files=[("files", file) for file in batch])
        )
        refused = [document for document in answer["documents"] if document["status"] == "refused"]
        if refused:
            raise InvalidInput(f"{refused[0]['name']} was refused: {refused[0]['problem']['detail']}")
        documents.update(document["id"] for document in answer["documents"])
    while True:
        states = _states(client, collection)
        if states["failed"]:
            raise InvalidInput(f"{states['failed']} documents of the collection '{collection}' cannot be processed.")
        told(states["searchable"])
        if states["searchable"] >= len(documents):
            return
        time.sleep(_PAUSE_SECONDS)


def _states(client: httpx.Client, collection: str) -> dict[str, int]:
    listed = json_of(client.get("/api/v1/collections"))["items"]
    found: dict[str, int] = next(item["documents"] for item in listed if item["name"] == collection)
    return found


def known_names(client: httpx.Client, collection: str) -> set[str]:
    """Every name of the collection's documents. Raises ApiProblem."""
    names: set[str] = set()
    cursor: str | None = None
    while True:
        parameters: dict[str, str | int] = {
            "collection": collection,
            "limit": _LISTED_TOGETHER,
            **({"cursor": cursor} if cursor else {}),
        }
        page = json_of(client.get("/api/v1/documents", params=parameters))
        names.update(name for item in page["items"] for name in item["names"])
        cursor = page["next_cursor"]
        if cursor is None:
            return names


def ask(client: httpx.Client, question: str, *, collection: str, mode: str) -> dict[str, Any]:
    """`{"names": [of each document, best first], "degraded": […]}`. Raises ApiProblem."""
    body = {
        "query": question,
        "mode": mode,
        "limit": DEPTH,
        "group_by": "document",
        "highlight": False,
        "filters": {"collection": collection},
    }
    answer = json_of(client.post("/api/v1/search", json=body))
    return {"names": [hit["document"]["name"] for hit in answer["hits"]], "degraded": answer["degraded"]}
