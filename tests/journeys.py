"""Steps that end-to-end tests share: upload, wait, search."""

import time
from typing import Any

import httpx


def upload(
    client: httpx.Client, name: str, content: bytes | str, *, collection: str = "default", **parameters: Any
) -> dict[str, Any]:
    """PUTs one document; its answer's document. Raises on an error status."""
    answer = client.put(
        f"/api/v1/documents/{collection}/{name}",
        content=content.encode() if isinstance(content, str) else content,
        **parameters,
    )
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document


def wait_for(client: httpx.Client, document_id: str, *statuses: str, timeout_seconds: float = 60) -> dict[str, Any]:
    """The document once its status is one of `statuses` (default: searchable)."""
    wanted = statuses or ("searchable",)
    deadline = time.monotonic() + timeout_seconds
    while True:
        document: dict[str, Any] = client.get(f"/api/v1/documents/{document_id}").raise_for_status().json()
        if document["status"] in wanted:
            return document
        assert time.monotonic() < deadline, f"still {document['status']}, {document['problem']}"
        time.sleep(0.02)


def search(client: httpx.Client, query: str, **options: Any) -> dict[str, Any]:
    """One search; raises on an error status."""
    answer: dict[str, Any] = client.post("/api/v1/search", json={"query": query, **options}).raise_for_status().json()
    return answer


def found_names(client: httpx.Client, query: str, **options: Any) -> list[str]:
    """The names of the documents found, best first."""
    return [hit["document"]["name"] for hit in search(client, query, **options)["hits"]]
